"""Pages from templates, and what stands on every one of them: who is signed in, where they are, what was done."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

from ivr.domain.account import Stage
from ivr.domain.authority import ROLE_LABELS, Deed, Reach, Role, reach
from ivr.domain.era import fiscal_year, japanese_date
from ivr.domain.scenario import MARK_LABELS
from ivr.reporting.percent import percent
from ivr.web.console import Console, console_of
from ivr.web.visits import Visit, give_token, visit_of

HERE = Path(__file__).parent
STATIC = HERE / "static"

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""

API = "/api/v1/"

_PAGES = {"drafts": "campaigns/new", "departments": "people", "me": "account", "webhooks": "tokens/webhooks"}
_PAGES |= {"emergency-stop": "", "lists": ""}
"""Where pages of what the API calls so are, where that is not its own name."""

FLASH = "yobirin-said"
FLASH_S = 60
"""Seconds for a message to reach the page that it is for."""

LONGEST_FLASH = 3_000
"""Bytes: a browser keeps four thousand in a cookie."""

NAVIGATION = (
    ("/", "本日", Deed.LOOK_AROUND),
    ("/campaigns", "催告", Deed.SEE_CAMPAIGN),
    ("/scenarios", "シナリオ", Deed.LOOK_AROUND),
    ("/exclusions", "架電除外", Deed.SEE_EXCLUSIONS),
    ("/reports", "日報・月報", Deed.SEE_CAMPAIGN),
    ("/people", "利用者", Deed.SEE_PEOPLE),
    ("/tokens", "システム連携", Deed.CHANGE_TOKENS),
    ("/audit", "監査証跡", Deed.READ_AUDIT),
    ("/system", "システムの状態", Deed.LOOK_AROUND),
)

ENVIRONMENTS = {"training": "訓練", "production": "本番"}

NOTHING: Mapping[str, Any] = {}


async def show(
    request: Request, template: str, context: Mapping[str, Any] = NOTHING, *, status: int = 200
) -> HTMLResponse:
    """Return the page that `template` makes of `context` and of what stands on every page."""
    console = console_of(request)
    visit = await visit_of(request)
    full = visit if isinstance(visit, Visit) and visit.session.stage is Stage.FULL else None
    said = _said(request, console, visit.token)
    html = (
        _environment()
        .get_template(template)
        .render(
            {
                "visit": full,
                "csrf": visit.csrf,
                "idle": int(console.settings.web.idle.total_seconds()),
                "now": console.clock.now(),
                "environment": console.settings.web.environment,
                "environment_label": ENVIRONMENTS[console.settings.web.environment],
                "address": _address(request),
                "navigation": _navigation(full, page_of(request.url.path)),
                "may": lambda deed: full is not None and reach(full.person.roles, Deed(deed)) is not Reach.NONE,
                "said": said,
                "given": said.get("given", {}) if said else {},
                "version": _version(),
                "zone": console.settings.calling.timezone,
                **context,
            }
        )
    )
    response = HTMLResponse(html, status)
    if said is not None:
        response.delete_cookie(FLASH, path="/")
    if not isinstance(visit, Visit):
        give_token(console, response, visit.token)
    return response


def page_of(path: str) -> str:
    """Return the page to go to for one that was the answer to a form: its address can't be opened again."""
    if not path.startswith(API):
        return path
    first, *more = path.removeprefix(API).split("/")
    if more and not re.fullmatch(r"[0-9a-f]{32,64}", more[-1]):
        more.pop()
    return "/".join(("", _PAGES.get(first, first), *more))


def piece(template: str, context: Mapping[str, Any]) -> str:
    """Return a part of a page, for a script of ours to put in its place."""
    return _environment().get_template(template).render(context)


def flash(
    request: Request,
    response: Response,
    kind: str,
    message: str,
    given: Mapping[str, object] | None = None,
) -> None:
    """Have the next page say something: `success`, `warning` or `error`; and let it show `given` in its form again.

    Signed for this browser's token, so that nobody else puts words into our mouth.
    """
    console = console_of(request)
    visit = getattr(request.state, "visit", None)
    if visit is None:
        return
    for held in ({"kind": kind, "message": message, "given": given or {}}, {"kind": kind, "message": message}):
        body = base64.urlsafe_b64encode(json.dumps(held, ensure_ascii=False).encode("utf-8", "replace")).decode()
        if len(body) <= LONGEST_FLASH:
            seal = console.results.accounts.hash("flash", visit.token, body)
            response.set_cookie(
                FLASH,
                f"{seal}.{body}",
                max_age=FLASH_S,
                path="/",
                httponly=True,
                samesite="lax",
                secure=console.settings.web.secure,
            )
            return


def _address(request: Request) -> str:
    """Return what the browser is to take for the address of an answer to a form, "" where it is a page's already."""
    query = f"?{request.url.query}" if request.url.query else ""
    return "" if request.method in SAFE else f"{page_of(request.url.path)}{query}"


def _said(request: Request, console: Console, token: str) -> dict[str, Any] | None:
    seal, _, body = request.cookies.get(FLASH, "").partition(".")
    if not body or console.results.accounts.hash("flash", token, body) != seal:
        return None
    held = json.loads(base64.urlsafe_b64decode(body))
    return held if isinstance(held, dict) else None


def _navigation(visit: Visit | None, path: str) -> list[dict[str, object]]:
    if visit is None:
        return []
    return [
        {
            "path": target,
            "label": label,
            "here": path == target or (target != "/" and path.startswith(target + "/")),
        }
        for target, label, deed in NAVIGATION
        if reach(visit.person.roles, deed) is not Reach.NONE
    ]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "day": _day,
        "moment": _moment,
        "date": lambda value: japanese_date(value, weekday=True),
        "percent": percent,
        "number": lambda value: f"{value:,}",
        "roles": lambda roles: "・".join(ROLE_LABELS[role] for role in Role if role in roles),
        "fiscal_year": fiscal_year,
        "mark": lambda value: MARK_LABELS.get(value, value),
    }
    environment.globals["parts"] = environment.get_template("parts.html").module
    return environment


def _day(value: datetime) -> str:
    return japanese_date(value.date(), weekday=True)


def _moment(value: datetime, zone: Any) -> str:
    local = value.astimezone(zone)
    return f"{japanese_date(local.date())} {local:%H:%M}"


@cache
def _version() -> str:
    """Return what changes with any of the files beside the pages, so that a browser may keep them for long."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.rglob("*")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
