"""What is wrong with a scenario's text as somebody writes it, what its call flow is, and how its sentences sound."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ivr import scenario_files
from ivr.desk.scenarios import EXAMPLE
from ivr.domain.authority import Deed
from ivr.domain.edition import LARGEST, normal
from ivr.domain.scenario import Scenario
from ivr.errors import InputError, Problem
from ivr.web import forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import permit
from ivr.web.scenarios.flow import drawn, flow, sms, step_at
from ivr.web.scenarios.speaking import judged_soon, spoken
from ivr.web.systems.bearers import Pace
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["scenarios"])

Write = Annotated[Visit, permit(Deed.EDIT_SCENARIOS)]

MOST_A_MINUTE = 90
"""Checks and sentences of one session: more than one a second for as long as somebody types."""

MOST_SHOWN = 100
"""Mistakes that are told one by one."""

MEASURED_S = 20.0
"""Seconds for the voice to measure the sentences; what takes longer is judged without their lengths."""


class Written(forms.Given):
    """A text as it was written, to the last blank: lines are counted in it."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=False, str_max_length=300_000)

    text: str = Field(default="", title="シナリオの文章")


class Asked(Written):
    """A text that is to be judged."""

    name: str = Field(default="", title="名前", max_length=300)
    drawn: bool = Field(default=False, title="流れを描く")
    measured: bool = Field(default=True, title="長さを測る")


class Sentence(Written):
    """One of a text's sentences."""

    step: int = Field(default=-1, title="文章", ge=-1, le=100_000)


class Told(BaseModel):
    """One thing that is wrong or doubtful; `line` counts from 1, 0: no line fits; `there` is what the line says."""

    line: int
    message: str
    there: str


class Judged(BaseModel):
    """What `ivr scenario check` says of a text."""

    errors: list[Told]
    warnings: list[Told]
    more: int = Field(description="How many errors are not told one by one.")
    measured: bool = Field(description="Whether the length of every sentence is known.")
    title: str | None
    drawn: str | None = Field(default=None, description="The call flow as the page shows it, where it was asked for.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A text looked at: what is told of it, and the scenario where it is sound."""

    told: Judged
    scenario: Scenario | None


@api.post("/scenarios/check", response_model=Judged, openapi_extra=forms.takes(Asked))
async def check(request: Request, visit: Write) -> Response:
    """Return what is wrong with a text, as one types."""
    console, given = console_of(request), await forms.read(request, Asked)
    pace(request, visit)
    looked = await look(console, given.text, given.name, MEASURED_S if given.measured else 0.0)
    told = looked.told
    if given.drawn and looked.scenario is not None:
        context = await shown(console, looked.scenario) | {"audible": console.voice is not None}
        told = told.model_copy(update={"drawn": await asyncio.to_thread(pages.piece, "scenario_flow.html", context)})
    return Response(told.model_dump_json(), media_type=forms.JSON)


@api.post("/scenarios/sentence", response_class=Response, openapi_extra=forms.takes(Sentence))
async def sentence(request: Request, visit: Write) -> Response:
    """Return what a callee hears of one step of a text (by its place, from 0), with an example's name, as WAV."""
    console, given = console_of(request), await forms.read(request, Sentence)
    pace(request, visit)
    see_size(given.text)
    async with console.checks_at_once:
        scenario = await asyncio.to_thread(scenario_files.parse, normal(given.text), "")
    step = step_at(scenario, given.step)
    sound = await spoken(console, step.text, dict(EXAMPLE), scenario.language_of(step))
    return Response(sound, media_type="audio/wav")


async def look(console: Console, text: str, file: str, measured_s: float = 0.0) -> Looked:
    """Judge a text; the voice measures its sentences for `measured_s` seconds at most. InputError: it is too long."""
    see_size(text)
    text = normal(text)
    if measured_s:
        report, measured = await judged_soon(console, text, file, measured_s)
    else:
        async with console.checks_at_once:
            report, measured = await judged_soon(console, text, file, 0.0)
    lines = text.split("\n")
    told = Judged(
        errors=_told(report.errors, lines),
        warnings=_told(report.warnings, lines),
        more=max(0, len(report.errors) - MOST_SHOWN),
        measured=measured,
        title=report.scenario.title if report.scenario is not None else None,
    )
    return Looked(told=told, scenario=report.scenario)


async def look_again(console: Console, text: str, file: str) -> Looked:
    """Judge a text that is kept, however long it is."""
    try:
        return await look(console, text, file)
    except InputError:
        return Looked(told=Judged(errors=[], warnings=[], more=0, measured=False, title=None), scenario=None)


async def shown(console: Console, scenario: Scenario | None) -> dict[str, Any]:
    """Return what a page needs to show a call flow."""
    return {
        "scenario": scenario,
        "flow": flow(scenario) if scenario is not None else [],
        "chart": await asyncio.to_thread(drawn, scenario),
        "sms": sms(console.settings, scenario) if scenario is not None else "",
    }


def see_size(text: str) -> None:
    """Raise InputError where a text is too long to be a scenario."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise InputError(f"文章が長すぎます（上限 {LARGEST // 1024} KiB、日本語でおよそ 2 万字）。")


def pace(request: Request, visit: Visit) -> None:
    """Raise TooMany where a session asks too often."""
    state = request.app.state
    if not hasattr(state, "scenario_pace"):
        state.scenario_pace = Pace(MOST_A_MINUTE)
    found: Pace = state.scenario_pace
    found.count(visit.session.id, console_of(request).clock.now())


def _told(problems: Sequence[Problem], lines: Sequence[str]) -> list[Told]:
    return [
        Told(line=one.line, message=one.message, there=lines[one.line - 1].strip()[:80] if one.line else "")
        for one in problems[:MOST_SHOWN]
        if one.line <= len(lines)
    ]
