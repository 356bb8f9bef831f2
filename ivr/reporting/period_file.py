"""日報 and 月報 on a terminal, and as a workbook: the campaigns, and the hours or days."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr.domain.outcome_class import OutcomeClass
from ivr.reporting.files import replacing
from ivr.reporting.heat_map import Reach
from ivr.reporting.period import Line, PeriodReport
from ivr.reporting.sheets import Value, fill
from ivr.reporting.timeline import Step, Unit

COUNTED = ("発信", "応答", "本人確認", "応答率", "済んだ人")
CLASSES = tuple(group.value for group in OutcomeClass)


def show_period(report: PeriodReport, console: Console) -> None:
    """Print the report, without its classes but those in which anybody is."""
    console.print(report.title, soft_wrap=True, markup=False, highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in ("催告", *COUNTED, "SMS"):
        table.add_column(Text(column), justify="left" if column == "催告" else "right", no_wrap=True)
    for line in (*report.lines, report.total):
        cells = (*counted(line.reach, line.settled), line.texts)
        table.add_row(Text(line.label), *(_shown(cell) for cell in cells))
    console.print(table)
    for group, number in report.total.classes.items():
        console.print(f"{group.value} {number} 人", soft_wrap=True, markup=False, highlight=False)
    for step in report.steps:
        reach = step.reach
        said = f"発信 {reach.dials}  応答 {reach.answered}  本人確認 {reach.confirmed}  済んだ人 {step.settled}"
        console.print(f"{when(step, report.unit)}  {said}", soft_wrap=True, markup=False, highlight=False)


def write_period(path: Path, report: PeriodReport) -> None:
    """Write the report as a workbook; raise InputError where `path` can't be written to."""
    with replacing(path) as binary:
        save_period(binary, report)


def save_period(binary: BinaryIO, report: PeriodReport) -> None:
    """Write the report as a workbook to what is open."""
    from openpyxl import Workbook

    book = Workbook()
    first: Any = book.active
    first.title = "催告ごと"
    rows = [(line.label, *counted(line.reach, line.settled), *by_class(line), line.texts) for line in report.lines]
    total = report.total
    last = (total.label, *counted(total.reach, total.settled), *by_class(total), total.texts)
    fill(first, report.title, ("催告", *COUNTED, *CLASSES, "SMS"), [*rows, last])
    second: Any = book.create_sheet("時間ごと" if report.unit is Unit.HOUR else "日ごと")
    steps = [(when(step, report.unit), *counted(step.reach, step.settled), *by_class(step)) for step in report.steps]
    fill(second, report.title, ("日時" if report.unit is Unit.HOUR else "日", *COUNTED, *CLASSES), steps)
    book.save(binary)


def counted(reach: Reach, settled: int) -> tuple[Value, ...]:
    """Return the cells under `COUNTED`."""
    return reach.dials, reach.answered, reach.confirmed, reach.rate, settled


def by_class(done: Line | Step) -> tuple[int, ...]:
    """Return the cells under `CLASSES`."""
    return tuple(done.classes.get(group, 0) for group in OutcomeClass)


def _shown(value: Value) -> str:
    if value is None:
        return "－"
    return f"{value:.1%}" if isinstance(value, float) else str(value)


def when(step: Step, unit: Unit) -> str:
    """Return how a step is called."""
    return f"{step.at:%Y-%m-%d %H} 時" if unit is Unit.HOUR else f"{step.at:%Y-%m-%d}"
