"""Step 6: everything at a glance, a name, and the campaign is made, once."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from ivr.aside import over
from ivr.desk.orders import LONGEST_NAME
from ivr.drafts import making, rules_form
from ivr.drafts.draft import Draft
from ivr.drafts.kept import LIST
from ivr.errors import InputError, IvrError
from ivr.web import forms
from ivr.web.campaigns import names_of
from ivr.web.console import Console, console_of
from ivr.web.wizard import steps
from ivr.web.wizard.steps import Sent, Work

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["drafts"])


class Named(Sent):
    """The name of the campaign."""

    name: str = Field(default="", title="催告の名前", max_length=LONGEST_NAME + 1)


class Made(BaseModel):
    """The campaign that was made."""

    campaign: str
    message: str


class Glance(BaseModel):
    """What a draft would make: who is called, what is to be said, or why it can't be made."""

    people: int = 0
    joined: int = 0
    notes: tuple[str, ...] = ()
    wrong: str = ""


@page.get("/campaigns/new/{draft_id}/overview")
async def overview_page(request: Request, work: Work) -> Response:
    """Show everything that the campaign would be."""
    console, draft = console_of(request), work.draft
    glance = Glance() if draft.used is not None else await _glance(console, draft)
    context = {
        "glance": glance,
        "taken": draft.upload.taken if draft.upload is not None else None,
        "rules": _rules(console, draft),
        "second": console.settings.calling.approval == "second_person",
        "approval": console.settings.calling.approval != "none",
        "longest": LONGEST_NAME,
    }
    return await steps.show(request, work, "overview", context)


@api.get("/drafts/{draft_id}/overview")
async def overview(request: Request, work: Work) -> Glance:
    """Return what a draft would make."""
    if work.draft.used is not None:
        return Glance()
    return await _glance(console_of(request), work.draft)


@api.post("/drafts/{draft_id}/create", response_model=Made, openapi_extra=forms.takes(Named))
async def create(request: Request, work: Work) -> Response:
    """Make the campaign; whoever asks again gets the one that was made."""
    console, visit = console_of(request), work.visit
    given = await forms.read(request, Named)
    if work.draft.used is None and not given.name:
        raise InputError("催告の名前を書いてください。")
    names = await names_of(console)
    campaign = await making.created(
        console.settings,
        console.drafts,
        console.results,
        console.audit.by(visit.author),
        work.draft.id,
        given.name or "-",
        department=visit.person.department.name,
        by=visit.person.name,
        clock=console.clock.now,
        see=lambda draft: steps.see_version(draft, visit, given.version, names),
    )
    said = f"催告「{campaign.name}」を作りました。まだ電話はかかりません。"
    if not forms.wants_page(request):
        return JSONResponse(Made(campaign=campaign.id, message=said).model_dump())
    return forms.done(request, said, back=f"/campaigns/{campaign.id}")


async def _glance(console: Console, draft: Draft) -> Glance:
    try:
        data = await console.drafts.file(draft.id, LIST)
        people, joined, notes = await over(data, making.glanced, console.settings, draft, console.clock.now())
    except IvrError as error:
        return Glance(wrong=str(error))
    return Glance(people=people, joined=joined, notes=notes)


def _rules(console: Console, draft: Draft) -> list[tuple[str, str]]:
    calling = console.settings.calling
    try:
        own = making.own_rules(console.settings, draft)
        told = rules_form.told(calling, own)
        if making.has_texts(draft):
            told.append(("SMS を送る人", rules_form.told_of_texts(calling, own)))
    except InputError:
        return []
    return told
