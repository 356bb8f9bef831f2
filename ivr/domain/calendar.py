"""Open and closed time: windows of the week, public holidays, the turn of the year.

All in the campaign's own time zone; `now` is always passed in, with its zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import jpholiday

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
LOOK_AHEAD = timedelta(days=60)

DAY = 24 * 60
"""Minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Calling time on `days` (mon … sun, holiday), in minutes after midnight; `until` may be 1440 (24:00)."""

    days: frozenset[str]
    start: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialDay:
    """A date on which these times hold, in minutes after midnight, whatever its weekday."""

    day: date
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When calls may be made. Holidays and 12-29 to 01-03 are closed unless a window names `holiday`.

    `within` narrows it: what is open must be open there, too. No call is begun in the last `lead` of a time that is
    open, so that none ends long after it.
    """

    windows: tuple[Window, ...]
    zone: ZoneInfo
    closed_days: frozenset[date] = frozenset()
    special_days: tuple[SpecialDay, ...] = ()
    within: Calendar | None = None
    lead: timedelta = timedelta(0)
    _known: dict[date, tuple[tuple[datetime, datetime], ...]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def is_open(self, now: datetime) -> bool:
        """Tell whether a call may be begun at `now` (with a zone)."""
        return any(start <= now < until for start, until in self._times(now.astimezone(self.zone).date()))

    def next_open(self, now: datetime) -> datetime | None:
        """Return `now` if open, else the next opening; None where none is within 60 days."""
        day = now.astimezone(self.zone).date()
        for offset in range(LOOK_AHEAD.days + 1):
            for start, until in self._times(day + timedelta(days=offset)):
                if now < until:
                    return max(now, start)
        return None

    def closes(self, now: datetime) -> datetime | None:
        """Return when the time that is open at `now` ends; None where it is closed now."""
        end: datetime | None = None
        day = now.astimezone(self.zone).date()
        for offset in range(LOOK_AHEAD.days + 1):
            for start, until in self._times(day + timedelta(days=offset)):
                if start <= (end or now) < until:
                    end = until
            if end is None or end < self._midnight(day + timedelta(days=offset + 1)):
                return end
        return end

    def _times(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """Return the times of `day` in which calls are begun, in order and apart."""
        known = self._known.get(day)
        if known is None:
            known = self._known[day] = tuple(self._times_of(day))
        return known

    def _times_of(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        midnight = self._midnight(day)
        for start, until in self._spans(day):
            lead = self.lead
            if until == DAY:
                # What goes on after midnight ends only then.
                lead -= sum(
                    (timedelta(minutes=end) for begin, end in self._spans(day + timedelta(days=1)) if not begin),
                    timedelta(0),
                )
            begin = midnight + timedelta(minutes=start)
            end = midnight + timedelta(minutes=until) - max(lead, timedelta(0))
            if begin < end:
                yield begin, end

    def _spans(self, day: date) -> tuple[tuple[int, int], ...]:
        """Return what is open on `day`, in minutes, in order and apart."""
        own = _joined(self._own_spans(day))
        return own if self.within is None else _common(own, self.within._spans(day))

    def _own_spans(self, day: date) -> Iterable[tuple[int, int]]:
        if day in self.closed_days:
            return ()
        for special in self.special_days:
            if special.day == day:
                return special.spans
        kind = HOLIDAY if is_holiday(day) else DAYS[day.weekday()]
        return ((window.start, window.until) for window in self.windows if kind in window.days)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone)


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the same time in spans that neither touch nor overlap."""
    joined: list[tuple[int, int]] = []
    for start, until in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(until, joined[-1][1]))
        else:
            joined.append((start, until))
    return tuple(joined)


def _common(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Return the time that is in both."""
    both = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple((start, until) for start, until in both if start < until)


def is_holiday(day: date) -> bool:
    """Tell whether public offices are closed on `day` besides weekends.

    Public and substitute holidays (国民の祝日に関する法律), and 12-29 to 01-03 (地方自治法第4条の2).
    """
    return (day.month, day.day) in {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)} or bool(
        jpholiday.is_holiday(day)
    )
