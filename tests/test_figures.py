"""Figures made ready to be shown: in the hours and days of the office, and no total claims more than was proved."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ivr.campaign.figures import Dials, Figures
from ivr.campaign.records import Counts
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass, class_of, outcomes_of
from ivr.domain.text import TextState
from ivr.reporting import Reach, Unit, figures_json, heat_map, key_lines, show_heat_map, show_tries, timeline, tries

TOKYO = ZoneInfo("Asia/Tokyo")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
NEW_YORK = ZoneInfo("America/New_York")

MONDAY_NINE = datetime(2026, 11, 16, 0, 0, tzinfo=UTC)
"""Nine in the morning of a Monday in Tokyo."""

QUARTER = timedelta(minutes=15)

QUARTERS = st.dictionaries(
    st.tuples(st.integers(0, 4 * 24 * 400).map(lambda n: MONDAY_NINE + n * QUARTER), st.sampled_from(Outcome)),
    st.integers(1, 99).flatmap(
        lambda number: st.integers(0, number).map(lambda answered: Dials(number=number, answered=answered, proven=0))
    ),
    max_size=30,
)


def dials(number: int, answered: int = 0, proven: int = 0) -> Dials:
    return Dials(number=number, answered=answered, proven=proven)


def figures(**found: object) -> Figures:
    nothing: dict[str, object] = {"quarters": {}, "tries": {}, "keys": {}, "settled": {}, "texts": {}, "marks": {}}
    counts = Counts(states={}, outcomes={}, attempts=0, next_due=None)
    return Figures(counts=counts, **{**nothing, **found})  # type: ignore[arg-type]


CAMPAIGN = figures(
    quarters={
        (MONDAY_NINE, Outcome.NO_ANSWER): dials(6),
        (MONDAY_NINE + 3 * QUARTER, Outcome.CONFIRMED): dials(3, 3),
        (MONDAY_NINE + 4 * QUARTER, Outcome.VOICEMAIL): dials(2, 2, 1),
        (MONDAY_NINE + timedelta(days=7), Outcome.CONFIRMED_PARTIAL): dials(1, 1),
    },
    tries={
        (1, Outcome.NO_ANSWER): dials(6),
        (1, Outcome.VOICEMAIL): dials(2, 2, 1),
        (10, Outcome.CONFIRMED): dials(1, 1),
        (2, Outcome.CONFIRMED): dials(2, 2),
    },
    keys={("confirm", "#"): 4, ("confirm", "5"): 1, ("more", "2"): 1},
    settled={
        (MONDAY_NINE + 3 * QUARTER, Outcome.CONFIRMED, False): 3,
        (MONDAY_NINE + 4 * QUARTER, Outcome.VOICEMAIL, True): 1,
        (MONDAY_NINE + 4 * QUARTER, Outcome.VOICEMAIL, False): 1,
        (MONDAY_NINE + timedelta(days=1), None, False): 2,
    },
    texts={TextState.DELIVERED: 2},
    marks={"callback_requested": 1},
)


def test_dials_stand_where_they_began_in_the_offices_week() -> None:
    found = heat_map(CAMPAIGN.quarters, zone=TOKYO)
    assert found.places == {(0, 9): Reach(10, 4, 4), (0, 10): Reach(2, 2, 0)}
    assert (found.hours, found.weekdays) == (range(9, 11), (0, 1, 2, 3, 4))
    assert (found.at(0, 9).rate, found.at(3, 9).rate) == (0.4, None)


def test_hours_that_begin_at_other_minutes_are_the_offices_too() -> None:
    """Kathmandu is 5:45 ahead of UTC."""
    found = heat_map(CAMPAIGN.quarters, zone=KATHMANDU)
    assert found.places == {(0, 5): Reach(7, 1, 1), (0, 6): Reach(5, 5, 3)}


def test_a_weekend_is_shown_where_it_has_dials() -> None:
    saturday = {(MONDAY_NINE + timedelta(days=5), Outcome.BUSY): dials(1)}
    assert heat_map(saturday, zone=TOKYO).weekdays == (0, 1, 2, 3, 4, 5)


def test_nothing_is_shown_of_nothing() -> None:
    found = heat_map({}, zone=TOKYO)
    assert (found.weekdays, found.hours, timeline(figures(), zone=TOKYO, unit=Unit.DAY), tries({})) == (
        (), range(0), (), (),
    )  # fmt: skip
    console = Console(file=StringIO())
    show_heat_map(found, console)
    show_tries((), console)
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


def test_tries_stand_in_their_order_and_prove_what_they_prove() -> None:
    first, second, tenth = tries(CAMPAIGN.tries)
    assert (first.label, second.label, tenth.label) == ("1 回目", "2 回目", "10 回目")
    assert first.reach == Reach(8, 2, 0)
    assert first.classes == {
        OutcomeClass.MACHINE: {Outcome.VOICEMAIL: 1},
        OutcomeClass.UNPROVEN: {Outcome.VOICEMAIL: 1},
        OutcomeClass.NOT_REACHED: {Outcome.NO_ANSWER: 6},
    }
    assert second.reach == Reach(2, 2, 2)


def test_days_tell_dials_and_who_was_done() -> None:
    first, second, last = timeline(CAMPAIGN, zone=TOKYO, unit=Unit.DAY)
    assert (first.at, first.reach, first.settled, first.done) == (
        datetime(2026, 11, 16, tzinfo=TOKYO), Reach(11, 5, 3), 5, 5,
    )  # fmt: skip
    assert first.classes == {OutcomeClass.CONFIRMED: 3, OutcomeClass.MACHINE: 1, OutcomeClass.UNPROVEN: 1}
    assert (second.settled, second.classes, second.reach, second.done) == (2, {}, Reach(), 7)
    assert (last.settled, last.done, last.reach) == (0, 7, Reach(1, 1, 1))


def test_hours_are_told_apart() -> None:
    steps = timeline(CAMPAIGN, zone=TOKYO, unit=Unit.HOUR)
    assert [(step.at.isoformat(), step.done) for step in steps] == [
        ("2026-11-16T09:00:00+09:00", 3),
        ("2026-11-16T10:00:00+09:00", 5),
        ("2026-11-17T09:00:00+09:00", 7),
        ("2026-11-23T09:00:00+09:00", 7),
    ]


def test_an_hour_that_the_clock_shows_twice_is_two() -> None:
    once = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    twice = {(once + n * 4 * QUARTER, Outcome.BUSY): dials(1) for n in range(2)}
    steps = timeline(figures(quarters=twice), zone=NEW_YORK, unit=Unit.HOUR)
    assert [step.at.isoformat() for step in steps] == ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"]
    assert len(timeline(figures(quarters=twice), zone=NEW_YORK, unit=Unit.DAY)) == 1


@given(QUARTERS, st.sampled_from([TOKYO, KATHMANDU, NEW_YORK]))
def test_no_dial_is_lost_or_doubled(quarters: dict[tuple[datetime, Outcome], Dials], zone: ZoneInfo) -> None:
    whole = sum(one.number for one in quarters.values()), sum(one.answered for one in quarters.values())
    found = figures(quarters=quarters)
    for reached in (
        [*heat_map(quarters, zone=zone).places.values()],
        [step.reach for step in timeline(found, zone=zone, unit=Unit.DAY)],
        [step.reach for step in timeline(found, zone=zone, unit=Unit.HOUR)],
    ):
        assert (sum(one.dials for one in reached), sum(one.answered for one in reached)) == whole


def test_the_json_says_the_same_for_scripts() -> None:
    found = json.loads(json.dumps(figures_json(CAMPAIGN, zone=TOKYO)))
    assert found["hours"][0] == {"weekday": "mon", "hour": 9, "dials": 10, "answered": 4, "confirmed": 4}
    assert found["tries"][1] == {
        "try": 2, "dials": 2, "answered": 2, "confirmed": 2, "outcomes": {"confirmed": {"confirmed": 2}},
    }  # fmt: skip
    assert found["keys"][0] == {"step": "confirm", "key": "#", "presses": 4}
    assert found["progress"]["day"][0]["classes"] == {"confirmed": 3, "machine": 1, "unproven": 1}
    assert found["progress"]["hour"][1]["at"] == "2026-11-16T10:00+09:00"
    assert (found["texts"], found["marks"]) == ({"delivered": 2}, {"callback_requested": 1})


def test_a_terminal_shows_hours_tries_and_keys() -> None:
    console = Console(file=StringIO(), width=100)
    show_heat_map(heat_map(CAMPAIGN.quarters, zone=TOKYO), console)
    show_tries(tries(CAMPAIGN.tries), console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.split() for line in said.splitlines()]
    assert ["9", "時", "40%", "(10)", *4 * ["－"]] in lines
    assert ["10", "時", "100%", "(2)", *4 * ["－"]] in lines
    assert ["1", "回目", "8", "2", "0", "25.0%"] in lines
    assert list(key_lines(CAMPAIGN)) == ["confirm：# 4 回、5 1 回", "more：2 1 回"]


def test_every_outcome_is_of_one_class_with_and_without_a_beep() -> None:
    found = [ending for group in OutcomeClass for ending in outcomes_of(group)]
    assert sorted(found) == sorted((outcome, proven) for outcome in Outcome for proven in (False, True))
    assert all(class_of(one, proven=beep) is group for group in OutcomeClass for one, beep in outcomes_of(group))
