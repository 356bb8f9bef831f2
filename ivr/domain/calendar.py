"""Open and closed time: windows of the week, public holidays, the turn of the year.

All in the campaign's own time zone; `now` is always passed in, with its zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import jpholiday

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
LOOK_AHEAD = timedelta(days=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Calling time on `days` (mon … sun, holiday), in minutes after midnight; `until` may be 1440 (24:00)."""

    days: frozenset[str]
    start: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When calls may be made. Holidays and 12-29 to 01-03 are closed unless a window names `holiday`."""

    windows: tuple[Window, ...]
    zone: ZoneInfo
    closed_days: frozenset[date] = frozenset()

    def is_open(self, now: datetime) -> bool:
        """Tell whether calls may be made at `now` (with a zone)."""
        return any(start <= now < until for start, until in self._spans(now.astimezone(self.zone).date()))

    def next_open(self, now: datetime) -> datetime | None:
        """Return `now` if open, else the next opening; None where none is within 60 days."""
        day = now.astimezone(self.zone).date()
        for offset in range(LOOK_AHEAD.days + 1):
            for start, until in sorted(self._spans(day + timedelta(days=offset))):
                if now < until:
                    return max(now, start)
        return None

    def closes(self, now: datetime) -> datetime | None:
        """Return when the time that is open at `now` ends; None where it is closed now."""
        end: datetime | None = None
        day = now.astimezone(self.zone).date()
        for offset in range(LOOK_AHEAD.days + 1):
            for start, until in sorted(self._spans(day + timedelta(days=offset))):
                if start <= (end or now) <= until and until > (end or now):
                    end = until
                elif end is not None and start > end:
                    return end
            if end is not None and end < self._midnight(day + timedelta(days=offset + 1)):
                return end
        return end

    @lru_cache(maxsize=128)  # noqa: B019 - asked for several times a call; the calendar is a value, and small
    def _spans(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        if day in self.closed_days:
            return ()
        kind = HOLIDAY if is_holiday(day) else DAYS[day.weekday()]
        midnight = self._midnight(day)
        return tuple(
            (midnight + timedelta(minutes=window.start), midnight + timedelta(minutes=window.until))
            for window in self.windows
            if kind in window.days
        )

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone)


def is_holiday(day: date) -> bool:
    """Tell whether public offices are closed on `day` besides weekends.

    Public and substitute holidays (国民の祝日に関する法律), and 12-29 to 01-03 (地方自治法第4条の2).
    """
    return (day.month, day.day) in {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)} or bool(
        jpholiday.is_holiday(day)
    )
