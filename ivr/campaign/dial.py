"""Dial a campaign: who is next, when, on which line; store the intent, then the attempt goes its way (attempts).

    due people -> (rules, voice) -> ready queue -> (line, pace, rules again, intent) -> attempt -> ending

A line is reserved before the intent is stored and released once the channel is gone. The voice is rendered ahead, so
that it never delays a dial. Where the store or the PBX fails, nothing is dialled and nothing is lost: it waits.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.attempts import Attempts, Spawn
from ivr.campaign.course import LOOK_AGAIN, Course, Halt
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
from ivr.errors import ExclusionsUnknown, KeyDestroyed, PbxUnavailable, SpeechFailed, StoreFailed, Unspeakable

LOOK_AGAIN_ALONE = 10.0
"""Where nobody else changes the store, a look is due when a call has ended; this is for people who come due between."""

BATCH = 100
"""People fetched at once, at most: no more than are prepared ahead, so that the rest is for other engines."""


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
        self._course = Course(
            campaign,
            rules.calendar,
            results=results,
            clock=clock,
            observer=observer,
            on_end=self._nothing_more,
            on_cut=self._attempts.cut,
        )

    def stop(self) -> None:
        """Begin no further dial; calls under way go on to their end."""
        self._course.end(Halt.STOPPED)

    def emergency_stop(self) -> None:
        """Begin no further dial, and hang up every call."""
        self._course.end(Halt.STOPPED)
        self._attempts.cut()

    async def run(self) -> Halt:
        """Dial; return when the last call has ended, too."""
        if not self._alone:
            self._spawn(self._course.follow(lambda: self._calls > 0))
        self._spawn(self._feed())
        while (ready := await self._ready.get()) is not None:
            self._ahead.release()
            if self._course.is_over():
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
            await self._course.wait()
        return self._course.ended_by

    def _nothing_more(self) -> None:
        # Where there is no line at this hour, none would come for a long time.
        self._lines.give_up()
        # The feeder may be waiting here, while nobody takes what is ready any more.
        self._ahead.release()

    async def _feed(self) -> None:
        """Keep the ready queue filled with people who are due, until the dialling ends."""
        while not self._course.is_over():
            try:
                if self._course.paused:
                    await self._course.stand_by("paused")
                elif self._ready.qsize() > self._plenty:
                    await self._course.wait()
                elif not await self._pass():
                    await self._rest()
            except StoreFailed:
                await self._course.hold("store")
            except ExclusionsUnknown:
                await self._course.hold("exclusions")
            except KeyDestroyed:
                # Paused and erased while its people were read.
                self._course.end(Halt.STOPPED)
        self._ready.put_nowait(None)

    async def _pass(self) -> int:
        """Go once through the people who are due, in their order; return how many were taken."""
        taken = 0
        after = 0
        while self._course.goes_on():
            # Of a person in hand the batch may tell what is out of date when its turn comes.
            in_hand = frozenset(self._in_hand)
            now = self._clock.now()
            counted = counted_since(self._rules, now)
            batch = await self._results.due(self._campaign.id, now, self._batch, after=after, counted=counted)
            for due in batch:
                if due.recipient.id not in in_hand and self._course.goes_on():
                    taken += await self._take(due)
            if len(batch) < self._batch:
                break
            after = batch[-1].rank
        return taken

    async def _take(self, due: Due) -> int:
        """Prepare `due` for a dial if one is allowed; return how many were taken."""
        if await self._vetting.number(due) is None:
            return 0
        self._in_hand.add(due.recipient.id)
        await self._ahead.acquire()
        self._spawn(self._prepare(due))
        return 1

    async def _prepare(self, due: Due) -> None:
        if self._course.is_over():
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
            await self._course.hold("voice")
            self._ahead.release()
            self._put_down(due)
            return
        if not self._course.is_over():
            self._ready.put_nowait(_Ready(due=due, script=script))
        else:
            self._put_down(due)

    async def _rest(self) -> None:
        """Nobody is due: end the dialling, or wait for whatever comes first."""
        if self._in_hand:
            await self._course.wait(LOOK_AGAIN_ALONE if self._alone else None)
            return
        counts = await self._results.counts(self._campaign.id)
        if not counts.states.get("waiting") and not counts.states.get("calling"):
            self._course.end(Halt.SETTLED)
            return
        now = self._clock.now()
        calendar = self._rules.calendar
        closes = calendar.closes(now)
        due = max(counts.next_due or now, now)
        if not self._wait_for_windows and (closes is None or due >= closes):
            self._course.end(Halt.WINDOW)
            return
        until = calendar.next_open(now) if closes is None else due
        if until is None and self._alone:
            self._course.end(Halt.WINDOW)
            return
        self._course.tell("window" if closes is None else "retry", until)
        rest = (until - now).total_seconds() if until is not None and self._alone else 0.0
        await self._course.wait(max(rest, LOOK_AGAIN))

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
                self._course.change()

    async def _begin(self, ready: _Ready) -> Intent | None:
        """Ask the rules once more and store the intent; None where there is to be no call."""
        if not self._course.goes_on():
            return None
        number = await self._vetted(ready.due)
        if number is None or not self._course.goes_on():
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
            await self._course.hold("store")
            await self._attempts.withdraw(intent)
            return None
        except asyncio.CancelledError:
            # It may be stored all the same, and nothing was dialled: nobody is to take it for a call.
            await asyncio.shield(self._attempts.withdraw(intent))
            raise
        self._observer.dial_began(self._campaign.name, intent.id)
        return intent

    async def _vetted(self, due: Due) -> str | None:
        """Return the number that may be dialled now; None also where that can't be told, or not be stored, now."""
        try:
            return await self._vetting.number(due, dialling=True)
        except ExclusionsUnknown:
            await self._course.hold("exclusions")
        except StoreFailed:
            await self._course.hold("store")
        return None

    async def _pbx_ready(self) -> None:
        """Return once the PBX takes orders, or there is nothing to order any more."""
        while self._course.goes_on():
            try:
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._originator.ready()
            except TimeoutError:
                self._course.tell("pbx")
            except PbxUnavailable:
                await self._course.hold("pbx")
            else:
                return

    async def _trunk_trusted(self) -> None:
        """Return once the trunk is not held for refusing everybody, or there is nothing to order any more."""
        while self._course.goes_on() and not self._lines.trunk.may_dial():
            await self._course.stand_by("trunk")

    def _put_down(self, due: Due) -> None:
        self._in_hand.discard(due.recipient.id)
        if self._alone or not self._in_hand:
            self._course.change()
