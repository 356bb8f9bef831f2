"""Habits of handsets: what each does with a text, and what may be known of it in the end."""

from __future__ import annotations

import functools

import pytest

from ivr.domain.text import TextState, after
from ivr.rehearsal.handsets import DELIVERED, Habit, Manner, Stat, Status, answers, habit, reaction

MEANS = {
    Stat.ENROUTE: TextState.SENT,
    Stat.DELIVRD: TextState.DELIVERED,
    Stat.EXPIRED: TextState.OUT_OF_RANGE,
    Stat.UNDELIV: TextState.FAILED,
    Stat.REJECTD: TextState.REFUSED,
}


def comes_to(one: Habit, submission: int = 1) -> TextState:
    """What is known of a text whose receipts all came, by the domain's own rule."""
    comes = reaction(one, submission)
    if comes.status is Status.NO_SUCH_NUMBER:
        return TextState.NO_NUMBER
    if comes.hangs_up:
        return TextState.UNKNOWN
    told = [MEANS[receipt.stat] for receipt in (*comes.early, *comes.receipts)]
    return functools.reduce(after, told, TextState.SENT)


@pytest.mark.parametrize("manner", [manner for manner in Manner if manner is not Manner.THROTTLED])
def test_what_is_expected_of_a_habit_is_what_its_receipts_prove(manner: Manner) -> None:
    one = habit(manner)
    assert {comes_to(one)} == one.expected


@pytest.mark.parametrize("manner", [Manner.THROTTLED, Manner.DISCONNECTS, Manner.DISCONNECTS_BEFORE])
def test_after_so_many_submissions_the_next_are_taken_like_any_other(manner: Manner) -> None:
    one = habit(manner, times=2)
    assert all(reaction(one, submission) != reaction(DELIVERED, submission) for submission in (1, 2))
    assert reaction(one, 3) == reaction(DELIVERED, 3)


def test_only_what_has_status_taken_is_taken() -> None:
    for manner in Manner:
        comes = reaction(habit(manner), 1)
        assert not comes.taken or comes.status is Status.TAKEN


def test_a_receipt_before_the_answer_and_those_after_it_are_told_apart() -> None:
    assert [told.stat for told in reaction(habit("receipt_before_answer"), 1).early] == [Stat.DELIVRD]
    assert reaction(habit("receipt_before_answer"), 1).receipts == ()


def test_a_receipt_that_lies_comes_first_or_last() -> None:
    first, last = (reaction(habit(f"receipt_wrong_{when}"), 1).receipts for when in ("first", "last"))
    assert [told.stat for told in first] == [Stat.UNDELIV, Stat.DELIVRD]
    assert [told.stat for told in last] == [Stat.DELIVRD, Stat.UNDELIV]


def test_a_receipt_comes_as_often_as_is_said() -> None:
    assert len(reaction(habit("receipt_twice"), 1).receipts) == 2
    assert len(reaction(habit("receipt_twice", times=5), 1).receipts) == 5


def test_words_are_written_back_only_by_who_answers() -> None:
    assert reaction(answers("停止"), 1).reply == "停止"
    assert [manner for manner in Manner if reaction(habit(manner), 1).reply] == [Manner.ANSWERS]


def test_what_is_said_goes_before_what_is_usual() -> None:
    one = habit("slow", after=0.25, expected=TextState.UNKNOWN)
    assert reaction(one, 1).answer_after == 0.25
    assert one.expected == {TextState.UNKNOWN}


def test_an_unknown_habit_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing"):
        habit("nothing")
