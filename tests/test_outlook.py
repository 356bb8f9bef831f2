"""When a campaign may be done: its pace, and the times in which it may call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.domain.calendar import Calendar, Window
from ivr.reporting.outlook import done_at, pace

TOKYO = ZoneInfo("Asia/Tokyo")
WEEK = Calendar(
    windows=(Window(days=frozenset({"mon", "tue", "wed", "thu", "fri"}), start=9 * 60, until=17 * 60),), zone=TOKYO
)
NEVER = Calendar(windows=(), zone=TOKYO)
FRIDAY = datetime(2026, 11, 27, tzinfo=TOKYO)
AN_HOUR = 1 / 3600


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return FRIDAY + timedelta(days=days, hours=hour, minutes=minute)


def test_the_pace_is_that_of_the_latest_hours_with_work_in_them() -> None:
    early = {at(9, minute): 90 for minute in (0, 15, 30, 45)}
    late = {at(hour, minute): 9 for hour in (13, 14) for minute in (0, 15, 30, 45)}
    assert pace(early | late, (), at(15)) == pytest.approx(72 / 7200)
    assert pace(early | late, (), at(16)) == pytest.approx(72 / 7200), "a pause does not slow it"


def test_a_quarter_that_has_begun_counts_for_as_long_as_it_has_lasted() -> None:
    assert pace({at(12): 30}, (), at(12, 10)) == pytest.approx(30 / 600)
    assert pace({at(12): 1, at(12, 15): 30, at(12, 30): 10}, (), at(12, 35)) == pytest.approx(40 / 1200)
    assert pace({at(12, 15): 30, at(12, 30): 0}, [at(12), at(12, 45)], at(12, 50)) == pytest.approx(30 / 2100)


def test_a_campaign_made_within_a_quarter_of_an_hour_is_not_slower_for_what_was_before_it() -> None:
    assert pace({at(12): 30}, (), at(12, 10), made=at(12, 5)) == pytest.approx(30 / 300)
    assert pace({at(12): 30}, (), at(12, 10), made=at(9)) == pytest.approx(30 / 600)
    assert pace({at(12): 30}, (), at(12, 10), made=at(12, 9) + timedelta(seconds=30)) is None, "too early to tell"


@pytest.mark.parametrize(
    ("settled", "now"), [({}, at(12)), ({at(12): 4}, at(12, 10)), ({at(12): 400}, at(12) + timedelta(seconds=30))]
)
def test_too_little_work_tells_no_pace(settled: dict[datetime, int], now: datetime) -> None:
    assert pace(settled, (), now) is None


def test_the_work_is_done_within_the_windows() -> None:
    assert done_at(2, AN_HOUR, WEEK, at(10)) == at(12)
    assert done_at(2, AN_HOUR, WEEK, at(16)) == at(10, days=3), "an hour is left for Monday"
    assert done_at(2, AN_HOUR, WEEK, at(20)) == at(11, days=3)
    assert done_at(7, AN_HOUR, WEEK, at(10).astimezone(UTC)) == at(17)


def test_what_is_not_done_within_sixty_days_has_no_end() -> None:
    assert done_at(400, AN_HOUR, WEEK, at(10)) is None
    assert done_at(10**9, AN_HOUR, WEEK, at(10)) is None
    assert done_at(1, AN_HOUR, NEVER, at(10)) is None
