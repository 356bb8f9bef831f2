"""What every route asks before it does anything: is somebody signed in, may they, on this campaign, was it meant.

    @pages.post("/campaigns/{campaign_id}/pause")
    async def pause(request: Request, visit: Annotated[CampaignVisit, permit_campaign(Deed.PAUSE)]) -> Response: …

A campaign that somebody may not see is as one that is not there: 404 for both, so that a guessed id tells nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import Depends, Request

from ivr.campaign.records import CampaignRow
from ivr.domain.account import Stage
from ivr.domain.authority import Deed, Reach, may, reach
from ivr.drafts.draft import Draft
from ivr.drafts.kept import MISSING
from ivr.errors import NotFound
from ivr.web import forms
from ivr.web.console import console_of
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


async def anybody(request: Request) -> Visit | Guest:
    """Ask of a route for who signs in only that the request was meant."""
    visit = await visit_of(request)
    await _see_meant(request, visit.csrf)
    return visit


ASKED[anybody] = None


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
    if deed is not Deed.KEEP_OWN_ACCOUNT:
        if visit.person.password_until is not None:
            raise GoTo(FIRST_PASSWORD, "password")
        if console_of(request).settings.web.second_factor == "required" and not visit.person.second_factor:
            raise GoTo(FIRST_CODE, "second_factor")
    return visit


async def _see_meant(request: Request, csrf: str) -> None:
    """See that a request which changes something comes from a page that was made for this very session."""
    if request.method in forms.SAFE:
        return
    told = request.headers.get("x-csrf-token") or (await forms.fields(request)).get(forms.CSRF, [""])[-1]
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), csrf.encode()):
        raise NotMeant
