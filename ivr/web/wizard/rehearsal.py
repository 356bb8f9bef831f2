"""Steps 4 and 5: a forecast of the campaign in virtual time, and a call to a member of staff."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from functools import partial

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from ivr import staff_call
from ivr.desk.staff import staff_number
from ivr.domain.outcome import Outcome
from ivr.domain.phone import parse
from ivr.domain.scenario import NO_CALLS
from ivr.drafts import making
from ivr.drafts.draft import Draft, Seen, TestCall
from ivr.drafts.kept import LIST
from ivr.errors import InputError, NotFound
from ivr.forecast import HORIZON
from ivr.web import forms
from ivr.web.console import Console, console_of
from ivr.web.permits import DraftVisit
from ivr.web.wizard import steps
from ivr.web.wizard.steps import Sent, Told, Work

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["drafts"])

SEED = 1
"""The same people live by the same habits, so that two forecasts differ by the rules alone."""


class Foreseen(BaseModel):
    """How far a forecast is: `none`, `waiting`, `running`, `done`, `old` (of what was changed since), or `wrong`."""

    state: str
    done: int = 0
    people: int = 0
    reached: int = 0
    left: int = 0
    message: str = ""


class Called(BaseModel):
    """How a call to a member of staff is: `none`, `calling`, `over`."""

    state: str
    outcome: str = ""
    confirmed: bool = False
    keys: str = ""


class ToStaff(Sent):
    """Whom to call."""

    number: str = Field(default="", title="職員の番号", max_length=30)


@page.get("/campaigns/new/{draft_id}/forecast")
async def forecast_page(request: Request, work: Work) -> Response:
    """Show the forecast, how far it is, or how to have it."""
    now = await _kept(request, work)
    seen = now.draft.forecast
    context = {
        "forecast": await _state(request, now.draft),
        "seen": seen,
        "horizon": HORIZON.days,
        "calls": now.draft.scenario is not None and now.draft.scenario.calls,
    }
    return await steps.show(request, now, "forecast", context)


@api.get("/drafts/{draft_id}/forecast")
async def forecast(request: Request, work: Work) -> Foreseen:
    """Return how far the forecast is."""
    return await _state(request, (await _kept(request, work)).draft)


@api.post("/drafts/{draft_id}/forecast", response_model=Foreseen)
async def foresee(request: Request, work: Work) -> Response:
    """Begin the forecast."""
    console = console_of(request)
    async with steps.changing(request, work, 0) as draft:
        if not making.scenario_of(draft).calls:
            raise InputError(NO_CALLS)
        making.own_rules(console.settings, draft)
        data = await console.drafts.file(draft.id, LIST)
        changed = await steps.put(
            request, work, draft.model_copy(update={"forecast": None, "forecast_error": ""}), basis=False
        )
    by, now = work.visit.person.name, console.clock.now()
    plan = partial(making.plan_of, data, console.settings, changed, by, now, SEED)
    console.foreseeing.begin(changed.id, changed.basis, changed.people, plan)
    if not forms.wants_page(request):
        return JSONResponse((await _state(request, changed)).model_dump())
    return steps.done(request, changed, "forecast", "")


@page.get("/campaigns/new/{draft_id}/test-call")
async def test_page(request: Request, work: Work) -> Response:
    """Show whom one may call, and what came of the call."""
    console = console_of(request)
    context = {
        "numbers": console.settings.calling.staff_numbers,
        "call": await _call(console, work.draft),
        "calls": work.draft.scenario is not None and work.draft.scenario.calls,
    }
    return await steps.show(request, work, "test-call", context)


@api.get("/drafts/{draft_id}/test-call")
async def test_call(request: Request, work: Work) -> Called:
    """Return what came of the call to a member of staff."""
    return await _call(console_of(request), work.draft)


@api.post("/drafts/{draft_id}/test-call", response_model=Told, openapi_extra=forms.takes(ToStaff))
async def call_staff(request: Request, work: Work) -> Response:
    """Have the engine call a member of staff with the scenario; only numbers of the settings are called."""
    console, given = console_of(request), await forms.read(request, ToStaff)
    number = staff_number(console.settings, given.number)
    async with steps.changing(request, work, given.version) as draft:
        if (await _call(console, draft)).state == "calling":
            raise InputError("いま、試しの電話をかけているところです。終わるまで待ってください。")
        who, now = work.visit.person.name, console.clock.now()
        new = making.for_staff(console.settings, draft, by=who, now=now)
        row = await staff_call.begun(
            console.settings, console.results, console.audit.by(work.visit.author), new, number, by=who
        )
        test = TestCall(campaign=row.id, at=now, by=who)
        changed = await steps.put(request, work, draft.model_copy(update={"test": test}), basis=False)
    return steps.done(request, changed, "test-call", "")


async def _kept(request: Request, work: DraftVisit) -> DraftVisit:
    """Return the draft, with a forecast that is over kept in it."""
    console = console_of(request)
    found = console.foreseeing.of(work.draft.id)
    if found is None or not found.over:
        return work
    async with steps.changing(request, work, 0) as draft:
        ended = console.foreseeing.take(draft.id)
        if ended is None:
            return DraftVisit(visit=work.visit, draft=draft)
        seen = Seen(of_version=ended.version, **asdict(ended.outlook)) if ended.outlook is not None else None
        changes = {"forecast": seen, "forecast_error": ended.wrong}
        kept = await console.drafts.put(
            draft.model_copy(update=changes), draft.changed_by, draft.changed_at, basis=False
        )
    return DraftVisit(visit=work.visit, draft=kept)


async def _state(request: Request, draft: Draft) -> Foreseen:
    running = console_of(request).foreseeing.of(draft.id)
    if running is not None:
        return Foreseen(state="waiting" if running.waits else "running", done=running.done, people=running.people)
    if draft.forecast_error:
        return Foreseen(state="wrong", message=draft.forecast_error)
    seen = draft.forecast
    if seen is None:
        return Foreseen(state="none", people=draft.people)
    state = "done" if seen.of_version == draft.basis else "old"
    return Foreseen(state=state, done=seen.people, people=seen.people, reached=seen.reached, left=seen.left)


async def _call(console: Console, draft: Draft) -> Called:
    if draft.test is None:
        return Called(state="none")
    try:
        row = await console.results.campaign_of(draft.test.campaign)
    except NotFound:
        return Called(state="over", outcome="記録が消去されています")
    record = await staff_call.settled(console.results, row)
    if record is not None:
        keys = " ".join(key.key for attempt in record.attempts for key in attempt.keys)
        outcome = record.outcome
        return Called(
            state="over",
            outcome=outcome.label if outcome is not None else "結果なし",
            confirmed=outcome is Outcome.CONFIRMED,
            keys=keys,
        )
    late = console.clock.now() - draft.test.at > timedelta(seconds=staff_call.patience(console.settings))
    if late or row.state != "running":
        await console.results.move_campaign(row.id, expected=["running"], state="stopped")
        return Called(state="over", outcome="時間のうちにかけられませんでした。時間帯の外か、回線が空いていません。")
    return Called(state="calling")


def shown(number: str) -> str:
    """Return a number of the settings as it is dialled."""
    return parse(number).e164
