"""Campaigns: the list, one of them with its counts, and what may be done with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ivr import scenario_files
from ivr.campaign.records import CampaignRow, Counts
from ivr.domain.account import at_terminal
from ivr.domain.authority import Deed, Role, may
from ivr.domain.outcome import LABELS, Outcome
from ivr.domain.token import SYSTEM
from ivr.drafts import rules_form
from ivr.errors import IvrError
from ivr.parts.rules import texts_asked
from ivr.settings import STAFF_CALL
from ivr.standing import APPROVABLE, ILL, STATES, Place, unapproved, why_unsent, why_waiting
from ivr.steering import HALTS, MOVES, approved, cut_off, moved
from ivr.web import forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import CampaignVisit, is_own, permit, permit_campaign
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["campaigns"])

A_PAGE = 20

VERBS = {
    "approve": "承認する",
    "start": "始める",
    "resume": "再び始める",
    "pause": "一時停止する",
    "stop": "打ち切る",
    "emergency-stop": "緊急停止する",
}
"""What the buttons say."""

MOVED = {
    "start": "始めました",
    "resume": "再び始めました",
    "pause": "一時停止しました",
    "stop": "打ち切りました",
}
"""What is said once it is done."""

DEEDS = {
    "start": Deed.START,
    "resume": Deed.START,
    "pause": Deed.PAUSE,
    "stop": Deed.STOP,
    "approve": Deed.APPROVE,
    "emergency-stop": Deed.EMERGENCY_STOP,
}

MEANINGS = {
    "start": "架電できる時間帯になれば、電話をかけはじめます。",
    "resume": "残りの人に、つづきからかけます。",
    "pause": "新しくはかけません。通話中の電話は最後まで続きます。",
    "stop": "もうかけません。通話中の電話は最後まで続きます。打ち切ると、この催告は二度と始められません。",
    "approve": "内容を確かめたうえで承認します。承認は取り消せません。",
    "emergency-stop": "通話中の電話もすぐに切り、新しくかけるのをやめます。あとで再び始められます。",
}

CONSOLE = Place(
    lambda verb, _name: f"「{VERBS[verb]}」",
    lambda verb: f"「{VERBS[verb]}」",
    "かけられる人がいます。まもなくかけます。",
    ILL["collection"].replace("ivr doctor が理由を示します。", "システムの担当者に伝えてください。"),
    "",
    "を押します。",
)
"""How somebody at the console does what a sentence asks for."""


class ListTold(BaseModel):
    """The list that a campaign was made of, as the audit trail has it."""

    name: str
    sha256: str
    rows: int
    accepted: int
    refused: int
    excluded: int


class Standing(BaseModel):
    """How a campaign stands."""

    id: str
    name: str
    state: str
    state_label: str
    department: str | None
    created_at: datetime
    created_by: str
    created_by_label: str = Field(description="Who that is, as pages say it.")
    approved_by: str | None
    approved_by_label: str | None
    made_of: ListTold | None = Field(description="None where it was made without one, or before that was kept.")
    people: int
    settled: int
    calling: int
    waiting: int
    attempts: int
    reason: str | None = Field(description="Why nothing is dialled now, in a sentence.")
    outcomes: dict[str, int]
    proven: int
    texts: dict[str, int] | None
    buttons: list[str] = Field(description="What may be done with it now, by whoever asks.")


class Assigned(forms.Given):
    """The department whose a campaign is from now on."""

    department: str = Field(title="部署", max_length=64)


See = Annotated[CampaignVisit, permit_campaign(Deed.SEE_CAMPAIGN)]


@api.get("/campaigns")
async def campaigns(
    request: Request,
    visit: Annotated[Visit, permit(Deed.SEE_CAMPAIGN)],
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> list[Standing]:
    """Return the campaigns that the visitor may see, the newest first, so many a page."""
    console = console_of(request)
    mine = (await seen(console, visit))[::-1]
    return await standings(console, visit, mine[(number - 1) * A_PAGE : number * A_PAGE])


@page.get("/campaigns")
async def campaigns_page(
    request: Request,
    visit: Annotated[Visit, permit(Deed.SEE_CAMPAIGN)],
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> Response:
    """Show them."""
    console = console_of(request)
    mine = (await seen(console, visit))[::-1]
    last = max(1, -(-len(mine) // A_PAGE))
    number = min(number, last)
    shown = await standings(console, visit, mine[(number - 1) * A_PAGE : number * A_PAGE])
    return await pages.show(request, "campaigns.html", {"campaigns": shown, "page": number, "last": last})


@api.get("/campaigns/{campaign_id}")
async def campaign(request: Request, asked: See) -> Standing:
    """Return how a campaign stands."""
    (standing,) = await standings(console_of(request), asked.visit, [asked.campaign])
    return standing


@page.get("/campaigns/{campaign_id}")
async def campaign_page(request: Request, asked: See) -> Response:
    """Show it, with a button for whatever may be done with it."""
    console = console_of(request)
    (standing,) = await standings(console, asked.visit, [asked.campaign])
    outcomes = [(LABELS[one], standing.outcomes[one.value]) for one in Outcome if one.value in standing.outcomes]
    departments = await console.results.accounts.departments() if may_assign(asked.visit) else ()
    return await pages.show(
        request,
        "campaign.html",
        {
            "campaign": standing,
            "outcomes": outcomes,
            "verbs": VERBS,
            "meanings": MEANINGS,
            "departments": departments,
            "department_id": asked.campaign.department,
            "scenario_title": _title(asked.campaign),
            "rules": _rules(console, asked.campaign),
            "scenario_file": asked.campaign.scenario_file,
        },
    )


@api.post("/campaigns/{campaign_id}/start", response_model=forms.Done)
async def start(request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.START)]) -> Response:
    """Have the engine dial a campaign."""
    return await _move(request, asked, "start")


@api.post("/campaigns/{campaign_id}/resume", response_model=forms.Done)
async def resume(request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.START)]) -> Response:
    """Go on with a campaign that was paused, or stopped in an emergency."""
    return await _move(request, asked, "resume")


@api.post("/campaigns/{campaign_id}/pause", response_model=forms.Done)
async def pause(request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.PAUSE)]) -> Response:
    """Begin no further call; those under way go on."""
    return await _move(request, asked, "pause")


@api.post("/campaigns/{campaign_id}/stop", response_model=forms.Done)
async def stop(request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.STOP)]) -> Response:
    """End a campaign for good; calls under way go on."""
    return await _move(request, asked, "stop")


@api.post("/campaigns/{campaign_id}/approve", response_model=forms.Done)
async def approve(request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.APPROVE)]) -> Response:
    """Approve a campaign for its start, as somebody else than who made it where the settings ask for that."""
    console, visit = console_of(request), asked.visit
    audit = console.audit.by(visit.author)
    await approved(console.settings, console.results, audit, asked.campaign, visit.person.name)
    return forms.done(request, f"「{asked.campaign.name}」を承認しました。", back=_at(request, asked.campaign))


@api.post("/campaigns/{campaign_id}/emergency-stop", response_model=forms.Done)
async def emergency_stop(
    request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.EMERGENCY_STOP)]
) -> Response:
    """Hang up every call of a campaign, and begin none."""
    console = console_of(request)
    stopped = await cut_off(console.results, console.audit.by(asked.visit.author), [asked.campaign])
    said = "緊急停止しました。通話中の電話も切ります。" if stopped else "電話をかけていないので、変わりありません。"
    return forms.done(request, f"「{asked.campaign.name}」：{said}", back=_at(request, asked.campaign))


@api.post("/campaigns/{campaign_id}/department", response_model=forms.Done, openapi_extra=forms.takes(Assigned))
async def assign(request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.ASSIGN)]) -> Response:
    """Let a campaign be another department's."""
    given = await forms.read(request, Assigned)
    department = await console_of(request).register(asked.visit.author).assign(asked.campaign, given.department)
    said = f"「{asked.campaign.name}」を {department.name} の催告にしました。"
    return forms.done(request, said, back=_at(request, asked.campaign))


