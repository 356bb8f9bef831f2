"""Providers to talk to over HTTP: a real server for each shipped shape, and one that writes just what a test says."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import re
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ivr.app import meanwhile
from ivr.messaging import Account, HttpGateway, HttpTiming
from ivr.parts.serving import serve
from ivr.parts.text_shapes import read_shape
from tests.messaging.centres import LIMIT, Heard, running

Style = Literal["form", "json"]
STYLES: tuple[Style, ...] = ("form", "json")

QUICK = HttpTiming(
    connect=2.0,
    exchange=LIMIT,
    store=2.0,
    poll_every=0.02,
    backoff_first=0.02,
    backoff_most=0.1,
    wait_most=0.3,
)
SECRET = "himitsu-0123"
OFFICE = "0357220000"


@dataclass(frozen=True)
class Taken:
    """A text that the provider has accepted."""

    to: str
    sender: str
    body: str
    tag: str
    reference: str


class Provider:
    """Behaves as the shipped shape `style` says.

    `say` answers in its place where it returns something. `gate` holds every answer to a text that was taken already.
    """

    def __init__(self, style: Style, port: int) -> None:
        self.style = style
        self.url = f"http://127.0.0.1:{port}/v1"
        self.port = port
        self.taken: list[Taken] = []
        self.asked: list[str] = []
        """Every request: method and path with query."""
        self.states: dict[str, tuple[str, str]] = {}
        """By reference: the word and the code of what has become of a text."""
        self.say: Callable[[Request], Response | None] = lambda _request: None
        self.gate: asyncio.Event | None = None
        self.at_once = 0
        self.most_at_once = 0
        self.more = asyncio.Event()
        self._names = itertools.count(1)

    def app(self) -> Starlette:
        routes = (
            (("/v1/send", self._form_send, "POST"), ("/v1/results", self._form_results, "GET"))
            if self.style == "form"
            else (
                ("/v1/messages", self._json_send, "POST"),
                ("/v1/messages", self._json_find, "GET"),
                ("/v1/messages/{reference}", self._json_state, "GET"),
            )
        )
        return Starlette(routes=[Route(path, self._heard(answer), methods=[method]) for path, answer, method in routes])

    async def until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not seen():
                self.more.clear()
                await self.more.wait()

    def sends(self) -> int:
        """How many requests to send have come, accepted or not."""
        return sum(one.startswith("POST ") for one in self.asked)

    def _heard(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def heard(request: Request) -> Response:
            self.asked.append(f"{request.method} {request.url.path}?{request.url.query}")
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.more.set()
            try:
                basic = "Basic " + b64encode(f"meguro:{SECRET}".encode()).decode()
                expected = basic if self.style == "form" else f"Bearer {SECRET}"
                if request.headers.get("authorization") != expected:
                    return Response(status_code=401)
                return self.say(request) or await answer(request)
            finally:
                self.at_once -= 1

        return heard

    async def _accept(self, to: str, sender: str, body: str, tag: str) -> str:
        reference = tag if self.style == "form" else f"m{next(self._names)}"
        self.taken.append(Taken(to, sender, body, tag, reference))
        self.more.set()
        if self.gate is not None:
            await self.gate.wait()
        return reference

    async def _form_send(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        if not re.fullmatch(r"0[789]0\d{8}", form["to"]):
            return JSONResponse({"result": "101"})
        await self._accept(form["to"], form["from"], form["text"], form["tag"])
        return JSONResponse({"result": "0"})

    async def _form_results(self, request: Request) -> Response:
        known = {one.tag for one in self.taken}
        results = []
        for tag in request.query_params["tags"].split(","):
            if tag in known:
                status, cause = self.states.get(tag, ("0", ""))
                results.append({"tag": tag, "status": status, "cause": cause})
        return JSONResponse({"result": "0", "results": results})

    async def _json_send(self, request: Request) -> Response:
        sent = json.loads(await request.body())
        if not re.fullmatch(r"\+81[789]0\d{8}", sent["to"]):
            return JSONResponse({"error": {"code": "invalid_number"}}, 422)
        name = await self._accept(sent["to"], sent["from"], sent["text"], sent["client_reference"])
        return JSONResponse({"id": name}, 202)

    async def _json_find(self, request: Request) -> Response:
        tag = request.query_params["client_reference"]
        found = [{"id": one.reference, "client_reference": one.tag} for one in self.taken if one.tag == tag]
        return JSONResponse({"messages": found})

    async def _json_state(self, request: Request) -> Response:
        reference = request.path_params["reference"]
        if reference not in {one.reference for one in self.taken}:
            return Response(status_code=404)
        status, code = self.states.get(reference, ("queued", ""))
        return JSONResponse({"id": reference, "status": status, "error": {"code": code} if code else None})


@asynccontextmanager
async def provider(style: Style, port: int = 0) -> AsyncIterator[Provider]:
    """A provider that serves inside the block."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made = Provider(style, listener.getsockname()[1])
        async with meanwhile(serve(made.app(), listener)):
            yield made


