"""Figures of a campaign as a workbook: a heat map that is coloured by the sheet, tries, keys, days."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from ivr.campaign.figures import Figures
from ivr.domain.outcome_class import OutcomeClass
from ivr.reporting.files import replacing
from ivr.reporting.heat_file import fill_heat_map
from ivr.reporting.heat_map import heat_map
from ivr.reporting.paper import CLASSES, COUNTED, by_class, counted
from ivr.reporting.sheets import FIRST_ROW, fill
from ivr.reporting.timeline import Unit, timeline
from ivr.reporting.tries import Try, tries

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
    fill_heat_map(book.active, campaign, heat_map(figures.quarters, zone=zone))
    _tries(book.create_sheet("回ごと"), campaign, tries(figures.tries))
    pressed = [(step, key, number) for (step, key), number in figures.keys.items()]
    fill(book.create_sheet("押されたキー"), campaign, ("ステップ", "キー", "回数"), pressed)
    days = timeline(figures, zone=zone, unit=Unit.DAY)
    rows = [(f"{day.at:%Y-%m-%d}", *counted(day.reach, day.settled), day.done, *by_class(day)) for day in days]
    sheet: Any = book.create_sheet("日ごと")
    fill(sheet, campaign, ("日", *COUNTED, "累計", *CLASSES), rows)
    if rows:
        _chart(sheet, len(rows))
    book.save(binary)


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
