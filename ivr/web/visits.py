"""Who sits at the browser: a random token in a cookie, whose hash is a session in the database.

    no cookie ──► Guest, given a token ── name, password ──► Visit at Stage.PASSWORD ── code ──► Visit at Stage.FULL

The token changes at each arrow, so that none that was known before somebody signed in is worth anything afterwards.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from fastapi import Request
from starlette.responses import Response

from ivr.domain.account import Person, Session, Stage, is_over
from ivr.domain.audit import Author
from ivr.web.console import Console, console_of

NOTED_EVERY = timedelta(minutes=1)
"""How often a session that is in use is noted as such."""

LONGEST_BROWSER = 200

WATCHES = "x-watches"
"""The header of a request that a page makes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A browser in which nobody is signed in. `over` where somebody was, until their session ended."""

    token: str = field(repr=False)
    csrf: str = field(repr=False)
    where: str
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A browser in which somebody is signed in, or half so."""

    token: str = field(repr=False)
    csrf: str = field(repr=False)
    where: str
    session: Session
    person: Person

    @property
    def author(self) -> Author:
        """Return as whom the audit trail names them."""
        return Author(who=self.person.name, where=self.where)


async def visit_of(request: Request) -> Visit | Guest:
    """Return who sits at the browser that asks."""
    known = getattr(request.state, "visit", None)
    if known is None:
        known = request.state.visit = await _found(request, console_of(request))
    found: Visit | Guest = known
    return found


async def _found(request: Request, console: Console) -> Visit | Guest:
    token = request.cookies.get(cookie_name(console), "")
    where = console.where(address_of(request))
    accounts = console.results.accounts
    if not 20 <= len(token) <= 100:
        new = secrets.token_urlsafe(32)
        return Guest(token=new, csrf=accounts.hash("csrf", new), where=where)
    csrf = accounts.hash("csrf", token)
    found = await accounts.session(accounts.hash("session", token))
    if found is None:
        return Guest(token=token, csrf=csrf, where=where)
    session, person = found
    now, chosen = console.clock.now(), console.settings.web
    if is_over(session, now, idle=chosen.idle, longest=chosen.longest):
        await accounts.end_sessions(person.id, only=session.id)
        return Guest(token=token, csrf=csrf, where=where, over=True)
    # A page that renews itself is no use of a session.
    if now - session.seen_at >= NOTED_EVERY and WATCHES not in request.headers:
        await accounts.see_session(session.id, now)
    return Visit(token=token, csrf=csrf, where=where, session=session, person=person)


async def begin(request: Request, response: Response, person: Person, stage: Stage, *, openid: bool = False) -> None:
    """Sign somebody in as far as `stage`, with a token that nobody knew before, in place of the one so far.

    `openid`: because an identity provider vouches for them.
    """
    console = console_of(request)
    accounts, chosen, now = console.results.accounts, console.settings.web, console.clock.now()
    before = await visit_of(request)
    if isinstance(before, Visit):
        await accounts.end_sessions(before.person.id, only=before.session.id)
    token = secrets.token_urlsafe(32)
    session = Session(
        id=accounts.hash("session", token),
        person=person.id,
        stage=stage,
        begun_at=now,
        seen_at=now,
        address=address_of(request),
        browser=_browser(request),
        openid=openid,
    )
    await accounts.begin_session(session, most=chosen.sessions, older=now - chosen.longest)
    give_token(console, response, token)
    csrf = accounts.hash("csrf", token)
    request.state.visit = Visit(token=token, csrf=csrf, where=before.where, session=session, person=person)


def give_token(console: Console, response: Response, token: str) -> None:
    """Let the browser keep a token, which no script sees and no other site sends along."""
    response.set_cookie(
        cookie_name(console),
        token,
        path="/",
        secure=console.settings.web.secure,
        httponly=True,
        samesite="lax",
    )


def take_token(console: Console, response: Response) -> None:
    """Let the browser forget its token."""
    response.delete_cookie(
        cookie_name(console), path="/", secure=console.settings.web.secure, httponly=True, samesite="lax"
    )


def cookie_name(console: Console) -> str:
    """Return the cookie's name; with this prefix a browser takes it over TLS and from this very host only."""
    return "__Host-yobirin" if console.settings.web.secure else "yobirin"


def address_of(request: Request) -> str:
    """Return the address that asks."""
    return request.client.host if request.client else "-"


def _browser(request: Request) -> str:
    told = request.headers.get("user-agent", "")
    return "".join(letter for letter in told if letter.isprintable())[:LONGEST_BROWSER]
