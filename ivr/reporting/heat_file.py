"""A heat map as a sheet of a workbook, coloured by the sheet itself."""

from __future__ import annotations

from typing import Any

from ivr.reporting.heat_map import WEEKDAYS, HeatMap
from ivr.reporting.sheets import FIRST_ROW, fill

COLD, WARM = "FFFFFF", "5B9BD5"


def fill_heat_map(sheet: Any, title: str, found: HeatMap) -> None:
    """Fill an empty sheet: the share of answered dials by hour and weekday, and the dials."""
    from openpyxl.formatting import rule

    colours: Any = rule
    sheet.title = "曜日と時間"
    days = [WEEKDAYS[weekday] for weekday in found.weekdays]
    headings = ("時", *(f"{day} 応答率" for day in days), *(f"{day} 発信" for day in days))
    places = [(hour, [found.at(weekday, hour) for weekday in found.weekdays]) for hour in found.hours]
    rows = [(f"{hour} 時", *(one.rate for one in week), *(one.dials for one in week)) for hour, week in places]
    fill(sheet, title, headings, rows)
    if rows:
        last = sheet.cell(FIRST_ROW + len(rows) - 1, 1 + len(days)).coordinate
        scale = colours.ColorScaleRule("num", 0, COLD, end_type="max", end_color=WARM)
        sheet.conditional_formatting.add(f"B{FIRST_ROW}:{last}", scale)
