"""Who is not called, by list and by file."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.attempt import Past
from ivr.domain.exclusion import ColumnRule, Entry, Exclusion, Exclusions, Source, callable_numbers, ends_with
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient, missing_columns, plain
from ivr.errors import ExclusionsUnknown

TODAY = date(2026, 11, 20)
HOME, MOBILE = "+81357220000", "+819012345678"
SUPPORT = ColumnRule(column="支援措置", reason="支援措置", harmless=frozenset({"", "無", "0"}))


def person(**columns: str) -> Recipient:
    return Recipient(id="00012345", line=2, kana="ヤマダ タロウ", numbers=(HOME, MOBILE), columns=columns)


@pytest.mark.parametrize("value", ["", "無", "0", " ０ ", "　"])
def test_a_value_that_is_named_as_harmless_excludes_nobody(value: str) -> None:
    assert callable_numbers(Exclusions(columns=[SUPPORT]), person(支援措置=value), TODAY) == (HOME, MOBILE)


@pytest.mark.parametrize("value", ["有", "1", "確認中", "00", "無し", "?"])
def test_every_other_value_excludes(value: str) -> None:
    found = callable_numbers(Exclusions(columns=[SUPPORT]), person(支援措置=value), TODAY)
    assert found == Exclusion(reason="支援措置", source=Source.LIST)


def test_a_column_is_found_however_wide_it_is_written() -> None:
    rule = ColumnRule(column="DV支援", reason="支援措置", harmless=frozenset({""}))
    assert isinstance(callable_numbers(Exclusions(columns=[rule]), person(ＤＶ支援="1"), TODAY), Exclusion)
    assert missing_columns([rule.column], ["ＤＶ支援 "]) == []


def test_without_the_column_nobody_can_tell() -> None:
    with pytest.raises(ExclusionsUnknown, match="支援措置"):
        callable_numbers(Exclusions(columns=[SUPPORT]), person(), TODAY)


def test_a_person_of_the_file_is_not_called_on_any_number() -> None:
    known = Exclusions(people={"12345": [Entry(reason="納付済")]})
    assert callable_numbers(known, person(), TODAY) == Exclusion(reason="納付済", source=Source.FILE)


def test_of_a_number_of_the_file_the_others_are_left() -> None:
    known = Exclusions(numbers={HOME: [Entry(reason="架電拒否")]})
    assert callable_numbers(known, person(), TODAY) == (MOBILE,)
    both = Exclusions(numbers={HOME: [Entry(reason="架電拒否")], MOBILE: [Entry(reason="代理人")]})
    assert isinstance(callable_numbers(both, person(), TODAY), Exclusion)


def test_an_entry_is_in_force_through_its_last_day() -> None:
    known = Exclusions(people={"12345": [Entry(reason="猶予", until=TODAY)]})
    assert isinstance(callable_numbers(known, person(), TODAY), Exclusion)
    assert callable_numbers(known, person(), TODAY + timedelta(days=1)) == (HOME, MOBILE)


def test_of_several_entries_one_that_is_in_force_is_enough() -> None:
    entries = [Entry(reason="猶予", until=TODAY - timedelta(days=1)), Entry(reason="支援措置")]
    found = callable_numbers(Exclusions(people={"12345": entries}), person(), TODAY)
    assert found == Exclusion(reason="支援措置", source=Source.FILE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], Outcome.CANCELLED),
        ([Outcome.BUSY, Outcome.NO_ANSWER], Outcome.CANCELLED),
        ([Outcome.FAILED], Outcome.CANCELLED),
        ([Outcome.VOICEMAIL, Outcome.BUSY], Outcome.VOICEMAIL),
        ([Outcome.HUNG_UP], Outcome.HUNG_UP),
        ([Outcome.UNKNOWN], Outcome.UNKNOWN),
    ],
)
def test_what_was_reached_stays_true_of_who_is_excluded_later(before: list[Outcome], after: Outcome) -> None:
    at = datetime(2026, 11, 20, 9, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert ends_with([Past(number=HOME, at=at, outcome=outcome) for outcome in before]) is after


words = st.text("有無0１1 ", max_size=3)
entries = st.lists(st.builds(Entry, reason=st.just("理由"), until=st.none() | st.dates(date(2026, 11, 1))), max_size=2)


@given(
    value=words,
    harmless=st.frozensets(words.map(plain)),
    people=st.dictionaries(st.sampled_from(["12345", "99999"]), entries),
    numbers=st.dictionaries(st.sampled_from([HOME, MOBILE, "+81312345678"]), entries),
)
def test_no_number_is_allowed_against_any_of_the_sources(
    value: str, harmless: frozenset[str], people: dict[str, list[Entry]], numbers: dict[str, list[Entry]]
) -> None:
    rule = ColumnRule(column="印", reason="印", harmless=harmless)
    found = callable_numbers(Exclusions(columns=[rule], people=people, numbers=numbers), person(印=value), TODAY)

    def bars(entries: list[Entry]) -> bool:
        return any(entry.until is None or entry.until >= TODAY for entry in entries)

    barred = plain(value) not in harmless or bars(people.get("12345", []))
    left = tuple(number for number in (HOME, MOBILE) if not bars(numbers.get(number, [])))
    if barred or not left:
        assert isinstance(found, Exclusion)
    else:
        assert found == left
