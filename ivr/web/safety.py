"""What surrounds every page: headers that a browser obeys, where a request may come from, how much and how long.

Pure ASGI, outside of the application, so that nothing within can be forgotten.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024
"""Of a body: many times what a form of ours fills."""

LONGEST_S = 30.0
"""Seconds from a request's headers to the last byte of the answer."""

EVENTS = "text/event-stream"
"""An answer that lasts: `ivr.web.live` asks again and again whether it may, `ivr.web.serving` cuts a slow reader."""

LONGEST_EVENTS_S = 3660.0
"""Seconds for such an answer, a minute more than it takes for itself."""

LISTS = re.compile(r"/api/v1/(lists|drafts(/[0-9a-f]{32}/list)?)")
"""Where a list may be sent, which is bigger and takes longer; whoever may not send one is refused before it is read."""

MOST_BYTES_OF_A_LIST = 65 * 1024**2
LONGEST_S_OF_A_LIST = 180.0
"""Seconds: a list of 200,000 is read and stored within a request."""

SCENARIOS = "/api/v1/scenarios"
MOST_BYTES_OF_A_SCENARIO = 256 * 1024
"""A text of 64 KiB as a form writes it, three bytes for one."""

API, DRAFTS = "/api/v1/", "/api/v1/drafts"

LONG = re.compile(r"/api/v1/campaigns/[0-9a-f]{32}/export(/personal)?")
"""Answers that are made while they are sent, the longer the larger a campaign: the limit counts anew at each piece."""

MOST_S = 3_600.0
"""Seconds for such an answer in all."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "media-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing from elsewhere, nothing within a page but its words: what somebody else has put there does not run."""

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: with that a browser sends `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-robots-tag": "noindex, nofollow",
}

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KNOWN = CHANGING | {"GET", "HEAD"}

Broken = Callable[["Scope", "Receive", Exception], Awaitable[Response]]


class Safety:
    """Lets through to `app` what is fit for it, and out what a browser is to be told with every answer."""

    def __init__(self, app: ASGIApp, *, url: str | None, broken: Broken) -> None:
        self._app = app
        self._url = url
        self._broken = broken
        self._secure = url is not None and url.startswith("https:")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; anything but HTTP is not ours."""
        if scope["type"] != "http":
            return
        begun = False
        loop = asyncio.get_running_loop()
        long, last = LONG.fullmatch(scope["path"]) is not None, loop.time() + MOST_S
        limit = asyncio.timeout(_longest(scope))

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._add_headers(scope, message)
                if Headers(raw=message["headers"]).get("content-type", "").startswith(EVENTS):
                    limit.reschedule(loop.time() + LONGEST_EVENTS_S)
            await send(message)
            if long and not limit.expired():
                limit.reschedule(min(loop.time() + LONGEST_S, last))

        try:
            async with limit:
                refusal = self._unfit(scope)
                try:
                    if refusal is not None:
                        await refusal(scope, receive, sent)
                    else:
                        await self._app(scope, _Bounded(receive, _most(scope)), sent)
                except Exception as error:  # noqa: BLE001  whatever it is, it ends this request alone
                    if not begun:
                        await (await self._broken(scope, receive, error))(scope, receive, sent)
        except TimeoutError:
            if not begun:
                await _plain("時間がかかりすぎたので、やめました。", 408)(scope, receive, sent)

    def _unfit(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in KNOWN:
            return _plain("この操作は受け付けていません。", 405)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or len(length) > 12 or int(length) > _most(scope):
            return _plain("送られたデータが大きすぎます。", 413)
        if scope["method"] in CHANGING and not (_by_token(scope, headers) or self._from_here(headers)):
            return _plain("ほかのサイトからの操作は受け付けません。画面を開き直してください。", 403)
        return None

    def _from_here(self, headers: Headers) -> bool:
        """Tell whether a browser says that a page of ours sends this; each does with what changes something."""
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        if origin is None:
            return False
        if self._url is not None:
            return origin == self._url
        told = urlsplit(origin)
        return told.scheme in ("http", "https") and bool(told.netloc) and told.netloc == headers.get("host")

    def _add_headers(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers[name] = value
        if self._secure:
            headers["strict-transport-security"] = "max-age=31536000"
        if not scope["path"].startswith("/static/"):
            headers["cache-control"] = "no-store"
        elif message["status"] == 200:
            headers["cache-control"] = "max-age=31536000, immutable"


class _Bounded:
    """Receives no more than `most` bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            raise HTTPException(413)
        return message


def _by_token(scope: Scope, headers: Headers) -> bool:
    """Tell whether a system asks: with a header that no page can make a browser send along, and as nobody's session."""
    bearer = headers.get("authorization", "").lower().startswith("bearer ")
    path: str = scope["path"]
    return bearer and "cookie" not in headers and path.startswith(API)


def _is_list(scope: Scope) -> bool:
    return scope["method"] == "POST" and LISTS.fullmatch(scope["path"]) is not None


def _most(scope: Scope) -> int:
    if scope["path"].startswith(SCENARIOS):
        return MOST_BYTES_OF_A_SCENARIO
    return MOST_BYTES_OF_A_LIST if _is_list(scope) else MOST_BYTES


def _longest(scope: Scope) -> float:
    drafted = scope["path"].startswith(DRAFTS)
    return LONGEST_S_OF_A_LIST if drafted or _is_list(scope) else LONGEST_S


def _plain(text: str, status: int) -> Response:
    return PlainTextResponse(text + "\n", status)
