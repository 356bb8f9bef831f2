"""The fields of a scenario file: one table that the reader, the JSON Schema and the test of the documents share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
TIMES = (1, 5)
WAIT = (1.0, 30.0)
"""Seconds."""

OPENINGS = ("listen", "at_once")
MOST_STEPS = 200
"""Ten times what a call can hold; what is looked for among them grows with their square."""

LONGEST_TITLE = 100
LONGEST_TEXT = 1000
"""Characters; about two and a half minutes of speech."""

NAME = r"[^\W_][\w-]{0,39}"
"""Of steps and marks."""

_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee",
    "el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is",
    "it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms",
    "mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk",
    "sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi",
    "yo za zh zu",
)
LANGUAGES = frozenset(code for row in _CODES for code in row.split())
"""ISO 639-1."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what an editor shows for it, its JSON Schema, and whether it must be there."""

    about: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    required: bool = False


_TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
_STEP_NAME = {"type": "string", "pattern": f"^{NAME}$"}
_LANGUAGE = {"type": "string", "pattern": "^[a-z]{2}$"}

_ANY_STEP = {
    "mark": Field("このステップに来たことを結果に残す印", {"type": "string", "pattern": f"^{NAME}$"}),
    "language": Field("このステップの言語（ja、en、zh など）", _LANGUAGE),
}
_REACHED = {"reached": Field("このステップを最後まで聞けば「伝わった」とする", {"type": "boolean"})}

STEPS: Mapping[str, Mapping[str, Field]] = {
    "say": {
        "say": Field("話す文章。{kana} などの変数を使える", _TEXT, required=True),
        "then": Field("次のステップ。end は電話を切る", {**_STEP_NAME, "default": "end"}),
        **_REACHED,
        **_ANY_STEP,
    },
    "ask": {
        "ask": Field("尋ねる文章。話している間もキーを受け付ける", _TEXT, required=True),
        "keys": Field(
            "押されたキーごとの次のステップ",
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "patternProperties": {"^[0-9*#]$": _STEP_NAME},
            },
            required=True,
        ),
        "times": Field("尋ねる回数", {"type": "integer", "minimum": TIMES[0], "maximum": TIMES[1], "default": 1}),
        "wait": Field(
            "尋ねた後にキーを待つ時間（1s から 30s）",
            {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m)$", "default": "5s"},
        ),
        "silence": Field("キーも切断もないときのステップ。end は電話を切る", {**_STEP_NAME, "default": "end"}),
        **_REACHED,
        **_ANY_STEP,
    },
    "leave": {
        "leave": Field("相手側が静かになってから最後まで話す文章（留守番電話など）。20 秒以内", _TEXT, required=True),
        **_ANY_STEP,
    },
}

TEXT: Mapping[str, Field] = {
    "body": Field("SMS の文章。{office} と {office_phone} がいる", _TEXT, required=True),
    "url": Field("文章の {url} に入る、役所のウェブサイトの URL", {"type": "string", "pattern": "^https://"}),
}

SCENARIO: Mapping[str, Field] = {
    "version": Field("この書き方の版", {"const": VERSION}, required=True),
    "title": Field("名前", {"type": "string", "minLength": 1, "maxLength": LONGEST_TITLE}, required=True),
    "language": Field("言語を書いていないステップの言語", {**_LANGUAGE, "default": "ja"}),
    "start": Field("最初のステップ", _STEP_NAME),
    "opening": Field(
        "listen は相手の最初の言葉を待ってから、at_once は応答と同時に話し始める。"
        "書かなければ、最初のステップが ask なら listen",
        {"enum": list(OPENINGS)},
    ),
    "screening": Field("長い案内で応答した相手（用件を尋ねるアシスタントなど）に、最初に名乗る一文", _TEXT),
    "text": Field("SMS の文章、または body と url", {"anyOf": [_TEXT]}),
    "steps": Field("ステップ"),
}

OF_CALLS = ("start", "steps")
"""Fields that must be there unless a scenario has nothing but a `text`."""
