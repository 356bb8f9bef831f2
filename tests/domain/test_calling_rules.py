"""May this person be called now, and on which number? Windows, retries, caps, dead numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.attempt import Past
from ivr.domain.calendar import DAYS, HOLIDAY, Calendar, Window
from ivr.domain.calling_rules import NOBODY_THERE, Dial, Move, Retry, Rules, Settled, Stage, Wait, best, next_move
from ivr.domain.outcome import Outcome
from ivr.domain.phone import Kind, kind_of

TOKYO = ZoneInfo("Asia/Tokyo")
HOME, MOBILE, WORK = "+81357220000", "+819012345678", "+81357220001"

OFFICE = Calendar(windows=(Window(days=frozenset(DAYS[:5]), start=9 * 60, until=20 * 60),), zone=TOKYO)
ALWAYS = Calendar(windows=(Window(days=frozenset({*DAYS, HOLIDAY}), start=0, until=1440),), zone=TOKYO)
RETRIES = {
    Outcome.BUSY: Retry(times=2, after=timedelta(minutes=5)),
    Outcome.NO_ANSWER: Retry(times=1, after=timedelta(hours=1)),
    Outcome.NETWORK_CONGESTION: Retry(times=3, after=timedelta(minutes=1)),
    Outcome.HUNG_UP: Retry(times=0, after=timedelta(hours=1)),
}
RULES = Rules(calendar=OFFICE, retries=RETRIES, total=3, per_day=2)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def past(*attempts: tuple[str, Outcome] | tuple[str, Outcome, str]) -> tuple[Past, ...]:
    return tuple(Past(at=at(one[0]), outcome=one[1], number=one[2] if len(one) == 3 else HOME) for one in attempts)


def move(now: str, *attempts: tuple[str, Outcome] | tuple[str, Outcome, str], rules: Rules = RULES) -> Move:
    return next_move(rules, (HOME, MOBILE, WORK), past(*attempts), at(now))


def wait(until: str, reason: str) -> Wait:
    return Wait(until=at(until), reason=reason)


FRIDAY = "2026-11-20T"


def test_the_first_dial_is_of_the_first_number_as_soon_as_the_window_is_open() -> None:
    assert move(FRIDAY + "10:00") == Dial(number=HOME)
    assert move(FRIDAY + "08:59") == wait(FRIDAY + "09:00", "window")
    assert move(FRIDAY + "20:00") == wait("2026-11-24T09:00", "window")


def test_a_retry_waits_for_its_time_and_then_dials_the_same_number() -> None:
    busy = (FRIDAY + "10:00", Outcome.BUSY)
    assert move(FRIDAY + "10:01", busy) == wait(FRIDAY + "10:05", "retry")
    assert move(FRIDAY + "10:05", busy) == Dial(number=HOME)


def test_a_retry_that_falls_behind_the_closing_waits_for_the_next_opening() -> None:
    assert move(FRIDAY + "19:59", (FRIDAY + "19:58", Outcome.BUSY)) == wait("2026-11-24T09:00", "window")
    assert move(FRIDAY + "21:00", (FRIDAY + "19:58", Outcome.BUSY)) == wait("2026-11-24T09:00", "window")


def test_after_the_last_retry_of_an_outcome_the_person_is_settled() -> None:
    first, second = (FRIDAY + "10:00", Outcome.NO_ANSWER), (FRIDAY + "11:00", Outcome.NO_ANSWER)
    assert move(FRIDAY + "11:00", first) == Dial(number=HOME)
    assert next_move(RULES, (HOME,), past(first, second), at(FRIDAY + "13:00")) == Settled(outcome=Outcome.NO_ANSWER)


def test_each_outcome_has_its_own_count_and_the_total_caps_them_all() -> None:
    attempts = [(FRIDAY + "10:00", Outcome.BUSY), (FRIDAY + "10:05", Outcome.NO_ANSWER)]
    generous = Rules(calendar=OFFICE, retries=RETRIES, total=3, per_day=9)
    assert move(FRIDAY + "11:05", *attempts, rules=generous) == Dial(number=HOME)
    attempts.append((FRIDAY + "11:05", Outcome.BUSY))
    assert move(FRIDAY + "12:00", *attempts, rules=generous) == Settled(outcome=Outcome.BUSY)
    larger = Rules(calendar=OFFICE, retries=RETRIES, total=4, per_day=9)
    assert move(FRIDAY + "12:00", *attempts, rules=larger) == Dial(number=HOME)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.CONFIRMED,
        Outcome.CONFIRMED_PARTIAL,
        Outcome.VOICEMAIL,
        Outcome.HUNG_UP,
        Outcome.REJECTED,
        Outcome.UNKNOWN,
        Outcome.CANCELLED,
        Outcome.FAILED,
    ],
)
def test_an_outcome_without_a_retry_settles_at_once(outcome: Outcome) -> None:
    assert move(FRIDAY + "15:00", (FRIDAY + "10:00", outcome)) == Settled(outcome=outcome)


def test_the_cap_of_a_day_waits_for_the_next_open_day_and_says_so() -> None:
    attempts = [(FRIDAY + "10:00", Outcome.BUSY), (FRIDAY + "10:05", Outcome.BUSY)]
    assert move(FRIDAY + "10:10", *attempts) == wait("2026-11-24T09:00", "per_day")
    assert move("2026-11-24T09:00", *attempts) == Dial(number=HOME)


def test_the_day_of_the_cap_is_the_day_of_the_campaigns_zone() -> None:
    rules = Rules(calendar=ALWAYS, retries=RETRIES, total=9, per_day=1)
    utc = tuple(
        Past(at=one.at.astimezone(ZoneInfo("UTC")), outcome=one.outcome, number=one.number)
        for one in past((FRIDAY + "23:50", Outcome.BUSY))
    )
    assert next_move(rules, (HOME,), utc, at(FRIDAY + "23:56")) == wait("2026-11-21T00:00", "per_day")
    assert next_move(rules, (HOME,), utc, at("2026-11-21T00:00").astimezone(ZoneInfo("UTC"))) == Dial(number=HOME)


def test_a_retry_due_on_the_next_day_is_not_held_up_by_the_cap_of_today() -> None:
    rules = Rules(calendar=ALWAYS, retries=RETRIES, total=9, per_day=1)
    assert move(FRIDAY + "23:58", (FRIDAY + "23:57", Outcome.BUSY), rules=rules) == wait("2026-11-21T00:02", "retry")


def test_a_number_that_does_not_exist_is_never_dialled_again_and_the_next_one_at_once() -> None:
    first = (FRIDAY + "10:00", Outcome.INVALID_NUMBER, HOME)
    assert move(FRIDAY + "10:01", first) == Dial(number=MOBILE)
    assert move(FRIDAY + "10:10", first, (FRIDAY + "10:01", Outcome.BUSY, MOBILE)) == wait(
        "2026-11-24T09:00", "per_day"
    )
    generous = Rules(calendar=OFFICE, retries=RETRIES, total=9, per_day=9)
    second = (FRIDAY + "10:01", Outcome.BUSY, MOBILE)
    assert move(FRIDAY + "10:10", first, second, rules=generous) == Dial(number=MOBILE)
    assert move(FRIDAY + "10:10", first, (*second[:1], Outcome.INVALID_NUMBER, MOBILE), rules=generous) == Dial(
        number=WORK
    )


GENEROUS = replace(RULES, total=9, per_day=9)


def test_where_nobody_was_there_as_often_as_allowed_the_next_number_is_dialled_after_as_long_a_pause() -> None:
    first, second = (FRIDAY + "10:00", Outcome.NO_ANSWER, HOME), (FRIDAY + "11:00", Outcome.NO_ANSWER, HOME)
    assert move(FRIDAY + "11:30", first, second, rules=GENEROUS) == wait(FRIDAY + "12:00", "retry")
    assert move(FRIDAY + "12:00", first, second, rules=GENEROUS) == Dial(number=MOBILE)
    assert move(FRIDAY + "14:00", first, second, (FRIDAY + "12:00", Outcome.BUSY, MOBILE), rules=GENEROUS) == Dial(
        number=MOBILE
    )


def test_the_tries_of_two_numbers_do_not_stack_over_the_total() -> None:
    tried = [
        (FRIDAY + f"{hour}:00", Outcome.NO_ANSWER, number) for hour, number in ((10, HOME), (11, HOME), (12, MOBILE))
    ]
    assert move(FRIDAY + "15:00", *tried, rules=replace(GENEROUS, total=3)) == Settled(outcome=Outcome.NO_ANSWER)


@pytest.mark.parametrize(
    "outcome", [Outcome.HUNG_UP, Outcome.VOICEMAIL, Outcome.REJECTED, Outcome.FAILED, Outcome.NETWORK_CONGESTION]
)
def test_where_somebody_was_there_or_the_fault_is_ours_no_other_number_rings(outcome: Outcome) -> None:
    rules = replace(GENEROUS, retries={})
    assert move(FRIDAY + "15:00", (FRIDAY + "10:00", outcome), rules=rules) == Settled(outcome=outcome)


CASCADE = replace(GENEROUS, cascade=(Stage(kind=Kind.LANDLINE, tries=1), Stage(kind=Kind.MOBILE, tries=2)))


def test_a_cascade_dials_landlines_first_and_then_mobiles_whatever_the_order_of_the_list() -> None:
    owned = (MOBILE, HOME, WORK)
    tried: list[tuple[str, Outcome, str]] = []
    for hour, number in enumerate((HOME, WORK, MOBILE, MOBILE), start=10):
        found = next_move(CASCADE, owned, past(*tried), at(FRIDAY + f"{hour}:00"))
        assert found == Dial(number=number)
        tried.append((FRIDAY + f"{hour}:00", Outcome.NO_ANSWER, number))
    assert next_move(CASCADE, owned, past(*tried), at(FRIDAY + "15:00")) == Settled(outcome=Outcome.NO_ANSWER)


def test_a_number_of_a_kind_that_is_in_no_stage_is_not_dialled() -> None:
    only_mobiles = replace(CASCADE, cascade=(Stage(kind=Kind.MOBILE, tries=1),))
    assert next_move(only_mobiles, (HOME, WORK), (), at(FRIDAY + "10:00")) == Settled(outcome=None)
    assert next_move(only_mobiles, (HOME, MOBILE), (), at(FRIDAY + "10:00")) == Dial(number=MOBILE)


def test_a_stage_may_come_back_to_a_number() -> None:
    twice = replace(CASCADE, cascade=(Stage(kind=Kind.LANDLINE, tries=1), Stage(kind=None, tries=1)))
    tried = [(FRIDAY + "10:00", Outcome.NO_ANSWER, HOME)]
    assert next_move(twice, (HOME, MOBILE), past(*tried), at(FRIDAY + "11:00")) == Dial(number=HOME)


ROTATING = replace(GENEROUS, rotate=frozenset({Outcome.NO_ANSWER}))


def test_the_second_try_is_in_another_part_of_the_day_than_the_first() -> None:
    morning = (FRIDAY + "09:10", Outcome.NO_ANSWER)
    assert move(FRIDAY + "10:30", morning, rules=ROTATING) == wait(FRIDAY + "12:00", "rotate")
    assert move(FRIDAY + "12:00", morning, rules=ROTATING) == Dial(number=HOME)
    evening = (FRIDAY + "18:00", Outcome.NO_ANSWER)
    assert move(FRIDAY + "19:30", evening, rules=ROTATING) == wait("2026-11-24T09:00", "rotate")


def test_where_every_part_was_tried_the_one_tried_the_least_comes_next() -> None:
    rules = replace(ROTATING, retries={Outcome.NO_ANSWER: Retry(times=9, after=timedelta(hours=1))})
    tried = [(FRIDAY + f"{hour}:00", Outcome.NO_ANSWER) for hour in (10, 12, 13, 17)]
    assert move(FRIDAY + "18:30", *tried, rules=rules) == wait("2026-11-24T09:00", "rotate")
    tried.append(("2026-11-24T09:00", Outcome.NO_ANSWER))
    assert move("2026-11-24T10:30", *tried, rules=rules) == wait("2026-11-24T17:00", "rotate")


def test_where_every_part_was_tried_alike_the_next_try_is_on_another_day_of_the_week() -> None:
    tried = [(FRIDAY + time, Outcome.NO_ANSWER) for time in ("09:10", "12:10", "17:10")]
    rules = replace(RULES, total=9, per_day=9, rotate=frozenset({Outcome.NO_ANSWER}))
    rules = replace(rules, retries={Outcome.NO_ANSWER: Retry(times=9, after=timedelta(minutes=30))})
    assert move(FRIDAY + "17:11", *tried, rules=rules) == wait("2026-11-24T09:00", "rotate")


def test_where_only_one_part_is_open_at_all_the_try_does_not_wait_for_another() -> None:
    mornings = replace(
        ROTATING, calendar=Calendar(windows=(Window(days=frozenset(DAYS), start=540, until=720),), zone=TOKYO)
    )
    assert move(FRIDAY + "10:30", (FRIDAY + "09:10", Outcome.NO_ANSWER), rules=mornings) == Dial(number=HOME)


def test_an_outcome_that_does_not_rotate_is_retried_as_soon_as_it_may() -> None:
    assert move(FRIDAY + "10:05", (FRIDAY + "10:00", Outcome.BUSY), rules=ROTATING) == Dial(number=HOME)


def test_when_no_number_exists_the_person_is_settled_so() -> None:
    generous = Rules(calendar=OFFICE, retries=RETRIES, total=9, per_day=9)
    dead = [(FRIDAY + "10:00", Outcome.INVALID_NUMBER, number) for number in (HOME, MOBILE, WORK)]
    assert move(FRIDAY + "11:00", *dead, rules=generous) == Settled(outcome=Outcome.INVALID_NUMBER)
    assert move(FRIDAY + "11:00", *dead[:1], rules=Rules(calendar=OFFICE, total=1)) == Settled(
        outcome=Outcome.INVALID_NUMBER
    )


def test_a_person_without_a_number_is_settled_without_an_outcome() -> None:
    assert next_move(RULES, (), (), at(FRIDAY + "10:00")) == Settled(outcome=None)


def test_where_nothing_opens_the_person_waits_a_day_at_a_time() -> None:
    never = Rules(calendar=Calendar(windows=(), zone=TOKYO))
    assert move(FRIDAY + "10:00", rules=never) == wait("2026-11-21T10:00", "window")


@pytest.mark.parametrize(
    ("outcomes", "strongest"),
    [
        ((), None),
        ((Outcome.BUSY, Outcome.NO_ANSWER), Outcome.NO_ANSWER),
        ((Outcome.VOICEMAIL, Outcome.BUSY), Outcome.VOICEMAIL),
        ((Outcome.HUNG_UP, Outcome.VOICEMAIL, Outcome.NO_ANSWER), Outcome.VOICEMAIL),
        ((Outcome.CONFIRMED_PARTIAL, Outcome.VOICEMAIL), Outcome.CONFIRMED_PARTIAL),
        ((Outcome.CONFIRMED_PARTIAL, Outcome.CONFIRMED), Outcome.CONFIRMED),
        ((Outcome.UNCONFIRMED, Outcome.UNREACHABLE), Outcome.UNCONFIRMED),
        ((Outcome.SCREENED, Outcome.REJECTED), Outcome.SCREENED),
        ((Outcome.BUSY, Outcome.UNKNOWN), Outcome.UNKNOWN),
    ],
)
def test_a_person_ends_with_the_strongest_answered_outcome_else_the_last(
    outcomes: tuple[Outcome, ...], strongest: Outcome | None
) -> None:
    assert best(past(*((FRIDAY + "10:00", outcome) for outcome in outcomes))) == strongest


rules_given = st.builds(
    Rules,
    calendar=st.sampled_from([OFFICE, ALWAYS]),
    retries=st.dictionaries(
        st.sampled_from(list(Outcome)),
        st.builds(
            Retry, times=st.integers(0, 4), after=st.integers(0, 3000).map(lambda minutes: timedelta(minutes=minutes))
        ),
    ),
    total=st.integers(1, 6),
    per_day=st.integers(1, 4),
    rotate=st.frozensets(st.sampled_from(list(Outcome))),
    cascade=st.lists(
        st.builds(Stage, kind=st.sampled_from([None, Kind.LANDLINE, Kind.MOBILE]), tries=st.integers(1, 3)), max_size=3
    ).map(tuple),
)
script = st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=8)


def _see_allowed(rules: Rules, number: str, history: list[Past], now: datetime) -> None:
    """Fail unless the rules for tries and numbers allow a dial of `number` now."""
    if not history:
        return
    last = history[-1]
    if (retry := rules.retries.get(last.outcome)) is not None and last.outcome is not Outcome.INVALID_NUMBER:
        assert now >= last.at + retry.after
    of_number = [one.outcome for one in history if one.number == number]
    if of_number:
        assert of_number.count(of_number[-1]) <= rules.retries[of_number[-1]].times
    if number != last.number:
        assert last.outcome in NOBODY_THERE
    if rules.cascade:
        places = [stage.tries for stage in rules.cascade if stage.kind in (None, kind_of(number))]
        assert len(of_number) < sum(places)
    if of_number and of_number[-1] in rules.rotate:
        parts = [sum(one.at.hour >= hour for hour in (12, 17)) for one in history if one.number == number]
        part = sum(now.hour >= hour for hour in (12, 17))
        others = {sum(hour >= border for border in (12, 17)) for hour in open_hours(rules.calendar, now)}
        assert parts.count(part) == min(parts.count(other) for other in others)


def open_hours(calendar: Calendar, now: datetime) -> set[int]:
    """Return the hours of the day that are open at some time in the week from `now` on."""
    moments = (now.replace(minute=59, second=59) + timedelta(hours=hour) for hour in range(24 * 7))
    return {moment.hour for moment in moments if calendar.is_open(moment)}


@given(rules_given, script, st.integers(1, 3), st.integers(0, 60 * 24 * 400))
def test_a_person_called_by_the_rules_is_never_called_against_them_and_is_settled_in_the_end(
    rules: Rules, outcomes: list[Outcome], numbers: int, start: int
) -> None:
    now = at("2026-01-01T00:00") + timedelta(minutes=start)
    owned = (HOME, MOBILE, WORK)[:numbers]
    history: list[Past] = []
    for _ in range(200):
        found = next_move(rules, owned, history, now)
        match found:
            case Settled():
                assert found.outcome == best(history)
                assert history or not any(
                    stage.kind in (None, kind_of(one)) for one in owned for stage in rules.cascade
                )
                return
            case Wait():
                assert found.until > now
                now = found.until
            case Dial():
                assert rules.calendar.is_open(now)
                assert found.number in owned
                assert len(history) < rules.total
                days = [one.at.astimezone(TOKYO).date() for one in history]
                assert days.count(now.astimezone(TOKYO).date()) < rules.per_day
                assert found.number not in {one.number for one in history if one.outcome is Outcome.INVALID_NUMBER}
                _see_allowed(rules, found.number, history, now)
                outcome = outcomes[len(history) % len(outcomes)]
                history.append(Past(number=found.number, at=now, outcome=outcome))
                now += timedelta(seconds=30)
    pytest.fail("never settled")
