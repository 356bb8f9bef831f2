"""One message and its answer, every wait bounded. No redirect is followed, no proxy asked, no answer's body kept.

The name is looked up here, and the connection made to the address that was allowed: what a name leads to may change
between two looks. TLS still proves the name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import httpx

from ivr.errors import InputError, reason
from ivr.hooks.place import UNNAMED, Gate, Place, place_of
from ivr.settings import Webhooks

CONNECT_S = 5.0
IN_ALL_S = 15.0
LONGEST = 64 * 1024
"""Bytes of an answer's body that are read, so that the connection may serve again."""

MOST_ADDRESSES = 3
"""Of one name, tried one after the other."""

NAMES_AT_ONCE = 24
"""Names that are looked up: several for each message under way, since nobody can end a look that is not answered."""

AGENT = "Yobirin-Webhooks/1"

_GONE, _OK = 410, range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `said` is for staff; `asked` is how long the receiver wants not to be tried again."""

    said: str
    status: int | None = None
    seconds: float = 0.0
    asked: timedelta = timedelta(0)

    @property
    def taken(self) -> bool:
        """Tell whether the receiver has the message."""
        return self.status in _OK

    @property
    def gone(self) -> bool:
        """Tell whether the receiver wants no message any more."""
        return self.status == _GONE


class Refused(Exception):
    """A message that does not leave; the text is for staff."""


class Post:
    """Sends messages where the settings allow it. An async context manager: it keeps connections."""

    def __init__(self, chosen: Webhooks) -> None:
        self.gate = Gate(chosen.hosts)
        self._ca_file = chosen.ca_file
        self._clients: dict[tuple[str, str, int], httpx.AsyncClient] = {}
        # Of its own: a name server that is silent would keep the threads of everything else.
        self._threads = ThreadPoolExecutor(NAMES_AT_ONCE, "webhook-names")

    async def __aenter__(self) -> Self:
        """Return it."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close its connections."""
        for client in self._clients.values():
            with suppress(httpx.HTTPError, OSError, RuntimeError):
                await client.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def see_allowed(self, url: str) -> Place:
        """Return the parts of an address that the settings allow; InputError for any other."""
        place = place_of(url)
        if place.literal is None and self.gate.names(place.host):
            return place
        try:
            await self._addresses(place)
        except (Refused, TimeoutError, OSError, ValueError):
            raise InputError(UNNAMED) from None
        return place

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a message and return what came back, whatever it is."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(IN_ALL_S):
                answer = await self._send(place_of(url), headers, body)
        except Exception as error:  # noqa: BLE001  a receiver's oddity is an answer, and the calls go on
            return Answer(said=_said(error), seconds=time.monotonic() - began)
        asked = answer.headers.get("retry-after", "")
        status = answer.status_code
        return Answer(
            said=_SAID.get(status) or ("受け取りました" if status in _OK else "受け取りませんでした") + f"（{status}）",
            status=status,
            seconds=time.monotonic() - began,
            asked=timedelta(seconds=int(asked)) if re.fullmatch(r"[0-9]{1,6}", asked) else timedelta(0),
        )

    async def _send(self, place: Place, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        client = await self._client(place)
        addresses = await self._addresses(place)
        for left, address in reversed(list(enumerate(reversed(addresses)))):
            try:
                return await _asked(client, place, address, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if not left:
                    raise
        raise Refused(UNNAMED)

    async def _addresses(self, place: Place) -> list[str]:
        """Return where the machine is, of all addresses those that it may be told at."""
        literal = place.literal
        if literal is not None:
            found = [str(literal)]
        else:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(CONNECT_S):
                known: list[Any] = await loop.run_in_executor(self._threads, _looked_up, place.host, place.port)
            found = list(dict.fromkeys(str(one[4][0]) for one in known))
        allowed = [one for one in found if self.gate.allows(place.host, ipaddress.ip_address(one.partition("%")[0]))]
        if not allowed:
            raise Refused(UNNAMED)
        return allowed[:MOST_ADDRESSES]

    async def _client(self, place: Place) -> httpx.AsyncClient:
        """Return the connections to one machine by its name: what proved one name proves no other."""
        key = (place.scheme, place.host, place.port)
        if key not in self._clients:
            # To read the authorities takes longer than the loop may be kept.
            verify = await asyncio.to_thread(self._authorities) if place.scheme == "https" else False
            self._clients[key] = httpx.AsyncClient(
                verify=verify,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(IN_ALL_S, connect=CONNECT_S),
                limits=httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=30),
            )
        return self._clients[key]

    def _authorities(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca_file is not None:
            try:
                context.load_verify_locations(self._ca_file)
            except (OSError, ssl.SSLError) as error:
                why = reason(error) if isinstance(error, OSError) else "証明書ではありません"
                raise Refused(f"設定 webhooks.ca_file のファイルを読めません（{why}）。") from None
        return context


def _looked_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _asked(
    client: httpx.AsyncClient, place: Place, address: str, headers: Mapping[str, str], body: bytes
) -> httpx.Response:
    named = {"host": place.authority, "user-agent": AGENT, "content-type": "application/json", **headers}
    extensions = {"sni_hostname": place.host} if place.scheme == "https" else None
    # A URL of the address alone, so that nothing is looked up again.
    request = client.build_request("POST", place.at(address), headers=named, content=body, extensions=extensions)
    answer = await client.send(request, stream=True)
    # Webhooks of several departments may be told on one machine: nothing of one goes with another.
    client.cookies.clear()
    try:
        read = 0
        async for piece in answer.aiter_raw():
            read += len(piece)
            if read > LONGEST:
                break
    except httpx.HTTPError:
        # The status is what counts: it came.
        pass
    finally:
        await answer.aclose()
    return answer


_SAID: Mapping[int, str] = {
    401: "署名か鍵が違うとして、断られました（401）",
    403: "送ることを許されませんでした（403）",
    404: "その場所に受け口がありません（404）",
    410: "もう受け取らないと答えました（410）",
    413: "大きすぎるとして、断られました（413）",
    429: "回数が多すぎるとして、断られました（429）",
    503: "いまは受け取れないと答えました（503）",
    **{status: f"転送しようとしました（{status}）。転送には従いません" for status in (301, 302, 303, 307, 308)},
}


def _said(error: Exception) -> str:
    """Return what went wrong, for staff: the library's own words may hold anything."""
    match error:
        case Refused() | InputError():
            return str(error)
        case httpx.ConnectTimeout():
            return f"{CONNECT_S:g} 秒のうちにつながりませんでした"
        case TimeoutError() | httpx.TimeoutException():
            return f"{IN_ALL_S:g} 秒のうちに答えがありませんでした"
        case socket.gaierror():
            return "相手の機械の名前が見つかりませんでした"
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "相手の証明書を確かめられませんでした。設定 webhooks.ca_file を確かめてください"
        case httpx.ConnectError() if "SSL" in str(error):
            return "TLS（https）でつながりませんでした"
        case httpx.ConnectError():
            return "つながりませんでした"
        case httpx.HTTPError():
            return "答えの途中で、接続が切れました"
        case _:
            return f"送れませんでした（{type(error).__name__}）"
