"""One's own account: password, second factor, and where one is signed in."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from ivr.accounts import second_factor
from ivr.domain.account import SHORTEST
from ivr.domain.authority import Deed, Role
from ivr.errors import InputError
from ivr.web import forms, pages
from ivr.web.console import console_of
from ivr.web.permits import FIRST_CODE, FIRST_PASSWORD, permit
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["account"])

BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Version": "Safari"}
"""By how each tells its version; of those that tell another's too, the other comes later."""

SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS": "macOS",
    "Linux": "Linux",
}

Own = Annotated[Visit, permit(Deed.KEEP_OWN_ACCOUNT)]


class Me(BaseModel):
    """Who is signed in."""

    name: str
    display: str
    department: str
    roles: list[Role]
    second_factor: bool
    begun_at: datetime


class NewPassword(forms.Given):
    """A password that somebody has chosen."""

    current: str = Field(default="", title="いまのパスワード", max_length=500)
    password: str = Field(default="", title="新しいパスワード", max_length=500)
    again: str = Field(default="", title="新しいパスワード（もう一度）", max_length=500)


class NewSecondFactor(forms.Given):
    """A telephone, proven by the code that it shows; the password again, where there was a telephone before."""

    seed: str = Field(title="設定キー", pattern=r"^[A-Z2-7]{32}$")
    code: str = Field(default="", title="確認コード", max_length=20)
    current: str = Field(default="", title="いまのパスワード", max_length=500)


class Ended(forms.Given):
    """The session to end; all others than this one where none is named."""

    session: str = Field(default="", title="画面", max_length=64)


class PaperCodes(BaseModel):
    """Codes to keep on paper, told once."""

    codes: list[str]


@api.get("/me")
async def me(_request: Request, visit: Own) -> Me:
    """Return who is signed in."""
    person = visit.person
    return Me(
        name=person.name,
        display=person.display,
        department=person.department.name,
        roles=[role for role in Role if role in person.roles],
        second_factor=person.second_factor,
        begun_at=visit.session.begun_at,
    )


@page.get("/account")
async def account_page(request: Request, visit: Own) -> Response:
    """Show one's own account."""
    accounts = console_of(request).results.accounts
    secrets = await accounts.secrets(visit.person.id)
    context = {
        "sessions": await accounts.sessions_of(visit.person.id),
        "paper_codes": len(secrets.recovery),
        "browser_named": browser_named,
    }
    return await pages.show(request, "account.html", context)


def browser_named(told: str) -> str:
    """Return a browser and its system as people call them, out of what it tells of itself."""
    for mark, name in BROWSERS.items():
        if found := re.search(rf"{mark}/(\d+)", told):
            system = next((name for mark, name in SYSTEMS.items() if mark in told), "")
            return f"{name} {found[1]}{f'（{system}）' if system else ''}"
    return told


@page.get(FIRST_PASSWORD)
async def password_page(request: Request, visit: Own) -> Response:
    """Show where a new password goes."""
    return await _password_page(request, visit)


@page.get(FIRST_CODE)
async def second_factor_page(request: Request, visit: Own) -> Response:
    """Show what a telephone needs, and where its code goes."""
    return await _second_factor_page(request, visit, second_factor.new_seed())


@api.post("/me/password", response_model=forms.Done, openapi_extra=forms.takes(NewPassword))
async def change_password(request: Request, visit: Own) -> Response:
    """Change one's password; everybody else who is signed in with the old one is signed out."""
    console, given = console_of(request), await forms.read(request, NewPassword)
    try:
        await console.door.prove_again(visit.person, given.current, visit.where)
        if given.password != given.again:
            raise InputError("二つの新しいパスワードが違います。同じものを入力してください。")
        register = console.register(visit.author)
        await register.change_password(visit.person, given.password)
    except InputError as error:
        if not forms.wants_page(request):
            raise
        return await _password_page(request, visit, str(error))
    await console.results.accounts.end_sessions(visit.person.id, but=visit.session.id)
    # Whoever had to change it is on the way in, and is led on.
    back = "/account" if visit.person.password_until is None else "/"
    return forms.done(request, "パスワードを変えました。", back=back)


@api.post("/me/second-factor", response_model=PaperCodes, openapi_extra=forms.takes(NewSecondFactor))
async def set_second_factor(request: Request, visit: Own) -> Response:
    """Take a telephone as a second factor, in place of the one before; the codes in the answer are told once."""
    console, given = console_of(request), await forms.read(request, NewSecondFactor)
    try:
        if visit.person.second_factor:
            await console.door.prove_again(visit.person, given.current, visit.where)
        codes = await console.register(visit.author).set_second_factor(visit.person, given.seed, given.code)
    except InputError as error:
        if not forms.wants_page(request):
            raise
        return await _second_factor_page(request, visit, given.seed, str(error))
    await console.results.accounts.end_sessions(visit.person.id, but=visit.session.id)
    if not forms.wants_page(request):
        return JSONResponse(PaperCodes(codes=list(codes)).model_dump())
    return await pages.show(request, "paper_codes.html", {"codes": codes})


@api.post("/me/sessions/end", response_model=forms.Done, openapi_extra=forms.takes(Ended))
async def end_sessions(request: Request, visit: Own) -> Response:
    """End one session of one's own, or all but this one."""
    console, given = console_of(request), await forms.read(request, Ended)
    register = console.register(visit.author)
    ended = await register.end_sessions(
        visit.person, but=visit.session.id, only=forms.an_id(given.session) if given.session else None
    )
    return forms.done(request, f"ほかの画面 {ended} つのサインインを終わらせました。", back="/account")


async def _password_page(request: Request, visit: Visit, wrong: str | None = None) -> Response:
    context = {"wrong": wrong, "duty": visit.person.password_until is not None, "shortest": SHORTEST}
    return await pages.show(request, "password.html", context, status=400 if wrong else 200)


async def _second_factor_page(request: Request, visit: Visit, seed: str, wrong: str | None = None) -> Response:
    required = console_of(request).settings.web.second_factor == "required"
    context = {
        "seed": seed,
        "qr_code": second_factor.qr_code(seed, visit.person.name),
        "wrong": wrong,
        "duty": required and not visit.person.second_factor,
    }
    return await pages.show(request, "second_factor.html", context, status=400 if wrong else 200)
