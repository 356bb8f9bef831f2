"""A text that is not what it should be is told, in which way, and of whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ivr.campaign.records import RecipientRecord
from ivr.campaign.text_records import TextRecord
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.text import TextState
from ivr.rehearsal.comparing_texts import compare_texts
from ivr.rehearsal.handsets import Manner, habit
from ivr.rehearsal.taken import TakenText

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NUMBER = "+819012345678"
TEXT = TextRecord(
    id="t1",
    state=TextState.DELIVERED,
    intended_at=NOW,
    sent_at=NOW,
    ended_at=NOW,
    parts=1,
    number=NUMBER,
    body="市役所です。",
    why="",
)
TAKEN = TakenText(number=NUMBER, body="市役所です。", parts=1, at=NOW, ids=("m1",))


def person(text: TextRecord | None) -> RecipientRecord:
    return RecipientRecord(
        recipient=Recipient(id="1", line=7, kana="ヤマダ", numbers=(NUMBER,)),
        state="settled",
        outcome=Outcome.BUSY,
        marks=(),
        due_at=None,
        attempts=(),
        text=text,
    )


def test_a_text_that_came_once_as_it_was_written_is_nothing_to_tell() -> None:
    assert compare_texts({}, [TAKEN], [person(TEXT)]) == ()
    assert compare_texts({}, [], [person(None)]) == ()


@pytest.mark.parametrize(
    ("taken", "text", "line", "what"),
    [
        ([TAKEN, TAKEN], TEXT, 7, "2 回届きました"),
        ([replace(TAKEN, body="別の文")], TEXT, 7, "届いた文章が違います"),
        ([], TEXT, 7, "届いていないのに"),
        ([TAKEN], replace(TEXT, state=TextState.FAILED), 7, "台本 到達、結果 失敗"),
        ([TAKEN], None, 0, "記録にない SMS"),
    ],
)
def test_each_way_to_go_astray(taken: list[TakenText], text: TextRecord | None, line: int, what: str) -> None:
    (astray,) = compare_texts({}, taken, [person(text)])
    assert astray.line == line
    assert what in astray.what


def test_what_a_handset_does_is_what_is_expected_of_it() -> None:
    handsets = {"09012345678": habit(Manner.REFUSED)}
    assert compare_texts(handsets, [TAKEN], [person(replace(TEXT, state=TextState.REFUSED))]) == ()
    assert len(compare_texts(handsets, [TAKEN], [person(TEXT)])) == 1
