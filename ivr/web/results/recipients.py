"""A campaign's people, fifty a page, and one person's history. Who they are is hidden until somebody asks to see it.

What is asked for is shown once, on the page that answers, and is on record first: who saw whom, by 宛名番号.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from ivr import scenario_files
from ivr.audit import Numbers
from ivr.campaign.figures import Chosen, Order, PersonRow
from ivr.campaign.records import CampaignRow, RecipientRecord
from ivr.domain.audit import Action
from ivr.domain.authority import Deed, may
from ivr.domain.outcome import LABELS, Outcome
from ivr.domain.outcome_class import OutcomeClass, class_of, outcomes_of
from ivr.domain.scenario import MARK_LABELS
from ivr.domain.text import TEXT_LABELS, TextState
from ivr.errors import InputError, IvrError, NotFound
from ivr.reporting import Course, results_json
from ivr.reporting.columns import SOURCES, in_words, is_proven, telephone
from ivr.reporting.evidence import sentences
from ivr.reporting.masking import masked_exclusion, masked_recipient, masked_record
from ivr.ways import Ways
from ivr.web import forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import CampaignVisit, is_own, permit_campaign

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["recipients"])

NO_TEXT = "none"
"""In the place of a text's state: who was sent none."""

MOST_TRIES = 99

CLASSES = {group.name.lower(): group for group in OutcomeClass}

