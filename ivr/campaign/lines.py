"""The lines of the trunk, shared by every campaign by weight, and the pace at which calls begin.

How many lines there are may change with the hour: the office needs its own in the morning. A line that is in use then
stays so until its call has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from ivr.campaign.ports import Clock
from ivr.campaign.trunk_watch import FIRST_PAUSE, TrunkWatch

LOOK_AGAIN = 1.0
"""Seconds between two looks whether there are more lines by now, while somebody waits for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From minute `start` of the day until `until` there are `lines` lines."""

    start: int
    until: int
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`lines` calls at once, `calls_per_second` begun, `call` seconds each at most.

    In `hours`, of `zone`, there are other numbers of lines. `pause` are the seconds of the first pause of a trunk that
    refuses everything.
    """

    lines: int
    calls_per_second: float
    call: float
    hours: Sequence[Hours] = ()
    zone: tzinfo | None = None
    pause: float = FIRST_PAUSE

    @property
    def most(self) -> int:
        """The number of lines when there are most."""
        return max(self.lines, *(hours.lines for hours in self.hours)) if self.hours else self.lines

    def at(self, moment: datetime) -> int:
        """Return how many lines there are at a time."""
        local = moment.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return next((hours.lines for hours in self.hours if hours.start <= minute < hours.until), self.lines)


class Lines:
    """Hands out lines one by one, no faster than the trunk allows."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        """Start with every line free."""
        self.limits = limits
        self.trunk = TrunkWatch(clock, limits.pause)
        self._clock = clock
        self._waiting: list[tuple[Share, asyncio.Future[bool]]] = []
        self._used = 0
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def share(self, weight: int = 1) -> Share:
        """Return the part of one campaign: who has `weight` twice another's gets twice as many lines of scarce ones."""
        return Share(self, weight)

    async def reserve(self, share: Share) -> bool:
        """Wait for a free line and for the pace; False where the share gives up before there is one."""
        granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((share, granted))
        self._grant()
        try:
            if not await granted:
                return False
            now = self._clock.monotonic()
            slot = max(now, self._next)
            self._next = slot + self.trunk.slowness / self.limits.calls_per_second
            if slot > now:
                await self._clock.sleep(slot - now)
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.result():
                self.release(share)
            raise
        return True

    def give_up(self, share: Share) -> None:
        """Want no line any more; whoever waits is told so."""
        for one, granted in self._waiting:
            if one is share and not granted.done():
                granted.set_result(False)
        self._waiting = [(one, granted) for one, granted in self._waiting if one is not share]

    def release(self, share: Share) -> None:
        """Give a line back."""
        share.used -= 1
        self._used -= 1
        self._grant()

    def _grant(self) -> None:
        """Give the free lines to those who wait: whoever has the fewest for their weight, of these the longest."""
        free = self.limits.at(self._clock.now()) - self._used
        # Who was cancelled a moment ago has not left yet.
        self._waiting = [(share, granted) for share, granted in self._waiting if not granted.cancelled()]
        while self._waiting and free > 0:
            place = min(range(len(self._waiting)), key=lambda index: self._waiting[index][0].burden)
            share, granted = self._waiting.pop(place)
            share.used += 1
            self._used += 1
            free -= 1
            granted.set_result(True)
        if self._waiting and self.limits.hours and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._grant()


class Share:
    """The lines of one campaign."""

    def __init__(self, lines: Lines, weight: int) -> None:
        self.lines = lines
        self.used = 0
        self._weight = weight

    @property
    def limits(self) -> Limits:
        """What the trunk bears."""
        return self.lines.limits

    @property
    def trunk(self) -> TrunkWatch:
        """What watches the trunk."""
        return self.lines.trunk

    @property
    def burden(self) -> float:
        """How many lines are in use for each part of the weight."""
        return self.used / self._weight

    async def reserve(self) -> bool:
        """Wait for a free line and for the pace; the caller must `release`. False once this gives up."""
        return await self.lines.reserve(self)

    def give_up(self) -> None:
        """Want no line any more."""
        self.lines.give_up(self)

    def release(self) -> None:
        """Give a line back."""
        self.lines.release(self)
