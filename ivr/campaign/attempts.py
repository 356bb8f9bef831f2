"""One attempt from the stored intent to the stored ending: the call, and whatever becomes of it.

An ending is never given up while the engine lives. A line is released once the channel is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from ivr.campaign.conclude import cancelled, conclude, cut_short
from ivr.campaign.lines import Share
from ivr.campaign.observer import Observer
from ivr.campaign.persisting import to_the_end, until_it_holds
from ivr.campaign.ports import CallLeg, Clock, Disposition, Originator, Results
from ivr.campaign.records import CampaignRow, Due
from ivr.campaign.run_call import Conversation, Script
from ivr.domain.attempt import AttemptEvent, AttemptState, Ending, Intent, Past, advance
from ivr.domain.calling_rules import Rules, Settled, Wait, next_move
from ivr.domain.outcome import Outcome
from ivr.domain.scenario import Scenario
from ivr.errors import OwnError, StoreFailed

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a coroutine in the application's TaskGroup."""

EMERGENCY = "emergency stop"


class Attempts:
    """The attempts of one campaign that are under way."""

    def __init__(
        self,
        campaign: CampaignRow,
        scenario: Scenario,
        *,
        rules: Rules,
        results: Results,
        originator: Originator,
        lines: Share,
        clock: Clock,
        observer: Observer,
        spawn: Spawn,
    ) -> None:
        self._campaign = campaign
        self._scenario = scenario
        self._rules = rules
        self._results = results
        self._originator = originator
        self._lines = lines
        self._clock = clock
        self._observer = observer
        self._spawn = spawn
        self._under_way: dict[str, Conversation] = {}
        self._cut = False

    def cut(self) -> None:
        """Hang up every call; what was intended and not yet dialled is not dialled."""
        self._cut = True
        for attempt, call in self._under_way.items():
            call.cut()
            self._originator.hang_up(attempt)

    async def make(self, intent: Intent, due: Due, script: Script) -> None:
        """Make one call on the line that is reserved for it, release that, and store how it ended, whatever happens."""
        call = Conversation(self._scenario, script, self._clock, limit=self._lines.limits.call)
        self._under_way[intent.id] = call
        life = AttemptState.INTENDED

        async def talk(leg: CallLeg) -> None:
            nonlocal life
            life = advance(life, AttemptEvent.ANSWERED)
            self._observer.answered(self._campaign.name, intent.id)
            self._spawn(self._note_answer(intent.id, self._clock.now()))
            await call.run(leg)

        try:
            stopped = Disposition(refused=EMERGENCY)
            disposition = stopped if self._cut else await self._originator.dial(intent, talk)
            self._lines.trunk.ended(disposition)
            event, ending = conclude(disposition, call, self._clock.now())
            advance(life, event)
        except asyncio.CancelledError:
            ending = cut_short(call, self._clock.now(), "engine stopped", Outcome.UNKNOWN)
            await asyncio.shield(self._end(intent, due, ending))
            raise
        except OwnError as error:
            self._observer.defect(self._campaign.name, intent.id, error)
            ending = cut_short(call, self._clock.now(), type(error).__name__, Outcome.FAILED)
        except Exception as error:  # noqa: BLE001 - a defect ends one call, not the others, and is reported
            self._observer.defect(self._campaign.name, intent.id, error)
            ending = cut_short(call, self._clock.now(), type(error).__name__, Outcome.UNKNOWN)
        finally:
            self._lines.release()
            del self._under_way[intent.id]
        await to_the_end(self._end(intent, due, cancelled(ending, EMERGENCY) if self._cut else ending))

    async def _note_answer(self, attempt: str, at: datetime) -> None:
        """Store the answer beside the call, which must not wait for it; the ending repeats what this one says."""
        try:
            await self._results.advance(attempt, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=at)
        except StoreFailed:
            self._observer.held(self._campaign.name, "store", None)

    async def _end(self, intent: Intent, due: Due, ending: Ending) -> None:
        past = (*due.past, Past(number=intent.number, at=intent.at, outcome=ending.outcome))
        move = next_move(self._rules, due.recipient.numbers, past, self._clock.now())
        settled = (move.outcome or ending.outcome) if isinstance(move, Settled) else None
        due_at = move.until if isinstance(move, Wait) else None
        await self.persist(lambda: self._results.end(intent.id, ending, settled=settled, due_at=due_at))
        self._observer.dial_ended(self._campaign.name, intent.id, ending.outcome, settled=settled is not None)

    async def persist(self, write: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Write until it holds: an ending is never given up while the engine lives."""
        await until_it_holds(write, self._clock, lambda: self._observer.held(self._campaign.name, "store", None))

    async def withdraw(self, intent: Intent) -> None:
        """End an intent that may have been stored although the store said no: nothing is dialled for it."""
        ending = Ending(outcome=Outcome.FAILED, at=self._clock.now(), evidence={"reason": "not stored in time"})
        await self.persist(lambda: self._results.end(intent.id, ending, settled=None, due_at=None))
