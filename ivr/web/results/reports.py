"""日報 and 月報 as pages for A4, as PDFs, workbooks and JSON: of the campaigns that who asks may see."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from ivr.desk.periods import reported
from ivr.domain.authority import Deed, may
from ivr.errors import NotFound
from ivr.reporting import (
    Made,
    Paper,
    PeriodReport,
    Unit,
    day,
    month,
    paper,
    period_json,
    period_report,
    save_pdf,
    save_period,
    typeface,
)
from ivr.reporting.heat_map import WEEKDAYS
from ivr.reporting.paper import SIGNED_BY, shown
from ivr.web import forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import is_own, permit
from ivr.web.results import charts
from ivr.web.results.figures import XLSX
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["reports"])

FIRST_YEAR = 2000

PDF = "application/pdf"

_making = asyncio.Lock()

See = Annotated[Visit, permit(Deed.SEE_CAMPAIGN)]


@page.get("/reports")
async def newest(request: Request, _visit: See) -> Response:
    """Lead to today's."""
    return RedirectResponse(f"/reports/daily/{console_of(request).clock.now():%Y-%m-%d}", 303)


@api.get("/reports/daily/{day}")
async def daily(request: Request, visit: See, day: str) -> dict[str, Any]:
    """Return what was done on a day (YYYY-MM-DD), as `ivr report daily --json` has it."""
    return period_json(await _report(console_of(request), visit, _day(day), Unit.HOUR))


@api.get("/reports/monthly/{month}")
async def monthly(request: Request, visit: See, month: str) -> dict[str, Any]:
    """Return what was done in a month (YYYY-MM)."""
    return period_json(await _report(console_of(request), visit, _day(f"{month}-01"), Unit.DAY))


@page.get("/reports/daily/{day}.pdf")
async def daily_pdf(request: Request, visit: See, day: str) -> Response:
    """Return it as a PDF."""
    return await _file(await _paper(request, visit, _day(day), Unit.HOUR), save_pdf, PDF, f"日報-{day}.pdf")


@page.get("/reports/monthly/{month}.pdf")
async def monthly_pdf(request: Request, visit: See, month: str) -> Response:
    """Return it as a PDF."""
    found = await _paper(request, visit, _day(f"{month}-01"), Unit.DAY)
    return await _file(found, save_pdf, PDF, f"月報-{month}.pdf")


@page.get("/reports/daily/{day}")
async def daily_page(request: Request, visit: See, day: str) -> Response:
    """Show it."""
    return await _shown(request, visit, _day(day), Unit.HOUR)


@page.get("/reports/monthly/{month}")
async def monthly_page(request: Request, visit: See, month: str) -> Response:
    """Show it."""
    return await _shown(request, visit, _day(f"{month}-01"), Unit.DAY)


@page.get("/reports/daily/{day}/xlsx")
async def daily_workbook(request: Request, visit: See, day: str) -> Response:
    """Return it as a workbook."""
    return await _file(await _paper(request, visit, _day(day), Unit.HOUR), save_period, XLSX, f"日報-{day}.xlsx")


@page.get("/reports/monthly/{month}/xlsx")
async def monthly_workbook(request: Request, visit: See, month: str) -> Response:
    """Return it as a workbook."""
    found = await _paper(request, visit, _day(f"{month}-01"), Unit.DAY)
    return await _file(found, save_period, XLSX, f"月報-{month}.xlsx")


def _day(written: str) -> date:
    try:
        found = date.fromisoformat(written)
    except ValueError:
        found = None
    if found is None or written != found.isoformat() or not FIRST_YEAR <= found.year < FIRST_YEAR + 1000:
        raise NotFound("その日や月の報告はありません。")
    return found


async def _report(console: Console, visit: Visit, of: date, unit: Unit) -> PeriodReport:
    zone = console.settings.calling.timezone
    start, end = day(of, zone) if unit is Unit.HOUR else month(of, zone)
    found = reported(await console.results.figures.period(start, end))
    roles = visit.person.roles
    mine = [one for one in found if may(roles, Deed.SEE_CAMPAIGN, own=is_own(visit, one.campaign))]
    return await asyncio.to_thread(period_report, of, mine, zone=zone, unit=unit)


async def _paper(request: Request, visit: Visit, of: date, unit: Unit) -> Paper:
    """Return a report as it is laid out for who asks."""
    console, person = console_of(request), visit.person
    found = await _report(console, visit, of, unit)
    made = Made(by=person.display, department=person.department.name, at=console.clock.now())
    return await asyncio.to_thread(paper, found, made)


async def _shown(request: Request, visit: Visit, of: date, unit: Unit) -> Response:
    report = await _paper(request, visit, of, unit)
    today, hourly = report.made.at.date(), unit is Unit.HOUR
    if hourly:
        here, before, behind = f"daily/{of}", f"daily/{of - timedelta(days=1)}", f"daily/{of + timedelta(days=1)}"
        other, over = f"monthly/{of:%Y-%m}", of < today
    else:
        first, following = of.replace(day=1), (of.replace(day=1) + timedelta(days=31)).replace(day=1)
        here, before, behind = (f"monthly/{one:%Y-%m}" for one in (first, first - timedelta(days=1), following))
        other, over = "", following <= today
    context = {
        "report": report,
        "hourly": hourly,
        "shown": shown,
        "signed_by": SIGNED_BY,
        "strip": charts.strip([(group.name.lower(), number) for group, number in report.parts]),
        "heat": charts.heat(report.heat),
        "weekdays": WEEKDAYS,
        "bar": charts.BAR,
        "pdf": typeface.is_there(),
        "here": here,
        "before": before,
        "behind": behind if over else "",
        "other": other,
    }
    return await pages.show(request, "report.html", context)


async def _file(report: Paper, save: Callable[[BinaryIO, Paper], None], kind: str, name: str) -> Response:
    """Return a report as a file. One is made at a time, in a thread."""
    book = io.BytesIO()
    async with _making:
        await asyncio.to_thread(save, book, report)
    return Response(book.getvalue(), media_type=kind, headers=forms.attachment(name))
