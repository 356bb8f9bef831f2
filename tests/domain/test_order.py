"""In which order people are called, and who shares a telephone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.order import OrderKey, households, in_order, without_worth, worth
from ivr.domain.recipient import Recipient

PRIORITY, DUE = OrderKey(column="優先度"), OrderKey(column="納期限")
DEAREST = OrderKey(column="滞納額", largest_first=True)


def person(line: int, number: str = "", **columns: str) -> Recipient:
    return Recipient(
        id=f"{line:08}", line=line, kana="ヤマダ タロウ", numbers=(number or f"+8135722{line:04}",), columns=columns
    )


def lines(people: tuple[Recipient, ...]) -> list[int]:
    return [one.line for one in people]


def test_without_a_column_people_are_called_in_the_order_of_the_list() -> None:
    people = [person(2), person(3), person(4)]
    assert lines(in_order(people, ())) == [2, 3, 4]


def test_the_smallest_priority_comes_first_and_those_alike_as_in_the_list() -> None:
    people = [person(2, 優先度="2"), person(3, 優先度="1"), person(4, 優先度="１０"), person(5, 優先度="1")]
    assert lines(in_order(people, [PRIORITY])) == [3, 5, 2, 4]


def test_the_earliest_due_date_comes_first_however_it_is_written() -> None:
    people = [person(2, 納期限="令和8年12月1日"), person(3, 納期限="2026/10/31"), person(4, 納期限="R8.11.30")]
    assert lines(in_order(people, [DUE])) == [3, 4, 2]


def test_the_largest_debt_may_come_first_and_who_has_none_written_comes_last() -> None:
    people = [person(2, 滞納額=""), person(3, 滞納額="12,000円"), person(4, 滞納額="120,000"), person(5, 滞納額="不明")]
    assert lines(in_order(people, [DEAREST])) == [4, 3, 2, 5]
    assert without_worth(people, DEAREST) == [2, 5]


def test_the_first_column_decides_and_the_next_among_those_alike() -> None:
    people = [
        person(2, 優先度="1", 納期限="2026-12-01"),
        person(3, 優先度="2", 納期限="2026-01-01"),
        person(4, 優先度="1", 納期限="2026-11-01"),
    ]
    assert lines(in_order(people, [PRIORITY, DUE])) == [4, 2, 3]


def test_the_width_of_a_heading_does_not_count() -> None:
    people = [person(2, **{" 納期限 ": "2026-12-01"}), person(3, **{" 納期限 ": "2026-11-01"})]
    assert lines(in_order(people, [DUE])) == [3, 2]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1.5", -1.5),
        ("１２，３４５", 12345),
        ("20261130", 20261130),
        ("2026年11月30日", 20261130),
        ("令和元年5月1日", 20190501),
        ("平成31.4.30", 20190430),
        ("S63-12-31", 19881231),
        ("", None),
        ("至急", None),
        ("11/30", None),
        ("1e9", None),
    ],
)
def test_numbers_and_dates_have_a_worth_and_nothing_else(text: str, value: float | None) -> None:
    assert worth(text) == value


@given(st.lists(st.text(max_size=12), max_size=8), st.booleans())
def test_whatever_is_written_everybody_is_called_once(values: list[str], largest_first: bool) -> None:
    people = [person(n, 優先度=value) for n, value in enumerate(values, 2)]
    ordered = in_order(people, [OrderKey(column="優先度", largest_first=largest_first)])
    assert sorted(lines(ordered)) == lines(tuple(people))


def first(person: Recipient) -> str | None:
    return person.numbers[0]


def test_one_number_is_called_once_for_the_whole_household() -> None:
    mother, son, other = person(2, "+81357220000"), person(3, "+81357220000"), person(4, "+81357220001")
    assert households([mother, son, other], (), first) == {"+81357220000": (mother, son)}
    assert households([son, mother, other], (), first) == {"+81357220000": (son, mother)}, "in their order"


def test_nobody_is_joined_to_somebody_who_is_excluded() -> None:
    mother, son, daughter = (person(n, "+81357220000") for n in (2, 3, 4))
    assert households([mother, son, daughter], {2}, first) == {"+81357220000": (son, daughter)}
    assert households([mother, son, daughter], {2, 3}, first) == {}


def test_only_the_number_that_is_dialled_first_makes_a_household() -> None:
    one = Recipient(id="1", line=2, kana="ア", numbers=("+81357220000", "+819012345678"))
    two = Recipient(id="2", line=3, kana="イ", numbers=("+819012345678",))
    assert households([one, two], (), first) == {}
    assert households([one, two], (), lambda person: person.numbers[-1]) == {"+819012345678": (one, two)}
    assert households([one, two], (), lambda person: None) == {}
