"""Step 2: a scenario is chosen, read and heard, with the name of whoever is on the list."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from ivr.aside import over
from ivr.desk.scenarios import EXAMPLE
from ivr.domain import kana
from ivr.drafts import making, shelf, uploaded
from ivr.drafts.draft import Chosen, Draft, Sample
from ivr.drafts.kept import LIST
from ivr.errors import InputError
from ivr.web import forms
from ivr.web.console import Console, console_of
from ivr.web.scenarios.flow import drawn, flow, sms, step_at
from ivr.web.scenarios.speaking import judged, spoken
from ivr.web.wizard import steps
from ivr.web.wizard.steps import Sent, Told, Work

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["drafts"])

SPEAKING_S = 20.0
"""Seconds for one sentence to be spoken into a file."""

Person = Annotated[int, Query(ge=0, le=uploaded.MOST_SHOWN)]


class Choice(Sent):
    """Which scenario."""

    key: str = Field(default="", title="シナリオ", max_length=300)


class Listener(Sent):
    """For whom the sentences are to be heard."""

    recipient: str = Field(default="", title="宛名番号", max_length=64)


class Reading(Sent):
    """How the name of one of the people is read; empty: as in the list."""

    person: int = Field(default=0, title="聞く人", ge=0, le=uploaded.MOST_SHOWN)
    kana: str = Field(default="", title="読み", max_length=200)


@page.get("/campaigns/new/{draft_id}/scenario")
async def scenario_page(request: Request, work: Work, person: Person = 0) -> Response:
    """Show the scenarios, and the one that was chosen with every sentence of it."""
    console, draft = console_of(request), work.draft
    await console.book.look()
    offers = await asyncio.to_thread(shelf.offers, console.settings)
    scenario = None
    if draft.scenario is not None and not draft.scenario.problems:
        scenario = await asyncio.to_thread(making.scenario_of, draft)
    samples = _samples(draft)
    who = samples[min(person, len(samples) - 1)] if samples else None
    context = {
        "offers": offers,
        "origins": shelf.ORIGINS,
        "scenario": scenario,
        "flow": flow(scenario) if scenario is not None else [],
        "chart": await asyncio.to_thread(drawn, scenario),
        "samples": [(number, f"{one.line} 行目　{uploaded.masked(one.kana)}") for number, one in enumerate(samples)],
        "person": min(person, max(0, len(samples) - 1)),
        "who": uploaded.masked(who.kana) if who is not None else "",
        "corrected": who is not None and who.id in draft.readings,
        "audible": console.voice is not None,
        "sms": sms(console.settings, scenario) if scenario is not None else "",
    }
    return await steps.show(request, work, "scenario", context)


@api.post("/drafts/{draft_id}/scenario", response_model=Told, openapi_extra=forms.takes(Choice))
async def choose(request: Request, work: Work) -> Response:
    """Choose a scenario; what is wrong with it for this list is kept with it."""
    console, given = console_of(request), await forms.read(request, Choice)
    if not given.key:
        raise InputError("シナリオを一つ選んでください。")
    await console.book.look()
    file, text = await asyncio.to_thread(shelf.text_of, console.settings, given.key)
    async with steps.changing(request, work, given.version) as draft:
        chosen = await _checked(console, draft, given.key, file, text)
        changed = await steps.put(request, work, draft.model_copy(update={"scenario": chosen}))
    if chosen.problems:
        return steps.done(request, changed, "scenario", "このシナリオは、この名簿では使えません。", kind="error")
    return steps.done(request, changed, "scenario", f"「{chosen.title}」を選びました。文章を聞いて確かめてください。")


@api.get("/drafts/{draft_id}/sentences/{number}", response_class=Response)
async def sentence(request: Request, work: Work, number: int, person: Person = 0) -> Response:
    """Return what a callee hears of one step (by its place, from 0), with the name of one of the people, as WAV."""
    console, draft = console_of(request), work.draft
    scenario = await asyncio.to_thread(making.scenario_of, draft)
    step = step_at(scenario, number)
    samples = _samples(draft)
    values = samples[min(person, len(samples) - 1)].values if samples else {}
    sound = await spoken(console, step.text, {**EXAMPLE, **values}, scenario.language_of(step))
    return Response(sound, media_type="audio/wav")


@api.post("/drafts/{draft_id}/listener", response_model=Told, openapi_extra=forms.takes(Listener))
async def listener(request: Request, work: Work) -> Response:
    """Hear the sentences for somebody on the list, by 宛名番号."""
    given = await forms.read(request, Listener)
    async with steps.changing(request, work, given.version) as draft:
        upload = making.upload_of(draft)
        data = await console_of(request).drafts.file(draft.id, LIST)
        found = await over(data, making.found, draft, given.recipient)
        if found is None or upload.taken is None:
            raise InputError("その宛名番号の人は、かけられる人の中にいません。")
        others = tuple(one for one in upload.taken.samples if one.id != found.id)
        taken = upload.taken.model_copy(update={"samples": (found, *others)[: uploaded.MOST_SHOWN]})
        changed = draft.model_copy(update={"upload": upload.model_copy(update={"taken": taken})})
        changed = await steps.put(request, work, changed, basis=False)
    return steps.done(request, changed, "scenario", "", query="#listen")


@api.post("/drafts/{draft_id}/reading", response_model=Told, openapi_extra=forms.takes(Reading))
async def reading(request: Request, work: Work) -> Response:
    """Correct how a name is read, for this campaign."""
    given = await forms.read(request, Reading)
    async with steps.changing(request, work, given.version) as draft:
        upload = making.upload_of(draft)
        samples = upload.taken.samples if upload.taken is not None else ()
        if given.person >= len(samples):
            raise InputError("聞く人を選び直してください。")
        person = samples[given.person]
        readings = {name: value for name, value in draft.readings.items() if name != person.id}
        said = "読みを名簿のとおりに戻しました。"
        if given.kana:
            readings[person.id] = kana.name(given.kana)
            said = "この人の読みを直しました。もう一度聞いて確かめてください。"
        changed = await steps.put(request, work, draft.model_copy(update={"readings": readings}))
    return steps.done(request, changed, "scenario", said, query=f"?person={given.person}#listen")


async def _checked(console: Console, draft: Draft, key: str, file: str, text: str) -> Chosen:
    columns = making.upload_of(draft).taken
    known = columns.columns if columns is not None else None
    report = await judged(console, text, file, columns=known)
    return Chosen(
        key=key,
        file=file,
        title=report.scenario.title if report.scenario is not None else file,
        text=text,
        calls=report.scenario is None or report.scenario.calls,
        problems=tuple((one.line, one.message) for one in report.errors),
        warnings=tuple((one.line, one.message) for one in report.warnings),
    )


def _samples(draft: Draft) -> list[Sample]:
    """Return the people for whom the sentences can be heard, with the names as corrected."""
    upload = draft.upload
    if upload is None or upload.taken is None:
        return []
    return [
        one.model_copy(update={"kana": read, "values": {**one.values, "kana": read}})
        if (read := draft.readings.get(one.id))
        else one
        for one in upload.taken.samples
    ]
