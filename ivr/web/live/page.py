"""A campaign live, and the day: as it stands for who asks once, as it goes on for who keeps listening."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from ivr.domain.authority import Deed
from ivr.errors import NotFound, StoreFailed
from ivr.standing import STATES
from ivr.web import pages
from ivr.web.campaigns import MEANINGS, VERBS, buttons_of, seen
from ivr.web.console import Console, console_of
from ivr.web.live.sights import Live, LiveDay, Sight
from ivr.web.live.watchers import Over, Watcher
from ivr.web.live.watching import Watching
from ivr.web.permits import CampaignVisit, holds, permit, permit_campaign
from ivr.web.safety import EVENTS
from ivr.web.today import OPEN
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["live"])

BEAT = 10.0
"""Seconds without news after which a connection shows that it lives; what listens takes twice that for a broken one."""

ASK_AGAIN = 5.0
"""Seconds between two looks whether who watches is still signed in, and still may."""

LONGEST = 3600.0
"""Seconds of one connection; a browser then comes again by itself."""

COME_AGAIN = 2000
"""Milliseconds that a browser waits before it comes again."""

FIRST_LOOK = 10.0
"""Seconds for the first look."""

LONGEST_CURSOR = 8_000

Cursor = Annotated[str, Query(max_length=LONGEST_CURSOR, description="What is known already; also Last-Event-ID.")]
Stands = Callable[[], Awaitable[bool]]

DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "How it stands; to who accepts text/event-stream that, and then whatever changes.",
        "content": {EVENTS: {"schema": {"type": "string"}}},
    }
}


@api.get("/campaigns/{campaign_id}/events", response_model=Live, responses=DESCRIBED)
async def campaign_events(
    request: Request,
    asked: Annotated[CampaignVisit, permit_campaign(Deed.SEE_CAMPAIGN)],
    after: Cursor = "",
) -> Any:
    """Return how a campaign stands at this moment, and whatever changes."""
    console = console_of(request)
    watcher = _of_campaign(console, asked, cursor=_known(request, after), lasting=_listens(request))
    if not watcher.lasting:
        return _as_json(await _once(request, watcher))
    visit = asked.visit

    async def stands() -> bool:
        nonlocal visit
        now = await holds(console, visit, Deed.SEE_CAMPAIGN, asked.campaign.id)
        if now is not None:
            visit = now
            watcher.buttons_by(_buttons(console, visit))
        return now is not None

    return _stream(request, watcher, stands)


@api.get("/today/events", response_model=LiveDay, responses=DESCRIBED)
async def today_events(request: Request, visit: Annotated[Visit, permit(Deed.LOOK_AROUND)], after: Cursor = "") -> Any:
    """Return how the day stands at this moment, and whatever changes."""
    console = console_of(request)
    watcher = Watcher(
        visit.person.id,
        campaigns=await _open(console, visit),
        cursor=_known(request, after),
        lasting=_listens(request),
    )
    if not watcher.lasting:
        return _as_json(await _once(request, watcher))

    async def stands() -> bool:
        now = await holds(console, visit, Deed.LOOK_AROUND)
        if now is not None:
            watcher.campaigns = await _open(console, now)
        return now is not None

    return _stream(request, watcher, stands)


@page.get("/campaigns/{campaign_id}/live")
async def live_page(request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.SEE_CAMPAIGN)]) -> Response:
    """Show a campaign as it stands; a script keeps it so."""
    watcher = await _once(request, _of_campaign(console_of(request), asked, cursor=None, lasting=False))
    context = {
        "live": Live.model_validate_json(watcher.state or ""),
        "buttons": watcher.buttons,
        "possible": [verb for verb in VERBS if verb in LIVE_VERBS],
        "cursor": watcher.cursor,
        "verbs": VERBS,
        "meanings": MEANINGS,
        "states": STATES,
    }
    return await pages.show(request, "live.html", context)


LIVE_VERBS = ("start", "resume", "pause", "stop", "emergency-stop")
"""What may be done on this page."""


def watching_of(request: Request) -> Watching:
    """Return what looks at the store for everybody who watches."""
    found: Watching = request.app.state.watching
    return found


def _of_campaign(console: Console, asked: CampaignVisit, *, cursor: str | None, lasting: bool) -> Watcher:
    return Watcher(
        asked.visit.person.id,
        campaign=asked.campaign.id,
        cursor=cursor,
        lasting=lasting,
        buttons=_buttons(console, asked.visit),
    )


def _buttons(console: Console, visit: Visit) -> Callable[[Sight], list[str]]:
    def of(sight: Sight) -> list[str]:
        return buttons_of(console, visit, sight.campaign, sight.figures.counts)

    return of


async def _open(console: Console, visit: Visit) -> tuple[str, ...]:
    """Return the campaigns that are not over and that somebody may see, the newest first."""
    return tuple(one.id for one in reversed(await seen(console, visit)) if one.state in OPEN)


def _listens(request: Request) -> bool:
    return EVENTS in request.headers.get("accept", "")


def _known(request: Request, after: str) -> str | None:
    """Return the cursor that a browser comes with: its own after it was cut off, else that of the page."""
    return request.headers.get("last-event-id", "")[:LONGEST_CURSOR] or after or None


def _as_json(watcher: Watcher) -> Response:
    return Response(watcher.state, media_type="application/json")


async def _once(request: Request, watcher: Watcher) -> Watcher:
    """Return a watcher after the first look."""
    watching = watching_of(request)
    watching.join(watcher)
    try:
        await watcher.news(FIRST_LOOK)
    finally:
        watching.leave(watcher)
    if watcher.over is Over.GONE:
        raise NotFound("その催告がありません。")
    if watcher.state is None:
        raise StoreFailed("データベースが答えません。しばらくしてから、開き直してください。")
    return watcher


def _stream(request: Request, watcher: Watcher, stands: Stands) -> Response:
    watching = watching_of(request)
    if watching.full:
        raise HTTPException(503)
    return StreamingResponse(_events(watching, watcher, stands), media_type=EVENTS, headers={"x-accel-buffering": "no"})


async def _events(watching: Watching, watcher: Watcher, stands: Stands) -> AsyncIterator[str]:
    """Yield events until who watches may not any more, the console closes, or it has lasted for long."""
    clock = asyncio.get_running_loop().time
    begun = asked = told = clock()
    watching.join(watcher)
    try:
        yield f"retry: {COME_AGAIN}\n\n"
        while watcher.over is None and clock() - begun < LONGEST:
            if await watcher.news(min(told + BEAT, asked + ASK_AGAIN) - clock()) or clock() - told >= BEAT:
                yield watcher.events()
                told = clock()
            if clock() - asked >= ASK_AGAIN:
                try:
                    if not await stands():
                        watcher.end(Over.SESSION)
                except StoreFailed:
                    # Nobody can tell whether they still may; the browser comes again, and is asked anew.
                    return
                asked = clock()
        if farewell := watcher.farewell():
            yield farewell
    finally:
        watching.leave(watcher)
