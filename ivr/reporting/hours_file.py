"""The hours of a forecast as a workbook with a chart: what the lines do, and how many people are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr.reporting.files import replacing

HEADINGS = ("日時", "発信", "応答", "回線の使用率", "済んだ人（累計）")
WIDE, HIGH = 32, 11
"""Centimetres of the chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    """One hour: dials, answers, the share of the lines in use, and the people done by its end."""

    at: datetime
    dials: int
    answered: int
    use: float
    done: int


def write_hours(path: Path, rows: Sequence[HourRow]) -> None:
    """Write the workbook; raise InputError where `path` can't be written to."""
    from openpyxl import Workbook
    from openpyxl.chart import BarChart, LineChart, Reference

    book = Workbook()
    sheet: Any = book.active
    sheet.title = "一時間ごと"
    sheet.append(HEADINGS)
    for row in rows:
        sheet.append((f"{row.at:%m月%d日 %H時}", row.dials, row.answered, round(row.use, 3), row.done))
        sheet.cell(sheet.max_row, 4).number_format = "0%"
    sheet.column_dimensions["A"].width = 16
    last = len(rows) + 1
    hours = Reference(sheet, min_col=1, min_row=2, max_row=last)
    lines, people = BarChart(), LineChart()
    lines.title = "回線の使用率と、済んだ人"
    lines.add_data(Reference(sheet, min_col=4, min_row=1, max_row=last), titles_from_data=True)
    lines.set_categories(hours)
    lines.y_axis.title, lines.y_axis.number_format = "回線の使用率", "0%"
    lines.y_axis.scaling.min, lines.y_axis.scaling.max = 0, 1
    people.add_data(Reference(sheet, min_col=5, min_row=1, max_row=last), titles_from_data=True)
    people.y_axis.title, people.y_axis.axId, people.y_axis.crosses = "済んだ人", 200, "max"
    for axis in (lines.x_axis, lines.y_axis, people.y_axis):
        axis.delete = False
    lines += people
    lines.width, lines.height = WIDE, HIGH
    sheet.add_chart(lines, "G2")
    with replacing(path) as binary:
        book.save(binary)
