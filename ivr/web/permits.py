"""What every route asks before it does anything: is somebody signed in, may they, on this campaign, was it meant.

    @pages.post("/campaigns/{campaign_id}/pause")
    async def pause(request: Request, visit: Annotated[CampaignVisit, permit_campaign(Deed.PAUSE)]) -> Response: …

A campaign that somebody may not see is as one that is not there: 404 for both, so that a guessed id tells nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from fastapi import Depends, Request

from ivr.campaign.records import CampaignRow
from ivr.domain.account import Person, Session, Stage, is_over
from ivr.domain.authority import Deed, Reach, may, reach
from ivr.domain.edition import Kept
from ivr.drafts.draft import Draft
from ivr.drafts.kept import MISSING
from ivr.errors import NotFound
from ivr.web import forms
from ivr.web.console import Console, console_of
from ivr.web.errors import GoTo, NotAllowed, NotMeant, SignInFirst
from ivr.web.visits import Guest, Visit, visit_of

ASKED: dict[Callable[..., Any], Deed | None] = {}
"""Every question that a route may ask, with the deed that it is about; None: who comes to sign in is asked nothing."""

FIRST_PASSWORD, FIRST_CODE, CODE = "/account/password", "/account/second-factor", "/sign-in/code"
"""Where somebody is led who has something to do before anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignVisit:
    """Somebody signed in, and the campaign that they may do something with."""

    visit: Visit
    campaign: CampaignRow


@cache
def permit(deed: Deed) -> Any:
    """Return the dependency of a route that does `deed` to no campaign in particular."""

    async def asked(request: Request) -> Visit:
        visit = await _signed_in(request, deed)
        if reach(visit.person.roles, deed) is Reach.NONE:
            raise NotAllowed
        await _see_meant(request, visit.csrf)
        return visit

    return _registered(asked, deed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftVisit:
    """Somebody signed in, and the campaign in the making, of their department, that they work on."""

    visit: Visit
    draft: Draft


@cache
def permit_draft(deed: Deed) -> Any:
    """Return the dependency of a route that does `deed` to the campaign in the making `draft_id`."""

    async def asked(request: Request, draft_id: str) -> DraftVisit:
        visit = await _signed_in(request, deed)
        if reach(visit.person.roles, deed) is Reach.NONE:
            raise NotAllowed
        draft = await console_of(request).drafts.get(forms.an_id(draft_id))
        if draft.department != visit.person.department.id:
            raise NotFound(MISSING)
        await _see_meant(request, visit.csrf)
        return DraftVisit(visit=visit, draft=draft)

    return _registered(asked, deed)


@cache
def permit_campaign(deed: Deed) -> Any:
    """Return the dependency of a route that does `deed` to the campaign `campaign_id`."""

    async def asked(request: Request, campaign_id: str) -> CampaignVisit:
        visit = await _signed_in(request, deed)
        campaign = await console_of(request).results.campaign_of(forms.an_id(campaign_id))
        own = is_own(visit, campaign)
        if not may(visit.person.roles, Deed.SEE_CAMPAIGN, own=own):
            raise NotFound("その催告がありません。")
        if not may(visit.person.roles, deed, own=own):
            raise NotAllowed
        await _see_meant(request, visit.csrf)
        return CampaignVisit(visit=visit, campaign=campaign)

    return _registered(asked, deed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioVisit:
    """Somebody signed in, and the office's scenario that they may do something with."""

    visit: Visit
    scenario: Kept


@cache
def permit_scenario(deed: Deed) -> Any:
    """Return the dependency of a route that does `deed` to the office's scenario `scenario_id`."""

    async def asked(request: Request, scenario_id: str) -> ScenarioVisit:
        visit = await _signed_in(request, deed)
        if reach(visit.person.roles, deed) is Reach.NONE:
            raise NotAllowed
        scenario = await console_of(request).book.one(forms.an_id(scenario_id))
        if not may(visit.person.roles, deed, own=scenario.of(visit.person.department.id)):
            raise NotAllowed
        await _see_meant(request, visit.csrf)
        return ScenarioVisit(visit=visit, scenario=scenario)

    return _registered(asked, deed)


async def anybody(request: Request) -> Visit | Guest:
    """Ask of a route for who signs in only that the request was meant."""
    visit = await visit_of(request)
    await _see_meant(request, visit.csrf)
    return visit


ASKED[anybody] = None


async def holds(console: Console, visit: Visit, deed: Deed, campaign_id: str | None = None) -> Visit | None:
    """Return the visit as it is now where what was permitted would still be; None else.

    For what lasts longer than a request. It is no use of the session, which ends as if nothing were open.
    """
    found = await console.results.accounts.session(visit.session.id)
    if found is None:
        return None
    session, person = found
    chosen = console.settings.web
    over = is_over(session, console.clock.now(), idle=chosen.idle, longest=chosen.longest)
    if over or session.stage is not Stage.FULL or _duty(console, person, session) is not None:
        return None
    now = replace(visit, session=session, person=person)
    if campaign_id is None:
        return now if reach(person.roles, deed) is not Reach.NONE else None
    try:
        own = is_own(now, await console.results.campaign_of(campaign_id))
    except NotFound:
        return None
    allowed = all(may(person.roles, one, own=own) for one in (Deed.SEE_CAMPAIGN, deed))
    return now if allowed else None


def is_own(visit: Visit, campaign: CampaignRow) -> bool:
    """Tell whether a campaign is the visitor's department's; one of no department is nobody's own."""
    return campaign.department is not None and campaign.department == visit.person.department.id


def _registered(asked: Callable[..., Awaitable[object]], deed: Deed) -> Any:
    ASKED[asked] = deed
    return Depends(asked)


async def _signed_in(request: Request, deed: Deed) -> Visit:
    visit = await visit_of(request)
    if isinstance(visit, Guest):
        raise SignInFirst
    if visit.session.stage is not Stage.FULL:
        raise GoTo(CODE, "code")
    if (
        deed is not Deed.KEEP_OWN_ACCOUNT
        and (duty := _duty(console_of(request), visit.person, visit.session)) is not None
    ):
        raise duty
    return visit


def _duty(console: Console, person: Person, session: Session) -> GoTo | None:
    """Return what somebody has to do before anything else; a provider sees to a second factor itself."""
    openid = console.settings.web.openid
    if session.openid and openid is not None and openid.second_factor == "provider":
        return None
    if person.password_until is not None and not session.openid:
        return GoTo(FIRST_PASSWORD, "password")
    if console.settings.web.second_factor == "required" and not person.second_factor:
        return GoTo(FIRST_CODE, "second_factor")
    return None


async def _see_meant(request: Request, csrf: str) -> None:
    """See that a request which changes something comes from a page that was made for this very session."""
    if request.method in forms.SAFE:
        return
    told = request.headers.get("x-csrf-token") or (await forms.fields(request)).get(forms.CSRF, [""])[-1]
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), csrf.encode()):
        raise NotMeant
