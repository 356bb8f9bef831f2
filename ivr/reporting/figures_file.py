"""Figures of a campaign as a workbook: a heat map that is coloured by the sheet, tries, keys, days."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from ivr.campaign.figures import Figures
from ivr.domain.outcome_class import OutcomeClass
from ivr.reporting.files import replacing
from ivr.reporting.heat_map import WEEKDAYS, HeatMap, heat_map
from ivr.reporting.period_file import CLASSES, COUNTED, by_class, counted, when
from ivr.reporting.sheets import FIRST_ROW, fill
from ivr.reporting.timeline import Unit, timeline
from ivr.reporting.tries import Try, tries

COLD, WARM = "FFFFFF", "5B9BD5"
WIDE, HIGH = 26, 11
"""Centimetres of a chart."""


def write_figures(path: Path, campaign: str, figures: Figures, *, zone: ZoneInfo) -> None:
    """Write the workbook; raise InputError where `path` can't be written to."""
    with replacing(path) as binary:
        save_figures(binary, campaign, figures, zone=zone)


def save_figures(binary: BinaryIO, campaign: str, figures: Figures, *, zone: ZoneInfo) -> None:
    """Write the workbook to what is open."""
    from openpyxl import Workbook

    book = Workbook()
    _heat(book.active, campaign, heat_map(figures.quarters, zone=zone))
    _tries(book.create_sheet("回ごと"), campaign, tries(figures.tries))
    pressed = [(step, key, number) for (step, key), number in figures.keys.items()]
    fill(book.create_sheet("押されたキー"), campaign, ("ステップ", "キー", "回数"), pressed)
    days = timeline(figures, zone=zone, unit=Unit.DAY)
    rows = [(when(day, Unit.DAY), *counted(day.reach, day.settled), day.done, *by_class(day)) for day in days]
    sheet: Any = book.create_sheet("日ごと")
    fill(sheet, campaign, ("日", *COUNTED, "累計", *CLASSES), rows)
    if rows:
        _chart(sheet, len(rows))
    book.save(binary)


def _heat(sheet: Any, campaign: str, found: HeatMap) -> None:
    from openpyxl.formatting import rule

    colours: Any = rule
    sheet.title = "曜日と時間"
    days = [WEEKDAYS[weekday] for weekday in found.weekdays]
    headings = ("時", *(f"{day} 応答率" for day in days), *(f"{day} 発信" for day in days))
    places = [(hour, [found.at(weekday, hour) for weekday in found.weekdays]) for hour in found.hours]
    rows = [(f"{hour} 時", *(one.rate for one in week), *(one.dials for one in week)) for hour, week in places]
    fill(sheet, campaign, headings, rows)
    if rows:
        last = sheet.cell(FIRST_ROW + len(rows) - 1, 1 + len(days)).coordinate
        scale = colours.ColorScaleRule("num", 0, COLD, end_type="max", end_color=WARM)
        sheet.conditional_formatting.add(f"B{FIRST_ROW}:{last}", scale)


def _tries(sheet: Any, campaign: str, found: tuple[Try, ...]) -> None:
    headings = ("回", "発信", "応答", "本人確認", "応答率", *CLASSES)
    rows = [
        (
            one.label, one.reach.dials, one.reach.answered, one.reach.confirmed, one.reach.rate,
            *(sum(one.classes.get(group, {}).values()) for group in OutcomeClass),
        )
        for one in found
    ]  # fmt: skip
    fill(sheet, campaign, headings, rows)


def _chart(sheet: Any, rows: int) -> None:
    from openpyxl.chart import LineChart, Reference

    chart = LineChart()
    chart.title = "済んだ人（累計）"
    column, last = len(COUNTED) + 2, FIRST_ROW + rows - 1
    chart.add_data(Reference(sheet, min_col=column, min_row=FIRST_ROW - 1, max_row=last), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=1, min_row=FIRST_ROW, max_row=last))
    for axis in (chart.x_axis, chart.y_axis):
        axis.delete = False
    chart.width, chart.height = WIDE, HIGH
    sheet.add_chart(chart, f"B{last + 2}")
