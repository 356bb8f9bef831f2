"""Everybody of a campaign in a file, made while it is sent: nothing waits for the end of it, and none of it is kept.

Names and numbers are hidden but for who may see them and asks to. It is written in a process of its own, which ends
with the answer, and with the session or the right of whoever asked for it: no call waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from ivr.aside import pieces
from ivr.desk.streamed import streamed
from ivr.domain.audit import Action
from ivr.domain.authority import Deed
from ivr.errors import InputError, IvrError
from ivr.web import forms
from ivr.web.console import Console, console_of
from ivr.web.errors import NotAllowed
from ivr.web.permits import CampaignVisit, holds, permit_campaign
from ivr.web.results.figures import XLSX

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["results"])
log = structlog.get_logger(__name__)

A_MORSEL = 200
"""People who are read at a time."""

ASK_AGAIN = 2.0
"""Seconds after which it is asked anew whether whoever gets the file still may."""

Form = Literal["xlsx", "csv", "csv-cp932"]

KINDS = {"xlsx": XLSX, "csv": "text/csv; charset=utf-8", "csv-cp932": "text/csv; charset=Shift_JIS"}

_exporting = asyncio.Lock()


class Wanted(forms.Given):
    """As what the results are to come."""

    format: Form = Field(default="xlsx", title="形式")


@api.post("/campaigns/{campaign_id}/export", response_class=Response, openapi_extra=forms.takes(Wanted))
async def export(
    request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.SEE_CAMPAIGN)]
) -> StreamingResponse:
    """Return everybody, without who they are."""
    return await _sent(request, asked, masked=True)


@api.post("/campaigns/{campaign_id}/export/personal", response_class=Response, openapi_extra=forms.takes(Wanted))
async def export_personal(
    request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.SEE_PERSONAL_DATA)]
) -> StreamingResponse:
    """Return everybody, with names, numbers and the columns of their list."""
    return await _sent(request, asked, masked=False)


async def _sent(request: Request, asked: CampaignVisit, *, masked: bool) -> StreamingResponse:
    wanted = (await forms.read(request, Wanted)).format
    if _exporting.locked():
        raise InputError("いま、ほかの書き出しをしています。終わってから、もう一度押してください。")
    console, campaign = console_of(request), asked.campaign
    figures = await console.results.figures.figures(campaign.id)
    kind = wanted.partition("-")[0]
    name = f"{campaign.name}{'-伏せ字' if masked else ''}-{console.clock.now():%Y%m%d-%H%M}.{kind}"
    people = sum(figures.counts.states.values())
    audit = console.audit.by(asked.visit.author)
    await audit.record(
        Action.EXPORTED, campaign.name, file=name, format=kind, rows=people, names="hidden" if masked else "shown"
    )
    content = _pieces(console, asked, wanted, masked=masked)
    return StreamingResponse(content, media_type=KINDS[wanted], headers=forms.attachment(name))


async def _pieces(console: Console, asked: CampaignVisit, wanted: Form, *, masked: bool) -> AsyncIterator[bytes]:
    """Yield the file as it is written elsewhere, as long as who asked for it may have it."""
    chosen, campaign = console.settings, asked.campaign
    deed = Deed.SEE_CAMPAIGN if masked else Deed.SEE_PERSONAL_DATA
    keys = await asyncio.to_thread(console.results.sealing.fields.lent, campaign.id)
    work = partial(streamed, masked=masked, morsel=A_MORSEL)
    given = chosen.database_url(), keys, campaign.id, wanted, chosen.calling.timezone
    clock = asyncio.get_running_loop().time
    asked_at = clock()
    async with _exporting, aclosing(pieces(work, *given)) as found:
        try:
            async for piece in found:
                if clock() - asked_at >= ASK_AGAIN:
                    if await holds(console, asked.visit, deed, campaign.id) is None:
                        raise NotAllowed
                    asked_at = clock()
                yield piece
        except (IvrError, NotAllowed) as error:
            # What was sent so far can't be taken back: the browser sees that it ends too early.
            log.error("export_broken_off", reason=str(error) or type(error).__name__)
            raise
