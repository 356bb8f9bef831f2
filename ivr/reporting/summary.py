"""A campaign summed up beyond its outcomes: its days, its marks, its exclusions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from ivr.campaign.records import RecipientRecord
from ivr.domain.outcome import Outcome


@dataclass(slots=True)
class Day:
    """Dials of one day, those that were answered, and those in which the person confirmed."""

    dials: int = 0
    answered: int = 0
    confirmed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Dials by day; people by mark, and by the reason for which they are not called, the most frequent first."""

    days: Mapping[date, Day]
    marks: Mapping[str, int]
    excluded: Mapping[str, int]


def summed_up(records: Sequence[RecipientRecord], *, zone: ZoneInfo) -> Summary:
    """Return the summary of a campaign's people; days are those of `zone`."""
    days: dict[date, Day] = {}
    for attempt in (attempt for record in records for attempt in record.attempts):
        day = days.setdefault((attempt.dialled_at or attempt.intended_at).astimezone(zone).date(), Day())
        day.dials += 1
        day.answered += attempt.answered_at is not None
        day.confirmed += attempt.outcome in (Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL)
    return Summary(
        days=dict(sorted(days.items())),
        marks=dict(Counter(mark for record in records for mark in record.marks).most_common()),
        excluded=dict(Counter(record.excluded.reason for record in records if record.excluded).most_common()),
    )
