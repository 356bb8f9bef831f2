"""The results of a campaign as pages: what became of everybody, when people can be reached, how it went on."""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ivr import scenario_files
from ivr.campaign.figures import Figures
from ivr.campaign.records import CampaignRow
from ivr.campaign.text_records import TextCounts
from ivr.desk.reports import texts_of
from ivr.domain.authority import Deed, may
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass
from ivr.domain.text import TextState
from ivr.errors import IvrError
from ivr.reporting import Step, Unit, figures_json, heat_map, save_figures, texts_json, timeline, tries
from ivr.reporting.classes import by_class
from ivr.reporting.heat_map import WEEKDAYS
from ivr.web import forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import CampaignVisit, is_own, permit_campaign
from ivr.web.results import charts

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["results"])

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

HOURLY = timedelta(days=3)
"""What took no longer is shown by the hour."""

SAID = {
    OutcomeClass.CONFIRMED: "キーを押して確認した人。途中で切れた人も入ります。",
    OutcomeClass.MACHINE: "発信音のあとに、伝言が全部録音されたと確かめられた人。",
    OutcomeClass.UNPROVEN: "つながったが、だれが聞いたか分からない人。",
    OutcomeClass.NOT_REACHED: "話中、不在など。",
    OutcomeClass.OUR_FAULT: "回線の混雑や故障。相手のせいではありません。",
    OutcomeClass.CANCELLED: "かける前か、かけている間に取り消した人。",
}

PROVEN = (OutcomeClass.CONFIRMED, OutcomeClass.MACHINE)
"""Classes of which something proves that the message arrived."""

CAPPED_AMONG = 500
"""People who are looked at for a cap of texts: each has to be opened."""

See = Annotated[CampaignVisit, permit_campaign(Deed.SEE_CAMPAIGN)]


class Ended(BaseModel):
    """People of a class, by outcome."""

    name: str = Field(description="As in the results JSON.")
    label: str
    proven: bool = Field(description="Whether something proves that the message arrived.")
    number: int
    outcomes: dict[str, int]


class Results(BaseModel):
    """A campaign counted. `figures` are those of `ivr campaign report --json`."""

    campaign: str
    people: int
    settled: int
    without_outcome: int = Field(description="People who have none yet, or a text alone.")
    attempts: int
    classes: list[Ended]
    figures: dict[str, Any]
    texts: dict[str, Any] | None


@api.get("/campaigns/{campaign_id}/results")
async def results(request: Request, asked: See) -> Results:
    """Return what has become of everybody, and when and how."""
    console = console_of(request)
    figures, texts = await _asked_of_store(console, asked.campaign)
    return await asyncio.to_thread(_counted, console, asked.campaign, figures, texts, whole=True)


@page.get("/campaigns/{campaign_id}/results")
async def results_page(request: Request, asked: See) -> Response:
    """Show it, each chart with its table."""
    console, campaign = console_of(request), asked.campaign
    figures, texts = await _asked_of_store(console, campaign)
    # Some ten milliseconds where there are many hours: too long for the loop that calls share.
    context = await asyncio.to_thread(_drawn, console, campaign, figures, texts)
    personal = may(asked.visit.person.roles, Deed.SEE_PERSONAL_DATA, own=is_own(asked.visit, campaign))
    return await pages.show(request, "results.html", {**context, "personal": personal})


def _drawn(console: Console, campaign: CampaignRow, figures: Figures, texts: TextCounts | None) -> dict[str, Any]:
    """Return what the page shows."""
    zone = console.settings.calling.timezone
    counted = _counted(console, campaign, figures, texts, whole=False)
    steps, hourly = _steps(console, figures)
    heat, dialled = heat_map(figures.quarters, zone=zone), tries(figures.tries)
    pressed = {f"{step}：{key}": number for (step, key), number in figures.keys.items()}
    return {
        "campaign": campaign,
        "results": counted,
        "meanings": {group.name.lower(): text for group, text in SAID.items()},
        "outcome_label": outcome_label,
        "strip": charts.strip(
            [*((one.name, one.number) for one in counted.classes), ("none", counted.without_outcome)]
        ),
        "heat": charts.heat(heat),
        "heat_map": heat,
        "weekdays": WEEKDAYS,
        "tries": dialled,
        "try_rows": charts.of_tries(dialled),
        "keys": [(step, key, number) for (step, key), number in figures.keys.items()],
        "key_rows": charts.of_numbers(pressed, "回"),
        "step_texts": _step_texts(campaign),
        "sends_texts": bool(console.settings.texts.provider),
        "course": charts.over_time(steps, counted.people, hourly=hourly),
        "steps": steps,
        "hourly": hourly,
        "plot": charts.PLOT,
        "text_rows": charts.of_numbers({TextState(one).label: number for one, number in _states(counted)}, "人"),
    }


