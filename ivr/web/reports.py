"""日報 and 月報 as pages for A4, as workbooks and as JSON: of the campaigns that who asks may see."""

from __future__ import annotations

import asyncio
import io
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from ivr.domain.authority import Deed, may
from ivr.domain.era import japanese_date, japanese_year
from ivr.domain.outcome_class import OutcomeClass
from ivr.errors import NotFound
from ivr.reporting import PeriodReport, Unit, day, month, period_json, period_report, save_period
from ivr.reporting.period_file import when
from ivr.web import charts, forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import is_own, permit
from ivr.web.results import XLSX
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["reports"])

FIRST_YEAR = 2000

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
    return await _workbook(await _report(console_of(request), visit, _day(day), Unit.HOUR), f"日報-{day}.xlsx")


@page.get("/reports/monthly/{month}/xlsx")
async def monthly_workbook(request: Request, visit: See, month: str) -> Response:
    """Return it as a workbook."""
    found = await _report(console_of(request), visit, _day(f"{month}-01"), Unit.DAY)
    return await _workbook(found, f"月報-{month}.xlsx")


def title(of: date, unit: Unit) -> str:
    """Return what a report is called."""
    if unit is Unit.HOUR:
        return f"日報　{japanese_date(of, weekday=True)}"
    return f"月報　{japanese_year(of)}{of.month}月"


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
    found = await console.results.figures.period(start, end)
    roles = visit.person.roles
    mine = [one for one in found if may(roles, Deed.SEE_CAMPAIGN, own=is_own(visit, one.campaign))]
    return await asyncio.to_thread(period_report, title(of, unit), mine, zone=zone, unit=unit)


async def _shown(request: Request, visit: Visit, of: date, unit: Unit) -> Response:
    console = console_of(request)
    report = await _report(console, visit, of, unit)
    today, hourly = console.clock.now().date(), unit is Unit.HOUR
    if hourly:
        here, before, behind = f"daily/{of}", f"daily/{of - timedelta(days=1)}", f"daily/{of + timedelta(days=1)}"
        other, open_yet = f"monthly/{of:%Y-%m}", of == today
    else:
        first, following = of.replace(day=1), (of.replace(day=1) + timedelta(days=31)).replace(day=1)
        here, before, behind = (f"monthly/{one:%Y-%m}" for one in (first, first - timedelta(days=1), following))
        other, open_yet = "", first <= today < following
    done = {when(step, unit): step.settled for step in report.steps}
    context = {
        "report": report,
        "lines": (*report.lines, report.total),
        "hourly": hourly,
        "classes": tuple(OutcomeClass),
        "when": when,
        "rows": charts.of_numbers(done, "人"),
        "of": of,
        "here": here,
        "before": before,
        "behind": behind if not open_yet and of < today else "",
        "other": other,
        "open_yet": open_yet,
    }
    return await pages.show(request, "report.html", context)


async def _workbook(report: PeriodReport, name: str) -> Response:
    book = io.BytesIO()
    await asyncio.to_thread(save_period, book, report)
    return Response(book.getvalue(), media_type=XLSX, headers=forms.attachment(name))
