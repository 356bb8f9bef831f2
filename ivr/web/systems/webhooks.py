"""Systems that are told of results: where, of what, and how that goes. Registered and tried by an administrator."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from ivr.doctor.webhooks import State, state_of
from ivr.domain.account import unfit_words
from ivr.domain.audit import Action
from ivr.domain.authority import Deed
from ivr.domain.outcome import Outcome
from ivr.domain.webhook import (
    KIND_LABELS,
    LONGEST_NAME,
    LONGEST_URL,
    OVERLAP,
    SECRET_BYTES,
    EventKind,
    Off,
    Webhook,
    written_secret,
)
from ivr.errors import InputError, NotFound
from ivr.hooks.posting import Post
from ivr.hooks.sending import ping, send
from ivr.storage.webhooks import NOTHING
from ivr.web import forms, pages
from ivr.web.console import console_of
from ivr.web.errors import TooMany
from ivr.web.permits import permit
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["webhooks"])

Change = Annotated[Visit, permit(Deed.CHANGE_WEBHOOKS)]

PAGE = "/tokens/webhooks"

AGAIN_S = 15
"""Seconds after which one may be tried while another is: each may keep a connection for so long."""

_trying = asyncio.Lock()


class Shown(BaseModel):
    """A webhook, without its secret."""

    id: str
    name: str
    url: str
    department: str
    kinds: list[EventKind]
    outcomes: list[Outcome]
    created_at: datetime
    created_by: str
    state: State
    answer: str = Field(description="What the receiver answered last, in words.")
    tried_at: datetime | None
    taken_at: datetime | None
    failures: int
    next_at: datetime | None
    off_at: datetime | None
    waiting: int
    oldest: datetime | None = Field(description="When the oldest event happened that waits.")
    dropped: int = Field(description="Events that went with an erased campaign before they were told.")
    missed_at: datetime | None


class NewWebhook(forms.Given):
    """A webhook that is to be made."""

    name: str = Field(default="", title="通知先の名前", max_length=LONGEST_NAME)
    url: str = Field(default="", title="アドレス", max_length=LONGEST_URL)
    department: str = Field(default="", title="部署", max_length=64)
    kinds: list[EventKind] = Field(default_factory=list, title="知らせること")
    outcomes: list[Outcome] = Field(default_factory=list, title="知らせる結果")


class Chosen(forms.Given):
    """A webhook that something is to be done with."""

    webhook: str = Field(title="通知先", pattern=r"^[0-9a-f]{32}$")


class Made(BaseModel):
    """The secret of a webhook, told once."""

    id: str
    secret: str


class Tried(BaseModel):
    """What the receiver answered."""

    taken: bool
    status: int | None
    answer: str
    seconds: float


@api.get("/webhooks")
async def webhooks(request: Request, _visit: Change) -> list[Shown]:
    """Return every webhook, the newest first."""
    return await _all(request)


@page.get(PAGE)
async def webhooks_page(request: Request, _visit: Change) -> Response:
    """Show them, and where one is made."""
    console = console_of(request)
    context = {
        "webhooks": await _all(request),
        "departments": await console.results.accounts.departments(),
        "hosts": console.settings.webhooks.hosts,
        "kind_labels": KIND_LABELS,
        "outcomes": list(Outcome),
        "longest_name": LONGEST_NAME,
        "longest_url": LONGEST_URL,
    }
    return await pages.show(request, "webhooks.html", context)


@api.post("/webhooks", response_model=Made, openapi_extra=forms.takes(NewWebhook))
async def make(request: Request, visit: Change) -> Response:
    """Make a webhook; its secret stands in the answer and nowhere else."""
    console, given = console_of(request), await forms.read(request, NewWebhook)
    if (unfit := unfit_words(given.name, "通知先の名前", LONGEST_NAME)) is not None:
        raise InputError(unfit)
    about_people = {EventKind.CALL_ENDED, EventKind.PERSON_SETTLED}.intersection(given.kinds)
    if not given.kinds:
        raise InputError("知らせることを一つ以上選んでください。")
    if about_people and not given.outcomes:
        raise InputError("知らせる結果を一つ以上選んでください。")
    known = {one.id: one.name for one in await console.results.accounts.departments()}
    if given.department not in known:
        raise NotFound("その部署は登録されていません。")
    async with Post(console.settings.webhooks) as post:
        place = await post.see_allowed(given.url)
    webhook = Webhook(
        id=uuid4().hex,
        name=given.name,
        url=given.url,
        department=given.department,
        department_name=known[given.department],
        kinds=frozenset(given.kinds),
        outcomes=frozenset(given.outcomes if about_people else ()),
        created_at=console.clock.now(),
        created_by=visit.person.name,
    )
    key = secrets.token_bytes(SECRET_BYTES)
    await console.audit.by(visit.author).record(
        Action.WEBHOOK_MADE,
        webhook.name,
        department=webhook.department_name,
        host=place.host,
        kinds=" ".join(sorted(webhook.kinds)),
    )
    await console.results.webhooks.add(webhook, key)
    return await _told_once(request, webhook, key, new=True)


@api.post("/webhooks/ping", response_model=Tried, openapi_extra=forms.takes(Chosen))
async def try_out(request: Request, _visit: Change) -> Response:
    """Send an event that tells of nothing, and show what the receiver answers; what waits is sent after it."""
    console, webhook = console_of(request), await _chosen(request)
    if _trying.locked():
        raise TooMany(AGAIN_S)
    async with _trying, Post(console.settings.webhooks) as post:
        now = console.clock.now()
        keys = await console.results.webhooks.keys(webhook.id, now)
        answer = await send(post, webhook, keys, *ping(webhook, now), now)
    if answer.taken and webhook.off is None:
        await console.results.webhooks.hurry(webhook.id)
    if not forms.wants_page(request):
        tried = Tried(taken=answer.taken, status=answer.status, answer=answer.said, seconds=round(answer.seconds, 3))
        return JSONResponse(tried.model_dump())
    response = RedirectResponse(PAGE, 303)
    said = f"「{webhook.name}」に試しに送りました。相手の答え：{answer.said}（{answer.seconds:.1f} 秒）。"
    if answer.taken and webhook.off is not None:
        said += "通知は止めたままです。"
    pages.flash(request, response, "success" if answer.taken else "error", said)
    return response


@api.post("/webhooks/off", response_model=forms.Done, openapi_extra=forms.takes(Chosen))
async def switch_off(request: Request, visit: Change) -> Response:
    """Tell a webhook nothing from now on."""
    console, webhook = console_of(request), await _chosen(request)
    # No trouble with the trail keeps anybody from that.
    await console.results.webhooks.switch_off(webhook.id, Off.BY_HAND, console.clock.now())
    await console.audit.by(visit.author).record(Action.WEBHOOK_CHANGED, webhook.name, what="off")
    return forms.done(request, f"「{webhook.name}」への通知を止めました。", back=PAGE)


@api.post("/webhooks/on", response_model=forms.Done, openapi_extra=forms.takes(Chosen))
async def switch_on(request: Request, visit: Change) -> Response:
    """Tell a webhook again what waits, and what happens from now on."""
    console, webhook = console_of(request), await _chosen(request)
    async with Post(console.settings.webhooks) as post:
        await post.see_allowed(webhook.url)
    await console.audit.by(visit.author).record(Action.WEBHOOK_CHANGED, webhook.name, what="on")
    await console.results.webhooks.switch_on(webhook.id)
    return forms.done(request, f"「{webhook.name}」への通知を再開しました。", back=PAGE)


@api.post("/webhooks/rotate", response_model=Made, openapi_extra=forms.takes(Chosen))
async def rotate(request: Request, visit: Change) -> Response:
    """Make another secret; for a day messages are signed with the one before as well."""
    console, webhook = console_of(request), await _chosen(request)
    key = secrets.token_bytes(SECRET_BYTES)
    await console.audit.by(visit.author).record(Action.WEBHOOK_CHANGED, webhook.name, what="secret")
    await console.results.webhooks.rotate(webhook.id, key, console.clock.now())
    return await _told_once(request, webhook, key, new=False)


@api.post("/webhooks/remove", response_model=forms.Done, openapi_extra=forms.takes(Chosen))
async def remove(request: Request, visit: Change) -> Response:
    """Forget a webhook, and what waits for it."""
    console, webhook = console_of(request), await _chosen(request)
    waited = await console.results.webhooks.remove(webhook.id)
    await console.audit.by(visit.author).record(Action.WEBHOOK_REMOVED, webhook.name, waiting=waited)
    left = f"待っていた {waited:,} 件は送りません。" if waited else ""
    return forms.done(request, f"「{webhook.name}」を削除しました。{left}", back=PAGE)


async def _chosen(request: Request) -> Webhook:
    given = await forms.read(request, Chosen)
    return await console_of(request).results.webhooks.one(given.webhook)


async def _told_once(request: Request, webhook: Webhook, key: bytes, *, new: bool) -> Response:
    secret = written_secret(key)
    if not forms.wants_page(request):
        return JSONResponse(Made(id=webhook.id, secret=secret).model_dump())
    hours = int(OVERLAP.total_seconds() // 3600)
    context = {"webhook": webhook, "secret": secret, "new": new, "hours": hours, "host": urlsplit(webhook.url).netloc}
    return await pages.show(request, "webhook_secret.html", context)


async def _all(request: Request) -> list[Shown]:
    store = console_of(request).results.webhooks
    waiting = await store.waiting()
    return [
        Shown(
            id=one.id,
            name=one.name,
            url=one.url,
            department=one.department_name,
            kinds=[kind for kind in EventKind if kind in one.kinds],
            outcomes=[outcome for outcome in Outcome if outcome in one.outcomes],
            created_at=one.created_at,
            created_by=one.created_by,
            state=state_of(one),
            answer=one.answer,
            tried_at=one.tried_at,
            taken_at=one.taken_at,
            failures=one.failures,
            next_at=one.next_at,
            off_at=one.off_at,
            waiting=waiting.get(one.id, NOTHING).events,
            oldest=waiting.get(one.id, NOTHING).oldest,
            dropped=one.dropped,
            missed_at=one.missed_at,
        )
        for one in await store.all()
    ]