See = Annotated[CampaignVisit, permit_campaign(Deed.SEE_CAMPAIGN)]
SeePersonal = Annotated[CampaignVisit, permit_campaign(Deed.SEE_PERSONAL_DATA)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What was asked for, as it was written."""

    state: str
    outcome: str
    group: str
    mark: str
    text: str
    tries: str
    number: str
    order: str
    after: str
    before: str

    @property
    def chosen(self) -> Chosen:
        """Return whom the store is to look for; InputError where no such thing can be asked."""
        if self.state and self.state not in ("waiting", "calling", "settled"):
            raise InputError("その状態はありません。")
        if self.group and self.group not in CLASSES:
            raise InputError("その区分はありません。")
        if self.tries and not re.fullmatch(r"[1-9][0-9]?", self.tries):
            raise InputError(f"発信回数は、1 から {MOST_TRIES} までの数字で書いてください。")
        try:
            outcome = Outcome(self.outcome) if self.outcome else None
            texted = () if not self.text else (None,) if self.text == NO_TEXT else (TextState(self.text),)
        except ValueError:
            raise InputError("その結果はありません。") from None
        return Chosen(
            state=self.state or None,
            outcome=outcome,
            endings=outcomes_of(CLASSES[self.group]) if self.group else (),
            mark=_storable(self.mark) or None,
            texted=texted,
            tries=int(self.tries) if self.tries else None,
        )

    def query(self, **other: str) -> str:
        """Return this as the query of an address, with some of it otherwise."""
        asked = {
            "state": self.state, "outcome": self.outcome, "class": self.group, "mark": self.mark, "text": self.text,
            "tries": self.tries, "order": self.order, "after": self.after, "before": self.before, **other,
        }  # fmt: skip
        return urlencode({name: value for name, value in asked.items() if value})


def _filter(
    state: Annotated[str, Query(max_length=20, description="waiting, calling or settled")] = "",
    outcome: Annotated[str, Query(max_length=40)] = "",
    group: Annotated[str, Query(alias="class", max_length=20, description="As in the results JSON.")] = "",
    mark: Annotated[str, Query(max_length=100)] = "",
    text: Annotated[str, Query(max_length=20, description="A text's state, or none.")] = "",
    tries: Annotated[str, Query(max_length=3, description="So many dials at least.")] = "",
    number: Annotated[str, Query(alias="id", max_length=100, description="Exactly this 宛名番号.")] = "",
    order: Annotated[str, Query(max_length=5, description="list or last")] = "",
    after: Annotated[str, Query(max_length=120, description="From the page before.")] = "",
    before: Annotated[str, Query(max_length=120, description="From the page behind.")] = "",
) -> Filter:
    return Filter(
        state=state, outcome=outcome, group=group, mark=mark.strip(), text=text,
        tries=unicodedata.normalize("NFKC", tries).strip(), number=number.strip(), order=order, after=after,
        before=before,
    )  # fmt: skip


Asked = Annotated[Filter, Depends(_filter)]


class Row(BaseModel):
    """A person in the list."""

    key: str = Field(description="Finds them again, and tells nobody who they are.")
    id: str
    kana: str
    numbers: list[str]
    state: str
    state_label: str
    outcome: str | None
    outcome_label: str | None
    group: str | None = Field(serialization_alias="class")
    group_label: str | None
    marks: list[str]
    tries: int
    last_at: datetime | None
    due_at: datetime | None
    settled_at: datetime | None
    excluded: str | None
    text: str | None
    text_label: str | None


class Page(BaseModel):
    """People, at most fifty; `after` asks for those that follow, `before` for the page before, null where none is."""

    number: int = Field(description="How many are chosen in all.")
    masked: bool
    people: list[Row]
    after: str | None
    before: str | None = None


@api.get("/campaigns/{campaign_id}/people")
async def people(request: Request, asked: See, wanted: Asked) -> Page:
    """Return people of a campaign, without who they are."""
    return await _page(console_of(request), asked.campaign, wanted, masked=True)


@page.get("/campaigns/{campaign_id}/people")
async def people_page(request: Request, asked: See, wanted: Asked) -> Response:
    """Show them; who asks for one by 宛名番号 is led there."""
    if wanted.number:
        try:
            key = await _key(console_of(request), asked.campaign, wanted.number)
        except NotFound as error:
            return await _shown(request, asked, wanted, Page(number=0, masked=True, people=[], after=None), str(error))
        return RedirectResponse(f"/campaigns/{asked.campaign.id}/people/{key}", 303)
    try:
        found = await people(request, asked, wanted)
    except InputError as error:
        return await _shown(request, asked, wanted, Page(number=0, masked=True, people=[], after=None), str(error))
    return await _shown(request, asked, wanted, found)


@api.post("/campaigns/{campaign_id}/people/show", response_model=Page)
async def show_people(request: Request, asked: SeePersonal, wanted: Asked) -> Response | Page:
    """Return people with who they are; that is on record."""
    found = await _page(console_of(request), asked.campaign, wanted, masked=False)
    await _record(console_of(request), asked, [one.id for one in found.people])
    return await _shown(request, asked, wanted, found) if forms.wants_page(request) else found


@api.get("/campaigns/{campaign_id}/people/{key}")
async def person(request: Request, asked: See, key: str) -> dict[str, Any]:
    """Return a person as the results JSON has them, without who they are, each attempt with its evidence in words."""
    record = masked_record(await _history(console_of(request), asked.campaign, key))
    return _told(console_of(request), asked.campaign, record)


@page.get("/campaigns/{campaign_id}/people/{key}")
async def person_page(request: Request, asked: See, key: str) -> Response:
    """Show them."""
    record = masked_record(await _history(console_of(request), asked.campaign, key))
    return await _person_shown(request, asked, key, record, masked=True)


@api.post("/campaigns/{campaign_id}/people/{key}/show", response_model=dict[str, Any])
async def show_person(request: Request, asked: SeePersonal, key: str) -> Response | dict[str, Any]:
    """Return a person with who they are; that is on record."""
    console = console_of(request)
    record = await _history(console, asked.campaign, key)
    await _record(console, asked, [record.recipient.id])
    if forms.wants_page(request):
        return await _person_shown(request, asked, key, record, masked=False)
    return _told(console, asked.campaign, record)


async def _record(console: Console, asked: CampaignVisit, numbers: Sequence[str]) -> None:
    if numbers:
        audit = console.audit.by(asked.visit.author)
        await audit.record(Action.PERSONAL_DATA_SEEN, asked.campaign.name, people=Numbers("、".join(numbers)))


async def _page(console: Console, campaign: CampaignRow, wanted: Filter, *, masked: bool) -> Page:
    store, chosen = console.results.figures, wanted.chosen
    await scenario_files.prepare(campaign)
    if wanted.number:
        key = await _key(console, campaign, wanted.number)
        record = await store.history(campaign.id, key)
        return Page(number=1, masked=masked, people=[_of_record(campaign, key, record, masked=masked)], after=None)
    order = Order.LAST if wanted.order == Order.LAST else Order.LIST
    found, number = await asyncio.gather(
        store.people(
            campaign.id,
            chosen,
            order=order,
            after=_storable(wanted.after) or None,
            before=_storable(wanted.before) or None,
        ),
        store.how_many(campaign.id, chosen),
    )
    course = Course.of(campaign, calls=Ways.of_stored(campaign).calls)
    return Page(
        number=number,
        masked=masked,
        people=[_row(one, course, masked=masked) for one in found.rows],
        after=found.after,
        before=found.before,
    )


def _row(one: PersonRow, course: Course, *, masked: bool) -> Row:
    somebody = masked_recipient(one.recipient) if masked else one.recipient
    excluded = masked_exclusion(one.excluded) if masked else one.excluded
    group = class_of(one.outcome, proven=one.proven) if one.outcome else None
    under_way = not course.calls and one.state == "waiting" and one.text is not None
    return Row(
        key=one.key,
        id=somebody.id,
        kana=somebody.kana,
        numbers=[telephone(number) for number in somebody.numbers],
        state=one.state,
        state_label=course.words["calling" if under_way else one.state],
        outcome=one.outcome.value if one.outcome else None,
        outcome_label=one.outcome.label if one.outcome else None,
        group=group.name.lower() if group else None,
        group_label=group.value if group else None,
        marks=list(one.marks),
        tries=one.tries,
        last_at=one.last_at,
        due_at=one.due_at,
        settled_at=one.settled_at,
        excluded=f"{excluded.reason}（{SOURCES[excluded.source]}）" if excluded else None,
        text=one.text.value if one.text else None,
        text_label=one.text.label if one.text else None,
    )


def _of_record(campaign: CampaignRow, key: str, record: RecipientRecord, *, masked: bool) -> Row:
    dialled = [one.intended_at for one in record.attempts]
    row = PersonRow(
        key=key, recipient=record.recipient, state=record.state, outcome=record.outcome, proven=is_proven(record),
        marks=record.marks, tries=len(dialled), last_at=max(dialled, default=None), due_at=record.due_at,
        settled_at=None, excluded=record.excluded, text=record.text.state if record.text else None,
    )  # fmt: skip
    return _row(row, Course.of(campaign, calls=Ways.of_stored(campaign).calls), masked=masked)


async def _key(console: Console, campaign: CampaignRow, number: str) -> str:
    """Return the key of the person with this 宛名番号, as it is written or else in half width; NotFound."""
    store, written = console.results.figures, _storable(number)
    try:
        return await store.key_of(campaign.id, written)
    except NotFound:
        half = unicodedata.normalize("NFKC", written)
        if half == written:
            raise
        return await store.key_of(campaign.id, half)


async def _history(console: Console, campaign: CampaignRow, key: str) -> RecipientRecord:
    known = key if re.fullmatch(r"[0-9a-f]{32,64}", key) else "-"
    return await console.results.figures.history(campaign.id, known)


def _told(console: Console, campaign: CampaignRow, record: RecipientRecord) -> dict[str, Any]:
    told = results_json(campaign, [record], zone=console.settings.calling.timezone)["recipients"][0]
    for attempt, one in zip(told["attempts"], record.attempts, strict=True):
        attempt["in_words"] = list(sentences(one))
    return {**told, "columns": dict(record.recipient.columns)}


async def _shown(request: Request, asked: CampaignVisit, wanted: Filter, found: Page, wrong: str = "") -> Response:
    campaign = asked.campaign
    await scenario_files.prepare(campaign)
    course = Course.of(campaign, calls=Ways.of_stored(campaign).calls)
    context = {
        "campaign": campaign,
        "found": found,
        "wanted": wanted,
        "wrong": wrong,
        "states": course.words,
        "outcomes": LABELS,
        "classes": {name: group.value for name, group in CLASSES.items()},
        "marks": _marks(campaign, wanted.mark),
        "texts": {**{state.value: label for state, label in TEXT_LABELS.items()}, NO_TEXT: "送っていない"},
        "pairs": lambda names: [(name, MARK_LABELS.get(name, name)) for name in names],
        "may_show": _may_show(asked),
        "personal": _may_show(asked),
    }
    return await pages.show(request, "recipients.html", context)


async def _person_shown(
    request: Request, asked: CampaignVisit, key: str, record: RecipientRecord, *, masked: bool
) -> Response:
    campaign = asked.campaign
    await scenario_files.prepare(campaign)
    course = Course.of(campaign, calls=Ways.of_stored(campaign).calls)
    row = _of_record(campaign, key, record, masked=False)
    context = {
        "campaign": campaign,
        "person": row,
        "record": record,
        "columns": record.recipient.columns,
        "attempts": [(at, one, sentences(one)) for at, one in enumerate(record.attempts, 1)][::-1],
        "telephone": telephone,
        "in_words": in_words,
        "masked": masked,
        "course": course,
        "may_show": _may_show(asked),
    }
    return await pages.show(request, "recipient.html", context)


def _may_show(asked: CampaignVisit) -> bool:
    return may(asked.visit.person.roles, Deed.SEE_PERSONAL_DATA, own=is_own(asked.visit, asked.campaign))


def _marks(campaign: CampaignRow, wanted: str) -> list[str]:
    """Return the marks that can be asked for: those of the scenario's steps, and the one that was asked for."""
    try:
        found = [step.mark for step in scenario_files.of(campaign).steps.values() if step.mark]
    except IvrError:
        found = []
    return list(dict.fromkeys([*found, *([wanted] if wanted else [])]))


def _storable(text: str) -> str:
    """Return `text` where a database bears it, else what nothing is called."""
    return text if text.isprintable() else "-"
