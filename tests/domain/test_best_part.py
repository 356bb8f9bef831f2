"""The best part of the day: where earlier campaigns found somebody there, the first dial waits for it."""

from __future__ import annotations

from datetime import timedelta

from ivr.domain.attempt import Elsewhere
from ivr.domain.calling_rules import HISTORY, Cap, Dial, Move, Of, Rules, Wait, counted_since, next_move
from ivr.domain.outcome import Outcome
from tests.domain.test_calling_rules import HOME, MOBILE, OFFICE, at, past

RULES = Rules(calendar=OFFICE, best_part=True)
FRIDAY = "2026-11-20T"
MORNING, AFTERNOON, EVENING = "10:00", "14:00", "18:00"


def earlier(time: str, outcome: Outcome | None, day: str = "2026-10-05", number: str | None = HOME) -> Elsewhere:
    return Elsewhere(number=number, at=at(f"{day}T{time}"), same_person=True, outcome=outcome)


def move(now: str, *elsewhere: Elsewhere, rules: Rules = RULES) -> Move:
    return next_move(rules, (HOME, MOBILE), (), at(now), elsewhere)


def test_who_picked_up_in_the_evening_is_called_in_the_evening() -> None:
    history = (earlier(MORNING, Outcome.NO_ANSWER), earlier(EVENING, Outcome.CONFIRMED))
    assert move(FRIDAY + "09:30", *history) == Wait(until=at(FRIDAY + "17:00"), reason="best_part")
    assert move(FRIDAY + "17:30", *history) == Dial(number=HOME)


def test_the_share_of_answers_decides_and_one_lucky_call_is_no_habit() -> None:
    history = (
        earlier(AFTERNOON, Outcome.HUNG_UP),
        *(earlier(EVENING, Outcome.CONFIRMED, f"2026-10-0{day}") for day in (1, 2, 5)),
        earlier(EVENING, Outcome.NO_ANSWER, "2026-10-06"),
    )
    assert move(FRIDAY + "09:30", *history) == Wait(until=at(FRIDAY + "17:00"), reason="best_part")


def test_who_was_never_reached_is_called_at_once() -> None:
    assert move(FRIDAY + "09:30", earlier(EVENING, Outcome.NO_ANSWER), earlier(EVENING, None)) == Dial(number=HOME)
    assert move(FRIDAY + "09:30") == Dial(number=HOME)


def test_the_habits_of_another_number_say_nothing() -> None:
    assert move(FRIDAY + "09:30", earlier(EVENING, Outcome.CONFIRMED, number=MOBILE)) == Dial(number=HOME)


def test_a_part_in_which_it_is_never_open_is_not_waited_for() -> None:
    history = earlier("21:30", Outcome.CONFIRMED)
    mornings = Rules(calendar=RULES.calendar, best_part=True)
    assert isinstance(move(FRIDAY + "09:30", history, rules=mornings), Wait)
    only_mornings = Rules(
        calendar=type(OFFICE)(
            windows=tuple(type(one)(days=one.days, start=540, until=720) for one in OFFICE.windows), zone=OFFICE.zone
        ),
        best_part=True,
    )
    assert move(FRIDAY + "09:30", history, rules=only_mornings) == Dial(number=HOME)


def test_only_the_first_dial_waits_for_it() -> None:
    before = past((FRIDAY + "17:30", Outcome.INVALID_NUMBER, MOBILE))
    history = (earlier(EVENING, Outcome.CONFIRMED),)
    assert next_move(RULES, (MOBILE, HOME), before, at("2026-11-24T09:30"), history) == Dial(number=HOME)


def test_without_the_setting_history_changes_nothing() -> None:
    assert move(FRIDAY + "09:30", earlier(EVENING, Outcome.CONFIRMED), rules=Rules(calendar=OFFICE)) == Dial(
        number=HOME
    )


def test_a_year_is_looked_at_and_without_it_what_the_caps_count() -> None:
    now = at(FRIDAY + "09:30")
    cap = (Cap(of=Of.NUMBER, times=3, days=1),)
    assert counted_since(Rules(calendar=OFFICE), now) is None
    assert counted_since(Rules(calendar=OFFICE, caps=cap), now) == at(FRIDAY + "00:00")
    assert counted_since(Rules(calendar=OFFICE, caps=cap, best_part=True), now) == now - HISTORY
    assert timedelta(days=365) == HISTORY
