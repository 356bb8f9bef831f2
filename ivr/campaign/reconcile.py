"""After a start: what became of the attempts that an earlier run of the engine left open?

The managed PBX dies with its engine, so no channel of theirs is alive. Whether the telephone rang, and what was heard,
can't be known from here: such an attempt ends `unknown`, and the person, with the best outcome so far, is not called
again by itself.
"""

from __future__ import annotations

from ivr.campaign.ports import Clock, Results
from ivr.domain.attempt import AttemptState, Ending, Past
from ivr.domain.calling_rules import best
from ivr.domain.outcome import Outcome


async def reconcile(results: Results, clock: Clock) -> int:
    """End every open attempt as `unknown`; return how many there were."""
    open_attempts = await results.open_attempts()
    for attempt in open_attempts:
        ending = Ending(
            outcome=Outcome.UNKNOWN,
            at=clock.now(),
            evidence={
                "reason": "engine stopped during the call",
                "answered": attempt.state is AttemptState.ANSWERED,
            },
        )
        intent = attempt.intent
        unknown = Past(number=intent.number, at=intent.at, outcome=Outcome.UNKNOWN)
        past = await results.past(intent.campaign, intent.recipient)
        await results.end(intent.id, ending, settled=best((*past, unknown)), due_at=None)
    return len(open_attempts)
