"""Signing in by the word of an identity provider: the way there, and the way back.

    GET /sign-in/openid ──► provider ──► GET /sign-in/openid/back?code&state&iss ──► signed in

What is asked of the provider and what it must answer (state, nonce, PKCE's verifier) are keyed hashes of the browser's
token and of a random word in a sealed cookie: another browser, another try, and a second return prove nothing.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from ivr.accounts.vouched import Vouched
from ivr.domain.account import Stage
from ivr.domain.audit import Author
from ivr.errors import InputError, NotFound, NotLetIn, ProviderAway
from ivr.openid import NoProof, Provider, identity_of
from ivr.settings import Openid
from ivr.web import forms, pages, visits
from ivr.web.console import Console, console_of
from ivr.web.permits import CODE, anybody
from ivr.web.visits import Guest, Visit

LONGEST_WAY_S = 600
"""Seconds from here to the provider and back."""

LONGEST_CODE = 4_096

AWAY = (
    "庁内アカウントのサーバーが答えないので、いまはそこからサインインできません。"
    "呼鈴のパスワードがある人は、利用者名とパスワードでサインインできます。"
)
ASTRAY = "サインインの途中の記録が、この画面のものと合いません。もう一度、はじめからサインインしてください。"
UNPROVEN = "庁内アカウントからの返事を確かめられませんでした。もう一度試し、だめなら管理者に時刻を伝えてください。"
GIVEN_UP = "庁内アカウントでのサインインは、取りやめになりました。"
NOWHERE = (
    "庁内アカウントの側には、サインアウトの場所がありません。共用のコンピュータでは、ブラウザーをすべて閉じてください。"
)

log = structlog.get_logger(__name__)

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["sign-in"])

Anybody = Annotated[Visit | Guest, Depends(anybody)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A browser's way to the provider and back. `word` is random, `at` when it set out."""

    word: str = field(repr=False)
    next: str
    at: int


@page.get("/sign-in/openid")
async def begin(request: Request, visit: Anybody, next: str = "/", again: str = "") -> Response:  # noqa: A002
    """Send the browser to the provider; `again`: there it is asked who it is, whoever is signed in."""
    console = console_of(request)
    provider, _ = _offered(console)
    to = forms.inner(next)
    if isinstance(visit, Visit) and visit.session.stage is Stage.FULL:
        return RedirectResponse(to, 303)
    way = _Way(word=secrets.token_urlsafe(32), next=to, at=int(console.clock.now().timestamp()))
    state, nonce, verifier = _asked(console, visit.token, way)
    try:
        place = await provider.begin(state, nonce, verifier, again=bool(again))
    except ProviderAway as error:
        return _away(request, visit, error, to)
    response = RedirectResponse(place, 303)
    _keep(console, response, visit.token, way)
    if isinstance(visit, Guest):
        visits.give_token(console, response, visit.token)
    return response


@page.get("/sign-in/openid/back")
async def back(
    request: Request,
    visit: Anybody,
    state: str = "",
    code: str = "",
    error: str = "",
    iss: Annotated[str | None, Query()] = None,
) -> Response:
    """Let in whom the provider vouches for."""
    console = console_of(request)
    provider, chosen = _offered(console)
    way = _kept(console, request, visit.token)
    if way is None:
        return _sent_back(request, visit, ASTRAY)
    asked, nonce, verifier = _asked(console, visit.token, way)
    # Before anything is told to anybody: what does not come from a way of this browser's own is nobody's try.
    if not hmac.compare_digest(asked.encode(), state.encode()) or not console.returns.use(way.word):
        return _sent_back(request, visit, ASTRAY)
    if error:
        return _sent_back(request, visit, GIVEN_UP, to=way.next)
    try:
        console.door.knock(visit.where)
        if not 0 < len(code) <= LONGEST_CODE:
            raise NoProof("no code")
        claims = await provider.finish(code, iss, nonce=nonce, verifier=verifier, now=console.clock.now())
    except NoProof as why:
        log.warning("openid_no_proof", reason=str(why))
        return await _disproved(request, visit, str(why), way.next)
    except NotLetIn as why:
        return _sent_back(request, visit, str(why), to=way.next)
    except (ProviderAway, InputError) as why:
        return _away(request, visit, why, way.next)
    identity = identity_of(
        claims, name_claim=chosen.name_claim, name_domain=chosen.name_domain, groups_claim=chosen.groups_claim
    )
    author = Author(who=f"openid:{identity.name or '?'}", where=visit.where)
    vouched = Vouched(register=console.register(author), groups=chosen.groups, keep_local=chosen.only)
    ask_code = chosen.second_factor == "ours"
    try:
        person = await console.door.admit(
            lambda: vouched.find(identity), visit.where, account=identity.name, ask_code=ask_code
        )
    except NotLetIn as why:
        return _sent_back(request, visit, str(why), to=way.next)
    if ask_code and person.second_factor:
        response: Response = RedirectResponse(f"{CODE}?next={quote(way.next, safe='')}", 303)
        await visits.begin(request, response, person, Stage.PASSWORD, openid=True)
    else:
        response = RedirectResponse(way.next, 303)
        await visits.begin(request, response, person, Stage.FULL, openid=True)
    _forget(console, response)
    return response


