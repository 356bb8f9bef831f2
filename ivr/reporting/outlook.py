"""When a campaign may be done: by the pace of its last hours, in the times in which its rules let it call. Pure.

An estimate: who is called again is settled later than who is reached at once, so that the pace falls towards the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from ivr.domain.calendar import LOOK_AHEAD, Calendar

QUARTER = timedelta(minutes=15)

RECENT = 8
"""Quarters of an hour with work in them that tell the pace, the latest ones."""

LEAST_TIME, LEAST_PEOPLE = timedelta(minutes=1), 5
"""Less work than that tells no pace."""


def pace(
    settled: Mapping[datetime, int], worked: Collection[datetime], now: datetime, *, made: datetime | None = None
) -> float | None:
    """Return the people settled a second, None where it is too early to tell.

    `settled` are people by the quarter of an hour (when it began), `worked` the quarters in which there was a dial. The
    first one of all began somewhere within, so that it counts only while there are few others, and then from no earlier
    than the campaign was `made`.
    """
    quarters = sorted({*settled, *worked})
    if len(quarters) > 2:
        quarters = quarters[1:]
    recent = quarters[-RECENT:]
    spent = sum((_spent(max(one, made) if made else one, one, now) for one in recent), timedelta(0))
    people = sum(settled.get(one, 0) for one in recent)
    return people / spent.total_seconds() if spent >= LEAST_TIME and people >= LEAST_PEOPLE else None


def _spent(begun: datetime, quarter: datetime, now: datetime) -> timedelta:
    return max(timedelta(0), min(quarter + QUARTER, now) - begun)


def done_at(left: int, a_second: float, calendar: Calendar, begin: datetime) -> datetime | None:
    """Return when `left` people are settled at that pace, none before `begin`; None where not within 60 days."""
    work = timedelta(seconds=min(left / a_second, LOOK_AHEAD.total_seconds()))
    at = calendar.next_open(begin)
    while at is not None and at - begin < LOOK_AHEAD:
        closes = calendar.closes(at)
        if closes is None:
            return None
        if at + work <= closes:
            return at + work
        work -= closes - at
        at = calendar.next_open(closes)
    return None
