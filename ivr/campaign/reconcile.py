"""After a start: what became of the attempts that an earlier run of the engine left open?

The managed PBX dies with its engine, so no channel of theirs is alive. Whether the telephone rang, and what was heard,
can't be known from here: such an attempt ends `unknown`, and the person is not called again by itself.
"""

from __future__ import annotations

from ivr.campaign.ports import Clock, Results
from ivr.domain.attempt import AttemptState, Ending
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
        await results.end(attempt.intent.id, ending, settled=Outcome.UNKNOWN, due_at=None)
    return len(open_attempts)
