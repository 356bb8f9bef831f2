"""One request, one answer, within limits of time and size; and whether anything of the request was written.

The transport is used without httpx's client around it, which logs whole URLs, keeps cookies and follows redirections.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from ivr.campaign.texting import LONGEST_EXCHANGE
from ivr.errors import PeerError, reason
from ivr.messaging.http_wire import Answer, Request, retry_after

LONGEST = 256 * 1024
"""Bytes of an answer; more is none."""

LOOPBACK = ("localhost", "::1")
PORTS: Mapping[str, int] = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTiming:
    """Seconds: limits for connecting, a whole exchange, a store; the rest as named.

    Who is asked to wait does so for as long as the provider says, `wait_most` at most; where it says nothing, and where
    it can't be reached, from `backoff_first`, doubling, to `backoff_most`. An idle connection is kept for `idle`: less
    than a server keeps it, so that no text is written into one that is just being closed.
    """

    connect: float = 10.0
    exchange: float = LONGEST_EXCHANGE.total_seconds()
    store: float = 30.0
    poll_every: float = 30.0
    backoff_first: float = 1.0
    backoff_most: float = 60.0
    wait_most: float = 600.0
    idle: float = 2.0


class NotWritten(PeerError):
    """Nothing of the request was written: the provider can't have acted."""


class TooLate(NotWritten):
    """It was not to be written any more when its turn came."""


class Unanswered(PeerError):
    """Some of the request may have been written, and no whole answer came: whether the provider acted is unknown."""


class Exchanger:
    """Speaks HTTP/1.1 with the provider at `url`, in `window` connections at most.

    ValueError where `url` is no URL of a provider: HTTPS, or HTTP to this machine alone.
    """

    def __init__(self, url: str, *, tls: ssl.SSLContext | None, window: int, timing: HttpTiming) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise ValueError("URL ではありません") from None
        if parsed.scheme not in PORTS or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
            raise ValueError("https://… の形の URL ではありません")
        if parsed.scheme == "http" and not is_loopback(parsed.host):
            raise ValueError("http:// で送れるのは、このコンピュータの中だけです")
        self.host, self.port = parsed.host, parsed.port or PORTS[parsed.scheme]
        self._tls = (tls or ssl.create_default_context()) if parsed.scheme == "https" else None
        self._timing = timing
        self._transport = httpx.AsyncHTTPTransport(
            verify=self._tls or False,
            trust_env=False,
            limits=httpx.Limits(max_connections=window, max_keepalive_connections=window, keepalive_expiry=timing.idle),
        )

    async def exchange(self, request: Request, late: Callable[[], bool] = lambda: False) -> Answer:
        """Return the answer to a request; NotWritten, TooLate where it was `late` before a byte was, Unanswered."""
        written = False

        async def watch(event: str, _info: object) -> None:
            nonlocal written
            if event.endswith("send_request_headers.started"):
                if late():
                    raise TooLate("SMS を渡せないまま、時間がたちました。")
                written = True

        limits = httpx.Timeout(None, connect=self._timing.connect).as_dict()
        try:
            outgoing = httpx.Request(
                request.method,
                request.url,
                headers=dict(request.headers),
                content=request.body or None,
                extensions={"timeout": limits, "trace": watch},
            )
        except httpx.InvalidURL:
            raise NotWritten("SMS の事業者への要求を、URL に書けません。") from None
        try:
            async with asyncio.timeout(self._timing.exchange):
                return await self._exchanged(outgoing)
        except (TimeoutError, httpx.HTTPError, httpx.StreamError) as error:
            timed_out = isinstance(error, TimeoutError | httpx.TimeoutException)
            if not written:
                why = "時間切れです" if timed_out else "接続できません"
                raise NotWritten(f"SMS の事業者（{self.host}:{self.port}）に接続できません（{why}）。") from None
            why = "時間内に答えませんでした" if timed_out else "答えの途中で接続を切りました"
            raise Unanswered(f"SMS の事業者が{why}。") from None

    async def reach(self) -> str:
        """Return why the provider can't be connected to, in words of staff; empty where it can."""
        try:
            async with asyncio.timeout(self._timing.connect):
                _, writer = await asyncio.open_connection(self.host, self.port, ssl=self._tls)
        except (OSError, UnicodeError) as error:
            return f"SMS の事業者（{self.host}:{self.port}）に接続できません（{_why(error)}）。"
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._timing.connect):
                await writer.wait_closed()
        return ""

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _exchanged(self, request: httpx.Request) -> Answer:
        response = await self._transport.handle_async_request(request)
        try:
            body = b""
            # As it comes: what is packed could be any size unpacked.
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > LONGEST:
                    raise Unanswered("SMS の事業者の答えが長すぎます。")
        finally:
            await response.aclose()
        wait = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        return Answer(status=response.status_code, body=body, wait=wait)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name."""
    return host in LOOPBACK or host.startswith("127.")


def _why(error: OSError | UnicodeError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return "証明書を確かめられません"
        case ssl.SSLError():
            return "TLS で話せません"
        case TimeoutError():
            return "時間切れです"
        case OSError():
            return reason(error)
        case _:
            return "ホスト名ではありません"