async def seen(console: Console, visit: Visit) -> list[CampaignRow]:
    """Return the campaigns that somebody may see, oldest first; calls to staff only as long as they last."""
    roles = visit.person.roles
    found = [one for one in await console.results.campaigns() if one.rules != STAFF_CALL or one.state == "running"]
    return [one for one in found if may(roles, Deed.SEE_CAMPAIGN, own=is_own(visit, one))]


async def standings(console: Console, visit: Visit, campaigns: Sequence[CampaignRow]) -> list[Standing]:
    """Return how campaigns stand, as somebody sees them."""
    departments = {one.id: one.name for one in await console.results.accounts.departments()}
    people = await names_of(console) if campaigns else {}
    return [await _standing(console, visit, one, departments.get(one.department or ""), people) for one in campaigns]


async def names_of(console: Console) -> dict[str, str]:
    """Return what people are called, by the names with which they sign in."""
    return {one.name: one.display for one in await console.results.accounts.everybody()}


def called(who: str, people: Mapping[str, str]) -> str:
    """Return how pages call somebody by the name on record: of `people` their own, a system's, or a terminal's user."""
    if who in people or not who:
        return people.get(who, "")
    system = who.removeprefix(SYSTEM)
    return at_terminal(who) if system == who else f"システム「{system}」"


