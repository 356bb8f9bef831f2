"""The audit trail: whatever is done to it without the key is found, and told where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ivr.domain.audit import (
    GENESIS,
    LABELS,
    LOST_FROM,
    LOST_TO,
    Act,
    Action,
    Author,
    Entry,
    Head,
    beyond,
    follow,
    moment,
    seal,
)
from ivr.domain.examination import Fault, Harm, verify

KEY = b"k" * 32
OTHER_KEY = b"o" * 32

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
acts = st.builds(
    Act,
    at=st.datetimes(timezones=st.just(UTC)),
    author=st.builds(Author, who=texts, where=texts),
    action=st.sampled_from(Action),
    subject=texts,
    details=st.dictionaries(texts, texts | st.integers(), max_size=3),
)


def trail(acts: Sequence[Act], key: bytes = KEY) -> list[Entry]:
    entries: list[Entry] = []
    for act in acts:
        entries.append(follow(Head.of(entries[-1]) if entries else GENESIS, act, key))
    return entries


def act(subject: str = "催告") -> Act:
    author = Author(who="tanaka", where="host")
    return Act(
        at=datetime(2026, 11, 25, tzinfo=UTC), author=author, action=Action.EXPORTED, subject=subject, details={}
    )


def some(count: int) -> list[Entry]:
    return trail([act(f"催告{number}") for number in range(count)])


def head(entries: Sequence[Entry]) -> Head:
    return Head.of(entries[-1])


def numbered_anew(entries: Sequence[Entry]) -> list[Entry]:
    return [replace(entry, number=number) for number, entry in enumerate(entries, 1)]


trails = st.lists(acts, min_size=1, max_size=8).map(trail)


@given(trails)
def test_an_untouched_trail_has_no_fault(entries: list[Entry]) -> None:
    assert verify(entries, KEY, head(entries)) == ()


@given(trails)
def test_an_entry_is_read_as_it_was_written(entries: list[Entry]) -> None:
    assert [Entry.read(entry.written()) for entry in entries] == entries


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        some(1)[0].written().replace(b'"number": 1', b'"number": "1"'),
        some(1)[0].written().replace(b'"number": 1', b'"number": true'),
        some(1)[0].written().replace(b'"tanaka"', b"null"),
        some(1)[0].written().replace(b'"who"', b'"what"'),
    ],
)
def test_what_is_no_entry_is_told(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Entry.read(line)


def test_a_trail_goes_on_behind_an_end_that_it_holds_and_no_other() -> None:
    entries = some(5)
    assert beyond(entries, Head.of(entries[2])) == entries[3:]
    assert beyond(entries, GENESIS) == entries
    assert not beyond(entries, head(entries))
    assert not beyond(entries, Head(3, "0" * 64))
    assert not beyond([], Head(3, "0" * 64))


def restored(behind: int, **lost: int) -> Entry:
    """Return an entry of a restore that is added when the kept head is at number `behind`."""
    author = Author(who="tanaka", where="host")
    after = Head.of(some(behind)[-1])
    at = datetime(2026, 11, 25, tzinfo=UTC)
    return follow(after, Act(at=at, author=author, action=Action.RESTORED, subject="", details=lost), KEY)


@pytest.mark.parametrize(
    ("told", "harm"),
    [
        ({LOST_FROM: 4, LOST_TO: 8}, Harm.LOST),
        ({LOST_FROM: 4, LOST_TO: 7}, Harm.MISSING),
        ({}, Harm.MISSING),
    ],
)
def test_a_gap_is_a_loss_only_where_the_restore_behind_it_names_the_same_numbers(
    told: dict[str, int], harm: Harm
) -> None:
    last = restored(8, **told)
    assert verify([*some(3), last], KEY, Head.of(last)) == (Fault(4, 8, harm),)


def test_a_loss_that_was_written_without_the_key_is_none() -> None:
    forged = replace(restored(8), details='{"lost_from":4,"lost_to":8}')
    assert verify([*some(3), forged], KEY, Head.of(forged)) == (Fault(4, 8, Harm.MISSING), Fault(9, 9, Harm.CHANGED))


def test_a_trail_that_never_began_has_no_fault() -> None:
    assert verify([], KEY, None) == ()
    assert verify([], KEY, GENESIS) == ()


@given(trails, st.data())
def test_the_head_may_lag_behind_the_trail(entries: list[Entry], data: st.DataObject) -> None:
    kept = data.draw(st.sampled_from([GENESIS, *map(Head.of, entries)]))
    assert verify(entries, KEY, kept) == ()


@given(trails, st.data())
def test_any_change_of_any_field_is_found_at_its_number(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from([field.name for field in fields(Entry) if field.name != "number"]))
    value = data.draw(texts)
    assume(value != getattr(entries[index], field))
    changed = [*entries]
    changed[index] = replace(entries[index], **{field: value})
    assert verify(changed, KEY, head(entries)) == (Fault(index + 1, index + 1, Harm.CHANGED),)


@given(trails, st.data())
def test_any_deletion_is_found_at_its_number(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    left = entries[:index] + entries[index + 1 :]
    harm = Harm.CUT_OFF if index == len(entries) - 1 else Harm.MISSING
    assert verify(left, KEY, head(entries)) == (Fault(index + 1, index + 1, harm),)


@given(trails, st.data())
def test_a_deletion_is_found_though_the_rest_is_numbered_anew(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    assert verify(numbered_anew(entries[:index] + entries[index + 1 :]), KEY, head(entries))


@given(trails, st.data())
def test_any_truncation_is_found_also_of_everything(entries: list[Entry], data: st.DataObject) -> None:
    left = data.draw(st.integers(0, len(entries) - 1))
    assert verify(entries[:left], KEY, head(entries)) == (Fault(left + 1, len(entries), Harm.CUT_OFF),)


@given(st.lists(acts, min_size=2, max_size=8).map(trail), st.data(), st.sampled_from(["whole", "unlinked"]))
def test_any_swapped_pair_is_found_with_both_numbers(entries: list[Entry], data: st.DataObject, way: str) -> None:
    first, last = sorted(data.draw(st.lists(st.integers(0, len(entries) - 1), min_size=2, max_size=2, unique=True)))
    one, other = entries[first], entries[last]
    changed = [*entries]
    if way == "whole":
        changed[first], changed[last] = replace(other, number=one.number), replace(one, number=other.number)
    else:
        alike = ("at", "who", "where", "action", "subject", "details")
        assume(any(getattr(one, name) != getattr(other, name) for name in alike))
        changed[first] = replace(one, **{name: getattr(other, name) for name in alike})
        changed[last] = replace(other, **{name: getattr(one, name) for name in alike})
    assert verify(changed, KEY, head(entries)) == (Fault(first + 1, last + 1, Harm.SWAPPED),)


@given(trails, acts, st.data())
def test_any_entry_made_without_the_key_is_found(entries: list[Entry], foreign: Act, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries)))
    before = Head.of(entries[index - 1]) if index else GENESIS
    changed = numbered_anew([*entries[:index], follow(before, foreign, OTHER_KEY), *entries[index:]])
    faults = verify(changed, KEY, head(entries))
    assert any(fault.harm is Harm.CHANGED and fault.first <= index + 1 <= fault.last for fault in faults)


@given(trails, st.data())
def test_an_entry_that_stands_there_twice_is_found(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    twice = [*entries[: index + 1], *entries[index:]]
    assert verify(twice, KEY, head(entries)) == (Fault(index + 1, index + 1, Harm.REPEATED),)


def test_a_chain_made_anew_with_another_key_is_wrong_from_end_to_end_in_one_sentence() -> None:
    forged = trail([act(str(number)) for number in range(500)], OTHER_KEY)
    assert verify(forged, KEY, head(some(500))) == (Fault(1, 500, Harm.CHANGED),)


def test_the_end_of_another_trail_of_the_same_key_does_not_join() -> None:
    mine, other = some(4), trail([act("別")] * 4)
    assert verify([*mine[:2], *other[2:]], KEY, head(other)) == (Fault(3, 3, Harm.UNJOINED),)


def test_an_older_copy_of_the_trail_that_went_another_way_is_told_by_the_head() -> None:
    kept = some(3)
    another = trail([act("催告0"), act("催告1"), act("別"), act("別")])
    assert verify(another, KEY, head(kept)) == (Fault(3, 3, Harm.HEAD_DIFFERS),)


def test_a_trail_without_its_head_is_not_taken_for_whole() -> None:
    assert verify(some(3), KEY, None) == (Fault(3, 3, Harm.HEAD_LOST),)


def test_a_gap_that_entries_were_added_behind_stays_a_gap() -> None:
    entries = some(5)
    later = follow(head(entries), act("後"), KEY)
    assert verify([*entries[:3], later], KEY, Head.of(later)) == (Fault(4, 5, Harm.MISSING),)


def test_several_faults_are_told_apart() -> None:
    entries = some(12)
    changed = [*entries]
    changed[1], changed[2] = replace(entries[2], number=2), replace(entries[1], number=3)
    changed[3] = replace(entries[3], who="suzuki")
    changed[4] = replace(entries[4], who="suzuki")
    del changed[9:], changed[7]
    assert verify(changed, KEY, head(entries)) == (
        Fault(2, 3, Harm.SWAPPED),
        Fault(4, 5, Harm.CHANGED),
        Fault(8, 8, Harm.MISSING),
        Fault(10, 12, Harm.CUT_OFF),
    )


def test_the_end_of_a_trail_is_judged_by_itself() -> None:
    entries = some(9)
    assert verify(entries[5:], KEY, head(entries), after=5) == ()
    assert verify(entries[5:8], KEY, head(entries), after=5) == (Fault(9, 9, Harm.CUT_OFF),)
    spoilt = [*entries[5:7], replace(entries[7], who="suzuki"), entries[8]]
    assert verify(spoilt, KEY, head(entries), after=5) == (Fault(8, 8, Harm.CHANGED),)


def test_whatever_a_database_gives_back_is_judged() -> None:
    entries = some(3)
    for forced in (None, b"tanaka", 7):
        assert verify([entries[0], replace(entries[1], who=forced), entries[2]], KEY, head(entries)) == (  # type: ignore[arg-type]
            Fault(2, 2, Harm.CHANGED),
        )
        assert verify([entries[0], replace(entries[1], link=forced), entries[2]], KEY, head(entries)) == (  # type: ignore[arg-type]
            Fault(2, 2, Harm.CHANGED),
        )


def test_the_boundary_between_two_fields_is_sealed() -> None:
    entry = some(1)[0]
    assert seal(replace(entry, who="ab", where="c"), KEY) != seal(replace(entry, who="a", where="bc"), KEY)
    assert seal(replace(entry, who="b''"), KEY) != seal(replace(entry, who=b""), KEY)  # type: ignore[arg-type]


@given(st.integers(0), st.binary(min_size=32, max_size=32))
def test_a_head_is_read_as_it_was_written(number: int, link: bytes) -> None:
    kept = Head(number, link.hex())
    assert Head.read(kept.written()) == kept


def test_a_spoilt_head_is_refused() -> None:
    for noted in (b"", b"7", b"x y", "七 八".encode(), b"1 2 3"):
        with pytest.raises(ValueError, match=r"."):
            Head.read(noted)


def test_times_sort_as_texts_whatever_their_zone() -> None:
    tokyo = timezone(timedelta(hours=9))
    early, late = datetime(2026, 11, 25, 9, 0, tzinfo=tokyo), datetime(2026, 11, 25, 0, 0, 0, 1, tzinfo=UTC)
    assert moment(early) == "2026-11-25T00:00:00.000000+00:00"
    assert moment(early) < moment(late)


def test_every_action_has_a_name_for_auditors() -> None:
    assert set(LABELS) == set(Action)
