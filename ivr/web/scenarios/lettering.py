"""Text in a drawing: how wide it is, and how it is laid in lines. Pure; a unit is a pixel."""

from __future__ import annotations

import unicodedata

FULL, HALF = 14.0, 8.0
"""Widths of a character of East Asia and of any other."""

LONGEST_LINES = 3
HANGING = "、。，．」）.,"
"""What begins no line: it may stand out at the end of one."""


def wrapped(text: str, width: float, most: int = LONGEST_LINES) -> tuple[str, ...]:
    """Return a text in lines that are no wider than `width`, cut short after `most` of them."""
    lines = [""]
    for letter in " ".join(text.split()):
        if wide(lines[-1] + letter) > width and (letter not in HANGING or lines[-1][-1:] in HANGING):
            if len(lines) == most:
                lines[-1] = _cut(lines[-1], width)
                break
            lines.append(_carried(lines, letter))
        lines[-1] += letter
    return tuple(line for line in lines if line)


def _carried(lines: list[str], letter: str) -> str:
    """Take the beginning of a word, which `letter` goes on with, from the last line; return it for the next."""
    head, blank, word = lines[-1].rpartition(" ")
    if not blank or not head or not (word + letter).isascii() or letter == " ":
        return ""
    lines[-1] = head
    return word


def wide(text: str) -> float:
    """Return how wide a text is."""
    return sum(FULL if unicodedata.east_asian_width(letter) in "WFA" else HALF for letter in text)


def fitting(text: str, width: float) -> str:
    """Return a text cut short where it is wider than `width`."""
    return text if wide(text) <= width else _cut(text, width)


def _cut(line: str, width: float) -> str:
    while line and wide(line + "…") > width:
        line = line[:-1]
    return line + "…"
