"""Dial a campaign: who is next, when, on which line; store the intent, then the attempt goes its way (attempts).

    due people -> (rules, voice) -> ready queue -> (line, pace, rules again, intent) -> attempt -> ending

A line is reserved before the intent is stored and released once the channel is gone. The voice is rendered ahead, so
that it never delays a dial. Where the store or the PBX fails, nothing is dialled and nothing is lost: it waits.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.attempts import Attempts, Spawn
from ivr.campaign.lines import Lines
from ivr.campaign.observer import Observer
from ivr.campaign.ports import Clock, Enquiry, Originator, Registers, Results
from ivr.campaign.records import CampaignRow, Due
from ivr.campaign.run_call import Script
from ivr.campaign.scripts import Scripts
from ivr.campaign.vetting import Vetting
from ivr.domain.attempt import Intent
from ivr.domain.calling_rules import Rules, ceilings, counted_since
from ivr.domain.outcome import Outcome
from ivr.domain.scenario import Scenario
from ivr.errors import ExclusionsUnknown, PbxUnavailable, SpeechFailed, StoreFailed, Unspeakable

LOOK_AGAIN = 1.0
"""Seconds between two looks at the store: a pause, a stop and a new due time take effect within it."""

LOOK_AGAIN_ALONE = 10.0
"""Where nobody else changes the store, a look is due when a call has ended; this is for people who come due between."""

PATIENCE = 5.0
"""Seconds between two tries of a store or PBX that failed."""

BATCH = 100
"""People fetched at once, at most: no more than are prepared ahead, so that the rest is for other engines."""


class Halt(StrEnum):
    """Why the dialling of a campaign ended."""

    SETTLED = "settled"
    WINDOW = "window"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    due: Due
    script: Script


class Dialler:
    """Dials one campaign until it is settled, its window closes, or it is stopped."""

    def __init__(
        self,
        campaign: CampaignRow,
        scenario: Scenario,
        *,
        rules: Rules,
        registers: Registers,
        results: Results,
        originator: Originator,
        scripts: Scripts,
        lines: Lines,
        clock: Clock,
        observer: Observer,
        spawn: Spawn,
        enquiry: Enquiry | None = None,
        weight: int = 1,
        wait_for_windows: bool = False,
        alone: bool = False,
    ) -> None:
        """Assemble; `lines` are shared with other diallers, by `weight` where they are scarce.

        Without `wait_for_windows` the dialling ends when nobody more is due before the window closes. With `alone`
        nobody else changes the store meanwhile: it is not looked at again before something is due.
        """
        self._campaign = campaign
        self._rules = rules
        share = lines.share(weight)
        self._vetting = Vetting(
            campaign,
            rules=rules,
            registers=registers,
            enquiry=enquiry,
            results=results,
            clock=clock,
            observer=observer,
        )
        self._attempts = Attempts(
            campaign,
            scenario,
            rules=rules,
            results=results,
            originator=originator,
            lines=share,
            clock=clock,
            observer=observer,
            spawn=spawn,
        )
        self._results = results
        self._originator = originator
        self._scripts = scripts
        self._lines = share
        self._clock = clock
        self._observer = observer
        self._spawn = spawn
        self._wait_for_windows = wait_for_windows
        self._alone = alone
        self._ready: asyncio.Queue[_Ready | None] = asyncio.Queue()
        ahead = 2 * lines.limits.most + 8
        self._ahead = asyncio.Semaphore(ahead)
        self._batch = min(BATCH, ahead)
        self._plenty = 2 * LOOK_AGAIN * lines.limits.calls_per_second
        self._in_hand: set[str] = set()
        self._calls = 0
        self._halt: Halt | None = None
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._paused = False

    def stop(self) -> None:
        """Begin no further dial; calls under way go on to their end."""
        self._end_with(Halt.STOPPED)

    def emergency_stop(self) -> None:
        """Begin no further dial, and hang up every call."""
        self._end_with(Halt.STOPPED)
        self._attempts.cut()

    async def run(self) -> Halt:
        """Dial; return when the last call has ended, too."""
        if not self._alone:
            self._spawn(self._follow())
        self._spawn(self._feed())
        while (ready := await self._ready.get()) is not None:
            self._ahead.release()
            if self._halt is not None:
                self._put_down(ready.due)
                continue
            if not await self._lines.reserve():
                self._put_down(ready.due)
                continue
            await self._pbx_ready()
            await self._trunk_trusted()
            self._calls += 1
            self._spawn(self._call(ready))
        while self._calls:
            await self._wait(LOOK_AGAIN)
        return self._halt or Halt.SETTLED

    def _end_with(self, halt: Halt) -> None:
        self._halt = self._halt or halt
        self._ended.set()
        self._changed.set()
        # Where there is no line at this hour, none would come for a long time.
        self._lines.give_up()
        # The feeder may be waiting here, while nobody takes what is ready any more.
        self._ahead.release()

    async def _follow(self) -> None:
        """Follow what others make of the campaign, paused, resumed, stopped, as long as there are calls."""
        while self._halt is None or self._calls:
            with suppress(StoreFailed):
                campaign = await self._results.campaign(self._campaign.name)
                self._paused = campaign.state == "paused"
                if campaign.state in ("halted", "cut"):
                    self.emergency_stop()
                elif campaign.state not in ("running", "paused"):
                    self._end_with(Halt.STOPPED)
            await self._wait(LOOK_AGAIN)

    async def _feed(self) -> None:
        """Keep the ready queue filled with people who are due, until the dialling ends."""
        while self._halt is None:
            try:
                if self._paused:
                    self._observer.held(self._campaign.name, "paused", None)
                    await self._wait(LOOK_AGAIN)
                elif self._ready.qsize() > self._plenty:
                    await self._wait(LOOK_AGAIN)
                elif not await self._pass():
                    await self._rest()
            except StoreFailed:
                await self._hold("store")
            except ExclusionsUnknown:
                await self._hold("exclusions")
        self._ready.put_nowait(None)

    async def _pass(self) -> int:
        """Go once through the people who are due, in their order; return how many were taken."""
        taken = 0
        after = 0
        while self._may_dial():
            # Of a person in hand the batch may tell what is out of date when its turn comes.
            in_hand = frozenset(self._in_hand)
            now = self._clock.now()
            counted = counted_since(self._rules, now)
            batch = await self._results.due(self._campaign.id, now, self._batch, after=after, counted=counted)
            for due in batch:
                if due.recipient.id not in in_hand and self._may_dial():
                    taken += await self._take(due)
            if len(batch) < self._batch:
                break
            after = batch[-1].rank
        return taken

    def _may_dial(self) -> bool:
        """Tell whether the campaign goes on: neither paused nor ended, and in a window."""
        return self._halt is None and not self._paused and self._rules.calendar.is_open(self._clock.now())

    async def _take(self, due: Due) -> int:
        """Prepare `due` for a dial if one is allowed; return how many were taken."""
        if await self._vetting.number(due) is None:
            return 0
        self._in_hand.add(due.recipient.id)
        await self._ahead.acquire()
        self._spawn(self._prepare(due))
        return 1

    async def _prepare(self, due: Due) -> None:
        if self._ended.is_set():
            self._put_down(due)
            return
        try:
            script = await self._scripts.of(due.recipient)
        except Unspeakable:
            await self._attempts.persist(
                lambda: self._results.settle(self._campaign.id, due.recipient.id, Outcome.FAILED, at=self._clock.now())
            )
            self._ahead.release()
            self._put_down(due)
            return
        except SpeechFailed:
            await self._hold("voice")
            self._ahead.release()
            self._put_down(due)
            return
        if self._halt is None:
            self._ready.put_nowait(_Ready(due=due, script=script))
        else:
            self._put_down(due)

    async def _rest(self) -> None:
        """Nobody is due: end the dialling, or wait for whatever comes first."""
        if self._in_hand:
            await self._wait(LOOK_AGAIN_ALONE if self._alone else LOOK_AGAIN)
            return
        counts = await self._results.counts(self._campaign.id)
        if not counts.states.get("waiting") and not counts.states.get("calling"):
            self._end_with(Halt.SETTLED)
            return
        now = self._clock.now()
        calendar = self._rules.calendar
        closes = calendar.closes(now)
        due = max(counts.next_due or now, now)
        if not self._wait_for_windows and (closes is None or due >= closes):
            self._end_with(Halt.WINDOW)
            return
        until = calendar.next_open(now) if closes is None else due
        if until is None and self._alone:
            self._end_with(Halt.WINDOW)
            return
        self._observer.held(self._campaign.name, "window" if closes is None else "retry", until)
        rest = (until - now).total_seconds() if until is not None and self._alone else 0.0
        await self._wait(max(rest, LOOK_AGAIN))

    async def _call(self, ready: _Ready) -> None:
        """Make one call on the line that is reserved for it, if the rules still allow one."""
        intent: Intent | None = None
        try:
            intent = await self._begin(ready)
            if intent is not None:
                await self._attempts.make(intent, ready.due, ready.script)
        finally:
            if intent is None:
                self._lines.release()
            self._put_down(ready.due)
            self._calls -= 1
            if not self._calls:
                self._changed.set()

    async def _begin(self, ready: _Ready) -> Intent | None:
        """Ask the rules once more and store the intent; None where there is to be no call."""
        if not self._may_dial():
            return None
        number = await self._vetted(ready.due)
        if number is None or not self._may_dial():
            return None
        now = self._clock.now()
        intent = Intent(
            id=attempt_id(now),
            campaign=self._campaign.id,
            recipient=ready.due.recipient.id,
            number=number,
            at=now,
        )
        try:
            if not await self._results.intend(intent, ceilings(self._rules, now)):
                return None
        except StoreFailed:
            await self._hold("store")
            await self._attempts.withdraw(intent)
            return None
        self._observer.dial_began(self._campaign.name, intent.id)
        return intent

    async def _vetted(self, due: Due) -> str | None:
        """Return the number that may be dialled now; None also where that can't be told, or not be stored, now."""
        try:
            return await self._vetting.number(due, dialling=True)
        except ExclusionsUnknown:
            await self._hold("exclusions")
        except StoreFailed:
            await self._hold("store")
        return None

    async def _pbx_ready(self) -> None:
        """Return once the PBX takes orders, or there is nothing to order any more."""
        while self._may_dial():
            try:
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._originator.ready()
            except TimeoutError:
                self._observer.held(self._campaign.name, "pbx", None)
            except PbxUnavailable:
                await self._hold("pbx")
            else:
                return

    async def _trunk_trusted(self) -> None:
        """Return once the trunk is not held for refusing everybody, or there is nothing to order any more."""
        while self._may_dial() and not self._lines.trunk.may_dial():
            self._observer.held(self._campaign.name, "trunk", None)
            await self._wait(LOOK_AGAIN)

    def _put_down(self, due: Due) -> None:
        self._in_hand.discard(due.recipient.id)
        if self._alone or not self._in_hand:
            self._changed.set()

    async def _hold(self, reason: str) -> None:
        self._observer.held(self._campaign.name, reason, None)
        await self._wait(PATIENCE)

    async def _wait(self, seconds: float) -> None:
        """Wait for something to change, `seconds` at most."""
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
