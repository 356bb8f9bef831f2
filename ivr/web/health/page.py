"""The state of the system: what is well, what is not and since when, what that means for the calls, what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ivr.doctor import State
from ivr.domain.authority import Deed, Reach, reach
from ivr.web import pages
from ivr.web.console import console_of
from ivr.web.health.inspection import Inspection, Seen, worst
from ivr.web.health.words import WORDS
from ivr.web.permits import permit
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["system"])

Look = Annotated[Visit, permit(Deed.LOOK_AROUND)]
SeeSystem = Annotated[Visit, permit(Deed.SEE_SYSTEM)]

CHECKING = "checking"

LABELS = {State.GOOD.value: "正常", State.WARNING.value: "注意", State.BAD.value: "異常", CHECKING: "確認中"}

SUMMARIES = {
    State.GOOD.value: "すべて正常です。",
    State.WARNING.value: "電話はかけられますが、気をつけることがあります。",
    State.BAD.value: "電話か SMS に差し支えることがあります。",
    CHECKING: "いま確かめています。",
}

ORDER = (State.BAD.value, State.WARNING.value, CHECKING, State.GOOD.value)
"""What is to be done something about comes first."""


class Line(BaseModel):
    """One thing, and how it is. `details` and `remedy` are for the IT officer, null for who may not see them."""

    key: str
    name: str
    state: str = Field(description="good, warning, bad; checking: not known yet.")
    state_label: str
    since: datetime | None = Field(description="Since when it is so, as far as this run of the engine knows.")
    looked_at: datetime | None
    message: str
    todo: str
    link: tuple[str, str] | None
    details: str | None
    remedy: str | None


class Health(BaseModel):
    """The whole, and each thing, the worst first."""

    state: str = Field(description="The worst of them: good, warning, bad; checking: not all is known yet.")
    summary: str
    running_since: datetime
    looked_at: datetime
    lines: list[Line]


@api.get("/health")
async def health(request: Request, _visit: Look) -> Health:
    """Return how everything is, in words for everybody."""
    return await _health(request, details=False)


@api.get("/health/details")
async def details(request: Request, _visit: SeeSystem) -> Health:
    """Return the same with what the IT officer needs."""
    return await _health(request, details=True)


@page.get("/system")
async def system_page(request: Request, visit: Look) -> Response:
    """Show it; a script renews it."""
    sees = reach(visit.person.roles, Deed.SEE_SYSTEM) is not Reach.NONE
    return await pages.show(request, "system.html", {"health": await _health(request, details=sees)})


async def _health(request: Request, *, details: bool) -> Health:
    inspection: Inspection = request.app.state.inspection
    seen = await inspection.look()
    lines = [_line(key, one, details=details) for key, one in seen.items()]
    state = worst(one.finding.state for one in seen.values() if one is not None).value
    if state == State.GOOD.value and None in seen.values():
        state = CHECKING
    return Health(
        state=state,
        summary=SUMMARIES[state],
        running_since=inspection.begun,
        looked_at=console_of(request).clock.now(),
        lines=sorted(lines, key=lambda line: ORDER.index(line.state)),
    )


def _line(key: str, seen: Seen | None, *, details: bool) -> Line:
    words = WORDS[key]
    state = seen.finding.state if seen is not None else None
    if seen is None:
        message, todo = "いま確かめています。", ""
    elif state is State.GOOD:
        message, todo = words.well or seen.finding.message, ""
    elif state is State.WARNING and words.warns:
        message, todo = words.warns, words.warned_todo or words.todo
    else:
        message, todo = words.means, words.todo
    return Line(
        key=key,
        name=words.name,
        state=state.value if state is not None else CHECKING,
        state_label=LABELS[state.value if state is not None else CHECKING],
        since=seen.since if seen is not None else None,
        looked_at=seen.at if seen is not None else None,
        message=message,
        todo=todo,
        link=words.link if state is not State.GOOD else None,
        details=seen.finding.message if details and seen is not None else None,
        remedy=seen.finding.remedy if details and seen is not None else None,
    )
