"""Kana as the keyboards and mainframes of town halls write it, made one.

Morae follow the Japanese syllabary: a small ャュョ or vowel belongs to the kana before it; ッ, ン and ー count.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator

_TO_KATAKANA = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
_ARCHAIC = str.maketrans(
    {"ヷ": "ヴァ", "ヸ": "ヴィ", "ヹ": "ヴェ", "ヺ": "ヴォ", "ヵ": "カ", "ヶ": "ケ"}
    | dict(zip("ㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ", "クシストヌハヒフヘホムラリルレロ", strict=True))
)
_ITERATED = re.compile(r"(.)([ヽヾ])")
_DASH_AS_LONG = re.compile(r"(?<=[ァ-ヺー])[-‐‑‒–—―−]")
_KATAKANA = re.compile(r"[ァ-ヺー]+")
_MORA = re.compile(r"[ァ-ヺー][ァィゥェォャュョヮ]*")
_LEGACY_SMALL = re.compile(r"(?<=[キシチニヒミリギジビピ])[ヤユヨ]|ツ(?=[カキクケコサシスセソタチツテトパピプペポ])")
_SMALL = str.maketrans("ヤユヨツ", "ャュョッ")
_HAS_SMALL = re.compile(r"[ァィゥェォャュョッヮ]")

_ROWS = {
    "ア": "アカサタナハマヤラワガザダバパァャヮ",
    "イ": "イキシチニヒミリギジヂビピィヰ",
    "ウ": "ウクスツヌフムユルグズヅブプゥュヴ",
    "エ": "エケセテネヘメレゲゼデベペェヱ",
    "オ": "オコソトノホモヨロヲゴゾドボポォョ",
}
_VOWEL = {kana: vowel for vowel, row in _ROWS.items() for kana in row}


def katakana(text: str) -> str:
    """Return `text` in full-width katakana wherever it was kana: half-width, hiragana, archaic and repeated signs.

    A dash after kana is the long-vowel sign that old terminals lacked.
    """
    text = unicodedata.normalize("NFKC", text).translate(_TO_KATAKANA).translate(_ARCHAIC)
    text = _DASH_AS_LONG.sub("ー", text)
    return _ITERATED.sub(lambda pair: pair[1] + _repeated(pair[1], pair[2]), text)


def _repeated(kana: str, sign: str) -> str:
    if sign == "ヽ":
        return kana
    return unicodedata.normalize("NFC", kana + "\u3099")


def is_katakana(text: str) -> bool:
    """Return whether `text` is katakana and long-vowel signs only, and not empty."""
    return _KATAKANA.fullmatch(text) is not None


def morae(text: str) -> int:
    """Return the number of morae of a katakana `text`."""
    return len(_MORA.findall(text))


def with_small_kana(text: str) -> Iterator[str]:
    """Yield the spellings that `text` may stand for, when it comes from a system without small kana.

    `シヨウヘイ` may be ショウヘイ. `text` itself comes first; at most 15 others follow; none if it has small kana.
    """
    yield text
    if _HAS_SMALL.search(text):
        return
    places = [found.start() for found in _LEGACY_SMALL.finditer(text)][:4]
    for count in range(len(places), 0, -1):
        for chosen in itertools.combinations(places, count):
            yield "".join(letter.translate(_SMALL) if place in chosen else letter for place, letter in enumerate(text))


def pronounced(text: str, *, family: bool = False) -> str:
    """Return how a katakana name is said when no dictionary has it: `ユウコウ` is ユーコー, `ヂ` is ジ.

    In a family name, a last element that starts with a vowel keeps it: `ヨコウチ` is not ヨコーチ.
    """
    kept = len(text) - _own_vowel(text) if family else len(text)
    said: list[str] = []
    for place, kana in enumerate(text):
        before = _VOWEL.get(text[place - 1]) if place else None
        lengthened = (before, kana) in _LENGTHENED and place != kept
        said.append("ー" if lengthened else kana)
    return "".join(said).translate(_SAID).lstrip("ー")


_LENGTHENED = frozenset(
    {("ア", "ア"), ("イ", "イ"), ("ウ", "ウ"), ("エ", "イ"), ("エ", "エ"), ("オ", "ウ"), ("オ", "オ")}
)
_SAID = str.maketrans("ヂヅヲヰヱヮ", "ジズオイエワ")
_FAMILY_ELEMENT = re.compile(r".(ウチ|ウミ|ウエ|ウラ|ウマ|ウネ|ウシ|オカ|オギ|オノ|イシ|イケ|イズミ|イワ|イ)$")


def _own_vowel(text: str) -> int:
    """Return the length of the last element of a family name that starts with a vowel of its own; 0 if it has none."""
    found = _FAMILY_ELEMENT.search(text)
    return len(found[1]) if found else 0


_ROWS_ROMAJI = (
    *(("", "アイウエオ"), ("k", "カキクケコ"), ("g", "ガギグゲゴ"), ("s", "サシスセソ"), ("z", "ザジズゼゾ")),
    *(("t", "タチツテト"), ("d", "ダヂヅデド"), ("n", "ナニヌネノ"), ("h", "ハヒフヘホ"), ("b", "バビブベボ")),
    *(("p", "パピプペポ"), ("m", "マミムメモ"), ("r", "ラリルレロ")),
)
_ROMAJI = {kana: letter + vowel for letter, row in _ROWS_ROMAJI for kana, vowel in zip(row, "aiueo", strict=True)}
_ROMAJI |= {"ヤ": "ya", "ユ": "yu", "ヨ": "yo", "ワ": "wa", "ヰ": "i", "ヱ": "e", "ヲ": "o", "ン": "n", "ヴ": "vu"}
_ROMAJI |= {"シ": "shi", "ジ": "ji", "チ": "chi", "ツ": "tsu", "ヂ": "ji", "ヅ": "zu", "フ": "fu"}
_GLIDES = {"ャ": "ya", "ュ": "yu", "ョ": "yo", "ァ": "a", "ィ": "i", "ゥ": "u", "ェ": "e", "ォ": "o", "ヮ": "wa"}


def romaji(text: str) -> str:
    """Return a katakana name in Hepburn letters, for voices of other languages: `ヤマダタロー` is Yamadataro."""
    said: list[str] = []
    for mora in _MORA.findall(text):
        letters = _ROMAJI.get(mora[0], "")
        for small in mora[1:]:
            glide = _GLIDES[small]
            stem = "w" if letters == "u" else letters[:-1]
            letters = stem + (glide[1:] if stem in {"sh", "ch", "j"} and len(glide) > 1 else glide)
        if said and said[-1] == "ッ":
            said[-1] = "t" if letters.startswith("ch") else letters[:1]
        said.append("ッ" if mora[0] == "ッ" else letters)
    return "".join(said).replace("ッ", "").capitalize()