async def _standing(
    console: Console, visit: Visit, campaign: CampaignRow, department: str | None, people: Mapping[str, str]
) -> Standing:
    counts = await console.results.counts(campaign.id)
    states = counts.states
    reason, texts = await reason_of(console, campaign, counts)
    return Standing(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        state_label=STATES[campaign.state],
        department=department,
        created_at=campaign.created_at,
        created_by=campaign.created_by,
        created_by_label=called(campaign.created_by, people),
        approved_by=campaign.approved_by,
        approved_by_label=called(campaign.approved_by, people) if campaign.approved_by else None,
        made_of=_made_of(campaign),
        people=sum(states.values()),
        settled=states.get("settled", 0),
        calling=states.get("calling", 0),
        waiting=states.get("waiting", 0),
        attempts=counts.attempts,
        reason=reason,
        outcomes={outcome.value: count for outcome, count in counts.outcomes.items()},
        proven=counts.proven,
        texts=texts,
        buttons=buttons_of(console, visit, campaign, counts),
    )


def may_assign(visit: Visit) -> bool:
    """Tell whether somebody decides whose campaigns are."""
    return may(visit.person.roles, Deed.ASSIGN, own=False)


def _made_of(campaign: CampaignRow) -> ListTold | None:
    told = campaign.sources
    return ListTold.model_validate({"name": told["list"], "sha256": told["list_sha256"], **told}) if told else None


def _title(campaign: CampaignRow) -> str:
    """Return what a campaign's scenario is called, "" where it is none any more."""
    try:
        return scenario_files.of(campaign).title
    except IvrError:
        return ""


def _rules(console: Console, campaign: CampaignRow) -> list[tuple[str, str]]:
    """Return when and how often a campaign calls, in words: what whoever approves it has to know."""
    calling = console.settings.calling
    try:
        scenario = scenario_files.of(campaign)
        told = rules_form.told(calling, campaign.rules) if scenario.calls else []
        texts = [("SMS を送る人", rules_form.told_of_texts(calling, campaign.rules))] if scenario.text else []
    except IvrError:
        # They no longer go with the settings; why nothing is dialled then is told above.
        return []
    return told + texts


async def reason_of(
    console: Console, campaign: CampaignRow, counts: Counts
) -> tuple[str | None, dict[str, int] | None]:
    """Return why nothing is dialled or sent, and the texts by state."""
    chosen, now, health = console.settings, console.clock.now(), console.health()
    await scenario_files.prepare(campaign)
    try:
        scenario = scenario_files.of(campaign)
        reason = why_waiting(chosen, campaign, counts, now, health=health, place=CONSOLE)
        asked = texts_asked(chosen, campaign, scenario)
        texts = await console.results.texts.counts(asked) if asked else None
        unsent = why_unsent(chosen, campaign, texts, now, health=health, place=CONSOLE) if texts else None
    except IvrError as error:
        # Its rules or its scenario no longer go with the settings: the page still tells how it stands.
        return str(error), None
    if texts is not None and not scenario.calls:
        reason = unsent or "全員が済みました。"
    elif unsent and not counts.states.get("waiting") and not counts.states.get("calling"):
        reason = unsent
    return reason, {state.value: count for state, count in texts.states.items()} if texts is not None else None


def buttons_of(console: Console, visit: Visit, campaign: CampaignRow, counts: Counts) -> list[str]:
    """Return what somebody may do with a campaign that would have an effect."""
    lacking = unapproved(console.settings, campaign) is not None
    second = console.settings.calling.approval == "second_person" and visit.person.name == campaign.created_by
    calling = bool(counts.states.get("calling"))
    possible = {
        **{verb: campaign.state in expected for verb, (expected, _, _) in MOVES.items()},
        "approve": lacking and campaign.state in APPROVABLE and not second,
        "emergency-stop": campaign.state in HALTS and (campaign.state != "stopped" or calling),
    }
    for verb in ("start", "resume"):
        possible[verb] = possible[verb] and not lacking
    own = is_own(visit, campaign)
    roles: Collection[Role] = visit.person.roles
    return [verb for verb in VERBS if possible[verb] and may(roles, DEEDS[verb], own=own)]


async def _move(request: Request, asked: CampaignVisit, verb: str) -> Response:
    console = console_of(request)
    audit = console.audit.by(asked.visit.author)
    await moved(console.settings, console.results, audit, asked.campaign, verb, CONSOLE)
    return forms.done(request, f"「{asked.campaign.name}」を{MOVED[verb]}。", back=_at(request, asked.campaign))


def _at(request: Request, campaign: CampaignRow) -> str:
    """Return the page that a form was sent from: the campaign's, or where it is shown live."""
    page_, live = f"/campaigns/{campaign.id}", f"/campaigns/{campaign.id}/live"
    return live if forms.came_from(request) == live else page_
