"""Where a provider tells by itself what has become of texts: one path, POST alone.

200 is answered once everything told is stored, so that a provider repeats what was not: 401 who does not know the
secret, 400 what is no report of the shape, 503 what could not be stored.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, assert_never

from ivr.campaign.texting import Receipt
from ivr.messaging.http_shape import Auth, Callback
from ivr.messaging.http_wire import Untold, receipts_of_callback

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)

LONGEST = 256 * 1024
"""Bytes of a callback."""


def callbacks(
    callback: Callback,
    *,
    path: str,
    secret: str,
    on_receipt: Callable[[Receipt], Awaitable[None]],
    within: float = 10.0,
) -> Starlette:
    """Return an ASGI application that takes callbacks at `path`, of who knows `secret`.

    For HTTP Basic the secret is `user:password`; where it is in the path, it follows `path` and a slash. `within` is
    for reading a callback, and once more for storing what it tells; seconds. ValueError without a secret.
    """
    if not secret or callback.auth.kind == "none":
        raise ValueError("a callback without a secret")
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect
    from starlette.responses import Response
    from starlette.routing import Route

    async def take(request: Request) -> Response:
        if not admits(callback.auth, secret, request.headers, request.path_params.get("secret", "")):
            log.warning("A callback without the secret was refused")
            return Response(status_code=401)
        try:
            async with asyncio.timeout(within):
                told = receipts_of_callback(callback, await _body(request))
        except (TimeoutError, ClientDisconnect, Untold) as error:
            log.warning("A callback of the provider was not understood: %s", error or type(error).__name__)
            return Response(status_code=400)
        try:
            async with asyncio.timeout(within):
                for receipt in told:
                    await on_receipt(receipt)
        except Exception as error:  # noqa: BLE001 - whatever it is, the provider keeps the report and repeats it
            log.error("What a callback told was not stored: %s", type(error).__name__)
            return Response(status_code=503)
        return Response(status_code=200)

    place = f"{path}/{{secret}}" if callback.auth.kind == "path" else path
    return Starlette(routes=[Route(place, take, methods=["POST"])])


def admits(auth: Auth, secret: str, headers: Mapping[str, str], last: str) -> bool:
    """Tell whether a request shows the secret; `last` is the last part of its path, `headers` have names in any case.

    Where no secret is shown, nobody is let in.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    match auth.kind:
        case "none":
            return False
        case "path":
            return _same(last, secret)
        case "header":
            return _same(headers.get(auth.header, ""), secret)
        case "bearer":
            return scheme.lower() == "bearer" and _same(token.strip(), secret)
        case "basic":
            return scheme.lower() == "basic" and _same(_unpacked(token), secret)
        case _:
            assert_never(auth.kind)


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST:
            raise Untold("長すぎます")
    return body


def _unpacked(token: str) -> str:
    try:
        return base64.b64decode(token.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _same(given: str, secret: str) -> bool:
    """Compare in a time that tells nothing."""
    return compare_digest(given.encode("utf-8", "replace"), secret.encode("utf-8", "replace"))
