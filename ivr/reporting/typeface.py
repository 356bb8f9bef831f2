"""The typeface of PDFs, BIZ UDPGothic (SIL Open Font License), which the set-up puts into fonts/, and what it lacks.

Only what it can draw goes into a PDF: anything else stands there as 〓, as in a CSV of Shift_JIS.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ivr.errors import OwnError

HOME = Path(__file__).parent / "fonts"
FILES = ("BIZUDPGothic-Regular.ttf", "BIZUDPGothic-Bold.ttf")
FAMILY = "BIZ UDPGothic"

GETA = "〓"

MARKS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Variation selectors: behind a letter, saying which of its shapes is meant."""

VOICED = re.compile(".[\u3099\u309a]")
"""A kana and its voicing as two characters, as names of files come from some computers."""


def is_there() -> bool:
    """Tell whether the set-up has brought it."""
    return all((HOME / file).is_file() for file in FILES)


def see_there() -> None:
    """Raise OwnError where it is not there."""
    if not is_there():
        raise OwnError(
            "PDF の書体（BIZ UDPゴシック）が、まだ入っていません。システムの担当者が make setup を実行すると入ります。"
        )


def drawable(text: str) -> str:
    """Return `text` on one line, with 〓 for each character that the typeface lacks."""
    known = _known()
    whole = VOICED.sub(lambda found: unicodedata.normalize("NFC", found[0]), MARKS.sub("", text))
    return "".join(_drawn(letter, known) for letter in whole).strip()


def _drawn(letter: str, known: frozenset[int]) -> str:
    match unicodedata.category(letter):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf":
            return ""
        case _:
            return letter if ord(letter) in known else GETA


@cache
def _known() -> frozenset[int]:
    """Return the characters of which both weights have a shape."""
    see_there()
    return frozenset.intersection(*(frozenset(characters((HOME / file).read_bytes())) for file in FILES))


def characters(font: bytes) -> Iterator[int]:
    """Yield the characters of a TrueType font, by its `cmap`: OpenType 1.9, of subtables the formats 4 and 12."""
    count = struct.unpack_from(">H", font, 4)[0]
    records = (struct.unpack_from(">4sLLL", font, 12 + 16 * at) for at in range(count))
    cmap = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    tables = struct.unpack_from(">H", font, cmap + 2)[0]
    for at in {struct.unpack_from(">HHL", font, cmap + 4 + 8 * one)[2] + cmap for one in range(tables)}:
        match struct.unpack_from(">H", font, at)[0]:
            case 12:
                groups = struct.unpack_from(">L", font, at + 12)[0]
                for first, last, _ in struct.iter_unpack(">LLL", font[at + 16 : at + 16 + 12 * groups]):
                    yield from range(first, last + 1)
            case 4:
                yield from _of_segments(font, at)


def _of_segments(font: bytes, at: int) -> Iterator[int]:
    double = struct.unpack_from(">H", font, at + 6)[0]

    def column(number: int, form: str = "H") -> tuple[int, ...]:
        return struct.unpack_from(f">{double // 2}{form}", font, at + 14 + number * double + 2 * (number > 0))

    offsets = at + 16 + 3 * double
    for segment, (last, first, delta, offset) in enumerate(
        zip(column(0), column(1), column(2, "h"), column(3), strict=True)
    ):
        for letter in range(first, last + 1):
            glyph = letter
            if offset:
                place = offsets + 2 * segment + offset + 2 * (letter - first)
                glyph = struct.unpack_from(">H", font, place)[0] if place + 2 <= len(font) else 0
                if not glyph:
                    continue
            if (glyph + delta) & 0xFFFF:
                yield letter
