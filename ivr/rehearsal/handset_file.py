"""The `handsets` of a callee file -> habits, with every error at its line.

handsets:                        # who is not named gets every text at once
  "09012345678": refused
  "09012345679": {habit: throttled, times: 3}
  "09012345670": {habit: answers, body: 停止, after: 3s, expect: delivered}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.domain import phone
from ivr.domain.text import TextState
from ivr.errors import InputError, Problem
from ivr.rehearsal.callees import FOREVER
from ivr.rehearsal.handsets import Habit, Manner, habit
from ivr.yaml_source import Document, Value, Where, seconds, suggestion

HANDSETS = "handsets"
HANDSET_FIELDS = ("habit", "after", "times", "body", "expect")

MOST_TIMES = 100

WITHOUT_AFTER = frozenset(
    {Manner.NO_NUMBER, Manner.NO_RECEIPT, Manner.RECEIPT_BEFORE_ANSWER, Manner.DISCONNECTS_BEFORE}
)
WITH_TIMES = frozenset({Manner.RECEIPT_TWICE, Manner.THROTTLED, Manner.DISCONNECTS, Manner.DISCONNECTS_BEFORE})


def handsets(document: Document, problems: list[Problem]) -> Mapping[str, Habit]:
    """Return the habits that a callee file names, by national number; what is wrong is added to `problems`."""
    value = document.value.get(HANDSETS) if isinstance(document.value, dict) else None
    if value is None:
        return {}
    reader = _Reader(document, problems)
    if not isinstance(value, dict):
        reader.wrong((HANDSETS,), "「番号: 受け方」の形で書いてください。")
        return {}
    found: dict[str, Habit] = {}
    for number, written in value.items():
        path: Where = (HANDSETS, number)
        digits = reader.number(number, path)
        one = reader.habit(written, path)
        if digits in found:
            reader.wrong(path, f"「{number}」が別の書き方で二度書かれています。")
        if digits and one is not None:
            found[digits] = one
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Document
    problems: list[Problem]

    def wrong(self, path: Where, message: str) -> None:
        self.problems.append(self.document.problem(path, message))

    def number(self, written: str, path: Where) -> str:
        try:
            found = phone.parse(written)
        except InputError as error:
            self.wrong(path, str(error))
            return ""
        if found.kind is not phone.Kind.MOBILE:
            self.wrong(path, "SMS を受けるのは、携帯電話の番号（060、070、080、090）だけです。")
        return found.national

    def habit(self, value: Value, path: Where) -> Habit | None:
        if isinstance(value, str):
            manner = self.manner(value, path)
            return habit(manner) if manner is not None else None
        if not isinstance(value, dict):
            self.wrong(path, "受け方の名前か、{habit: 名前, …} の形で書いてください。")
            return None
        for name in value:
            if name not in HANDSET_FIELDS:
                self.wrong((*path, name), f"「{name}」という項目はありません。{suggestion(name, HANDSET_FIELDS)}")
        manner = self.manner(value.get("habit"), (*path, "habit"))
        if manner is None:
            return None
        for name, fits in (
            ("after", manner not in WITHOUT_AFTER),
            ("times", manner in WITH_TIMES),
            ("body", manner is Manner.ANSWERS),
        ):
            if name in value and not fits:
                self.wrong((*path, name), f"「{name}」は {manner} と一緒には書けません。")
        return habit(
            manner,
            after=self.duration(value["after"], (*path, "after")) if "after" in value else None,
            times=self.times(value["times"], (*path, "times")) if "times" in value else None,
            expected=self.state(value["expect"], (*path, "expect")) if "expect" in value else None,
            **({"body": self.text(value["body"], (*path, "body"))} if "body" in value else {}),
        )

    def manner(self, value: Value, path: Where) -> Manner | None:
        if value in list(Manner):
            return Manner(str(value))
        near = suggestion(str(value), list(Manner))
        self.wrong(
            path, f"「{value}」という受け方はありません。{near}" if value else "habit に受け方を書いてください。"
        )
        return None

    def duration(self, value: Value, path: Where) -> float:
        found = seconds(value) if isinstance(value, str) else None
        if found is None or found > FOREVER:
            self.wrong(path, f"時間は 500ms、5s のように、{FOREVER:g}s までで書いてください。")
        return min(found or 0.0, FOREVER)

    def times(self, value: Value, path: Where) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_TIMES:
            return value
        self.wrong(path, f"1 から {MOST_TIMES} までの整数で書いてください。")
        return 1

    def text(self, value: Value, path: Where) -> str:
        if isinstance(value, str) and value.strip():
            return value
        self.wrong(path, "文字で書いてください。")
        return ""

    def state(self, value: Value, path: Where) -> TextState:
        codes = [state.value for state in TextState]
        if value in codes:
            return TextState(str(value))
        self.wrong(path, f"「{value}」という SMS の結果はありません。{suggestion(str(value), codes)}")
        return TextState.UNKNOWN
