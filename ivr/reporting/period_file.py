"""日報 and 月報 on a terminal, and as a workbook: the campaigns, and the hours or days."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr.domain.outcome_class import OutcomeClass
from ivr.reporting.columns import looks_like_formula, without_controls
from ivr.reporting.files import replacing
from ivr.reporting.heat_map import Reach
from ivr.reporting.period import Line, PeriodReport
from ivr.reporting.timeline import Step, Unit

COUNTED = ("発信", "応答", "本人確認", "応答率", "済んだ人")
CLASSES = tuple(group.value for group in OutcomeClass)
WIDE = 18

Value = str | int | float | None


def show_period(report: PeriodReport, console: Console) -> None:
    """Print the report, without its classes but those in which anybody is."""
    console.print(report.title, soft_wrap=True, markup=False, highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in ("催告", *COUNTED, "SMS"):
        table.add_column(Text(column), justify="left" if column == "催告" else "right", no_wrap=True)
    for line in (*report.lines, report.total):
        cells = (*_counted(line.reach, line.settled), line.texts)
        table.add_row(Text(line.label), *(_shown(cell) for cell in cells))
    console.print(table)
    for group, number in report.total.classes.items():
        console.print(f"{group.value} {number} 人", soft_wrap=True, markup=False, highlight=False)
    for step in report.steps:
        reach = step.reach
        said = f"発信 {reach.dials}  応答 {reach.answered}  本人確認 {reach.confirmed}  済んだ人 {step.settled}"
        console.print(f"{_when(step, report.unit)}  {said}", soft_wrap=True, markup=False, highlight=False)


def write_period(path: Path, report: PeriodReport) -> None:
    """Write the report as a workbook; raise InputError where `path` can't be written to."""
    from openpyxl import Workbook

    book = Workbook()
    first: Any = book.active
    first.title = "催告ごと"
    rows = [(line.label, *_counted(line.reach, line.settled), *_by_class(line), line.texts) for line in report.lines]
    total = report.total
    last = (total.label, *_counted(total.reach, total.settled), *_by_class(total), total.texts)
    _fill(first, report.title, ("催告", *COUNTED, *CLASSES, "SMS"), [*rows, last])
    second: Any = book.create_sheet("時間ごと" if report.unit is Unit.HOUR else "日ごと")
    steps = [(_when(step, report.unit), *_counted(step.reach, step.settled), *_by_class(step)) for step in report.steps]
    _fill(second, report.title, ("日時" if report.unit is Unit.HOUR else "日", *COUNTED, *CLASSES), steps)
    with replacing(path) as binary:
        book.save(binary)


def _fill(sheet: Any, title: str, headings: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    sheet.append([title])
    sheet.append([*headings])
    for row in rows:
        sheet.append([None if isinstance(value, str) else value for value in row])
        for column, value in enumerate(row, 1):
            if isinstance(value, str):
                _put(sheet.cell(sheet.max_row, column), value)
    for row in sheet.iter_rows(min_row=1, max_row=2):
        for cell in row:
            cell.font = Font(bold=True)
            cell.alignment = Alignment(wrap_text=cell.row == 2, vertical="top")
    for column in range(1, len(headings) + 1):
        sheet.column_dimensions[get_column_letter(column)].width = WIDE
    for (cell,) in sheet.iter_rows(min_row=3, min_col=5, max_col=5):
        cell.number_format = "0.0%"
    sheet.freeze_panes = "B3"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _put(cell: Any, value: str) -> None:
    text = without_controls(value)
    cell.value = text
    cell.data_type = "s"
    cell.number_format = "@"
    cell.quotePrefix = looks_like_formula(text)


def _counted(reach: Reach, settled: int) -> tuple[Value, ...]:
    return reach.dials, reach.answered, reach.confirmed, reach.rate, settled


def _by_class(done: Line | Step) -> tuple[int, ...]:
    return tuple(done.classes.get(group, 0) for group in OutcomeClass)


def _shown(value: Value) -> str:
    if value is None:
        return "－"
    return f"{value:.1%}" if isinstance(value, float) else str(value)


def _when(step: Step, unit: Unit) -> str:
    return f"{step.at:%Y-%m-%d %H} 時" if unit is Unit.HOUR else f"{step.at:%Y-%m-%d}"
