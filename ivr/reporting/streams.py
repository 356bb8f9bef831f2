"""Results in pieces, for who takes them as they are made: CSV and a workbook of any size in little memory.

The same rows and cells as `csv_file` and `xlsx_file` write, of people that come some at a time. The workbook's sheets
are written one after the other, so that it asks for everybody twice; nothing of it is ever on a disk.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from ivr.reporting.columns import ATTEMPT, Value, attempt_rows, looks_like_formula, person_headings, person_rows
from ivr.reporting.columns import without_controls as plain
from ivr.reporting.course import Course
from ivr.reporting.csv_file import csv_lines

if TYPE_CHECKING:
    from ivr.campaign.records import RecipientRecord

MOST_ROWS = 1_000_000
"""Of a sheet: Excel opens 1,048,576; what is more goes on in a further one."""

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_BOLD, _TEXT, _QUOTED = 1, 2, 3
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="4"><xf xfId="0"/><xf fontId="1" numFmtId="49" applyFont="1" applyNumberFormat="1" xfId="0"/>'
    '<xf numFmtId="49" applyNumberFormat="1" xfId="0"/>'
    '<xf numFmtId="49" applyNumberFormat="1" quotePrefix="1" xfId="0"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


class CsvStream:
    """CSV that Excel opens: `people` after `people`, each the bytes of their lines."""

    def __init__(self, *, zone: ZoneInfo, course: Course, encoding: str) -> None:
        self._zone, self._course, self._encoding = zone, course, encoding
        self._headings: tuple[str, ...] | None = None

    def people(self, records: Sequence[RecipientRecord]) -> bytes:
        """Return the lines of some people, before the first of them the headings: every row of a list has the same."""
        begun = self._headings is not None
        headings = self._headings = self._headings or person_headings(records)
        rows: Iterator[Sequence[Value]] = person_rows(records, self._zone, self._course, headings=headings)
        encoding = "utf-8" if begun and self._encoding == "utf-8-sig" else self._encoding
        return csv_lines(rows if begun else _behind(headings, rows), encoding)


class WorkbookStream:
    """A workbook of sheets whose rows come some at a time; each call returns the bytes that are ready by then."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._titles: list[str] = []
        self._title, self._rows = "", 0
        self._headings: tuple[str, ...] = ()
        self._part: IO[bytes] | None = None

    def sheet(self, title: str, headings: Sequence[str]) -> bytes:
        """Begin a sheet."""
        self._end()
        self._title, self._headings = title, tuple(headings)
        self._begin(title)
        return self._sink.taken()

    def rows(self, rows: Iterator[Sequence[Value]]) -> bytes:
        """Add rows to the sheet that was begun last."""
        lines: list[str] = []
        for row in rows:
            if self._rows == MOST_ROWS:
                self._write("".join(lines))
                lines.clear()
                self._end()
                self._begin(f"{self._title}{len(self._titles)}")
            self._rows += 1
            lines.append(f"<row>{''.join(map(_cell, row))}</row>")
        self._write("".join(lines))
        return self._sink.taken()

    def end(self) -> bytes:
        """Return what is left."""
        self._end()
        for name, content in self._frame():
            self._zip.writestr(name, content)
        self._zip.close()
        return self._sink.taken()

    def _begin(self, title: str) -> None:
        self._titles.append(title)
        self._rows = 1
        self._part = self._zip.open(f"xl/worksheets/sheet{len(self._titles)}.xml", "w", force_zip64=True)
        pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        view = f'<sheetView workbookViewId="0">{pane}</sheetView>'
        heads = "".join(_cell(heading, _BOLD) for heading in self._headings)
        self._write(
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews>{view}</sheetViews>'
            f'<sheetFormatPr defaultColWidth="18" defaultRowHeight="15"/><sheetData><row>{heads}</row>'
        )

    def _end(self) -> None:
        if self._part is not None:
            self._write("</sheetData></worksheet>")
            self._part.close()
            self._part = None

    def _write(self, text: str) -> None:
        if self._part is not None:
            self._part.write(text.encode("utf-8", "replace"))

    def _frame(self) -> Iterator[tuple[str, str]]:
        """Yield the parts around the sheets. Source: ECMA-376 part 1, 12 and part 2."""
        numbers = range(1, len(self._titles) + 1)
        kinds = "".join(
            f'<Override PartName="/xl/worksheets/sheet{at}.xml" ContentType="{_SHEET_TYPE}.worksheet+xml"/>'
            for at in numbers
        )
        types = (
            f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_SHEET_TYPE}.styles+xml"/>{kinds}</Types>'
        )
        yield "[Content_Types].xml", types
        yield "_rels/.rels", _relationships([("officeDocument", "xl/workbook.xml")])
        sheets = "".join(
            f'<sheet name={quoteattr(title)} sheetId="{at}" r:id="r{at}"/>'
            for at, title in zip(numbers, self._titles, strict=True)
        )
        yield (
            "xl/workbook.xml",
            f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>',
        )
        parts = [("worksheet", f"worksheets/sheet{at}.xml") for at in numbers]
        yield "xl/_rels/workbook.xml.rels", _relationships([*parts, ("styles", "styles.xml")])
        yield "xl/styles.xml", _STYLES


