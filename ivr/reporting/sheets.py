"""A sheet of a workbook as the reports want it: a title, headings, rows; on A4 it is as wide as the paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from ivr.reporting.columns import Value, looks_like_formula, without_controls

WIDE, NARROW = 18, 11
FIRST_ROW = 3
"""Of the rows, behind the title and the headings."""

SHARE = "0.0%"

ERA = '[$-ja-JP]ggge"年"m"月"d"日（"aaa"）"'
"""A day as offices write it, which stays a day for whoever sorts or counts."""

Cell = Value | date

__all__ = ["FIRST_ROW", "SHARE", "Cell", "Value", "fill"]


def fill(sheet: Any, title: str, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Fill an empty sheet; texts stay texts, whatever they look like, floats are shares, and days are by era."""
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    sheet.append([title])
    sheet.append([*headings])
    for place, row in enumerate(rows, FIRST_ROW):
        for column, value in enumerate(row, 1):
            if value is not None:
                _put(sheet.cell(place, column), value)
    for row in sheet.iter_rows(min_row=1, max_row=FIRST_ROW - 1):
        for cell in row:
            cell.font = Font(bold=True)
            cell.alignment = Alignment(wrap_text=cell.row == FIRST_ROW - 1, vertical="top")
    for column in range(1, len(headings) + 1):
        sheet.column_dimensions[get_column_letter(column)].width = NARROW if column > 1 else WIDE
    sheet.freeze_panes = f"B{FIRST_ROW}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _put(cell: Any, value: str | float | date) -> None:
    if isinstance(value, float):
        cell.number_format = SHARE
    if isinstance(value, date):
        cell.number_format = ERA
    if not isinstance(value, str):
        cell.value = value
        return
    text = without_controls(value)
    cell.value = text
    cell.data_type = "s"
    cell.number_format = "@"
    cell.quotePrefix = looks_like_formula(text)
