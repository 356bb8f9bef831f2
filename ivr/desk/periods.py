"""日報 and 月報, as the clerk asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from rich.console import Console

from ivr import identity, settings
from ivr.campaign.figures import Period
from ivr.desk.answers import print_json
from ivr.desk.records import store
from ivr.domain.account import at_terminal
from ivr.reporting import (
    Made,
    PeriodReport,
    Unit,
    day,
    month,
    paper,
    period_json,
    period_report,
    show_period,
    write_pdf,
    write_period,
)
from ivr.settings import STAFF_CALL
from ivr.system_clock import SystemClock

WRITERS = {"xlsx": write_period, "pdf": write_pdf}


def reported(periods: Iterable[Period]) -> list[Period]:
    """Return what stands in a report: a call to a member of staff is nobody's reminder."""
    return [one for one in periods if one.campaign.rules != STAFF_CALL]


async def daily(config: Path | None, of: date | None, out: Path | None, form: str | None = None, *, json: bool) -> int:
    """Report a day, today where none is named."""
    return await _report(config, of, out, form, Unit.HOUR, json=json)


async def monthly(
    config: Path | None, of: date | None, out: Path | None, form: str | None = None, *, json: bool
) -> int:
    """Report the month of a day, this one where none is named."""
    return await _report(config, of, out, form, Unit.DAY, json=json)


async def _report(
    config: Path | None, of: date | None, out: Path | None, form: str | None, unit: Unit, *, json: bool
) -> int:
    chosen = settings.load(config)
    zone = chosen.calling.timezone
    now = SystemClock(zone).now()
    of = of or now.date()
    if form and out is None:
        out = Path(f"日報-{of}.{form}" if unit is Unit.HOUR else f"月報-{of:%Y-%m}.{form}")
    start, end = day(of, zone) if unit is Unit.HOUR else month(of, zone)
    async with store(chosen) as results:
        periods = reported(await results.figures.period(start, end))
    made = Made(by=at_terminal(identity.human()), department="", at=now)
    _tell(period_report(of, periods, zone=zone, unit=unit), made, out, form, json=json)
    return 0


def _tell(report: PeriodReport, made: Made, out: Path | None, form: str | None, *, json: bool) -> None:
    laid_out = paper(report, made)
    if out is not None:
        WRITERS[form or ("pdf" if out.suffix.lower() == ".pdf" else "xlsx")](out, laid_out)
    if json:
        print_json(period_json(report))
    elif out is not None:
        print(f"{out} に書き出しました。")
    else:
        show_period(laid_out, Console())