class PeopleBook:
    """The workbook of a campaign's results as a stream: a summary, everybody, then every attempt."""

    def __init__(self, *, zone: ZoneInfo, course: Course) -> None:
        self._zone, self._course = zone, course
        self._book = WorkbookStream()
        self._headings: tuple[str, ...] | None = None

    def summary(self, rows: Sequence[Sequence[Value]]) -> bytes:
        """Return the first sheet."""
        return self._book.sheet("集計", ("区分", "結果", "人数", "割合")) + self._book.rows(iter(rows))

    def people(self, records: Sequence[RecipientRecord]) -> bytes:
        """Return the rows of some people."""
        begun = b""
        if self._headings is None:
            self._headings = person_headings(records)
            begun = self._book.sheet("宛先", self._headings)
        return begun + self._book.rows(person_rows(records, self._zone, self._course, headings=self._headings))

    def begin_attempts(self) -> bytes:
        """Begin the sheet of attempts."""
        return self._book.sheet("発信", ATTEMPT)

    def attempts(self, records: Sequence[RecipientRecord]) -> bytes:
        """Return the rows of some people's attempts."""
        return self._book.rows(attempt_rows(records, self._zone))

    def end(self) -> bytes:
        """Return what is left."""
        return self._book.end()


class _Sink(io.RawIOBase):
    """What a ZIP file is written to that goes out piece by piece: nothing before it can be mended."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        self._held += memoryview(piece)  # type: ignore[arg-type]
        return memoryview(piece).nbytes  # type: ignore[arg-type]

    def taken(self) -> bytes:
        """Return what was written since it was taken last."""
        held, self._held = bytes(self._held), bytearray()
        return held


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    found = "".join(
        f'<Relationship Id="r{at}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets, 1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{found}</Relationships>'


def _cell(value: Value, style: int = _TEXT) -> str:
    """Return a cell; a text stays one, whatever it looks like."""
    if value is None:
        return "<c/>"
    if not isinstance(value, str):
        return f"<c><v>{value}</v></c>"
    text = plain(value)
    style = _QUOTED if looks_like_formula(text) else style
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{escape(_whole(text))}</t></is></c>'


def _whole(text: str) -> str:
    """Return `text` without what XML can't hold."""
    if text.isprintable():
        return text
    return "".join("�" if "\ud800" <= one <= "\udfff" or one in "\ufffe\uffff" else one for one in text)


def _behind(headings: Sequence[str], rows: Iterator[Sequence[Value]]) -> Iterator[Sequence[Value]]:
    yield headings
    yield from rows
