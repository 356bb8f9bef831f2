"""What is to be said, between the text and the engines.

A reading is a sequence of plain text, names and digit strings; each engine says the last two in its own way.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tts import japanese, kana
from tts.errors import MissingValue


@dataclass(frozen=True, slots=True)
class Variable:
    """A place in a template that takes the value of a recipient's column."""

    name: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name in katakana, usually (family, given)."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digits:
    """Digits to be said one by one, with a pause between the groups."""

    groups: tuple[str, ...]


Spoken = str | Name | Digits
Reading = tuple[Spoken, ...]


def read(parts: Iterable[str | Variable], values: Mapping[str, str], language: str = "ja") -> Reading:
    """Return how the `parts` of a phrase are said, with `values` in the places of their variables.

    Values of `kana` and `…_kana` are names, those of telephone columns are telephone numbers if they look so, and
    anything else is read together with the text around it. Never fails on a character: what no voice can say is
    left out (`unreadable` tells). Raises MissingValue.
    """
    said: list[Spoken] = []
    text = ""
    say: Callable[[str, str], tuple[Spoken, ...]] = _template_text
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if part.name not in values:
            raise MissingValue(part.name)
        value = values[part.name].strip()
        items = _value(part.name, value)
        if items is None:
            text, say = text + value, _text
            continue
        said += say(text, language)
        said += items
        text, say = "", _template_text
    said += say(text, language)
    return tuple(said)


def _value(name: str, value: str) -> list[Spoken] | None:
    """Return how a value is said by the name of its column; None if it is text like any other."""
    if _NAME_COLUMN.search(name):
        return _name(value)
    if _PHONE_COLUMN.search(name):
        groups = japanese.phone_groups(value)
        return None if groups is None else [Digits(groups)]
    return None


_NAME_COLUMN = re.compile(r"(^|_)kana$|カナ|ｶﾅ|フリガナ|ﾌﾘｶﾞﾅ|ふりがな|氏名読み", re.IGNORECASE)
_PHONE_COLUMN = re.compile(r"(^|_)(phone|tel|fax)\d*$|電話|TEL", re.IGNORECASE)


def _text(text: str, language: str) -> tuple[Spoken, ...]:
    text = speakable(text)
    if language != "ja":
        pieces = japanese.split_phones(unicodedata.normalize("NFC", text))
    else:
        pieces = japanese.split_digits(japanese.plain(text))
    return tuple(piece if isinstance(piece, str) else Digits(piece) for piece in pieces if piece)


@lru_cache(maxsize=1024)
def _template_text(text: str, language: str) -> tuple[Spoken, ...]:
    """Return how text is said that is the same for everybody; a person's is not kept."""
    return _text(text, language)


def speakable(text: str) -> str:
    """Return `text` without controls, surrogates and characters that are private or unassigned; lines are spaces."""
    return "".join(
        " " if letter.isspace() else letter
        for letter in text
        if letter.isspace() or not unicodedata.category(letter).startswith("C")
    )


def _name(value: str, forms: int = 2) -> list[Spoken]:
    """Return how a name from a list is said; `forms` legal forms of companies, shortened as banks do, in full."""
    text = kana.katakana(speakable(value)).strip()
    text = _HONORIFIC.sub("", text)
    for pattern in _LEGAL_FORMS if forms else ():
        if found := pattern.search(text):
            form = _LEGAL_FORM[found[1]]
            rest = _name((text[: found.start()] + text[found.end() :]).strip(), forms - 1)
            return [form, *rest] if found.start() == 0 else [*rest, form]
    parts = tuple(part for part in _BETWEEN_NAMES.split(text) if part)
    if parts and all(kana.is_katakana(part) for part in parts):
        return [Name(parts)]
    return list(_text(text, "ja"))


_HONORIFIC = re.compile(r"\s*(様|殿|サマ)$")
_BETWEEN_NAMES = re.compile(r"[\s・･,、=＝.]+")
_LEGAL_FORM = {
    "カ": "株式会社",
    "株": "株式会社",
    "カブシキガイシャ": "株式会社",
    "カブシキガイシヤ": "株式会社",
    "ユ": "有限会社",
    "有": "有限会社",
    "ユウゲンガイシャ": "有限会社",
    "ユウゲンガイシヤ": "有限会社",
    "ド": "合同会社",
    "メ": "合名会社",
    "シ": "合資会社",
    "イ": "医療法人",
    "ザイ": "財団法人",
    "シャ": "社団法人",
    "シヤ": "社団法人",
    "シュウ": "宗教法人",
    "シユウ": "宗教法人",
    "ガク": "学校法人",
    "フク": "社会福祉法人",
}
_FORM = "|".join(sorted(_LEGAL_FORM, key=len, reverse=True))
_LEGAL_FORMS = (
    re.compile(rf"^\(?({_FORM})\)\s*"),
    re.compile(rf"\s*\(({_FORM})\)?$"),
    re.compile(r"^(カブシキガイシ[ャヤ]|ユウゲンガイシ[ャヤ])\s*"),
    re.compile(r"\s*(カブシキガイシ[ャヤ]|ユウゲンガイシ[ャヤ])$"),
)


def as_text(reading: Sequence[Spoken], *, name_space: str, digit_space: str, group_space: str) -> str:
    """Return `reading` as one text, with names and digits joined as an engine wants them."""
    said: list[str] = []
    for item in reading:
        match item:
            case str():
                said.append(item)
            case Name(parts):
                said.append(name_space.join(parts))
            case Digits(groups):
                said.append(group_space.join(digit_space.join(group) for group in groups))
    return "".join(said)
