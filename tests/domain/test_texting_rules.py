"""How long a text (SMS) may be delivered."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.domain.calendar import DAYS, Calendar, Window
from ivr.domain.texting_rules import LEAST_VALID, TextRules

TOKYO = ZoneInfo("Asia/Tokyo")
FRIDAY = datetime(2026, 11, 20, tzinfo=TOKYO)


def rules(*hours: tuple[int, int]) -> TextRules:
    every = frozenset({*DAYS, "holiday"})
    windows = tuple(Window(days=every, start=start * 60, until=until * 60) for start, until in hours)
    return TextRules(calendar=Calendar(windows=windows, zone=TOKYO), after=frozenset())


@pytest.mark.parametrize(
    ("minute", "valid"),
    [
        (9 * 60, timedelta(hours=11)),
        (18 * 60 + 30, timedelta(minutes=90)),
        (19 * 60 + 58, LEAST_VALID),
        (20 * 60, LEAST_VALID),
    ],
)
def test_a_text_expires_with_its_window_but_has_an_hour(minute: int, valid: timedelta) -> None:
    assert rules((9, 20)).valid_for(FRIDAY + timedelta(minutes=minute)) == valid


def test_a_break_at_noon_is_no_night() -> None:
    assert rules((9, 12), (13, 20)).valid_for(FRIDAY + timedelta(hours=11)) == timedelta(hours=9)


def test_where_it_is_never_night_the_network_decides() -> None:
    assert rules((0, 24)).valid_for(FRIDAY) is None
