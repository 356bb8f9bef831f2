"""Which system asks: a token in `Authorization: Bearer …`, without cookies, for one department and for what it may do.

A browser sends such a header with no request that another site makes it send, so that none of this needs a token of a
page. What is asked too often is refused for a while.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from fastapi import Depends, Request

from ivr.audit import Audit
from ivr.campaign.records import CampaignRow
from ivr.domain.audit import Action, Author
from ivr.domain.token import Scope, Token
from ivr.errors import NotFound
from ivr.web import forms
from ivr.web.console import console_of
from ivr.web.errors import NotAllowed, TokenFirst, TooMany
from ivr.web.visits import address_of

ASKED: dict[Callable[..., Any], Scope] = {}
"""Every question that a route for systems may ask, with the scope that it is about."""

MINUTE = timedelta(minutes=1)
MOST_A_MINUTE = 120
"""Requests of one token."""

MOST_WRONG_A_MINUTE = 20
"""Requests from one address with a token that is none."""

MOST_REMEMBERED = 1_000
NOTED_EVERY = MINUTE
"""How often a token that is in use is noted as such."""

LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A system that asks."""

    token: Token
    where: str
    now: datetime

    def audit(self, request: Request) -> Audit:
        """Return the audit trail, as which names this system."""
        return console_of(request).audit.by(Author(who=self.token.who, where=self.where))


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCaller:
    """A system that asks about a campaign of its department."""

    caller: Caller
    campaign: CampaignRow


class Pace:
    """How often somebody has asked within a minute; those that were silent the longest are forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._asked: OrderedDict[str, deque[datetime]] = OrderedDict()

    def count(self, who: str, now: datetime) -> None:
        """Count a request of `who`; TooMany where it is one too many."""
        self.see(who, now)
        self._asked.setdefault(who, deque(maxlen=self._most)).append(now)
        self._asked.move_to_end(who)
        while len(self._asked) > MOST_REMEMBERED:
            self._asked.popitem(last=False)

    def see(self, who: str, now: datetime) -> None:
        """Raise TooMany where `who` has asked too often."""
        asked = self._asked.get(who)
        # What lies ahead of us was counted before the clock was set back.
        if asked is not None and len(asked) == self._most and timedelta(0) <= now - asked[0] < MINUTE:
            raise TooMany(int((MINUTE - (now - asked[0])).total_seconds()) + 1)


@cache
def bearer(scope: Scope) -> Any:
    """Return the dependency of a route that does `scope` to no campaign in particular."""

    async def asked(request: Request) -> Caller:
        return await _caller(request, scope)

    return _registered(asked, scope)


@cache
def bearer_campaign(scope: Scope) -> Any:
    """Return the dependency of a route that does `scope` to the campaign `campaign_id` of the token's department."""

    async def asked(request: Request, campaign_id: str) -> CampaignCaller:
        caller = await _caller(request, scope)
        campaign = await console_of(request).results.campaign_of(forms.an_id(campaign_id))
        if campaign.department != caller.token.department:
            raise NotFound("その催告がありません。")
        return CampaignCaller(caller=caller, campaign=campaign)

    return _registered(asked, scope)


def _registered(asked: Callable[..., Awaitable[object]], scope: Scope) -> Any:
    ASKED[asked] = scope
    return Depends(asked)


async def _caller(request: Request, scope: Scope) -> Caller:
    console = console_of(request)
    now, address = console.clock.now(), address_of(request)
    paces = _paces(request)
    paces.wrong.see(address, now)
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    secret = secret.strip()
    known = kind.lower() == "bearer" and secret.isascii() and 0 < len(secret) <= LONGEST_TOKEN
    token = await console.results.tokens.proven(secret) if known else None
    if token is None or not token.holds(now):
        paces.wrong.count(address, now)
        if token is not None:
            author = Author(who=token.who, where=console.where(address))
            await console.audit.by(author).mention(Action.SIGN_IN_REFUSED, token.name, why="token over")
        raise TokenFirst
    paces.right.count(token.id, now)
    if scope not in token.scopes:
        raise NotAllowed
    if token.used_at is None or now - token.used_at >= NOTED_EVERY:
        await console.results.tokens.use(token.id, now)
    return Caller(token=token, where=console.where(address), now=now)


@dataclass(frozen=True, slots=True)
class _Paces:
    right: Pace
    wrong: Pace


def _paces(request: Request) -> _Paces:
    state = request.app.state
    if not hasattr(state, "paces"):
        state.paces = _Paces(Pace(MOST_A_MINUTE), Pace(MOST_WRONG_A_MINUTE))
    found: _Paces = state.paces
    return found
