"""What differs between two texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.difference import AROUND, MOST, Kind, difference

LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30)


def test_a_changed_line_is_gone_and_new_with_what_is_around_it() -> None:
    old = "\n".join(f"{at}" for at in range(20))
    found = difference(old, old.replace("\n10\n", "\nten\n"))
    told = [(one.kind, one.old, one.new, one.text) for one in found.lines]
    assert told[0] == (Kind.SKIPPED, None, None, str(10 - AROUND))
    assert (Kind.GONE, 11, None, "10") in told
    assert (Kind.NEW, None, 11, "ten") in told
    assert len(told) == 2 * AROUND + 4
    assert (found.gone, found.new) == (1, 1)


def test_the_same_text_has_no_difference() -> None:
    assert difference("a\nb\n", "a\nb\n").lines == []


@given(LINES, LINES)
def test_what_is_told_leads_from_the_one_text_to_the_other(old: list[str], new: list[str]) -> None:
    found = difference("\n".join(old), "\n".join(new))
    before, after = "\n".join(old).splitlines(), "\n".join(new).splitlines()
    for one in found.lines:
        if one.old is not None:
            assert before[one.old - 1] == one.text
        if one.new is not None:
            assert after[one.new - 1] == one.text
    assert len(before) - found.gone + found.new == len(after)


def test_texts_of_very_many_lines_are_compared_as_one_piece() -> None:
    many = "x\n" * (MOST + 1)
    assert difference(many, many).lines == []
    assert difference(many, "y\n").gone == MOST + 1
