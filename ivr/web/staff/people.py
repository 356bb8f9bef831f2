"""Who may use the console, in which department and as what: registered, changed, reset."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from ivr.domain.account import Person
from ivr.domain.authority import DUTIES, MATRIX, ROLE_LABELS, Deed, Role, reach
from ivr.domain.recipient import plain
from ivr.errors import InputError
from ivr.web import forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import permit
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["people"])

DEED_LABELS = {
    Deed.LOOK_AROUND: "本日の状況を見る",
    Deed.SEE_CAMPAIGN: "催告を見る",
    Deed.START: "催告を始める・再び始める",
    Deed.PAUSE: "一時停止する",
    Deed.STOP: "打ち切る",
    Deed.EMERGENCY_STOP: "緊急停止する",
    Deed.APPROVE: "承認する",
    Deed.ASSIGN: "催告の部署を決める",
    Deed.SEE_PEOPLE: "利用者の一覧を見る",
    Deed.CHANGE_PEOPLE: "利用者と部署を登録・変更する",
    Deed.READ_AUDIT: "監査証跡を見る",
    Deed.VERIFY_AUDIT: "監査証跡を検証する",
    Deed.KEEP_OWN_ACCOUNT: "自分のパスワードなどを変える",
    Deed.CREATE: "催告を作る",
    Deed.CHANGE_TOKENS: "システム連携の鍵を作る・失効させる",
    Deed.SEE_PERSONAL_DATA: "氏名・電話番号を表示する・書き出す",
    Deed.EDIT_SCENARIOS: "シナリオを書く",
    Deed.CHANGE_WEBHOOKS: "結果を知らせる先を登録する・消す",
    Deed.SEE_EXCLUSIONS: "架電除外を見る（伏せたまま）",
    Deed.CHANGE_EXCLUSIONS: "架電除外を登録する・やめる",
    Deed.SEE_SYSTEM: "システムの状態を、くわしく見る",
}
REACH_LABELS = ("―", "自分の部署", "すべて")

See = Annotated[Visit, permit(Deed.SEE_PEOPLE)]
Change = Annotated[Visit, permit(Deed.CHANGE_PEOPLE)]


class Member(BaseModel):
    """Somebody who may use the console."""

    id: str
    name: str
    display: str
    department: str
    department_id: str
    roles: list[Role]
    active: bool
    second_factor: bool
    locked: bool
    linked: bool
    created_at: datetime


class Part(BaseModel):
    """A department."""

    id: str
    name: str


class Added(forms.Given):
    """Somebody new."""

    name: str = Field(title="利用者名", max_length=32)
    display: str = Field(title="氏名", max_length=40)
    department: str = Field(title="部署", max_length=64)
    roles: list[Role] = Field(default_factory=list, title="役割", max_length=5)


class Changed(forms.Given):
    """What somebody is from now on."""

    display: str = Field(title="氏名", max_length=40)
    department: str = Field(title="部署", max_length=64)
    roles: list[Role] = Field(default_factory=list, title="役割", max_length=5)
    active: bool = Field(default=False, title="利用できる")


class NewDepartment(forms.Given):
    """A department to be registered."""

    name: str = Field(title="部署の名前", max_length=40)


class HandedOver(BaseModel):
    """A password to hand over, told once."""

    name: str
    password: str


@api.get("/people")
async def everybody(request: Request, _visit: See) -> list[Member]:
    """Return who may use the console."""
    return await _everybody(console_of(request))


@api.get("/departments")
async def departments(request: Request, _visit: See) -> list[Part]:
    """Return the departments."""
    found = await console_of(request).results.accounts.departments()
    return [Part(id=one.id, name=one.name) for one in found]


@page.get("/people")
async def people_page(request: Request, visit: See) -> Response:
    """Show who may use the console, and what each role may do."""
    console = console_of(request)
    context = {
        "people": await _everybody(console),
        "departments": await console.results.accounts.departments(),
        "role_labels": ROLE_LABELS,
        "duties": DUTIES,
        "matrix": MATRIX,
        "deed_labels": DEED_LABELS,
        "reach_labels": REACH_LABELS,
        "changes": bool(reach(visit.person.roles, Deed.CHANGE_PEOPLE)),
    }
    return await pages.show(request, "people.html", context)


@page.get("/people/{person_id}")
async def person_page(request: Request, person_id: str, visit: Change) -> Response:
    """Show somebody, to change them."""
    console = console_of(request)
    found = await console.results.accounts.person(forms.an_id(person_id))
    context = {
        "person": _member(console, found),
        "departments": await console.results.accounts.departments(),
        "role_labels": ROLE_LABELS,
        "duties": DUTIES,
        "oneself": found.id == visit.person.id,
        "link": found.link,
    }
    return await pages.show(request, "person.html", context)


@api.post("/people", response_model=HandedOver, openapi_extra=forms.takes(Added))
async def add(request: Request, visit: Change) -> Response:
    """Register somebody; the password in the answer is told once."""
    given = await forms.read(request, Added)
    register = console_of(request).register(visit.author)
    person, password = await register.add(plain(given.name), given.display, given.department, given.roles)
    return await _hand_over(request, person, password, "登録しました")


@api.post("/people/{person_id}", response_model=forms.Done, openapi_extra=forms.takes(Changed))
async def change(request: Request, person_id: str, visit: Change) -> Response:
    """Change what somebody is; nobody takes their own rights away."""
    console, given = console_of(request), await forms.read(request, Changed)
    person = await console.results.accounts.person(forms.an_id(person_id))
    if person.id == visit.person.id and not (given.active and Role.ADMINISTRATOR in given.roles):
        raise InputError("自分の管理者の役割や利用は、自分では止められません。別の管理者に頼んでください。")
    await console.register(visit.author).change(
        person,
        display=given.display,
        department_id=given.department,
        roles=frozenset(given.roles),
        active=given.active,
    )
    return forms.done(request, f"{given.display}さんの登録を変えました。", back="/people")


@api.post("/people/{person_id}/reset", response_model=HandedOver)
async def reset(request: Request, person_id: str, visit: Change) -> Response:
    """Take away somebody's password and second factor; the new password in the answer is told once."""
    console = console_of(request)
    person = await console.results.accounts.person(forms.an_id(person_id))
    if person.id == visit.person.id:
        raise InputError("自分のパスワードは「自分の設定」で変えてください。")
    password = await console.register(visit.author).reset(person)
    return await _hand_over(request, person, password, "再設定しました")