@page.get("/sign-in/openid/out")
async def out(request: Request, visit: Anybody) -> Response:
    """Send the browser to where it signs out of the provider."""
    provider, _ = _offered(console_of(request))
    try:
        place = await provider.logout()
    except ProviderAway as error:
        return _away(request, visit, error, "/")
    return RedirectResponse(place, 303) if place is not None else _sent_back(request, visit, NOWHERE, kind="warning")


def _offered(console: Console) -> tuple[Provider, Openid]:
    """Return the provider and its settings; NotFound."""
    chosen = console.settings.web.openid
    if console.provider is None or chosen is None:
        raise NotFound("庁内アカウントでのサインインは、使わない設定です。")
    return console.provider, chosen


def _asked(console: Console, token: str, way: _Way) -> tuple[str, str, str]:
    """Return the state, the nonce and the verifier (RFC 7636: 43 characters or more) of a browser's way."""

    def word(what: str) -> str:
        return console.results.accounts.hash("openid", what, token, way.word)

    return word("state"), word("nonce"), word("verifier") + word("verifier, second half")


def _away(request: Request, visit: Visit | Guest, error: Exception, to: str) -> Response:
    log.warning("openid_away", reason=str(error))
    return _sent_back(request, visit, AWAY, to=to)


async def _disproved(request: Request, visit: Visit | Guest, why: str, to: str) -> Response:
    try:
        await console_of(request).door.disprove(visit.where, why)
    except NotLetIn as shut:
        return _sent_back(request, visit, str(shut), to=to)
    return _sent_back(request, visit, UNPROVEN, to=to)


def _sent_back(request: Request, visit: Visit | Guest, message: str, *, to: str = "/", kind: str = "error") -> Response:
    """Lead to the page for signing in, and say why there: a reload sends nothing again."""
    console = console_of(request)
    response = RedirectResponse("/sign-in" if to == "/" else f"/sign-in?next={quote(to, safe='')}", 303)
    pages.flash(request, response, kind, message)
    if isinstance(visit, Guest):
        visits.give_token(console, response, visit.token)
    _forget(console, response)
    return response


def _name(console: Console) -> str:
    return f"{visits.cookie_name(console)}-openid"


def _keep(console: Console, response: Response, token: str, way: _Way) -> None:
    held = json.dumps([way.word, way.next, way.at])
    body = base64.urlsafe_b64encode(held.encode()).decode()
    seal = console.results.accounts.hash("openid", "way", token, body)
    response.set_cookie(
        _name(console),
        f"{seal}.{body}",
        max_age=LONGEST_WAY_S,
        path="/",
        httponly=True,
        samesite="lax",
        secure=console.settings.web.secure,
    )


def _kept(console: Console, request: Request, token: str) -> _Way | None:
    seal, _, body = request.cookies.get(_name(console), "").partition(".")
    right = console.results.accounts.hash("openid", "way", token, body)
    if not body or not hmac.compare_digest(seal.encode(), right.encode()):
        return None
    word, to, at = json.loads(base64.urlsafe_b64decode(body))
    late = int(console.clock.now().timestamp()) - at > LONGEST_WAY_S
    return None if late else _Way(word=word, next=to, at=at)


def _forget(console: Console, response: Response) -> None:
    response.delete_cookie(_name(console), path="/", secure=console.settings.web.secure, httponly=True, samesite="lax")
