"""Which characters a voice of a language can be expected to say."""

from __future__ import annotations

import unicodedata

_SCRIPTS = {
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "LATIN", "IDEOGRAPHIC"),
    "zh": ("CJK", "IDEOGRAPHIC", "LATIN", "BOPOMOFO"),
    "ko": ("HANGUL", "LATIN"),
    "ru": ("CYRILLIC", "LATIN"),
    "hi": ("DEVANAGARI", "LATIN"),
    "ne": ("DEVANAGARI", "LATIN"),
    "my": ("MYANMAR", "LATIN"),
    "bn": ("BENGALI", "LATIN"),
    "si": ("SINHALA", "LATIN"),
    "ur": ("ARABIC", "LATIN"),
    "fa": ("ARABIC", "LATIN"),
}
_SAID_SYMBOLS = frozenset("#*%&@+=$€£¥°×〒☎☏♯△▲~^`|<>")


def foreign(text: str, language: str) -> list[str]:
    """Return the runs of `text` that no voice of `language` says: other scripts, emoji, controls; each once.

    Compatibility characters (`㈱`, `①`, half-width kana) count as what they stand for.
    """
    scripts = _SCRIPTS.get(language, ("LATIN",))
    runs: list[str] = []
    run = ""
    for letter in unicodedata.normalize("NFKC", text) + " ":
        if letter.isspace() or _said(letter, scripts):
            if run:
                runs.append(run)
            run = ""
        else:
            run += letter
    return list(dict.fromkeys(runs))


def _said(letter: str, scripts: tuple[str, ...]) -> bool:
    match unicodedata.category(letter)[0]:
        case "N" | "P" | "M":
            return True
        case "L":
            return unicodedata.name(letter, "").startswith(scripts)
        case _:
            return letter in _SAID_SYMBOLS
