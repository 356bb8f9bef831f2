"""Signing in and out, and the first administrator. Nobody is asked who they are before they come here."""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from ivr.domain.account import Person, Stage
from ivr.domain.audit import Action, Author
from ivr.domain.recipient import plain
from ivr.errors import InputError, NotFound, NotLetIn
from ivr.web import forms, pages, visits
from ivr.web.console import Console, console_of
from ivr.web.errors import SignInFirst
from ivr.web.permits import CODE, FIRST_CODE, FIRST_PASSWORD, anybody
from ivr.web.visits import Guest, Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["sign-in"])

Anybody = Annotated[Visit | Guest, Depends(anybody)]


class Name(forms.Given):
    """Who wants in."""

    name: str = Field(default="", title="利用者名", max_length=100)
    password: str = Field(default="", title="パスワード", max_length=500)
    next: str = Field(default="/", title="開くページ")


class Code(forms.Given):
    """The code of the telephone, or one from the paper."""

    code: str = Field(default="", title="確認コード", max_length=40)
    next: str = Field(default="/", title="開くページ")


class First(forms.Given):
    """The first administrator."""

    name: str = Field(default="", title="利用者名", max_length=100)
    display: str = Field(default="", title="氏名", max_length=100)
    department: str = Field(default="", title="部署", max_length=100)
    password: str = Field(default="", title="パスワード", max_length=500)
    again: str = Field(default="", title="パスワード（もう一度）", max_length=500)


@page.get("/sign-in")
async def sign_in_page(request: Request, visit: Anybody, next: str = "/", out: str = "") -> Response:  # noqa: A002
    """Show where a name and a password go; whoever is in already is led on."""
    if isinstance(visit, Visit):
        return RedirectResponse(forms.inner(next) if visit.session.stage is Stage.FULL else CODE, 303)
    return await _sign_in_page(request, next=forms.inner(next), out=out)


@page.post("/sign-in")
async def sign_in(request: Request, visit: Anybody) -> Response:
    """Let somebody in, or as far as the code."""
    given = await forms.read(request, Name)
    try:
        person = await console_of(request).door.enter(plain(given.name), given.password, visit.where)
    except NotLetIn as error:
        return await _sign_in_page(request, next=forms.inner(given.next), wrong=str(error), name=given.name, status=401)
    if person.second_factor:
        response: Response = RedirectResponse(f"{CODE}?next={quote(forms.inner(given.next), safe='')}", 303)
        await visits.begin(request, response, person, Stage.PASSWORD)
        return response
    response = RedirectResponse(_first_duty(console_of(request), person) or forms.inner(given.next), 303)
    await visits.begin(request, response, person, Stage.FULL)
    return response


@page.get(CODE)
async def code_page(request: Request, visit: Anybody, next: str = "/") -> Response:  # noqa: A002
    """Show where the code goes."""
    if isinstance(visit, Guest):
        raise SignInFirst
    if visit.session.stage is Stage.FULL:
        return RedirectResponse(forms.inner(next), 303)
    return await pages.show(request, "code.html", {"next": forms.inner(next), "wrong": None})


@page.post(CODE)
async def code(request: Request, visit: Anybody) -> Response:
    """Let in who proves to have the telephone, or the paper."""
    if isinstance(visit, Guest) or visit.session.stage is not Stage.PASSWORD:
        raise SignInFirst
    given, console = await forms.read(request, Code), console_of(request)
    try:
        left = await console.door.confirm(visit.person, given.code, visit.where)
    except NotLetIn as error:
        context = {"next": forms.inner(given.next), "wrong": str(error)}
        return await pages.show(request, "code.html", context, status=401)
    by_openid = visit.session.openid
    duty = None if by_openid else _first_duty(console, visit.person)
    response = RedirectResponse(duty or forms.inner(given.next), 303)
    await visits.begin(request, response, visit.person, Stage.FULL, openid=by_openid)
    if left is not None:
        message = f"控えのコードを一つ使いました。残りは {left} 個です。少なくなったら、作り直してください。"
        pages.flash(request, response, "warning", message)
    return response


@page.post("/sign-out")
async def sign_out(request: Request, visit: Anybody) -> Response:
    """Let somebody out; harmless where nobody is in."""
    console = console_of(request)
    if isinstance(visit, Visit):
        await console.results.accounts.end_sessions(visit.person.id, only=visit.session.id)
        await console.audit.by(visit.author).mention(Action.SIGNED_OUT, visit.person.name)
    by_openid = isinstance(visit, Visit) and visit.session.openid
    response = RedirectResponse(f"/sign-in?out={'openid' if by_openid else '1'}", 303)
    visits.take_token(console, response)
    return response


@page.get("/first/{key}")
async def first_page(request: Request, key: str, _visit: Anybody) -> Response:
    """Show where the first administrator registers, to whoever has the link of the terminal."""
    await _see_first(console_of(request), key)
    return await pages.show(request, "first.html", {"key": key, "wrong": None, "typed": First()})


@page.post("/first/{key}")
async def first(request: Request, key: str, visit: Anybody) -> Response:
    """Register the first administrator, and let them in."""
    console = console_of(request)
    await _see_first(console, key)
    given = await forms.read(request, First)
    name = plain(given.name)
    try:
        if given.password != given.again:
            raise InputError("二つのパスワードが違います。同じものを入力してください。")
        register = console.register(Author(who=name[:32] or "?", where=visit.where))
        person = await register.first(name, given.display, given.department, given.password)
    except InputError as error:
        context = {"key": key, "wrong": str(error), "typed": given}
        return await pages.show(request, "first.html", context, status=400)
    response = RedirectResponse(_first_duty(console, person) or "/", 303)
    await visits.begin(request, response, person, Stage.FULL)
    return response


async def _sign_in_page(
    request: Request,
    *,
    next: str,  # noqa: A002
    wrong: str | None = None,
    name: str = "",
    out: str = "",
    status: int = 200,
) -> Response:
    some = await console_of(request).results.accounts.any_person()
    openid = console_of(request).settings.web.openid
    context = {"next": next, "wrong": wrong, "name": name, "out": out, "nobody": not some, "openid": openid}
    return await pages.show(request, "sign_in.html", context, status=status)


async def _see_first(console: Console, key: str) -> None:
    """See that the link is the terminal's and nobody has used it."""
    right = hmac.compare_digest(key.encode(), console.first_key.encode())
    if not right or await console.results.accounts.any_person():
        raise NotFound("このリンクは使えません。もう使われたか、呼鈴を起動し直す前のものです。")


def _first_duty(console: Console, person: Person) -> str | None:
    """Return where somebody has something to do before anything else."""
    if person.password_until is not None:
        return FIRST_PASSWORD
    if console.settings.web.second_factor == "required" and not person.second_factor:
        return FIRST_CODE
    return None
