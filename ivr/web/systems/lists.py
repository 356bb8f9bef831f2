"""What systems of the office ask with a token: a list becomes a campaign, its results are read page by page.

A person approves and starts what a system has made.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from ivr.campaign.figures import PersonRow
from ivr.campaign.records import CampaignRow
from ivr.desk import pushed
from ivr.domain.audit import Action
from ivr.domain.outcome_class import class_of
from ivr.domain.token import Scope
from ivr.errors import InputError
from ivr.standing import STATES
from ivr.web import forms
from ivr.web.console import console_of
from ivr.web.errors import TooMany
from ivr.web.systems.bearers import Caller, CampaignCaller, bearer, bearer_campaign

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["systems"])

CSV = "text/csv"
MOST_PEOPLE = 1_000
"""People on a page of results."""

AGAIN_S = 10
"""Seconds after which a list may be sent again that came while another was read."""

_reading = asyncio.Lock()
"""One list at a time: each fills memory while it is read."""


class Refused(BaseModel):
    """A row that is not in the campaign. Its reason names nobody."""

    line: int
    reason: str


class Taken(BaseModel):
    """What has become of a list."""

    id: str
    name: str
    rows: int
    accepted: int
    excluded: int = Field(description="Of the accepted, who is not called by the office's exclusions of today.")
    refused: list[Refused] = Field(description="The first thousand of them.")


class Listed(BaseModel):
    """A campaign as a system sees it."""

    id: str
    name: str
    state: str
    state_label: str
    created_at: datetime
    created_by: str
    people: int
    settled: int


class Fate(BaseModel):
    """What has become of somebody so far. Names and numbers are the asking system's own."""

    id: str = Field(description="宛名番号")
    state: str
    outcome: str | None
    evidence: str | None = Field(description="The class of the outcome: what it proves.")
    proven: bool
    marks: list[str]
    tries: int
    last_at: datetime | None
    settled_at: datetime | None
    excluded: str | None
    text: str | None


class Fates(BaseModel):
    """A page of people in the order of the list. `after` asks for the next one, null where there is none."""

    campaign: str
    people: list[Fate]
    after: str | None


_PUSHED = {
    "requestBody": {
        "required": True,
        "content": {
            CSV: {"schema": {"type": "string"}},
            forms.JSON: {
                "schema": {
                    "type": "object",
                    "required": ["people"],
                    "properties": {
                        "people": {
                            "type": "array",
                            "items": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
                        }
                    },
                }
            },
        },
    }
}


@api.post("/lists", response_model=Taken, status_code=201, openapi_extra=_PUSHED)
async def push(
    request: Request,
    caller: Annotated[Caller, bearer(Scope.PUSH_LISTS)],
    name: Annotated[str, Query(max_length=200, description="The campaign's name, which none has yet.")],
    scenario: Annotated[str, Query(max_length=200, description="A file in the folder scenarios of the data.")],
) -> Response:
    """Create a campaign out of a list, in the token's department. It waits for a person to approve and start it."""
    console = console_of(request)
    if _reading.locked():
        raise TooMany(AGAIN_S)
    async with _reading:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await request.body()
        await console.book.look()
        data = body if kind == CSV else await asyncio.to_thread(_as_list, body)
        found = await pushed.push(
            console.settings,
            console.results,
            caller.audit(request),
            name=name,
            scenario=scenario,
            data=data,
            by=caller.token.who,
            department=caller.token.department_name,
            now=caller.now,
        )
    taken = Taken(
        id=found.campaign.id,
        name=found.campaign.name,
        rows=found.taken.rows,
        accepted=found.taken.accepted,
        excluded=found.taken.excluded,
        refused=[Refused(line=one.line, reason=one.reason) for one in found.taken.refused],
    )
    return JSONResponse(taken.model_dump(), 201, headers={"location": f"/api/v1/lists/{taken.id}"})


@api.get("/lists")
async def lists(
    request: Request,
    caller: Annotated[Caller, bearer(Scope.READ_RESULTS)],
    name: Annotated[str | None, Query(max_length=200)] = None,
) -> list[Listed]:
    """Return the newest hundred campaigns of the token's department, or the one by that name."""
    mine = [
        one
        for one in await console_of(request).results.campaigns()
        if one.department == caller.token.department and name in (None, one.name)
    ]
    return [await _listed(request, one) for one in mine[::-1][:100]]


@api.get("/lists/{campaign_id}")
async def listed(request: Request, asked: Annotated[CampaignCaller, bearer_campaign(Scope.READ_RESULTS)]) -> Listed:
    """Return how a campaign stands."""
    return await _listed(request, asked.campaign)


@api.get("/lists/{campaign_id}/results")
async def results(
    request: Request,
    asked: Annotated[CampaignCaller, bearer_campaign(Scope.READ_RESULTS)],
    after: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PEOPLE)] = 500,
) -> Fates:
    """Return what has become of people, in the order of the list. That is on record."""
    campaign = asked.campaign
    found = await console_of(request).results.figures.people(campaign.id, after=after, limit=limit)
    await asked.caller.audit(request).record(Action.EXPORTED, campaign.name, format="api", rows=len(found.rows))
    return Fates(campaign=campaign.name, people=[_fate(row) for row in found.rows], after=found.after)


async def _listed(request: Request, campaign: CampaignRow) -> Listed:
    states = (await console_of(request).results.counts(campaign.id)).states
    return Listed(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        state_label=STATES[campaign.state],
        created_at=campaign.created_at,
        created_by=campaign.created_by,
        people=sum(states.values()),
        settled=states.get("settled", 0),
    )


def _fate(row: PersonRow) -> Fate:
    return Fate(
        id=row.recipient.id,
        state=row.state,
        outcome=row.outcome.value if row.outcome else None,
        evidence=class_of(row.outcome, proven=row.proven).value if row.outcome else None,
        proven=row.proven,
        marks=list(row.marks),
        tries=row.tries,
        last_at=row.last_at,
        settled_at=row.settled_at,
        excluded=row.excluded.reason if row.excluded else None,
        text=row.text.value if row.text else None,
    )


def _as_list(body: bytes) -> bytes:
    held: Any = None
    with suppress(ValueError, RecursionError):
        held = json.loads(body)
    people = held.get("people") if isinstance(held, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise InputError(f"名簿は {CSV} か、people という配列を持つ JSON で送ってください。")
    return pushed.as_list(people)