@api.post("/people/{person_id}/unlink", response_model=forms.Done)
async def unlink(request: Request, person_id: str, visit: Change) -> Response:
    """Let no identity provider vouch for somebody any more; whoever comes under their name next is linked anew."""
    console = console_of(request)
    person = await console.results.accounts.person(forms.an_id(person_id))
    await console.register(visit.author).unlink(person)
    message = f"{person.display}さんと庁内アカウントの結び付けを外しました。"
    return forms.done(request, message, back=f"/people/{person.id}")


@api.post("/departments", response_model=forms.Done, openapi_extra=forms.takes(NewDepartment))
async def add_department(request: Request, visit: Change) -> Response:
    """Register a department."""
    given = await forms.read(request, NewDepartment)
    department = await console_of(request).register(visit.author).add_department(given.name)
    return forms.done(request, f"部署「{department.name}」を登録しました。", back="/people")


async def _hand_over(request: Request, person: Person, password: str, what: str) -> Response:
    """Tell a password once: it is in this answer and nowhere else."""
    if not forms.wants_page(request):
        return JSONResponse(HandedOver(name=person.name, password=password).model_dump())
    return await pages.show(request, "handed_over.html", {"person": person, "password": password, "what": what})


async def _everybody(console: Console) -> list[Member]:
    return [_member(console, one) for one in await console.results.accounts.everybody()]


def _member(console: Console, person: Person) -> Member:
    now = console.clock.now()
    return Member(
        id=person.id,
        name=person.name,
        display=person.display,
        department=person.department.name,
        department_id=person.department.id,
        roles=[role for role in Role if role in person.roles],
        active=person.active,
        second_factor=person.second_factor,
        locked=person.locked_until is not None and person.locked_until > now,
        linked=person.link is not None,
        created_at=person.created_at,
    )
