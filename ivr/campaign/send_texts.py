"""Send the texts (SMS) of a campaign: who is due, may they be sent one now; store the intent, then the answer.

    due people -> (exclusions, a mobile number) -> intent -> gateway -> taken, refused, unknown, or not now

Nobody is sent two: the intent is committed before a byte goes out, the database holds one text a person, and what
can't be told is unknown and stays so until the network says more. Where the store or the gateway fails, it waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import assert_never

from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.attempts import Spawn
from ivr.campaign.course import LOOK_AGAIN, PATIENCE, Course, Halt
from ivr.campaign.observer import Observer
from ivr.campaign.persisting import to_the_end, until_it_holds
from ivr.campaign.ports import Clock, Enquiry, Registers, Results
from ivr.campaign.reconcile import LEASE
from ivr.campaign.records import CampaignRow
from ivr.campaign.text_news import STOPPED
from ivr.campaign.text_records import TextDue, TextIntent, Texts, TextsAsked
from ivr.campaign.texting import Accepted, NotNow, NotTaken, Refused, Text, TextGateway
from ivr.domain.exclusion import Exclusion, callable_numbers
from ivr.domain.sms import Template
from ivr.domain.text import TextState
from ivr.domain.texting_rules import Sender, TextRules, Unwritable, body_of, is_due, mobile
from ivr.errors import ExclusionsUnknown, StoreFailed, TextUncertain

DOUBT = 180.0
"""Seconds for which the network is asked what became of a text whose answer was lost: less than a drain takes."""

MOST_LOST = 3
"""How often a text is handed over whose answer is lost each time and that is not taken: it may itself be why."""

LOST_EACH_TIME = "送るたびに事業者の答えが途切れ、受け付けられませんでした。"

LATEST = LEASE / 2
"""After its decision a text is handed to no gateway: what is left of the lease is for the way to the first byte."""

BATCH = 100
"""People fetched at once."""

LANES = 32
"""Texts between their intent and their answer at once, at most.

