"""Open and closed time: windows, holidays and their substitutes, the turn of the year, midnight."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.calendar import DAYS, HOLIDAY, LOOK_AHEAD, Calendar, SpecialDay, Window, is_holiday

TOKYO = ZoneInfo("Asia/Tokyo")
WORKDAYS = frozenset(DAYS[:5])
EVERY_DAY = frozenset({*DAYS, HOLIDAY})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def window(start: int, until: int, days: frozenset[str] = WORKDAYS) -> Window:
    return Window(days=days, start=start * 60, until=until * 60)


def calendar(*windows: Window, closed: tuple[str, ...] = ()) -> Calendar:
    return Calendar(windows=windows, zone=TOKYO, closed_days=frozenset(date.fromisoformat(day) for day in closed))


OFFICE = calendar(window(9, 20))
ALWAYS = calendar(window(0, 24, EVERY_DAY))


@pytest.mark.parametrize(
    ("day", "holiday"),
    [
        ("2026-01-01", True),
        ("2026-01-02", True),
        ("2026-01-03", True),
        ("2026-01-04", False),
        ("2026-01-12", True),  # 成人の日
        ("2026-05-06", True),  # 振替休日: 05-03 is a Sunday
        ("2026-05-07", False),
        ("2026-09-22", True),  # 国民の休日, between two holidays
        ("2026-09-23", True),
        ("2026-10-12", True),
        ("2026-11-23", True),
        ("2026-12-23", False),
        ("2026-12-28", False),
        ("2026-12-29", True),
        ("2026-12-30", True),
        ("2026-12-31", True),
        ("2027-03-22", True),  # 振替休日: 03-21 is a Sunday
    ],
)
def test_public_holidays_their_substitutes_and_the_turn_of_the_year_are_holidays(day: str, holiday: bool) -> None:
    assert is_holiday(date.fromisoformat(day)) is holiday


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-11-20T08:59:59.999", False),
        ("2026-11-20T09:00:00", True),
        ("2026-11-20T19:59:59.999", True),
        ("2026-11-20T20:00:00", False),
        ("2026-11-21T12:00:00", False),  # Saturday
        ("2026-11-22T12:00:00", False),  # Sunday
        ("2026-11-23T12:00:00", False),  # 勤労感謝の日, a Monday
        ("2026-05-06T12:00:00", False),  # a substitute, a Wednesday
        ("2026-12-28T12:00:00", True),
        ("2026-12-29T12:00:00", False),
        ("2027-01-04T12:00:00", True),
    ],
)
def test_it_is_open_from_the_start_of_a_window_until_just_before_its_end(now: str, is_open: bool) -> None:
    assert OFFICE.is_open(at(now)) is is_open


def test_a_window_that_names_holidays_is_open_on_them_whatever_day_of_the_week_they_are() -> None:
    with_holidays = calendar(window(9, 20), window(10, 12, frozenset({HOLIDAY})))
    assert not with_holidays.is_open(at("2026-11-23T09:30"))
    assert with_holidays.is_open(at("2026-11-23T10:00"))
    assert with_holidays.is_open(at("2026-12-31T11:59"))
    assert not with_holidays.is_open(at("2026-11-22T11:00"))


def test_closed_days_are_closed_even_to_windows_of_holidays() -> None:
    closed = calendar(window(0, 24, EVERY_DAY), closed=("2026-11-20", "2026-11-23"))
    assert not closed.is_open(at("2026-11-20T12:00"))
    assert not closed.is_open(at("2026-11-23T12:00"))
    assert closed.is_open(at("2026-11-21T00:00"))


def test_the_zone_of_now_does_not_matter() -> None:
    assert OFFICE.is_open(datetime(2026, 11, 20, 0, 0, tzinfo=UTC))
    assert not OFFICE.is_open(datetime(2026, 11, 20, 11, 0, tzinfo=UTC))
    assert OFFICE.is_open(datetime(2026, 11, 19, 16, 0, tzinfo=ZoneInfo("America/Los_Angeles")))


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-11-20T12:34:56", "2026-11-20T12:34:56"),
        ("2026-11-20T07:00", "2026-11-20T09:00"),
        ("2026-11-20T20:00", "2026-11-24T09:00"),  # over a weekend and a holiday
        ("2026-12-28T20:00", "2027-01-04T09:00"),  # over the turn of the year
        ("2026-04-28T21:00", "2026-04-30T09:00"),  # 昭和の日
        ("2026-05-01T20:00", "2026-05-07T09:00"),  # ゴールデンウィーク
    ],
)
def test_the_next_opening_is_now_or_the_first_window_to_come(now: str, opening: str) -> None:
    assert OFFICE.next_open(at(now)) == at(opening)


def test_a_lunch_break_is_closed() -> None:
    split = calendar(window(13, 20), window(9, 12))
    assert not split.is_open(at("2026-11-20T12:00"))
    assert split.next_open(at("2026-11-20T12:00")) == at("2026-11-20T13:00")
    assert split.closes(at("2026-11-20T11:00")) == at("2026-11-20T12:00")
    assert split.closes(at("2026-11-20T13:00")) == at("2026-11-20T20:00")


def test_where_nothing_opens_within_sixty_days_there_is_no_opening() -> None:
    assert calendar().next_open(at("2026-11-20T12:00")) is None
    only_holidays = calendar(window(9, 20, frozenset({HOLIDAY})), closed=("2026-07-20", "2026-08-11"))
    assert only_holidays.next_open(at("2026-06-01T12:00")) is None
    assert only_holidays.next_open(at("2026-08-12T12:00")) == at("2026-09-21T09:00")


@pytest.mark.parametrize(
    ("now", "closing"),
    [
        ("2026-11-20T09:00", "2026-11-20T20:00"),
        ("2026-11-20T19:59:59", "2026-11-20T20:00"),
        ("2026-11-20T20:00", None),
        ("2026-11-20T08:59", None),
        ("2026-11-21T12:00", None),
    ],
)
def test_the_closing_is_the_end_of_the_time_that_is_open_now(now: str, closing: str | None) -> None:
    assert OFFICE.closes(at(now)) == (at(closing) if closing else None)


def test_twenty_four_o_clock_is_the_midnight_that_ends_the_day() -> None:
    late = calendar(window(22, 24, frozenset({"fri"})))
    assert late.is_open(at("2026-11-20T23:59:59.999999"))
    assert not late.is_open(at("2026-11-21T00:00"))
    assert late.closes(at("2026-11-20T23:00")) == at("2026-11-21T00:00")


def test_windows_that_touch_at_midnight_or_overlap_close_only_at_their_common_end() -> None:
    over_midnight = calendar(window(22, 24, frozenset({"fri"})), window(0, 2, frozenset({"sat"})))
    assert over_midnight.closes(at("2026-11-20T23:00")) == at("2026-11-21T02:00")
    overlapping = calendar(window(9, 13), window(12, 15), window(9, 10))
    assert overlapping.closes(at("2026-11-20T09:30")) == at("2026-11-20T15:00")


def test_what_is_always_open_closes_no_sooner_than_anyone_looks_ahead() -> None:
    now = at("2026-12-20T12:00")
    closing = ALWAYS.closes(now)
    assert closing is not None
    assert closing >= now + LOOK_AHEAD
    assert ALWAYS.next_open(now) == now


def test_on_a_special_day_its_own_times_hold_whatever_day_it_is() -> None:
    days = (
        SpecialDay(day=date(2026, 11, 20), spans=((13 * 60, 15 * 60),)),
        SpecialDay(day=date(2026, 11, 23), spans=((9 * 60, 12 * 60),)),
    )
    special = replace(OFFICE, special_days=days)
    assert special.next_open(at("2026-11-20T09:00")) == at("2026-11-20T13:00")
    assert special.closes(at("2026-11-20T13:00")) == at("2026-11-20T15:00")
    assert special.next_open(at("2026-11-20T15:00")) == at("2026-11-23T09:00")
    assert not replace(special, closed_days=frozenset({date(2026, 11, 23)})).is_open(at("2026-11-23T10:00"))


def test_a_campaigns_own_times_only_narrow_those_of_the_office() -> None:
    evening = replace(calendar(window(17, 24, EVERY_DAY)), within=OFFICE)
    assert not evening.is_open(at("2026-11-20T16:59"))
    assert evening.is_open(at("2026-11-20T17:00"))
    assert evening.closes(at("2026-11-20T17:00")) == at("2026-11-20T20:00")
    assert evening.next_open(at("2026-11-20T20:00")) == at("2026-11-24T17:00")


def test_no_call_is_begun_that_could_end_too_long_after_the_closing() -> None:
    long_calls = replace(calendar(window(9, 12), window(12, 20)), lead=timedelta(minutes=10))
    assert long_calls.is_open(at("2026-11-20T11:55"))
    assert long_calls.closes(at("2026-11-20T11:55")) == at("2026-11-20T19:50")
    assert not long_calls.is_open(at("2026-11-20T19:50"))
    assert not replace(calendar(window(9, 10)), lead=timedelta(hours=1)).is_open(at("2026-11-20T09:00"))


def test_what_goes_on_after_midnight_ends_only_then() -> None:
    night = calendar(window(22, 24, frozenset({"fri"})), window(0, 1, frozenset({"sat"})))
    assert replace(night, lead=timedelta(minutes=10)).closes(at("2026-11-20T23:55")) == at("2026-11-21T00:50")
    assert replace(night, lead=timedelta(minutes=90)).closes(at("2026-11-20T23:00")) == at("2026-11-20T23:30")


windows = st.lists(
    st.builds(
        lambda days, times: Window(days=days, start=min(times), until=max(times)),
        st.frozensets(st.sampled_from((*DAYS, HOLIDAY)), min_size=1),
        st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda times: times[0] != times[1]),
    ),
    max_size=4,
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda now: now.replace(tzinfo=TOKYO))  # noqa: DTZ001


@given(windows, moments)
def test_opening_and_closing_agree_with_being_open(given_windows: list[Window], now: datetime) -> None:
    found = calendar(*given_windows)
    opening = found.next_open(now)
    assert (opening == now) == found.is_open(now)
    if opening is not None:
        assert found.is_open(opening)
        assert opening == now or not found.is_open(opening - timedelta(microseconds=1))
    closing = found.closes(now)
    assert (closing is not None) == found.is_open(now)
    if closing is not None and closing < now + LOOK_AHEAD:
        assert not found.is_open(closing)
        assert found.is_open(closing - timedelta(microseconds=1))
