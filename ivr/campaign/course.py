"""The course of a campaign, as whoever dials or sends texts for it follows it.

Others steer it meanwhile, from another terminal or a page: it is paused, resumed, stopped, cut off. Within LOOK_AGAIN
of that it is known here, and what waits is woken. Why nothing is done is told each time something is held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import StrEnum

from ivr.campaign.observer import Observer
from ivr.campaign.ports import Clock, Results
from ivr.campaign.records import CampaignRow
from ivr.domain.calendar import Calendar
from ivr.errors import NotFound, StoreFailed

LOOK_AGAIN = 1.0
"""Seconds between two looks at the store: a pause, a stop and a new due time take effect within it."""

PATIENCE = 5.0
"""Seconds between two tries of something that failed: a store, a PBX, a register, a gateway."""

GOING = ("running", "paused")
CUT = ("halted", "cut")


class Halt(StrEnum):
    """Why the work on a campaign ended."""

    SETTLED = "settled"
    WINDOW = "window"
    STOPPED = "stopped"


def _nothing() -> None:
    pass


class Course:
    """Whether a campaign goes on. `on_end` is called when it ends, `on_cut` where calls are to be hung up as well."""

    def __init__(
        self,
        campaign: CampaignRow,
        calendar: Calendar,
        *,
        results: Results,
        clock: Clock,
        observer: Observer,
        on_end: Callable[[], None] = _nothing,
        on_cut: Callable[[], None] = _nothing,
    ) -> None:
        self.paused = False
        self._halt: Halt | None = None
        self._name = campaign.name
        self._calendar = calendar
        self._results = results
        self._clock = clock
        self._observer = observer
        self._on_end = on_end
        self._on_cut = on_cut
        self._changed = asyncio.Event()

    @property
    def ended_by(self) -> Halt:
        """Return why it ended; by itself everybody is settled."""
        return self._halt or Halt.SETTLED

    def is_over(self) -> bool:
        """Tell whether it has ended: nothing more begins."""
        return self._halt is not None

    def goes_on(self) -> bool:
        """Tell whether something may begin now: neither paused nor ended, and in a window."""
        return not self.is_over() and not self.paused and self._calendar.is_open(self._clock.now())

    def end(self, halt: Halt) -> None:
        """Begin nothing more; the first reason stands."""
        self._halt = self._halt or halt
        self.change()
        self._on_end()

    def change(self) -> None:
        """Wake what waits: something is not as it was."""
        self._changed.set()

    async def look(self) -> None:
        """Look at what others have made of the campaign; StoreFailed."""
        try:
            state = (await self._results.campaign(self._name)).state
        except NotFound:
            # A campaign that is paused may be erased, and is gone before it is seen in that state.
            self.end(Halt.STOPPED)
            return
        self.paused = state == "paused"
        if state not in GOING:
            self.end(Halt.STOPPED)
        if state in CUT:
            self._on_cut()

    async def follow(self, under_way: Callable[[], bool]) -> None:
        """Go on looking until it has ended, and while something is `under_way` then."""
        while not self.is_over() or under_way():
            with suppress(StoreFailed):
                await self.look()
            await self.wait()

    def tell(self, reason: str, until: datetime | None = None) -> None:
        """Tell why nothing is done now; `Observer.held` knows the reasons."""
        self._observer.held(self._name, reason, until)

    async def hold(self, reason: str) -> None:
        """Tell why nothing is done where something failed, and be patient with it unless something changes."""
        self.tell(reason)
        await self.wait(PATIENCE)

    async def stand_by(self, reason: str) -> None:
        """Tell why nothing is done, and wait for a change until the next look."""
        self.tell(reason)
        await self.wait()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for a change, `seconds` at most; without them until the next look."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN if seconds is None else seconds):
                await self._changed.wait()
