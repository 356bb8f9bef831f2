"""What a scenario was: its versions with author, time and why, what differs between two, an older one again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ivr.domain.authority import Deed, may
from ivr.domain.difference import difference
from ivr.domain.edition import Edition
from ivr.editions import Overtaken
from ivr.editions.book import author
from ivr.errors import InputError, NotFound
from ivr.web import forms, pages
from ivr.web.console import console_of
from ivr.web.scenarios import judging, listing
from ivr.web.scenarios.editor import Edit, See

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["scenarios"])

Number = Annotated[int, Query(ge=0, le=1_000_000_000)]


class Made(BaseModel):
    """A version, but for its text."""

    number: int
    at: datetime
    by: str | None = Field(description="Null where it was made outside of the console.")
    author: str = Field(description="The same as staff read it.")
    why: str
    again: int | None = Field(description="The older version that it is again.")


class Whole(Made):
    """A version with its text."""

    text: str


class Again(forms.Given):
    """Which version is to be the newest again, over the one with the number `version`."""

    number: int = Field(title="版", ge=1, le=1_000_000_000)
    version: int = Field(default=0, title="いまの版", ge=0, le=1_000_000_000)


@api.get("/scenarios/{scenario_id}/versions")
async def versions(request: Request, asked: See) -> list[Made]:
    """Return the versions of a scenario, the newest first."""
    console = console_of(request)
    names, _ = await listing.known(console)
    return [_made(one, names) for one in await console.book.of(asked.scenario.id)]


@api.get("/scenarios/{scenario_id}/versions/{version}")
async def one_version(request: Request, asked: See, version: int) -> Whole:
    """Return a version with its text."""
    console = console_of(request)
    names, _ = await listing.known(console)
    edition, text = await console.book.text(asked.scenario.id, _fit(version))
    return Whole(text=text, **_made(edition, names).model_dump())


@page.get("/scenarios/{scenario_id}/versions")
async def versions_page(request: Request, asked: See, old: Number = 0, new: Number = 0) -> Response:
    """Show the versions, and what differs between two: the newest two, where none are named."""
    console, kept = console_of(request), asked.scenario
    found = await versions(request, asked)
    newest = found[0].number
    new = new or newest
    old = old or max(1, new - 1)
    changed = None
    if newest > 1 and old != new:
        _, before = await console.book.text(kept.id, old)
        _, after = await console.book.text(kept.id, new)
        changed = await asyncio.to_thread(difference, before, after)
    context = {
        "kept": kept,
        "name": kept.file.rpartition(".")[0],
        "versions": found,
        "old": old,
        "new": new,
        "changed": changed,
    }
    return await pages.show(request, "scenario_versions.html", context)


@page.get("/scenarios/{scenario_id}/versions/{version}")
async def version_page(request: Request, asked: See, version: int) -> Response:
    """Show a version as it was, and where it can be made the newest again."""
    console, kept = console_of(request), asked.scenario
    found = await one_version(request, asked, version)
    looked = await judging.look_again(console, found.text, kept.file)
    own = may(asked.visit.person.roles, Deed.EDIT_SCENARIOS, own=kept.of(asked.visit.person.department.id))
    context = await judging.shown(console, looked.scenario) | {
        "kept": kept,
        "name": kept.file.rpartition(".")[0],
        "one": found,
        "lines": found.text.removesuffix("\n").split("\n"),
        "restores": own and found.number != kept.newest.number,
        "audible": False,
    }
    return await pages.show(request, "scenario_version.html", context)


@api.post("/scenarios/{scenario_id}/restore", response_model=forms.Done, openapi_extra=forms.takes(Again))
async def restore(request: Request, asked: Edit) -> Response:
    """Make an older version the newest again, as a new version."""
    console, given, visit = console_of(request), await forms.read(request, Again), asked.visit
    try:
        kept = await console.book.restore(
            console.audit.by(visit.author),
            asked.scenario.id,
            given.number,
            over=given.version or asked.scenario.newest.number,
            by=visit.person.name,
            department=visit.person.department.id,
        )
    except Overtaken as overtaken:
        number = overtaken.kept.newest.number
        raise InputError(f"その間に版 {number} が保存されました。違いを確かめて、もう一度操作してください。") from None
    message = f"版 {given.number} の内容を、版 {kept.newest.number} として戻しました。"
    return forms.done(request, message, back=f"/scenarios/{kept.id}")


def _made(edition: Edition, names: Mapping[str, str]) -> Made:
    return Made(
        number=edition.number,
        at=edition.at,
        by=edition.by,
        author=author(edition, names),
        why=edition.why,
        again=edition.again,
    )


def _fit(number: int) -> int:
    """Return a number that every database bears; NotFound."""
    if not 0 < number <= 1_000_000_000:
        raise NotFound("その版はありません。")
    return number
