"""Caps: how often one number, or one person, is dialled by all campaigns together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ivr.domain.attempt import Elsewhere
from ivr.domain.calling_rules import Cap, Ceiling, Dial, Move, Of, Rules, Wait, ceilings, next_move
from ivr.domain.outcome import Outcome
from tests.domain.test_calling_rules import ALWAYS, HOME, MOBILE, OFFICE, at, past

FRIDAY, TUESDAY = "2026-11-20T", "2026-11-24T"
OPEN = Rules(calendar=ALWAYS)


def capped(*caps: Cap, rules: Rules = OPEN) -> Rules:
    return replace(rules, caps=caps)


def cap(of: Of, times: int, days: int = 1) -> Cap:
    return Cap(of=of, times=times, days=days)


def dial(when: str, number: str | None = HOME, *, same_person: bool = False) -> Elsewhere:
    return Elsewhere(number=number, at=at(when), same_person=same_person)


def move(rules: Rules, now: str, *elsewhere: Elsewhere) -> Move:
    return next_move(rules, (HOME, MOBILE), (), at(now), elsewhere)


def test_a_number_that_other_campaigns_dialled_as_often_as_allowed_today_waits_for_tomorrow() -> None:
    rules = capped(cap(Of.NUMBER, 2))
    morning, noon = dial(FRIDAY + "09:30"), dial(FRIDAY + "12:30")
    assert move(rules, FRIDAY + "15:00", morning) == Dial(number=HOME)
    assert move(rules, FRIDAY + "15:00", morning, noon) == Wait(until=at("2026-11-21T00:00"), reason="cap")


def test_the_dials_of_another_person_with_the_same_number_count_for_the_number_and_not_for_the_person() -> None:
    of_the_mother = dial(FRIDAY + "09:30")
    assert isinstance(move(capped(cap(Of.NUMBER, 1)), FRIDAY + "15:00", of_the_mother), Wait)
    assert move(capped(cap(Of.PERSON, 1)), FRIDAY + "15:00", of_the_mother) == Dial(number=HOME)


def test_a_person_who_was_dialled_on_another_number_is_spared_on_this_one_too() -> None:
    at_work = dial(FRIDAY + "09:30", None, same_person=True)
    assert isinstance(move(capped(cap(Of.PERSON, 1)), FRIDAY + "15:00", at_work), Wait)
    assert move(capped(cap(Of.NUMBER, 1)), FRIDAY + "15:00", at_work) == Dial(number=HOME)


def test_a_cap_of_seven_days_ends_on_the_eighth_and_waits_for_the_window() -> None:
    rules = capped(cap(Of.NUMBER, 1, 7), rules=Rules(calendar=OFFICE))
    week = dial("2026-11-13T19:00")
    assert move(rules, "2026-11-19T19:30", week) == Wait(until=at(FRIDAY + "09:00"), reason="cap")
    assert move(rules, FRIDAY + "09:00", week) == Dial(number=HOME)


def test_of_several_caps_the_strictest_decides() -> None:
    rules = capped(cap(Of.NUMBER, 1), cap(Of.PERSON, 2, 7))
    dials = [dial(FRIDAY + "09:00", same_person=True), dial("2026-11-18T09:00", None, same_person=True)]
    assert move(rules, FRIDAY + "15:00", *dials) == Wait(until=at("2026-11-25T00:00"), reason="cap")


def test_the_campaigns_own_dials_count_too() -> None:
    rules = replace(capped(cap(Of.PERSON, 1)), per_day=9)
    before = past((FRIDAY + "09:00", Outcome.INVALID_NUMBER))
    assert isinstance(next_move(rules, (HOME, MOBILE), before, at(FRIDAY + "10:00")), Wait)


def test_a_dial_that_a_clock_has_put_into_the_future_counts() -> None:
    assert isinstance(move(capped(cap(Of.NUMBER, 1)), FRIDAY + "15:00", dial("2026-11-22T09:00")), Wait)


def test_the_ceilings_are_the_caps_of_this_day() -> None:
    rules = capped(cap(Of.NUMBER, 2), cap(Of.PERSON, 3, 7))
    assert ceilings(rules, at(TUESDAY + "08:00")) == (
        Ceiling(of=Of.NUMBER, times=2, since=at(TUESDAY + "00:00")),
        Ceiling(of=Of.PERSON, times=3, since=at("2026-11-18T00:00")),
    )
    assert at(TUESDAY + "00:00") - at("2026-11-18T00:00") == timedelta(days=6)
