"""CSV that Excel opens with a double click, in UTF-8 with a byte-order mark or in CP932."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.campaign.records import RecipientRecord
from ivr.errors import InputError
from ivr.reporting.columns import CALLS, Value, looks_like_formula, person_headings, person_rows, without_controls
from ivr.reporting.course import Course
from ivr.reporting.files import Seal, replacing
from ivr.reporting.results import TOKYO

MISSING = "〓"
"""Printers' sign for a character that the type case lacks."""

_SAME_IN_CP932 = str.maketrans({"〜": "～", "−": "－", "—": "―", "‖": "∥", "¢": "￠", "£": "￡", "¬": "￢", "¥": "￥"})
"""Characters whose counterpart in CP932 Unicode knows by another code: the same sign on paper."""


def write_csv(
    path: Path,
    records: Sequence[RecipientRecord],
    *,
    encoding: str = "utf-8-sig",
    zone: ZoneInfo = TOKYO,
    course: Course = CALLS,
    seal: Seal | None = None,
) -> tuple[str, ...]:
    """Write a row for each person to `path`, sealed if asked; return what `encoding` lacks, written as 〓.

    A cell that a spreadsheet would run as a formula begins with an apostrophe, Excel's own mark for a text. A
    number without hyphens, such as an 宛名番号, loses its leading zeros in Excel (not in the file): the workbook of
    `write_xlsx` keeps them. Raises InputError for an unknown encoding or a file that can't be written to.
    """
    try:
        cp932 = codecs.lookup(encoding).name in ("cp932", "shift_jis")
    except LookupError:
        raise InputError(f"文字コード「{encoding}」は使えません。utf-8-sig か cp932 を指定してください。") from None
    missing: dict[str, None] = {}
    encodable = _encodable(encoding, missing, cp932=cp932)
    with replacing(path, seal) as file:
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        _write(text, _all(person_headings(records), person_rows(records, zone, course)), encodable)
        text.flush()
        text.detach()
    return tuple(missing)


def csv_lines(rows: Iterable[Sequence[Value]], encoding: str) -> bytes:
    """Return rows as `write_csv` writes them, in `encoding` (utf-8, utf-8-sig or cp932)."""
    content = io.BytesIO()
    text = io.TextIOWrapper(content, encoding=encoding, newline="")
    _write(text, rows, _encodable(encoding, {}, cp932=encoding == "cp932"))
    text.flush()
    return content.getvalue()


def _all(headings: Sequence[Value], rows: Iterable[Sequence[Value]]) -> Iterator[Sequence[Value]]:
    yield headings
    yield from rows


def _write(text: io.TextIOWrapper, rows: Iterable[Sequence[Value]], encodable: Callable[[str], str]) -> None:
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([encodable(_cell(value)) for value in row])


def _encodable(encoding: str, missing: dict[str, None], *, cp932: bool) -> Callable[[str], str]:
    """Return what makes a text fit for `encoding`, and notes in `missing` what that lacks."""

    def encodable(text: str) -> str:
        text = text.translate(_SAME_IN_CP932) if cp932 else text
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            lacking = {one for one in text if _lacks(encoding, one)}
            missing.update(dict.fromkeys(sorted(lacking)))
            return "".join(_substitute(encoding) if one in lacking else one for one in text)
        return text

    return encodable


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    text = without_controls(value)
    return f"'{text}" if looks_like_formula(text) else text


def _lacks(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return True
    return False


def _substitute(encoding: str) -> str:
    return "?" if _lacks(encoding, MISSING) else MISSING
