"""The day at a glance: what runs, what it waits for, what is not well, when calls may next be made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from ivr.campaign.records import CampaignRow
from ivr.doctor import Finding, State
from ivr.doctor.troubles import troubles
from ivr.doctor.webhooks import findings
from ivr.domain.authority import Deed, may
from ivr.errors import InputError
from ivr.settings import Settings
from ivr.steering import cut_off
from ivr.web import forms, pages
from ivr.web.campaigns import Standing, seen, standings
from ivr.web.console import Console, console_of
from ivr.web.permits import is_own, permit
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["today"])

OPEN = ("created", "running", "paused", "halted")
"""States of campaigns that are not over."""


class Trouble(BaseModel):
    """Something that is not well, and what to do about it."""

    name: str
    state: str
    message: str
    remedy: str


class Today(BaseModel):
    """The day at a glance."""

    window: str
    open: bool
    troubles: list[Trouble]
    campaigns: list[Standing]


@api.get("/today")
async def today(request: Request, visit: Annotated[Visit, permit(Deed.LOOK_AROUND)]) -> Today:
    """Return what runs, what it waits for, and what is not well."""
    return await _today(console_of(request), visit)


@page.get("/")
async def today_page(request: Request, visit: Annotated[Visit, permit(Deed.LOOK_AROUND)]) -> Response:
    """Show it."""
    found = await _today(console_of(request), visit)
    running = [one for one in found.campaigns if one.state == "running"]
    waiting = [one for one in found.campaigns if one.state != "running"]
    context = {"today": found, "running": running, "waiting": waiting}
    return await pages.show(request, "today.html", context)


@api.post("/emergency-stop", response_model=forms.Done)
async def emergency_stop(request: Request, visit: Annotated[Visit, permit(Deed.EMERGENCY_STOP)]) -> Response:
    """Hang up every call of every campaign that the visitor may stop, and begin none."""
    console = console_of(request)
    mine = [one for one in await console.results.campaigns() if _may_cut(visit, one)]
    stopped = await cut_off(console.results, console.audit.by(visit.author), mine)
    if not stopped:
        raise InputError("電話をかけている催告はありません。")
    names = "、".join(f"「{name}」" for name in stopped)
    return forms.done(request, f"緊急停止しました：{names}。通話中の電話も切ります。", back="/")


def _may_cut(visit: Visit, campaign: CampaignRow) -> bool:
    return may(visit.person.roles, Deed.EMERGENCY_STOP, own=is_own(visit, campaign))


async def _today(console: Console, visit: Visit) -> Today:
    now = console.clock.now()
    sentence, is_open = window_of(console.settings, now)
    mine = [one for one in await seen(console, visit) if one.state in OPEN]
    return Today(
        window=sentence,
        open=is_open,
        troubles=[
            Trouble(name=one.name, state=one.state.value, message=one.message, remedy=one.remedy)
            for one in (*troubles(console.health()), *await _untold(console, visit, now))
            if one.state is not State.GOOD
        ],
        campaigns=await standings(console, visit, mine[::-1]),
    )


async def _untold(console: Console, visit: Visit, now: datetime) -> Iterable[Finding]:
    """Return what is not well with systems that are told of results, of the departments that the visitor sees."""
    store, own = console.results.webhooks, visit.person.department.id
    roles = visit.person.roles
    mine = [one for one in await store.all() if may(roles, Deed.SEE_CAMPAIGN, own=one.department == own)]
    return findings(mine, await store.waiting() if any(one.failures for one in mine) else {}, now)


def window_of(chosen: Settings, now: datetime) -> tuple[str, bool]:
    calendar = chosen.rules().calendar
    if not calendar.is_open(now):
        opens = calendar.next_open(now)
        if opens is None:
            return "これから60日の間、架電できる時間帯がありません。システムの担当者に伝えてください。", False
        return f"いまは時間外です。次は {opens:%-m月%-d日 %H:%M} からです。", False
    closes = calendar.closes(now)
    if closes is None or (closes - now).days >= 7:
        return "いま架電できます。", True
    return f"いま架電できます（{closes:%-m月%-d日 %H:%M} まで）。", True
