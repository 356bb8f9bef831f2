"""The handsets of a callee file: what they may say, and every mistake at its line."""

from __future__ import annotations

import pytest

from ivr.domain import phone
from ivr.domain.text import TextState
from ivr.errors import Problems
from ivr.rehearsal.callee_file import load_callees, read_callees
from ivr.rehearsal.demo import DEMO_CALLEES
from ivr.rehearsal.handset_file import WITH_TIMES, WITHOUT_AFTER
from ivr.rehearsal.handsets import Habit, Manner, Stat, answers, habit, reaction


def read(written: str) -> Habit:
    return load_callees(f'handsets: {{"090-1234-5678": {written}}}').handsets["09012345678"]


def problems(text: str) -> list[str]:
    with pytest.raises(Problems) as caught:
        load_callees(text, "c.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("manner", Manner)
def test_every_habit_may_be_named_alone(manner: Manner) -> None:
    assert read(manner) == habit(manner)


def test_every_field_is_read_as_written() -> None:
    assert read("{habit: throttled, times: 3}") == habit("throttled", times=3)
    assert read("{habit: late, after: 1500ms}") == habit("late", after=1.5)
    assert read("{habit: answers, body: やめて, after: 2s}") == habit("answers", body="やめて", after=2.0)
    assert read("{habit: answers, body: 停止}") == answers("停止")
    assert read("{habit: slow, expect: unknown}").expected == {TextState.UNKNOWN}


def test_a_file_without_handsets_names_none() -> None:
    assert load_callees("callees: {}").handsets == {}
    assert load_callees("handsets:\n").handsets == {}


def test_every_mistake_is_told_with_its_line() -> None:
    assert problems(
        """handsets:
  "09012345678": deliverd
  "0312345678": delivered
  "090": delivered
  "09012345670": {habit: no_number, after: 1s, times: 2, body: 停止}
  "09012345671": {habit: throttled, times: 0, wait: 1s}
  "09012345672": {habit: answers, body: "", after: 3, expect: arrived}
  "09012345673": {after: 3s}
  "09012345674": 5
  "090-1234-5674": late
  "090-1234-5674 ": late
"""
    ) == [
        "c.yaml:2: 「deliverd」という受け方はありません。「delivered」の間違いではありませんか。",
        "c.yaml:3: SMS を受けるのは、携帯電話の番号（060、070、080、090）だけです。",
        "c.yaml:4: 桁が足りません（11 桁のところ 3 桁）。",
        "c.yaml:5: 「after」は no_number と一緒には書けません。",
        "c.yaml:5: 「body」は no_number と一緒には書けません。",
        "c.yaml:5: 「times」は no_number と一緒には書けません。",
        "c.yaml:6: 1 から 100 までの整数で書いてください。",
        "c.yaml:6: 「wait」という項目はありません。「habit」の間違いではありませんか。",
        "c.yaml:7: 「arrived」という SMS の結果はありません。「failed」の間違いではありませんか。",
        "c.yaml:7: 文字で書いてください。",
        "c.yaml:7: 時間は 500ms、5s のように、300s までで書いてください。",
        "c.yaml:8: habit に受け方を書いてください。",
        "c.yaml:9: 受け方の名前か、{habit: 名前, …} の形で書いてください。",
        "c.yaml:11: 「090-1234-5674 」が別の書き方で二度書かれています。",
    ]
    assert problems("handsets: [late]") == ["c.yaml:1: 「番号: 受け方」の形で書いてください。"]


@pytest.mark.parametrize("manner", Manner)
def test_a_field_may_be_written_where_it_changes_something(manner: Manner) -> None:
    one = habit(manner, times=5, after=7.0)
    usual = [reaction(habit(manner), submission) for submission in range(1, 7)]
    with_after = [reaction(habit(manner, after=7.0), submission) for submission in range(1, 7)]
    with_times = [reaction(habit(manner, times=5), submission) for submission in range(1, 7)]
    assert one.manner is manner
    assert (with_times != usual) is (manner in WITH_TIMES)
    assert manner not in WITHOUT_AFTER or with_after[0] == usual[0]
    assert manner in WITHOUT_AFTER or with_after != usual


def test_the_demos_handsets_are_mobiles_on_its_list_and_expect_what_their_habits_do() -> None:
    callees = read_callees(DEMO_CALLEES)
    assert len(callees.handsets) >= 4
    for number, one in callees.handsets.items():
        assert number in callees.listed
        assert phone.parse(number).kind is phone.Kind.MOBILE
        assert one.expected == habit(one.manner).expected
    assert Stat.DELIVRD in {told.stat for one in callees.handsets.values() for told in reaction(one, 1).receipts}