Each is unknown after a crash, so that there are no more of them than the provider's window lets out.
"""


class Texter:
    """Sends the texts of one campaign until nobody is due any more, its window closes, or it is stopped."""

    def __init__(
        self,
        campaign: CampaignRow,
        template: Template,
        *,
        sender: Sender,
        rules: TextRules,
        asked: TextsAsked,
        registers: Registers,
        enquiry: Enquiry | None,
        results: Results,
        texts: Texts,
        gateway: TextGateway,
        clock: Clock,
        observer: Observer,
        spawn: Spawn,
        wait_for_windows: bool = False,
        lanes: int = LANES,
    ) -> None:
        """Assemble. Without `wait_for_windows` it ends when nobody more is due before the window closes.

        `lanes` are the texts between their intent and their answer at once.
        """
        self._campaign = campaign
        self._template = template
        self._sender = sender
        self._rules = rules
        self._asked = asked
        self._registers = registers
        self._enquiry = enquiry
        self._results = results
        self._texts = texts
        self._gateway = gateway
        self._clock = clock
        self._observer = observer
        self._spawn = spawn
        self._wait_for_windows = wait_for_windows
        self._lanes = asyncio.Semaphore(lanes)
        self._under_way = 0
        self._put_off: dict[str, datetime] = {}
        self._calls_over = asked.alone
        self._course = Course(campaign, rules.calendar, results=results, clock=clock, observer=observer)
        self._not_before = 0.0
        self._unpaid = False
        self._lost: Counter[str] = Counter()

    def stop(self) -> None:
        """Begin no further text; what is being handed over goes on to its answer."""
        self._course.end(Halt.STOPPED)

    def calls_are_over(self) -> None:
        """Nobody more comes due but by the window."""
        self._calls_over = True
        self._course.change()

    async def run(self) -> Halt:
        """Send; return when the last answer is stored, too."""
        await self._persist(self._course.look)
        self._spawn(self._course.follow(lambda: False))
        while not self._course.is_over():
            try:
                await self._look()
            except StoreFailed:
                await self._course.hold("store")
            except ExclusionsUnknown:
                await self._course.hold("exclusions")
        while self._under_way:
            await self._course.wait()
        return self._course.ended_by

    async def _look(self) -> None:
        """Look once at everybody who is due, and hand over what may be."""
        if self._course.paused:
            await self._course.stand_by("paused")
        elif not self._rules.calendar.is_open(self._clock.now()):
            await self._closed()
        elif not await self._pass():
            await self._rest()

    async def _pass(self) -> int:
        """Go once through who is due, in their order; return how many were taken up."""
        taken, after = 0, 0
        while self._course.goes_on():
            batch = await self._texts.due(self._asked, BATCH, after=after, now=self._clock.now())
            for due in batch:
                if self._put_off.get(due.recipient.id, self._clock.now()) > self._clock.now():
                    continue
                if not self._asked.alone and not is_due(self._rules, due.outcome, due.past):
                    continue
                await self._ready()
                if not self._course.goes_on():
                    break
                await self._lanes.acquire()
                self._under_way += 1
                taken += 1
                self._spawn(self._send(due))
            if len(batch) < BATCH:
                break
            after = batch[-1].rank
        # What is under way is due until its intent is stored, and would be found again.
        while self._under_way:
            await self._course.wait()
        return taken

    async def _ready(self) -> None:
        """Return once texts are taken, or there is nothing to send any more."""
        while self._course.goes_on():
            rest = self._not_before - self._clock.monotonic()
            if rest > 0:
                await self._clock.sleep(min(rest, LOOK_AGAIN))
            elif await self._gateway.ready(LOOK_AGAIN):
                return
            else:
                self._course.tell("sms_credit" if self._unpaid else "sms")

    async def _send(self, due: TextDue) -> None:
        try:
            await self._vetted(due)
        except StoreFailed:
            await self._course.hold("store")
        except ExclusionsUnknown:
            await self._course.hold("exclusions")
        finally:
            self._lanes.release()
            self._under_way -= 1
            if not self._under_way:
                self._course.change()

    async def _vetted(self, due: TextDue) -> None:
        """Ask once more who is not to be sent anything, then hand over."""
        told = due.excluded or (await self._enquiry.excluded(due.recipient) if self._enquiry else None)
        now = self._clock.now()
        today = now.astimezone(self._rules.calendar.zone).date()
        numbers = told or callable_numbers(await self._registers.known(), due.recipient, today, due.entered)
        if isinstance(numbers, Exclusion):
            self._observer.excluded(self._campaign.name, numbers.source, settled=False)
            await self._withhold(due, numbers.reason)
            return
        to = mobile(numbers, due.past, due.refused, due.nobodys)
        if not to.number:
            await self._withhold(due, to.why)
            return
        try:
            body = body_of(self._template, due.recipient, self._sender)
        except Unwritable as error:
            await self._withhold(due, str(error))
            return
        if not self._course.goes_on():
            return
        intent, began = self._intent(due, to.number, body), self._clock.monotonic()
        try:
            stored = await self._texts.intend(intent, self._rules.ceilings(now))
        except StoreFailed:
            # A commit that failed may be on disk all the same, and nobody would account for it while this engine lives.
            await self._persist(lambda: self._texts.withdraw(intent.id))
            raise
        except asyncio.CancelledError:
            # So may one that nobody waits for any more, and nothing was handed over.
            await asyncio.shield(self._persist(lambda: self._texts.withdraw(intent.id)))
            raise
        if stored is None:
            self._put_off[due.recipient.id] = self._rules.capped_until(now)
            self._course.tell("text_cap", self._put_off[due.recipient.id])
        elif not stored:
            return
        elif self._is_late(intent, began, LATEST):
            await self._persist(lambda: self._texts.withdraw(intent.id))
            await self._course.hold("store")
        else:
            await self._hand_over(intent, began)

    def _is_late(self, intent: TextIntent, began: float, after: timedelta) -> bool:
        """Tell whether this engine, or the store, stood still for so long that another may see to the text by now.

        By both clocks: a machine that was asleep may not have counted that in the one.
        """
        passed = timedelta(seconds=self._clock.monotonic() - began)
        return max(passed, self._clock.now() - intent.at) > after

    def _intent(self, due: TextDue, number: str, body: str) -> TextIntent:
        now = self._clock.now()
        return TextIntent(
            id=attempt_id(now),
            campaign=self._campaign.id,
            recipient=due.recipient.id,
            at=now,
            number=number,
            body=body,
            alone=self._asked.alone,
        )

    async def _withhold(self, due: TextDue, reason: str) -> None:
        await self._texts.withhold(self._intent(due, "", ""), reason)
        self._observer.texted(self._campaign.name, TextState.CANCELLED, settled=self._asked.alone)

    async def _hand_over(self, intent: TextIntent, began: float) -> None:
        """Hand a text over whose intent is stored, and store the answer, whatever happens."""
        valid_for = self._rules.valid_for(self._clock.now())
        text = Text(
            id=intent.id,
            number=intent.number,
            body=intent.body,
            valid_for=valid_for,
            late=lambda: self._is_late(intent, began, LEASE),
        )
        try:
            answer = await self._gateway.submit(text)
        except TextUncertain as error:
            await self._doubted(intent, error)
            return
        except asyncio.CancelledError:
            await asyncio.shield(self._ended(intent, TextState.UNKNOWN, STOPPED))
            raise
        match answer:
            case Accepted():
                self._unpaid = False
                await self._taken(intent, answer)
            case Refused():
                self._unpaid = False
                await self._ended(intent, answer.state, answer.reason)
            case NotNow():
                self._not_before = self._clock.monotonic() + LOOK_AGAIN
                self._unpaid = answer.unpaid
                self._course.tell("sms_credit" if answer.unpaid else "sms_later")
                await self._persist(lambda: self._texts.withdraw(intent.id))
            case _:
                assert_never(answer)

    async def _doubted(self, intent: TextIntent, doubt: TextUncertain) -> None:
        """Ask what became of a text whose answer was lost, where the gateway can, until it is told or too long ago.

        It goes on counting as half handed over: an engine that ends meanwhile leaves it to the next one, who asks too.
        """
        until = self._clock.monotonic() + DOUBT
        answer = await self._gateway.became(intent.id)
        while isinstance(answer, NotNow) and self._clock.monotonic() < until:
            await self._clock.sleep(PATIENCE)
            answer = await self._gateway.became(intent.id)
        match answer:
            case Accepted():
                await self._taken(intent, answer)
            case NotTaken():
                self._lost[intent.recipient] += 1
                if self._lost[intent.recipient] < MOST_LOST:
                    await self._persist(lambda: self._texts.withdraw(intent.id))
                else:
                    await self._ended(intent, TextState.FAILED, LOST_EACH_TIME)
            case NotNow() | None:
                await self._ended(intent, TextState.UNKNOWN, str(doubt), doubt.references)
            case _:
                assert_never(answer)

    async def _taken(self, intent: TextIntent, answer: Accepted) -> None:
        state: TextState | None = None

        async def write() -> None:
            nonlocal state
            state = await self._texts.taken(intent.id, answer.references, self._clock.now())

        await self._persist(write)
        self._observer.texted(self._campaign.name, TextState.SENT, settled=self._asked.alone)
        if state is not None and state is not TextState.SENT:
            # Its receipts were quicker than its answer.
            self._observer.texted(self._campaign.name, state, settled=False)

    async def _ended(self, intent: TextIntent, state: TextState, why: str, references: tuple[str, ...] = ()) -> None:
        await self._persist(
            lambda: self._texts.ended(intent.id, state, self._clock.now(), why=why, references=references)
        )
        self._observer.texted(self._campaign.name, state, settled=self._asked.alone)

    async def _persist(self, write: Callable[[], Coroutine[object, object, object]]) -> None:
        """Write until it holds: an answer is never given up while the engine lives."""
        await to_the_end(until_it_holds(write, self._clock, lambda: self._course.tell("store")))

    async def _closed(self) -> None:
        """The window is closed: wait for the next, or end where that is not waited for and there are no more calls."""
        if not self._wait_for_windows and self._calls_over:
            self._course.end(Halt.WINDOW if (await self._texts.counts(self._asked)).due else Halt.SETTLED)
            return
        if (await self._texts.counts(self._asked)).due:
            opening = self._rules.calendar.next_open(self._clock.now())
            self._course.tell("text_window", opening)
        elif self._calls_over:
            self._course.end(Halt.SETTLED)
            return
        await self._course.wait()

    async def _rest(self) -> None:
        """Nobody could be sent anything: end where nobody will be, or wait."""
        if self._calls_over:
            counts = await self._texts.counts(self._asked)
            left = counts.due
            # Half handed over in an earlier life, or by another engine: it may turn out that they were never taken.
            if not counts.states.get(TextState.QUEUED) and (not left or not self._wait_for_windows):
                self._course.end(Halt.WINDOW if left else Halt.SETTLED)
                return
        await self._course.wait()
