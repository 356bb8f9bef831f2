"""May this person be called now, and on which number? The answer fails closed.

`next_move` is asked twice: when an attempt has ended, to know when the person is due again, and once more just before
each dial. It looks at nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ivr.domain.attempt import Past
from ivr.domain.calendar import Calendar
from ivr.domain.outcome import Outcome

NEXT_NUMBER = frozenset({Outcome.INVALID_NUMBER})
"""Outcomes after which the person's next number is tried: the one just dialled does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """After one outcome: `times` more tries at most, each no sooner than `after` the last."""

    times: int
    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When, how often and on which numbers a campaign calls. `total` and `per_day` count all dials of a person."""

    calendar: Calendar
    retries: Mapping[Outcome, Retry] = field(default_factory=dict)
    total: int = 3
    per_day: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Dial `number` now."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Not before `until`; `reason` is one of `window`, `retry`, `per_day`."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """No further call; `outcome` is what the person ends with, None if never dialled."""

    outcome: Outcome | None


Move = Dial | Wait | Settled

_STRENGTH = (
    Outcome.CONFIRMED,
    Outcome.CONFIRMED_PARTIAL,
    Outcome.VOICEMAIL,
    Outcome.VOICEMAIL_PARTIAL,
    Outcome.HUNG_UP,
    Outcome.UNCONFIRMED,
    Outcome.SCREENED,
)


def best(past: Sequence[Past]) -> Outcome | None:
    """Return the outcome a person ends with: the strongest answered one, else the last; None if never dialled."""
    for outcome in _STRENGTH:
        if any(attempt.outcome is outcome for attempt in past):
            return outcome
    return past[-1].outcome if past else None


def next_move(rules: Rules, numbers: Sequence[str], past: Sequence[Past], now: datetime) -> Move:
    """Return what the rules allow for a person with `numbers` (E.164) and ended attempts `past`, oldest first."""
    number, due = _next_number(rules, numbers, past)
    if number is None or (due is None and past):
        return Settled(outcome=best(past))
    reason = "retry"
    zone = rules.calendar.zone
    at = max(now, due) if due else now
    today = sum(1 for attempt in past if attempt.at.astimezone(zone).date() == at.astimezone(zone).date())
    if today >= rules.per_day:
        midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        at, reason = midnight + timedelta(days=1), "per_day"
    opening = rules.calendar.next_open(at)
    if opening is None:
        return Wait(until=at + timedelta(days=1), reason="window")
    if opening > now:
        return Wait(until=opening, reason="window" if reason == "retry" and opening > at else reason)
    return Dial(number=number)


def _next_number(rules: Rules, numbers: Sequence[str], past: Sequence[Past]) -> tuple[str | None, datetime | None]:
    """Return the number to dial and the earliest time for it; a pair without a number or time means: no more."""
    dead = {attempt.number for attempt in past if attempt.outcome in NEXT_NUMBER}
    alive = [number for number in numbers if number not in dead]
    if not alive:
        return None, None
    if not past:
        return alive[0], None
    last = past[-1]
    if len(past) >= rules.total:
        return None, None
    if last.outcome in NEXT_NUMBER:
        return alive[0], last.at
    retry = rules.retries.get(last.outcome)
    tries = sum(1 for attempt in past if attempt.outcome is last.outcome)
    if retry is None or tries > retry.times:
        return None, None
    return alive[0], last.at + retry.after
