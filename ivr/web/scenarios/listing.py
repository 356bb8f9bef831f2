"""The scenarios there are: the office's own with who changed them last, and those that come with us."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ivr import scenario_files
from ivr.domain.authority import Deed, Reach, may, reach
from ivr.domain.edition import OUTSIDE, Kept
from ivr.drafts import shelf
from ivr.editions.book import author
from ivr.errors import NotFound, Problems
from ivr.web import forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import permit
from ivr.web.scenarios import judging
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["scenarios"])

Read = Annotated[Visit, permit(Deed.LOOK_AROUND)]


class Listed(BaseModel):
    """One of the office's scenarios."""

    id: str
    name: str
    file: str
    title: str
    department: str | None = Field(description="Whose clerks may change it; null: any department's.")
    version: int
    changed_at: datetime
    changed_by: str | None = Field(description="Null where it was changed outside of the console.")
    author: str = Field(description="The same as staff read it.")
    retired: bool
    sound: bool = Field(description="Whether a campaign can be made with it.")
    mine: bool = Field(description="Whether whoever asks may change it.")


@api.get("/scenarios")
async def scenarios(request: Request, visit: Read) -> list[Listed]:
    """Return the office's scenarios."""
    console = console_of(request)
    found = (await console.book.look()).kept
    return await listed(console, visit, found)


@page.get("/scenarios")
async def scenarios_page(request: Request, visit: Read) -> Response:
    """Show them, and those that come with us."""
    console = console_of(request)
    found = await console.book.look()
    offers = await asyncio.to_thread(shelf.offers, console.settings)
    every = await listed(console, visit, found.kept)
    context = {
        "scenarios": [one for one in every if not one.retired],
        "retired": [one for one in every if one.retired],
        "unreadable": found.unreadable,
        "shipped": [one for one in offers if one.origin == shelf.OURS],
        "outside": OUTSIDE,
        "writes": reach(visit.person.roles, Deed.EDIT_SCENARIOS) is not Reach.NONE,
    }
    return await pages.show(request, "scenarios.html", context)


@page.get("/scenarios/shipped/{file}")
async def shipped_page(request: Request, file: str, visit: Read) -> Response:
    """Show one that comes with us: to be read, heard and copied."""
    console = console_of(request)
    text = await shipped_text(console, file)
    looked = await judging.look_again(console, text, file)
    context = await judging.shown(console, looked.scenario) | {
        "file": file,
        "text": text,
        "told": looked.told,
        "audible": console.voice is not None and reach(visit.person.roles, Deed.EDIT_SCENARIOS) is not Reach.NONE,
        "writes": reach(visit.person.roles, Deed.EDIT_SCENARIOS) is not Reach.NONE,
    }
    return await pages.show(request, "scenario_shipped.html", context)


async def shipped_text(console: Console, file: str) -> str:
    """Return the text of a scenario that comes with us; NotFound."""
    _, text = await asyncio.to_thread(shelf.text_of, console.settings, f"{shelf.OURS}/{file}")
    return text


async def listed(console: Console, visit: Visit, found: tuple[Kept, ...]) -> list[Listed]:
    """Return scenarios as staff read them, the one that was changed last first."""
    names, parts = await known(console)
    titles = await asyncio.to_thread(lambda: {one.id: _title(one.text) for one in found})
    rows = [
        Listed(
            id=one.id,
            name=one.file.rpartition(".")[0],
            file=one.file,
            title=titles[one.id] or one.file.rpartition(".")[0],
            department=parts.get(one.department or ""),
            version=one.newest.number,
            changed_at=one.newest.at,
            changed_by=one.newest.by,
            author=author(one.newest, names),
            retired=one.retired,
            sound=titles[one.id] is not None,
            mine=may(visit.person.roles, Deed.EDIT_SCENARIOS, own=one.of(visit.person.department.id)),
        )
        for one in found
    ]
    return sorted(rows, key=lambda row: row.changed_at, reverse=True)


async def known(console: Console) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return what people are called by their names, and departments by their ids."""
    people = {one.name: one.display for one in await console.results.accounts.everybody()}
    return people, {one.id: one.name for one in await console.results.accounts.departments()}


@lru_cache(maxsize=400)
def _title(text: str) -> str | None:
    """Return what a scenario calls itself, None where something is wrong with it."""
    try:
        return scenario_files.parse(text, "").title
    except Problems:
        return None


async def source_text(console: Console, key: str) -> tuple[str, str]:
    """Return a name and the text of what is to be copied: `shipped/FILE`, or the id of the office's own; NotFound."""
    origin, _, file = key.partition("/")
    if origin == shelf.OURS:
        return file.rpartition(".")[0], await shipped_text(console, file)
    if file:
        raise NotFound("そのシナリオはありません。")
    kept = await console.book.one(forms.an_id(origin))
    return kept.file.rpartition(".")[0], kept.text
