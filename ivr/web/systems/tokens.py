"""Keys of systems that ask the API: made by an administrator, shown once, revoked."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from ivr.domain.account import unfit_words
from ivr.domain.audit import Action
from ivr.domain.authority import Deed
from ivr.domain.token import LONGEST_LIFE, LONGEST_NAME, SCOPE_LABELS, Scope, Token
from ivr.errors import InputError, NotFound
from ivr.web import forms, pages
from ivr.web.console import console_of
from ivr.web.permits import permit
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["tokens"])

Change = Annotated[Visit, permit(Deed.CHANGE_TOKENS)]

PREFIX = "yobirin_"
"""So that somebody who finds one in a file or a log knows what it is."""

LIVES = {30: "30 日", 90: "90 日", 180: "180 日", LONGEST_LIFE.days: "1 年"}


class Shown(BaseModel):
    """A token, without what it is."""

    id: str
    name: str
    department: str
    scopes: list[Scope]
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    holds: bool


class NewToken(forms.Given):
    """A token that is to be made."""

    name: str = Field(default="", title="システムの名前", max_length=LONGEST_NAME)
    department: str = Field(default="", title="部署", max_length=64)
    scopes: list[Scope] = Field(default_factory=list, title="できること")
    days: int = Field(default=180, title="使える日数", ge=1, le=LONGEST_LIFE.days)


class Revoked(forms.Given):
    """A token that is to hold no longer."""

    token: str = Field(title="鍵", pattern=r"^[0-9a-f]{32}$")


class Made(BaseModel):
    """A new token, told once."""

    id: str
    token: str


@api.get("/tokens")
async def tokens(request: Request, _visit: Change) -> list[Shown]:
    """Return every token, the newest first."""
    return await _all(request)


@page.get("/tokens")
async def tokens_page(request: Request, _visit: Change) -> Response:
    """Show them, and where one is made."""
    context = {
        "tokens": await _all(request),
        "departments": await console_of(request).results.accounts.departments(),
        "scope_labels": SCOPE_LABELS,
        "lives": LIVES,
        "longest": LONGEST_NAME,
    }
    return await pages.show(request, "tokens.html", context)


@api.post("/tokens", response_model=Made, openapi_extra=forms.takes(NewToken))
async def make(request: Request, visit: Change) -> Response:
    """Make a token for a system; what it is stands in the answer and nowhere else."""
    console, given = console_of(request), await forms.read(request, NewToken)
    if (unfit := unfit_words(given.name, "システムの名前", LONGEST_NAME)) is not None:
        raise InputError(unfit)
    if not given.scopes:
        raise InputError("できることを一つ以上選んでください。")
    known = {one.id: one.name for one in await console.results.accounts.departments()}
    if given.department not in known:
        raise NotFound("その部署は登録されていません。")
    now = console.clock.now()
    token = Token(
        id=uuid4().hex,
        name=given.name,
        department=given.department,
        department_name=known[given.department],
        scopes=frozenset(given.scopes),
        created_at=now,
        created_by=visit.person.name,
        expires_at=now + timedelta(days=given.days),
    )
    secret = PREFIX + secrets.token_urlsafe(32)
    await console.audit.by(visit.author).record(
        Action.TOKEN_MADE,
        token.name,
        department=token.department_name,
        scopes=" ".join(sorted(token.scopes)),
        until=f"{token.expires_at:%Y-%m-%d}",
    )
    await console.results.tokens.add(token, secret)
    if not forms.wants_page(request):
        return JSONResponse(Made(id=token.id, token=secret).model_dump())
    return await pages.show(request, "token_made.html", {"token": token, "secret": secret})


@api.post("/tokens/revoke", response_model=forms.Done, openapi_extra=forms.takes(Revoked))
async def revoke(request: Request, visit: Change) -> Response:
    """Let a token hold no longer, from this moment on."""
    console, given = console_of(request), await forms.read(request, Revoked)
    token = await console.results.tokens.one(given.token)
    # No trouble with the trail keeps anybody from shutting a system out.
    await console.results.tokens.revoke(token.id, console.clock.now())
    await console.audit.by(visit.author).record(Action.TOKEN_REVOKED, token.name)
    return forms.done(request, f"「{token.name}」の鍵を失効させました。もう使えません。", back="/tokens")


async def _all(request: Request) -> list[Shown]:
    console = console_of(request)
    now = console.clock.now()
    return [
        Shown(
            id=one.id,
            name=one.name,
            department=one.department_name,
            scopes=[scope for scope in Scope if scope in one.scopes],
            created_at=one.created_at,
            created_by=one.created_by,
            expires_at=one.expires_at,
            used_at=one.used_at,
            revoked_at=one.revoked_at,
            holds=one.holds(now),
        )
        for one in await console.results.tokens.all()
    ]
