"""What became of the attempts that an earlier run of this engine, or another engine that is dead, left open?

The PBX is asked before anything is dialled: a channel that still lives is hung up, since nobody talks on it any more,
and of one that is gone its own record tells. A dial that the network turned away is over, and the rules go on with the
person. Where the callee answered, or the record does not tell, what was heard can't be known: such an attempt ends
`unknown`, and the person, with the best outcome so far, is not called again by itself.
"""

from __future__ import annotations

from datetime import timedelta

from ivr.campaign.ports import ChannelRecord, Clock, Results, Trace
from ivr.campaign.records import OpenAttempt
from ivr.domain.attempt import AttemptState, Ending, Past
from ivr.domain.calling_rules import best
from ivr.domain.outcome import Outcome, of_record

REASON = "engine stopped during the call"
SILENT = "engine fell silent during the call"

BEAT = timedelta(seconds=4)
"""How often an engine says that it lives, and looks for those who don't."""

LEASE = timedelta(seconds=16)
"""Silence after which an engine counts as dead: with a beat more, its calls are accounted for within 30 s."""


async def reconcile(results: Results, record: ChannelRecord, clock: Clock) -> tuple[Outcome, ...]:
    """End every open attempt and return how each ended; raise StoreFailed or PbxUnavailable where that can't be yet."""
    open_attempts = await results.left_open()
    known = await record.ended([attempt.intent.id for attempt in open_attempts])
    outcomes = [
        await _end(results, attempt, _ending(attempt, known.get(attempt.intent.id), clock, REASON))
        for attempt in open_attempts
    ]
    await record.forget()
    return tuple(outcomes)


async def take_over(results: Results, clock: Clock) -> int:
    """End as `unknown` what other engines have left open who have fallen silent; return how many attempts that were.

    The people who wait on a silent engine's campaigns are free for every engine at once.
    """
    left = await results.bury(LEASE)
    for attempt in left:
        await _end(results, attempt, _ending(attempt, None, clock, SILENT))
    return len(left)


async def _end(results: Results, attempt: OpenAttempt, ending: Ending) -> Outcome:
    intent, settled = attempt.intent, None
    if ending.outcome is Outcome.UNKNOWN:
        past = await results.past(intent.campaign, intent.recipient)
        settled = best((*past, Past(number=intent.number, at=intent.at, outcome=Outcome.UNKNOWN)))
    await results.end(intent.id, ending, settled=settled, due_at=None)
    return ending.outcome


def _ending(attempt: OpenAttempt, trace: Trace | None, clock: Clock, reason: str) -> Ending:
    trace = trace or Trace()
    answered = attempt.state is AttemptState.ANSWERED or trace.answered is not None
    return Ending(
        outcome=Outcome.UNKNOWN if answered else of_record(trace.q850),
        at=clock.now(),
        dialled_at=trace.began,
        answered_at=trace.answered,
        q850=trace.q850,
        evidence={
            "reason": reason,
            "answered": answered,
            "recorded": [
                name
                for name, at in (("began", trace.began), ("answered", trace.answered), ("ended", trace.ended))
                if at is not None
            ],
        },
    )
