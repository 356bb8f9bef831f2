"""A workbook for Excel: a summary, the people, the attempts. Every text is a text, whatever it looks like."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ivr.campaign.records import CampaignRow, RecipientRecord
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.reporting.classes import by_class
from ivr.reporting.columns import (
    ATTEMPT,
    CALLS,
    Value,
    attempt_rows,
    is_proven,
    looks_like_formula,
    person_headings,
    person_rows,
    without_controls,
)
from ivr.reporting.course import Course
from ivr.reporting.files import Seal, replacing
from ivr.reporting.percent import percent
from ivr.reporting.results import TOKYO

if TYPE_CHECKING:
    from openpyxl import Workbook

_WIDTHS = {"カナ氏名": 24, "発信ID": 34, "押されたキー": 22, "区分": 24, "結果": 22, "印": 20, "割合": 9, "人数": 9}
_MEMORY = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
_MOMENT_WIDTH = 20
_WIDTH = 15


Row = Sequence[Value]


Watch = Callable[[Iterable[Row], str, int], Iterable[Row]]
"""Passes rows on, and shows how many of so many of what have been."""


def _unwatched(rows: Iterable[Row], _what: str, _total: int) -> Iterable[Row]:
    return rows


def write_xlsx(
    path: Path,
    campaign: CampaignRow,
    records: Sequence[RecipientRecord],
    *,
    zone: ZoneInfo = TOKYO,
    course: Course = CALLS,
    seal: Seal | None = None,
    watch: Watch = _unwatched,
) -> None:
    """Write the workbook to `path`, sealed if asked; raise InputError where that can't be written to.

    A hundred thousand people take half a minute, so that `watch` may show how far it is.
    """
    from openpyxl import Workbook

    with _sheets_in_memory():
        book = Workbook(write_only=True)
        _sheet(book, "集計", ("区分", "結果", "人数", "割合"), _summary(campaign, records, course))
        people, dials = person_rows(records, zone, course), attempt_rows(records, zone)
        _sheet(book, "宛先", person_headings(records), watch(people, "宛先", len(records)))
        _sheet(book, "発信", ATTEMPT, watch(dials, "発信", sum(len(record.attempts) for record in records)))
        with replacing(path, seal) as file:
            book.save(file)


@contextmanager
def _sheets_in_memory() -> Iterator[None]:
    """Keep off the disk the sheets that openpyxl writes to temporary files, where the system has memory to put them."""
    if not _MEMORY.is_dir():
        yield
        return
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="ivr-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _summary(campaign: CampaignRow, records: Sequence[RecipientRecord], course: Course) -> Iterable[tuple[Value, ...]]:
    total = len(records)

    def line(group: str, label: str, number: int) -> tuple[Value, ...]:
        return group, label, number, percent(number / total) if total else None

    outcomes = Counter(record.outcome for record in records if record.outcome is not None)
    proven = sum(record.outcome is Outcome.VOICEMAIL and is_proven(record) for record in records)
    for group, found in by_class(outcomes, proven).items():
        yield line(group.value, "計", sum(found.values()))
        for outcome, number in found.items():
            yield line("", outcome.label, number)
    # Where texts are all there is, who has one is counted by what became of it.
    left = Counter(course.word(one) for one in records if one.outcome is None and (course.calls or one.text is None))
    for label in course.words.values():
        if left[label]:
            yield line("結果なし" if course.calls else "未送信", label, left[label])
    texts = [record.text for record in records if record.text is not None]
    states = Counter(text.state for text in texts)
    for place, state in enumerate(one for one in TextState if states[one]):
        yield line("" if place else "SMS", state.label, states[state])
    yield line("全体", "", total)
    yield "催告", campaign.name, None, None
    yield "発信回数", "", sum(len(record.attempts) for record in records), None
    if texts:
        yield "SMS 通数", "", sum(text.parts for text in texts), None


def _sheet(book: Workbook, title: str, headings: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet: Any = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for column, heading in enumerate(headings, start=1):
        width = _MOMENT_WIDTH if heading.endswith(("日時", "予定")) else _WIDTHS.get(heading, _WIDTH)
        sheet.column_dimensions[get_column_letter(column)].width = width
    cells = [_cell(sheet, heading) for heading in headings]
    for cell in cells:
        cell.font = Font(bold=True)
    sheet.append(cells)
    for row in rows:
        sheet.append([_cell(sheet, value) if isinstance(value, str) else value for value in row])


def _cell(sheet: Any, value: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    text = without_controls(value)
    cell: Any = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.number_format = "@"
    cell.quotePrefix = looks_like_formula(text)
    return cell
