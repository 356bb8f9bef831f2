"""日報 and 月報, as the clerk asks for them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from rich.console import Console

from ivr import settings
from ivr.desk.answers import print_json
from ivr.desk.records import store
from ivr.reporting import PeriodReport, Unit, day, month, period_json, period_report, show_period, write_period
from ivr.system_clock import SystemClock

WEEKDAYS = "月火水木金土日"


async def daily(config: Path | None, of: date | None, out: Path | None, *, json: bool) -> int:
    """Report a day, today where none is named."""
    return await _report(config, of, out, Unit.HOUR, json=json)


async def monthly(config: Path | None, of: date | None, out: Path | None, *, json: bool) -> int:
    """Report the month of a day, this one where none is named."""
    return await _report(config, of, out, Unit.DAY, json=json)


async def _report(config: Path | None, of: date | None, out: Path | None, unit: Unit, *, json: bool) -> int:
    chosen = settings.load(config)
    zone = chosen.calling.timezone
    of = of or SystemClock(zone).now().date()
    start, end = day(of, zone) if unit is Unit.HOUR else month(of, zone)
    async with store(chosen) as results:
        periods = await results.figures.period(start, end)
    report = period_report(_title(of, unit), periods, zone=zone, unit=unit)
    _tell(report, out, json=json)
    return 0


def _title(of: date, unit: Unit) -> str:
    if unit is Unit.HOUR:
        return f"日報 {of.year}年{of.month}月{of.day}日（{WEEKDAYS[of.weekday()]}）"
    return f"月報 {of.year}年{of.month}月"


def _tell(report: PeriodReport, out: Path | None, *, json: bool) -> None:
    if out is not None:
        write_period(out, report)
    if json:
        print_json(period_json(report))
    elif out is not None:
        print(f"{out} に書き出しました。")
    else:
        show_period(report, Console())
