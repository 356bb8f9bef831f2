"""What a scenario's file that was found is taken for, and what one may be called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.edition import Course, Edition, Kept, course, digest, normal, unfit_name, written

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
OLD, NEW, HAND = "old\n", "new\n", "hand\n"


def kept(*, retired: bool = False) -> Kept:
    edition = Edition(number=2, at=NOW, by="hanako")
    return Kept(id="x", file="a.yaml", department=None, newest=edition, text=NEW, retired_at=NOW if retired else None)


@pytest.mark.parametrize(
    ("known", "text", "left", "todo"),
    [
        (None, None, None, Course.NOTHING),
        (None, HAND, None, Course.BEGIN),
        (None, HAND, OLD, Course.BEGIN),
        (kept(), NEW, NEW, Course.NOTHING),
        (kept(), NEW, OLD, Course.NOTHING),
        (kept(), OLD, OLD, Course.WRITE),
        (kept(), None, None, Course.WRITE),
        (kept(), HAND, NEW, Course.ADD),
        (kept(), HAND, None, Course.ADD),
        (kept(), OLD, NEW, Course.ADD),
        (kept(), None, NEW, Course.RETIRE),
        (kept(retired=True), None, None, Course.NOTHING),
        (kept(retired=True), NEW, NEW, Course.REMOVE),
        (kept(retired=True), OLD, OLD, Course.REMOVE),
        (kept(retired=True), NEW, None, Course.ADD),
        (kept(retired=True), HAND, NEW, Course.ADD),
    ],
)
def test_a_file_is_taken_for_what_it_is(known: Kept | None, text: str | None, left: str | None, todo: Course) -> None:
    assert course(known, text, digest(left) if left is not None else None) is todo


@given(st.sampled_from([None, kept(), kept(retired=True)]), st.text(), st.sampled_from([None, NEW, OLD]))
def test_what_was_edited_by_hand_is_never_written_over_nor_removed(
    known: Kept | None, text: str, left: str | None
) -> None:
    noted = digest(left) if left is not None else None
    if course(known, text, noted) in (Course.WRITE, Course.REMOVE):
        assert digest(text) == noted


@pytest.mark.parametrize("name", ["a", "住民税のご案内", "2026_第3期", "a-b", "ア" * 40])
def test_names_that_staff_give_are_fit(name: str) -> None:
    assert unfit_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "a\\b",
        ".left",
        "-a",
        "_a",
        "a b",
        "a.b",
        "a\0",
        "a\n",
        "ア" * 41,
        "か\u3099",
        "<b>",
    ],
)
def test_names_that_lead_elsewhere_or_hide_something_are_not(name: str) -> None:
    assert unfit_name(name) is not None


@given(st.text(max_size=60))
def test_whatever_is_typed_a_fit_name_is_a_file_in_the_folder(typed: str) -> None:
    name = written(typed)
    if unfit_name(name) is None:
        assert not set(name) & set("/\\.\0 \n")


@given(st.text())
def test_a_text_is_kept_in_one_form(text: str) -> None:
    assert normal(normal(text)) == normal(text) or text.startswith("\ufeff")
    assert normal(text.replace("\n", "\r\n")) == normal(text)
    assert "\r" not in normal(text)
