"""The steps of the wizard, how far a draft is, and what every step's page shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from ivr.domain.authority import Deed
from ivr.drafts import making
from ivr.drafts.draft import Draft
from ivr.errors import InputError
from ivr.web import forms, pages
from ivr.web.campaigns import names_of
from ivr.web.console import Console, console_of
from ivr.web.permits import DraftVisit, permit, permit_draft
from ivr.web.visits import Visit

STEPS: Mapping[str, str] = {
    "list": "名簿",
    "scenario": "シナリオ",
    "rules": "規則",
    "forecast": "見込み",
    "test-call": "試しの電話",
    "overview": "確認と作成",
}
"""In order, as they are in the address and as staff read them."""

OPTIONAL = frozenset({"forecast", "test-call"})
NEEDED = {"scenario": ("list",), "rules": ("list", "scenario"), "forecast": ("list", "scenario", "rules")}
NEEDED |= {"test-call": ("scenario",), "overview": ()}

MARKS = {"done": "済み", "wrong": "要修正", "todo": "まだ", "optional": "任意"}

Create = Annotated[Visit, permit(Deed.CREATE)]
Work = Annotated[DraftVisit, permit_draft(Deed.CREATE)]


class Sent(forms.Given):
    """What every form of the wizard brings: the version of the draft that its page showed."""

    version: int = Field(default=0, title="版", ge=0)


class Step(BaseModel):
    """How far one step is: `done`, `wrong`, `todo` or `optional`."""

    name: str
    label: str
    state: str


class Told(BaseModel):
    """A draft, as a program sees it; nobody on its list is in it."""

    id: str
    version: int
    label: str
    made_by: str
    people: int
    problem: str
    encoding: str
    steps: list[Step]
    used: str | None = Field(description="The campaign that it has become.")


def told(console: Console, draft: Draft) -> Told:
    """Return a draft as a program sees it."""
    return Told(
        id=draft.id,
        version=draft.version,
        label=draft.label,
        made_by=draft.made_by,
        people=draft.people,
        problem=draft.upload.problem if draft.upload is not None else "",
        encoding=draft.upload.encoding if draft.upload is not None else "",
        steps=steps_of(console, draft),
        used=draft.used,
    )


def steps_of(console: Console, draft: Draft) -> list[Step]:
    """Return how far each step of a draft is."""
    states = {
        "list": _list_state(draft),
        "scenario": "todo" if draft.scenario is None else "wrong" if draft.scenario.problems else "done",
        "rules": _rules_state(console, draft),
        "forecast": "done" if draft.forecast is not None and draft.forecast.of_version == draft.basis else "optional",
        "test-call": "done" if draft.test is not None else "optional",
        "overview": "todo",
    }
    return [Step(name=name, label=label, state=states[name]) for name, label in STEPS.items()]


def lacking(console: Console, draft: Draft, step: str) -> str | None:
    """Return the step that must be done before `step`, None where none must."""
    states = {one.name: one.state for one in steps_of(console, draft)}
    return next((one for one in NEEDED.get(step, ()) if states[one] != "done"), None)


async def show(request: Request, work: DraftVisit, step: str, context: Mapping[str, Any]) -> Response:
    """Return the page of a step; where an earlier one must be done first, that; the campaign where there is one."""
    console, draft = console_of(request), work.draft
    if draft.used is not None:
        return RedirectResponse(f"/campaigns/{draft.used}", 303)
    steps = await asyncio.to_thread(steps_of, console, draft)
    if (first := await asyncio.to_thread(lacking, console, draft, step)) is not None:
        response: Response = RedirectResponse(at(draft, first), 303)
        pages.flash(request, response, "warning", f"先に「{STEPS[first]}」を済ませてください。")
        return response
    return await pages.show(
        request,
        f"wizard_{step.replace('-', '_')}.html",
        {
            "draft": draft,
            "steps": steps,
            "step": step,
            "step_number": list(STEPS).index(step) + 1,
            "step_label": STEPS[step],
            "marks": MARKS,
            "base": f"/campaigns/new/{draft.id}",
            "api": f"/api/v1/drafts/{draft.id}",
            **context,
        },
    )


@asynccontextmanager
async def changing(request: Request, work: DraftVisit, version: int) -> AsyncIterator[Draft]:
    """Yield the draft to be changed, while nobody else does; InputError where somebody has, since its page was shown.

    Who sends no version, as a program may, changes what is there.
    """
    console = console_of(request)
    names = await names_of(console)
    async with console.drafts.changing(work.draft.id) as draft:
        if draft.used is not None:
            raise InputError("この催告は、もう作られています。「催告の一覧」で確かめてください。")
        see_version(draft, work.visit, version, names)
        yield draft


def see_version(draft: Draft, visit: Visit, version: int, names: Mapping[str, str]) -> None:
    """Raise InputError where somebody has changed a draft since the page with `version` (0: none) was shown.

    `names` are what people are called.
    """
    if version and version != draft.version:
        who = (
            "自分が別の画面で"
            if draft.changed_by == visit.person.name
            else f"{names.get(draft.changed_by, draft.changed_by)} さんが"
        )
        raise InputError(f"{who}、この作りかけの催告を先に変えました。いまの内容を確かめて、もう一度操作してください。")


async def put(request: Request, work: DraftVisit, draft: Draft, *, basis: bool = True) -> Draft:
    """Store a draft as whoever asks has changed it; within `changing`."""
    console = console_of(request)
    return await console.drafts.put(draft, work.visit.person.name, console.clock.now(), basis=basis)


def done(
    request: Request, draft: Draft, step: str, message: str, *, kind: str = "success", query: str = ""
) -> Response:
    """Return that something is done: to a browser the page of `step`, else the draft."""
    if not forms.wants_page(request):
        return JSONResponse(told(console_of(request), draft).model_dump())
    response = RedirectResponse(at(draft, step) + query, 303)
    if message:
        pages.flash(request, response, kind, message)
    return response


def at(draft: Draft, step: str) -> str:
    """Return where the page of a step is."""
    return f"/campaigns/new/{draft.id}/{step}"


def _list_state(draft: Draft) -> str:
    if draft.upload is None:
        return "todo"
    return "done" if draft.people else "wrong"


def _rules_state(console: Console, draft: Draft) -> str:
    if draft.rules is None:
        return "todo"
    try:
        making.own_rules(console.settings, draft)
    except InputError:
        return "wrong"
    return "done"
