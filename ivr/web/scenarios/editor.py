"""A scenario is written: new, as a copy, or as a version over the newest. What somebody has typed is never lost.

sent with mistakes ──► the same page, the text in it, each mistake with its line
sent over a version that is no longer the newest ──► who was first, what they changed, the text still there
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from ivr.domain.authority import Deed, Reach, may, reach
from ivr.domain.difference import difference
from ivr.domain.edition import LONGEST_NAME, LONGEST_WHY, Kept, normal, written
from ivr.editions import Overtaken
from ivr.editions.book import author
from ivr.errors import InputError
from ivr.web import forms, pages
from ivr.web.console import console_of
from ivr.web.permits import ScenarioVisit, permit_scenario
from ivr.web.scenarios import judging, listing
from ivr.web.scenarios.judging import Write, Written
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["scenarios"])

See = Annotated[ScenarioVisit, permit_scenario(Deed.LOOK_AROUND)]
Edit = Annotated[ScenarioVisit, permit_scenario(Deed.EDIT_SCENARIOS)]

BEGINNING = """version: 1
title: 大切なお知らせのご案内
start: confirm
steps:
  confirm:
    ask: こちらは○○市役所です。{kana}様でいらっしゃいますか。ご本人様の場合は、シャープを押してください。
    times: 2
    wait: 5s
    keys: {"#": notice}
    silence: machine
  notice:
    say: 大切なお知らせをお送りしましたので、ご確認ください。
    reached: true
  machine:
    leave: こちらは○○市役所です。大切なお知らせをお送りしましたので、ご確認ください。
