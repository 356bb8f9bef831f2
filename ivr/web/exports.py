"""Everybody of a campaign in a file, made while it is sent: nothing waits for the end of it, and none of it is kept.

Names and numbers are hidden but for who may see them and asks to. A few people at a time are read and written, in
threads, with a breath between: no call waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from ivr.campaign.figures import Figures
from ivr.campaign.records import CampaignRow, RecipientRecord
from ivr.domain.audit import Action
from ivr.domain.authority import Deed
from ivr.errors import InputError, IvrError
from ivr.reporting import Course
from ivr.reporting.classes import by_class
from ivr.reporting.columns import Value
from ivr.reporting.masking import masked_record
from ivr.reporting.streams import CsvStream, PeopleBook
from ivr.ways import Ways
from ivr.web import forms
from ivr.web.console import Console, console_of
from ivr.web.permits import CampaignVisit, permit_campaign
from ivr.web.results import XLSX

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["results"])
log = structlog.get_logger(__name__)

A_MORSEL = 50
"""People read at a time: what a thread of ours holds the interpreter for is over before a call notices."""

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
    pieces = _pieces(console, campaign, figures, wanted, masked_record if masked else _whole)
    return StreamingResponse(pieces, media_type=KINDS[wanted], headers=forms.attachment(name))


def _whole(record: RecipientRecord) -> RecipientRecord:
    return record


async def _pieces(
    console: Console,
    campaign: CampaignRow,
    figures: Figures,
    wanted: Form,
    shown: Callable[[RecipientRecord], RecipientRecord],
) -> AsyncIterator[bytes]:
    zone = console.settings.calling.timezone
    course = Course.of(campaign, calls=Ways.of_stored(campaign).calls)
    async with _exporting:
        try:
            if wanted == "xlsx":
                book = PeopleBook(zone=zone, course=course)
                yield book.summary(summary(campaign, figures, course))
                async for piece in _of_all(console, campaign, shown, book.people):
                    yield piece
                yield book.begin_attempts()
                async for piece in _of_all(console, campaign, shown, book.attempts):
                    yield piece
                yield book.end()
                return
            lines = CsvStream(zone=zone, course=course, encoding="cp932" if wanted == "csv-cp932" else "utf-8-sig")
            async for piece in _of_all(console, campaign, shown, lines.people):
                yield piece
        except IvrError as error:
            # What was sent so far can't be taken back: the browser sees that it ends too early.
            log.error("export_broken_off", reason=str(error))
            raise


async def _of_all(
    console: Console,
    campaign: CampaignRow,
    shown: Callable[[RecipientRecord], RecipientRecord],
    write: Callable[[Sequence[RecipientRecord]], bytes],
) -> AsyncIterator[bytes]:
    """Yield what `write` makes of everybody, some at a time."""
    after: str | None = None
    while True:
        began = time.monotonic()
        records, after = await console.results.figures.batch(campaign.id, after=after, limit=A_MORSEL)
        yield await asyncio.to_thread(_written, records, shown, write)
        if after is None:
            return
        await asyncio.sleep((time.monotonic() - began) / 4)


def _written(
    records: Sequence[RecipientRecord],
    shown: Callable[[RecipientRecord], RecipientRecord],
    write: Callable[[Sequence[RecipientRecord]], bytes],
) -> bytes:
    return write([shown(one) for one in records])


def summary(campaign: CampaignRow, figures: Figures, course: Course) -> list[tuple[Value, ...]]:
    """Return the rows of the first sheet: the classes and their outcomes, who has none, texts, all."""
    counts = figures.counts
    total = sum(counts.states.values())

    def line(group: str, label: str, number: int) -> tuple[Value, ...]:
        return group, label, number, f"{number / total:.1%}" if total else None

    rows: list[tuple[Value, ...]] = []
    for group, found in by_class(counts.outcomes, counts.proven).items():
        rows.append(line(group.value, "計", sum(found.values())))
        rows += [line("", outcome.label, number) for outcome, number in found.items()]
    settled = counts.states.get("settled", 0) - sum(counts.outcomes.values())
    left = {**counts.states, "settled": settled}
    rows += [line("結果なし", course.words[state], number) for state, number in left.items() if number]
    rows += [line("SMS", state.label, number) for state, number in figures.texts.items()]
    rows += [line("全体", "", total), ("催告", campaign.name, None, None), ("発信回数", "", counts.attempts, None)]
    return rows