@page.get("/campaigns/{campaign_id}/results/xlsx")
async def results_workbook(request: Request, asked: See) -> Response:
    """Return the figures as a workbook: they name nobody."""
    console, campaign = console_of(request), asked.campaign
    figures = await console.results.figures.figures(campaign.id)
    book = io.BytesIO()
    zone = console.settings.calling.timezone
    await asyncio.to_thread(save_figures, book, campaign.name, figures, zone=zone)
    return Response(book.getvalue(), media_type=XLSX, headers=forms.attachment(f"{campaign.name}-集計.xlsx"))


def outcome_label(group: str, code: str) -> str:
    """Return how staff call an outcome, of a message on a machine with whether a beep proves it."""
    outcome = Outcome(code)
    if outcome is not Outcome.VOICEMAIL:
        return outcome.label
    return f"{outcome.label}（{'発信音あり' if group == OutcomeClass.MACHINE.name.lower() else '発信音なし'}）"


def _counted(
    console: Console, campaign: CampaignRow, figures: Figures, texts: TextCounts | None, *, whole: bool
) -> Results:
    """Return a campaign counted; `whole` with all that only programs want."""
    counts = figures.counts
    people, known = sum(counts.states.values()), sum(counts.outcomes.values())
    return Results(
        campaign=campaign.name,
        people=people,
        settled=counts.states.get("settled", 0),
        without_outcome=people - known,
        attempts=counts.attempts,
        classes=[
            Ended(
                name=group.name.lower(),
                label=group.value,
                proven=group in PROVEN,
                number=sum(found.values()),
                outcomes={outcome.value: number for outcome, number in found.items()},
            )
            for group, found in by_class(counts.outcomes, counts.proven).items()
        ],
        figures=figures_json(figures, zone=console.settings.calling.timezone) if whole else {},
        texts=texts_json(counts, texts, console.settings.texts.price) if texts else None,
    )


async def _asked_of_store(console: Console, campaign: CampaignRow) -> tuple[Figures, TextCounts | None]:
    """Return a campaign counted, and its texts: None where there are none, and none are to be."""
    figures, texts = await asyncio.gather(console.results.figures.figures(campaign.id), _texts(console, campaign))
    return figures, texts


async def _texts(console: Console, campaign: CampaignRow) -> TextCounts | None:
    with suppress(IvrError):
        # Where its scenario no longer goes with the settings, the rest is shown all the same.
        return await texts_of(console.settings, console.results, campaign, among=CAPPED_AMONG)
    return None


def _states(counted: Results) -> list[tuple[str, int]]:
    return [*counted.texts["states"].items()] if counted.texts else []


def _steps(console: Console, figures: Figures) -> tuple[tuple[Step, ...], bool]:
    zone = console.settings.calling.timezone
    moments = [*(at for at, _ in figures.quarters), *(at for at, _, _ in figures.settled)]
    short = not moments or max(moments) - min(moments) <= HOURLY
    return timeline(figures, zone=zone, unit=Unit.HOUR if short else Unit.DAY), short


def _step_texts(campaign: CampaignRow) -> dict[str, str]:
    """Return how each step begins, so that its name tells something."""
    try:
        steps = scenario_files.of(campaign).steps
    except IvrError:
        return {}
    return {name: text[:40] + ("…" if len(text) > 40 else "") for name, step in steps.items() if (text := step.text)}