def account(style: Style, url: str) -> Account:
    return Account(url=url, user="meguro" if style == "form" else "", secret=SECRET, sender=OFFICE)


@asynccontextmanager
async def gateway(
    style: Style,
    url: str,
    heard: Heard,
    timing: HttpTiming = QUICK,
    *,
    outstanding: Sequence[str] = (),
    wait: bool = True,
    after: float = 0.0,
    **options: object,
) -> AsyncIterator[HttpGateway]:
    """A gateway by a shipped shape that runs inside the block; it asks about what is in `outstanding` by then.

    `after` is how soon it is sure that a text was not taken.
    """
    shape = read_shape(style)
    assert shape.ask is not None

    async def left() -> Sequence[str]:
        return [*outstanding]

    made = HttpGateway(
        account(style, url),
        replace(shape, ask=replace(shape.ask, after=after)),
        on_receipt=heard.receipt,
        outstanding=left,
        on_state=heard.state,
        timing=timing,
        **options,  # type: ignore[arg-type]
    )
    async with running(made, wait=wait):
        yield made


class RawProvider:
    """Writes `answer` to every request and closes; None: never answers. Counts the requests that came whole."""

    def __init__(self, answer: bytes | None, *, reads: bool = True) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.url = ""
        self.closed = asyncio.Event()
        """Set when the connection of the last request is closed."""
        self._reads = reads
        self._over = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[RawProvider]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            yield self
            self._over.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            body = await reader.readexactly(int(length[1])) if length and self._reads else b""
            self.closed.clear()
            self.asked.append(head + body)
            if self.answer is None:
                await self._over.wait()
            else:
                writer.write(self.answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self.closed.set()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


MEANINGLESS = {
    "an end before the answer": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b'HTTP/1.1 202 Accepted\r\nContent-Length: 400\r\n\r\n{"id": "m1"',
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no JSON": http(b"<html>"),
    "no UTF-8": http(b'\xff\xfe{"'),
    "nothing": http(b""),
    "a depth": http(b"[" * 100_000),
    "a large number": http(b'{"id": ' + b"9" * 5000 + b"}"),
    "a list": http(b"[0]"),
    "no name": http(b'{"id": null, "result": null}'),
    "a name of two lines": http(b'{"id": "a\\nb", "result": "0\\n0"}'),
    "a long name": http(json.dumps({"id": "m" * 201, "result": "0" * 201}).encode()),
    "an error": http(b'{"id": "m1", "result": "0"}', "500 Internal Server Error"),
    "a redirection": http(b"", "302 Found", "Location: /v1/other"),
    "a huge answer": http(b'{"id": "m1", "result": "0", "x": "' + b"x" * 1_000_000 + b'"}'),
    "an answer without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1000 + b"\r\n",
    "packed": http(gzip.compress(b'{"id": "m1", "result": "0"}'), "200 OK", "Content-Encoding: gzip"),
}
