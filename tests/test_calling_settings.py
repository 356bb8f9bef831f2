"""The section `calling`, as the rules of the domain."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.domain.calling_rules import Retry, Stage
from ivr.domain.outcome import Outcome
from ivr.domain.phone import Kind
from ivr.errors import Problems
from ivr.settings import Settings
from tests.settings_files import empty_place, loaded

__all__ = ["empty_place"]

TOKYO = ZoneInfo("Asia/Tokyo")


def test_the_rules_of_calling_are_those_of_the_settings() -> None:
    rules = loaded("""
calling:
  windows: [{days: [mon], from: "9:00", to: "12:00"}, {days: [mon], from: "13:00", to: "20:00"}]
  closed_days: [2026-11-30]
  retries: {busy: {times: 4}, no_answer: {after: 2h}, total: 9, per_day: 5}
""").rules()
    assert rules.calendar.is_open(datetime(2026, 11, 16, 11, 59, tzinfo=TOKYO))
    assert not rules.calendar.is_open(datetime(2026, 11, 16, 12, 0, tzinfo=TOKYO))
    assert rules.calendar.closed_days == {date(2026, 11, 30)}
    assert rules.retries[Outcome.BUSY] == Retry(times=4, after=timedelta(minutes=5))
    assert rules.retries[Outcome.NO_ANSWER] == Retry(times=1, after=timedelta(hours=2))
    assert (rules.total, rules.per_day) == (9, 5)


def test_special_days_the_cascade_and_the_rotation_are_those_of_the_settings() -> None:
    rules = loaded("""
calling:
  special_days:
    - {date: 2026-11-16, times: [{from: "13:00", to: "15:00"}]}
    - {date: 2026-11-17}
  cascade: [{numbers: landline, tries: 2}, {numbers: any, tries: 1}]
  retries: {rotate: [busy]}
""").rules()
    assert rules.calendar.next_open(datetime(2026, 11, 16, 9, 0, tzinfo=TOKYO)) == datetime(
        2026, 11, 16, 13, tzinfo=TOKYO
    )
    assert rules.calendar.next_open(datetime(2026, 11, 16, 15, 0, tzinfo=TOKYO)) == datetime(
        2026, 11, 18, 9, tzinfo=TOKYO
    )
    assert rules.cascade == (Stage(kind=Kind.LANDLINE, tries=2), Stage(kind=None, tries=1))
    assert rules.rotate == {Outcome.BUSY}


def test_nobody_is_called_before_8_or_after_21_unless_that_is_allowed() -> None:
    early = 'windows: [{days: [mon], from: "07:30", to: "20:00"}]'
    with pytest.raises(Problems, match="allow_late: true"):
        loaded(f"calling: {{{early}}}\n")
    assert (
        loaded(f"calling: {{{early}, allow_late: true}}\n")
        .rules()
        .calendar.is_open(datetime(2026, 11, 16, 7, 30, tzinfo=TOKYO))
    )


def test_no_call_is_begun_that_may_go_on_for_more_than_five_minutes_after_the_window() -> None:
    usual = Settings().rules().calendar
    assert usual.is_open(datetime(2026, 11, 16, 19, 59, tzinfo=TOKYO))
    long_calls = loaded("calling: {call_limit: 10m, ring_timeout: 60s}\n").rules().calendar
    assert long_calls.closes(datetime(2026, 11, 16, 12, 0, tzinfo=TOKYO)) == datetime(
        2026, 11, 16, 19, 54, tzinfo=TOKYO
    )


def test_the_default_retries_are_those_of_practice() -> None:
    tries = {
        name.value: (retry.times, retry.after) for name, retry in Settings().rules().retries.items() if retry.times
    }
    assert tries == {
        "busy": (2, timedelta(minutes=5)),
        "no_answer": (1, timedelta(hours=1)),
        "unreachable": (1, timedelta(hours=1)),
        "network_congestion": (3, timedelta(minutes=1)),
        "failed": (1, timedelta(minutes=5)),
    }


def test_only_outcomes_that_say_yes_or_never_are_without_a_retry() -> None:
    without = set(Outcome) - set(Settings().rules().retries)
    assert without == {Outcome.CONFIRMED, Outcome.INVALID_NUMBER, Outcome.CANCELLED}


def test_a_rehearsal_may_open_every_hour_of_every_day() -> None:
    calendar = (
        loaded("""
calling:
  allow_late: true
  windows: [{days: [mon, tue, wed, thu, fri, sat, sun, holiday], from: "00:00", to: "24:00"}]
""")
        .rules()
        .calendar
    )
    start = datetime(2026, 12, 25, 0, 0, tzinfo=TOKYO)
    assert all(calendar.is_open(start + timedelta(minutes=7 * step)) for step in range(4000))