"""
"""What somebody begins with who copies nothing."""

WRONG = "間違いがあるので、まだ保存していません。下の一覧を見て直してください。書いた内容は残っています。"


class New(Written):
    """A scenario that is to be made, maybe a copy."""

    name: str = Field(default="", title="名前", max_length=300)
    why: str = Field(default="", title="ひとこと", max_length=300)
    source: str = Field(default="", title="元にするもの", max_length=300)
    only: str = Field(default="", title="すること", max_length=20)


class Version(Written):
    """A version that is to be saved over the one with the number `version`."""

    version: int = Field(default=0, title="版", ge=0, le=1_000_000_000)
    why: str = Field(default="", title="ひとこと", max_length=300)
    only: str = Field(default="", title="すること", max_length=20)


class Saved(BaseModel):
    """A scenario as it was saved."""

    id: str
    file: str
    version: int


@page.get("/scenarios/new")
async def new_page(
    request: Request, visit: Write, source: Annotated[str, Query(alias="from", max_length=300)] = ""
) -> Response:
    """Show where one is written, with the text of the one that is copied."""
    name, text = "", BEGINNING
    if source:
        name, text = await listing.source_text(console_of(request), source)
    given = New(text=text, name=f"{name[: LONGEST_NAME - 5]}_写し" if name else "", source=source)
    return await _write(request, visit, None, given, {})


@api.post("/scenarios", response_model=Saved, status_code=201, openapi_extra=forms.takes(New))
async def make(request: Request, visit: Write) -> Response:
    """Make a scenario, of the department of whoever asks."""
    console, given = console_of(request), await forms.read(request, New)
    if (refusal := await _unsound(request, visit, None, given)) is not None:
        return refusal
    try:
        kept = await console.book.begin(
            console.audit.by(visit.author),
            given.name,
            given.text,
            by=visit.person.name,
            department=visit.person.department.id,
            why=_why(given.why),
        )
    except InputError as error:
        return await _refused(request, visit, None, given, str(error))
    return _saved(request, kept, f"シナリオ「{written(given.name)}」を作りました。", 201)


@page.get("/scenarios/{scenario_id}")
async def scenario_page(request: Request, asked: See) -> Response:
    """Show a scenario, for whoever may to change it."""
    console = console_of(request)
    await console.book.look()
    kept = await console.book.one(asked.scenario.id)
    return await _write(request, asked.visit, kept, Version(text=kept.text, version=kept.newest.number), {})


@api.post("/scenarios/{scenario_id}", response_model=Saved, openapi_extra=forms.takes(Version))
async def save(request: Request, asked: Edit) -> Response:
    """Save a version over the newest; 409 where `version` is no longer that."""
    console, given = console_of(request), await forms.read(request, Version)
    visit, kept = asked.visit, asked.scenario
    if (refusal := await _unsound(request, visit, kept, given)) is not None:
        return refusal
    try:
        new = await console.book.save(
            console.audit.by(visit.author),
            kept.id,
            given.text,
            over=given.version,
            by=visit.person.name,
            department=visit.person.department.id,
            why=_why(given.why),
        )
    except Overtaken as overtaken:
        return await _overtaken(request, visit, overtaken.kept, given)
    except InputError as error:
        return await _refused(request, visit, kept, given, str(error))
    if new.newest.number == given.version:
        return _saved(request, new, "変わったところがないので、新しい版は作っていません。")
    return _saved(request, new, f"版 {new.newest.number} として保存しました。これから作る催告で使われます。")


@api.post("/scenarios/{scenario_id}/retire", response_model=forms.Done)
async def retire(request: Request, asked: Edit) -> Response:
    """Offer a scenario to nobody any longer; nothing of it is deleted."""
    console, visit = console_of(request), asked.visit
    kept = await console.book.retire(console.audit.by(visit.author), asked.scenario.id, by=visit.person.name)
    return forms.done(request, f"「{_name(kept)}」をしまいました。いつでも、また使えます。", back="/scenarios")


@api.post("/scenarios/{scenario_id}/bring-back", response_model=forms.Done)
async def bring_back(request: Request, asked: Edit) -> Response:
    """Offer a scenario again."""
    console = console_of(request)
    kept = await console.book.bring_back(console.audit.by(asked.visit.author), asked.scenario.id)
    return forms.done(request, f"「{_name(kept)}」を、また使えるようにしました。", back=f"/scenarios/{kept.id}")


async def _unsound(request: Request, visit: Visit, kept: Kept | None, given: New | Version) -> Response | None:
    """Return the page again where a text has mistakes, or where it was only to be checked; None where it is sound."""
    judging.pace(request, visit)
    try:
        measured_s = judging.MEASURED_S if given.only == "check" else 0.0
        looked = await judging.look(console_of(request), given.text, _file(kept, given), measured_s)
    except InputError as error:
        return await _refused(request, visit, kept, given, str(error))
    if given.only != "check" and not looked.told.errors:
        return None
    if not forms.wants_page(request):
        told = looked.told.model_dump(include={"errors", "warnings", "more"})
        return JSONResponse({"error": "refused", "message": WRONG, **told}, 400)
    if given.only == "check":
        return await _write(request, visit, kept, given, {"checked": True}, told=looked)
    return await _write(request, visit, kept, given, {"wrong": WRONG}, told=looked, status=400)


async def _refused(request: Request, visit: Visit, kept: Kept | None, given: New | Version, why: str) -> Response:
    """Return why a text was not saved, with the text."""
    if not forms.wants_page(request):
        return JSONResponse({"error": "refused", "message": why}, 400)
    return await _write(request, visit, kept, given, {"wrong": why}, status=400)


async def _overtaken(request: Request, visit: Visit, kept: Kept, given: Version) -> Response:
    """Return who saved another version first, what they changed, and the text that was sent."""
    console = console_of(request)
    names, _ = await listing.known(console)
    who = "自分が別の画面で" if kept.newest.by == visit.person.name else f"{author(kept.newest, names)} さんが"
    if kept.newest.by is None:
        who = "画面の外でファイルが変えられ、"
    message = f"{who}先に版 {kept.newest.number} を保存しました。まだ保存していません。書いた内容は下に残っています。"
    if not forms.wants_page(request):
        body = {"error": "overtaken", "message": message, "version": kept.newest.number, "text": kept.text}
        return JSONResponse(body, 409)
    base = kept.text
    if 0 < given.version < kept.newest.number:
        _, base = await console.book.text(kept.id, given.version)
    context = {
        "wrong": message,
        "conflict": {
            "base": given.version,
            "newest": kept.newest.number,
            "theirs": await asyncio.to_thread(difference, base, kept.text),
            "mine": await asyncio.to_thread(difference, kept.text, normal(given.text)),
        },
    }
    given = given.model_copy(update={"version": kept.newest.number})
    return await _write(request, visit, kept, given, context, status=409)


async def _write(
    request: Request,
    visit: Visit,
    kept: Kept | None,
    given: New | Version,
    context: Mapping[str, Any],
    *,
    told: judging.Looked | None = None,
    status: int = 200,
) -> Response:
    """Return the page on which a scenario is written, with the text in it."""
    console = console_of(request)
    if told is None:
        told = await judging.look_again(console, given.text, _file(kept, given))
    names, parts = await listing.known(console)
    roles, own = visit.person.roles, kept is None or kept.of(visit.person.department.id)
    writes = may(roles, Deed.EDIT_SCENARIOS, own=own) and not (kept is not None and kept.retired)
    return await pages.show(
        request,
        "scenario.html",
        {
            "kept": kept,
            "name": _name(kept) if kept is not None else "",
            "author": author(kept.newest, names) if kept is not None else "",
            "department": parts.get(kept.department or "") if kept is not None else None,
            "retired_by": names.get(kept.retired_by or "", kept.retired_by) if kept is not None else None,
            "value": given,
            "text": given.text,
            "lines": given.text.replace("\r\n", "\n").removesuffix("\n").split("\n") if not writes else [],
            "told": told.told,
            "writes": writes,
            "copies": reach(roles, Deed.EDIT_SCENARIOS) is not Reach.NONE,
            "own": may(roles, Deed.EDIT_SCENARIOS, own=own),
            "audible": console.voice is not None and reach(roles, Deed.EDIT_SCENARIOS) is not Reach.NONE,
            "longest_name": LONGEST_NAME,
            "longest_why": LONGEST_WHY,
            "wrong": "",
            "checked": False,
            "conflict": None,
            **_address(request, kept, given),
            **await judging.shown(console, told.scenario),
            **context,
        },
        status=status,
    )


def _saved(request: Request, kept: Kept, message: str, status: int = 200) -> Response:
    if not forms.wants_page(request):
        return JSONResponse(Saved(id=kept.id, file=kept.file, version=kept.newest.number).model_dump(), status)
    response = RedirectResponse(f"/scenarios/{kept.id}", 303)
    pages.flash(request, response, "success", message)
    return response


def _address(request: Request, kept: Kept | None, given: New | Version) -> dict[str, str]:
    """Return where a new scenario that was sent with mistakes is written on."""
    if request.method in forms.SAFE or kept is not None or not isinstance(given, New):
        return {}
    return {"address": f"/scenarios/new{'?' + urlencode({'from': given.source}) if given.source else ''}"}


def _file(kept: Kept | None, given: New | Version) -> str:
    return kept.file if kept is not None else given.name if isinstance(given, New) else ""


def _name(kept: Kept) -> str:
    return kept.file.rpartition(".")[0]


def _why(text: str) -> str:
    """Return a word why, on one line."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(line.split())[:LONGEST_WHY]
