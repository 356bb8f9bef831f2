"""日報 and 月報 on a terminal, and as a workbook: a sheet for each of their tables."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr.reporting.files import replacing
from ivr.reporting.heat_file import fill_heat_map
from ivr.reporting.paper import Paper, Section, shown
from ivr.reporting.sheets import fill


def show_period(report: Paper, console: Console) -> None:
    """Print the report, without its classes but those in which anybody is."""
    console.print(f"{report.title}　{report.year}", soft_wrap=True, markup=False, highlight=False)
    for said in (report.unfinished, report.nothing):
        if said:
            console.print(said, soft_wrap=True, markup=False, highlight=False)
    named = {section.key: section for section in report.sections}
    if "campaigns" in named:
        console.print(_table(named["campaigns"]))
        for group, number in report.parts:
            console.print(f"{group.value} {number:,} 人", soft_wrap=True, markup=False, highlight=False)
        console.print(_table(named["steps"]))


def write_period(path: Path, report: Paper) -> None:
    """Write the report as a workbook; raise InputError where `path` can't be written to."""
    with replacing(path) as binary:
        save_period(binary, report)


def save_period(binary: BinaryIO, report: Paper) -> None:
    """Write the report as a workbook to what is open."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.creator, book.properties.title = report.made.by, report.title
    title = "　".join(word for word in (report.title, report.year, report.made.said, report.unfinished) if word)
    for section in report.sections:
        sheet = book.create_sheet(section.title)
        fill(sheet, title, section.headings, [*section.rows, *([section.total] if section.total else [])])
    if report.heat.places:
        fill_heat_map(book.create_sheet(), title, report.heat)
    if report.nothing:
        fill(book.create_sheet("なし"), title, (report.nothing,), ())
    book.save(binary)


def _table(section: Section) -> Table:
    table = Table(box=None, pad_edge=False)
    for at, column in enumerate(section.headings):
        table.add_column(Text(column), justify="right" if at else "left", no_wrap=True)
    for row in (*section.rows, *([section.total] if section.total else [])):
        table.add_row(*(Text(shown(cell)) for cell in row))
    return table
