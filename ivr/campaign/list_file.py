"""A list as a file: bytes -> numbered records, whatever the encoding, the delimiter and the damage.

Damage stays where it is: a line that does not decode, an unclosed quote or a NUL spoils its own record, and reading
goes on with the next line. Nothing is dropped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

LARGEST = 200 * 1024 * 1024
"""Bytes."""

MOST_LINES = 50
"""Physical lines of one record; a quote that is open for longer was never meant to be."""

LONGEST = 100_000
"""Characters of one line."""

UTF8, CP932 = "utf-8", "cp932"
_BOMS = ((b"\xef\xbb\xbf", UTF8), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_WIDE_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_END = "\x1a"
"""DOS ended files with it; it belongs to no cell."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\uf8f0-\uf8f3\ufffe\uffff]")

NOT_CSV = (
    (b"PK\x03\x04", "Excel ブック（xlsx）です。"),
    (b"\xd0\xcf\x11\xe0", "古い形式の Excel ブック（xls）です。"),
    (b"%PDF", "PDF です。"),
)


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the file: the physical line where it begins (from 1), its cells, and why it can't be used, if so."""

    line: int
    cells: Sequence[str]
    fault: str | None = None


def foreign(data: bytes) -> str | None:
    """Return what `data` is if it is plainly no text at all."""
    return next((what for mark, what in NOT_CSV if data.startswith(mark)), None)


def encoding_of(data: bytes) -> str:
    """Return the encoding that reads `data` best: utf-8, cp932, utf-16-le or utf-16-be.

    The first line decides if it is more than ASCII; else whichever of UTF-8 and CP932 leaves fewer lines unread.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    head = data[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 16 and min(even, odd) * 8 <= max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    first = next((found[0] for found in _LINE.finditer(data) if found[0].strip()), b"")
    if not first.isascii():
        return UTF8 if _reads(first, UTF8) else CP932
    unread = {
        encoding: sum(not _reads(found[0], encoding) for found in _LINE.finditer(data)) for encoding in (UTF8, CP932)
    }
    return min(unread, key=unread.__getitem__)


def records(data: bytes, encoding: str, delimiter_of: Callable[[str], str]) -> Iterator[Record]:
    """Yield the records of `data`, the header's first; blank lines are none.

    `delimiter_of` is asked once, with the header's line. A line that holds nothing but delimiters has empty cells.
    """
    lines = _Lines(_wide_lines(data, encoding) if encoding.startswith("utf-16") else _lines(data, encoding))
    delimiter = ""
    while (line := lines.take()) is not None:
        number, text, fault = line
        if not text.strip(" \t\u3000\ufeff"):
            continue
        if not delimiter:
            delimiter = delimiter_of(text)
        if fault is None and len(text) > LONGEST:
            fault = "行が長すぎます。"
        if '"' not in text:
            yield Record(number, text.split(delimiter), fault)
        else:
            yield _quoted(lines, line, delimiter, fault)


_NumberedLine = tuple[int, str, str | None]


class _Lines:
    """Numbered lines, of which some may be given back."""

    def __init__(self, source: Iterator[tuple[str, str | None]]) -> None:
        self._source = source
        self._returned: list[_NumberedLine] = []
        self._number = 0

    def take(self) -> _NumberedLine | None:
        """Return the next line with its number and its fault, None after the last."""
        if self._returned:
            return self._returned.pop()
        for text, fault in self._source:
            self._number += 1
            return self._number, text, fault
        return None

    def give_back(self, lines: Sequence[_NumberedLine]) -> None:
        self._returned.extend(reversed(lines))


def _quoted(lines: _Lines, first: _NumberedLine, delimiter: str, fault: str | None) -> Record:
    """Return the record that begins with `first` and may go on over more lines inside quotes."""
    taken = [first]

    def feed() -> Iterator[str]:
        yield first[1] + "\n"
        while len(taken) < MOST_LINES and (more := lines.take()) is not None:
            taken.append(more)
            yield more[1] + "\n"

    try:
        cells = next(csv.reader(feed(), delimiter=delimiter, strict=True, skipinitialspace=True))
    except (csv.Error, StopIteration):
        lines.give_back(taken[1:])
        return Record(first[0], (), fault or '引用符（"）が閉じていないか、余分な引用符があります。')
    faults = [fault, *(line[2] for line in taken)]
    return Record(first[0], cells, next((one for one in faults if one), None))


def _lines(data: bytes, encoding: str) -> Iterator[tuple[str, str | None]]:
    start = 3 if data.startswith(_BOMS[0][0]) else 0
    for found in _LINE.finditer(data, start):
        raw = found[0].rstrip(b"\r\n" + _END.encode())
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            # ISO 8859-1 keeps quotes and delimiters where they are: neither encoding uses their bytes for others.
            yield raw.decode("latin-1"), f"{encoding.upper()} として読めない文字があります（文字コードの混在）。"
        else:
            yield text, _damage(text)


def _wide_lines(data: bytes, encoding: str) -> Iterator[tuple[str, str | None]]:
    start = 2 if data.startswith((_BOMS[1][0], _BOMS[2][0])) else 0
    for found in _WIDE_LINE.finditer(data[start:].decode(encoding, "replace")):
        text = found[0].rstrip("\r\n" + _END)
        yield text, _damage(text)


def _damage(text: str) -> str | None:
    if text.isprintable():
        return "文字化け（\ufffd）があります。" if "\ufffd" in text else None
    if "\0" in text:
        return "NUL 文字が混じっています。"
    if found := _CONTROL.search(text):
        return f"使えない文字（U+{ord(found[0]):04X}）が混じっています。"
    return None


def _reads(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
