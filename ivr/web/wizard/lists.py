"""Step 1: a list is brought in, its columns are told where that is needed, and what was refused is shown."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from ivr import scenario_files
from ivr.campaign.intake import COLUMNS, ID, KANA, PHONES, role_of
from ivr.domain.authority import Deed
from ivr.drafts import uploaded
from ivr.drafts.draft import Columns, Draft
from ivr.drafts.kept import KEPT_FOR, LIST, REFUSED
from ivr.errors import InputError
from ivr.web import forms, pages
from ivr.web.campaigns import names_of
from ivr.web.console import console_of
from ivr.web.multipart import LARGEST_FILE
from ivr.web.permits import DraftVisit, permit_draft
from ivr.web.wizard import steps
from ivr.web.wizard.steps import Create, Sent, Told, Work

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["drafts"])

REFUSED_FILE = "取り込めなかった行.csv"
NO_FILE = "名簿のファイルを選んでください。"

ROLE_CHOICES = {role: COLUMNS[role][0] for role in (ID, KANA, *PHONES)}

MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            }
        },
    }
}


class WhichColumns(Sent):
    """What each column is, by its place: `id`, `kana`, `phone`, `phone2`, `phone3` or nothing."""

    roles: list[str] = Field(default_factory=list, title="列", max_length=uploaded.MOST_COLUMNS)
    no_header: bool = Field(default=False, title="見出しがない")


@page.get("/campaigns/new")
async def new_page(request: Request, visit: Create) -> Response:
    """Show what is in the making in the department, and how to begin."""
    console = console_of(request)
    mine = await console.drafts.of(visit.person.department.id, console.clock.now())
    names = await names_of(console)
    context = {
        "drafts": mine,
        "names": names,
        "days": KEPT_FOR.days,
        "most_mb": LARGEST_FILE // 1024**2,
        "most": LARGEST_FILE,
    }
    return await pages.show(request, "wizard_new.html", context)


@api.get("/drafts")
async def drafts(request: Request, visit: Create) -> list[Told]:
    """Return what is in the making in the department."""
    console = console_of(request)
    mine = await console.drafts.of(visit.person.department.id, console.clock.now())
    return await asyncio.to_thread(lambda: [steps.told(console, one) for one in mine])


@api.post("/drafts", response_model=Told, openapi_extra=MULTIPART)
async def begin(request: Request, visit: Create) -> Response:
    """Begin a campaign with its list."""
    console = console_of(request)
    file = await forms.file_of(request)
    if file is None:
        raise InputError(NO_FILE)
    draft = await console.drafts.begin(visit.person.department.id, visit.person.name, console.clock.now())
    work = DraftVisit(visit=visit, draft=draft)
    async with steps.changing(request, work, 0) as held:
        draft = await _take_in(request, work, held, file.content, file.name, None)
    return _done(request, draft)


@page.get("/campaigns/new/{draft_id}")
async def first_page(request: Request, work: Work) -> Response:
    """Lead to the first step that is not done."""
    console = console_of(request)
    if work.draft.used is not None:
        return RedirectResponse(f"/campaigns/{work.draft.used}", 303)
    found = await asyncio.to_thread(steps.steps_of, console, work.draft)
    first = next((one.name for one in found if one.state in ("todo", "wrong")), "overview")
    return RedirectResponse(steps.at(work.draft, first), 303)


@page.get("/campaigns/new/{draft_id}/list")
async def list_page(request: Request, work: Work) -> Response:
    """Show what came of the list."""
    upload = work.draft.upload
    context = {
        "upload": upload,
        "taken": upload.taken if upload is not None else None,
        "role_choices": ROLE_CHOICES,
        "roles": _roles(work.draft),
        "most_mb": LARGEST_FILE // 1024**2,
        "most": LARGEST_FILE,
    }
    return await steps.show(request, work, "list", context)


@api.get("/drafts/{draft_id}")
async def draft(request: Request, work: Work) -> Told:
    """Return how far a draft is."""
    return await asyncio.to_thread(steps.told, console_of(request), work.draft)


@api.post("/drafts/{draft_id}/list", response_model=Told, openapi_extra=MULTIPART)
async def replace(request: Request, work: Work) -> Response:
    """Bring another list in place of the one so far."""
    file = await forms.file_of(request)
    if file is None:
        raise InputError(NO_FILE)
    given = await forms.read(request, Sent)
    async with steps.changing(request, work, given.version) as held:
        # Readings are of people on the list so far.
        changed = await _take_in(request, work, held.model_copy(update={"readings": {}}), file.content, file.name, None)
    return _done(request, changed)


@api.post("/drafts/{draft_id}/columns", response_model=Told, openapi_extra=forms.takes(WhichColumns))
async def columns(request: Request, work: Work) -> Response:
    """Tell which column of the list is which."""
    given = await forms.read(request, WhichColumns)
    told = _columns(given)
    async with steps.changing(request, work, given.version) as held:
        if held.upload is None:
            raise InputError(NO_FILE)
        data = await console_of(request).drafts.file(held.id, LIST)
        changed = await _take_in(request, work, held, data, held.upload.name, told)
    return _done(request, changed)


@api.get("/drafts/{draft_id}/refused.csv", response_class=Response)
async def refused(request: Request, work: Annotated[DraftVisit, permit_draft(Deed.CREATE)]) -> Response:
    """Return every row that was refused, with its line and the reason, for a spreadsheet."""
    kept = await console_of(request).drafts.file(work.draft.id, REFUSED)
    content = await asyncio.to_thread(lambda: uploaded.refused_csv(uploaded.unpacked(kept)))
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(REFUSED_FILE)}"}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@api.post("/drafts/{draft_id}/discard", response_model=forms.Done)
async def discard(request: Request, work: Work) -> Response:
    """Let go of a draft and its list."""
    console_of(request).foreseeing.forget(work.draft.id)
    await console_of(request).drafts.erase(work.draft.id)
    return forms.done(request, f"作りかけの「{work.draft.label}」を消しました。", back="/campaigns/new")


async def _take_in(
    request: Request, work: DraftVisit, held: Draft, data: bytes, name: str, told: Columns | None
) -> Draft:
    console = console_of(request)
    async with console.lists_at_once:
        upload, refused = await uploaded.read(console.settings, data, name, told)
        files = {LIST: data, REFUSED: refused}
    await console.drafts.put_files(held.id, files)
    changed = held.model_copy(update={"upload": upload, "columns": told})
    if changed.scenario is not None and upload.taken is not None:
        report = await asyncio.to_thread(
            scenario_files.check,
            changed.scenario.text,
            changed.scenario.file,
            columns=upload.taken.columns,
            domains=console.settings.texts.domains,
        )
        problems = tuple((one.line, one.message) for one in report.errors)
        changed = changed.model_copy(update={"scenario": changed.scenario.model_copy(update={"problems": problems})})
    return await steps.put(request, work, changed)


def _done(request: Request, changed: Draft) -> Response:
    upload = changed.upload
    if upload is not None and upload.problem:
        return steps.done(request, changed, "list", "")
    kind = "success" if changed.people else "error"
    said = (
        f"名簿を読み込みました。{changed.people:,} 人にかけられます。" if changed.people else "かけられる人がいません。"
    )
    return steps.done(request, changed, "list", said, kind=kind)


def _columns(given: WhichColumns) -> Columns:
    places = {role: [place for place, one in enumerate(given.roles) if one == role] for role in ROLE_CHOICES}
    for role, found in places.items():
        if len(found) > 1:
            where = "と".join(f" {place + 1} 列目" for place in found)
            raise InputError(f"「{ROLE_CHOICES[role]}」が{where}に選ばれています。一つだけにしてください。")
    missing = [ROLE_CHOICES[role] for role in (ID, KANA) if not places[role]]
    phones = tuple(places[role][0] for role in PHONES if places[role])
    if not phones:
        missing.append(ROLE_CHOICES[PHONES[0]])
    if missing:
        raise InputError(f"「{'」「'.join(missing)}」がどの列か、選んでください。")
    return Columns(id=places[ID][0], kana=places[KANA][0], phones=phones, header=not given.no_header)


def _roles(draft: Draft) -> list[str]:
    """Return what each column is shown as: as somebody has told, else as its heading says."""
    look = draft.upload.look if draft.upload is not None else None
    if look is None:
        return []
    count = max([len(look.headings), *(len(row) for row in look.rows)], default=0)
    if draft.columns is not None:
        known = {
            draft.columns.id: ID,
            draft.columns.kana: KANA,
            **dict(zip(draft.columns.phones, PHONES, strict=False)),
        }
        return [known.get(place, "") for place in range(count)]
    headings = [*look.headings, *[""] * (count - len(look.headings))]
    return [role_of(heading) or _guess(heading) for heading in headings]


def _guess(heading: str) -> str:
    return KANA if re.search("カナ|ｶﾅ|ふりがな|フリガナ", heading) else ""
