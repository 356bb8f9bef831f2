"""Names in kana as lists hold them, made uniform for the voice."""

from __future__ import annotations

import re
import unicodedata

import jaconv

from ivr.errors import InputError

LONGEST = 60
"""Characters; a longer name is another column by mistake."""

_UNIFORM = re.compile(r"[ァ-ヺ][ァ-ヺー]*(?: [ァ-ヺ][ァ-ヺー]*)*")
_NAME = re.compile(r"[ァ-ヺ][ァ-ヺー]*(?:[ ・][ァ-ヺ][ァ-ヺー]*)*")
_LONG_VOWEL = re.compile(r"(?<=[ァ-ヺー])[-\u2010-\u2015\u2212\u2500~〜]")
_KANJI = re.compile(r"[々〆\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def name(text: str) -> str:
    """Return `text` as katakana words with single spaces between them; raise InputError with the reason.

    Half-width becomes full-width, hiragana katakana, and a hyphen after kana the long vowel that it stands for.
    """
    if _UNIFORM.fullmatch(text) and len(text) <= LONGEST:
        return text
    uniform = " ".join(unicodedata.normalize("NFKC", text).split())
    uniform = re.sub(r" ?・ ?", "・", _LONG_VOWEL.sub("ー", jaconv.hira2kata(uniform)))
    if not uniform:
        raise InputError("カナ氏名がありません。")
    if len(uniform) > LONGEST:
        raise InputError(f"カナ氏名が長すぎます（上限 {LONGEST} 字）。")
    if _KANJI.search(uniform):
        raise InputError("カナ氏名に漢字があります。読みをカナで書いてください。")
    if re.search(r"[0-9A-Za-z]", uniform):
        raise InputError("カナ氏名に英数字があります。読みをカナで書いてください。")
    if not _NAME.fullmatch(uniform):
        raise InputError("カナ氏名に、カナと空白のほかの文字があるか、カナで始まっていません。")
    return uniform
