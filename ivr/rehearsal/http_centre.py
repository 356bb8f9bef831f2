"""The simulated provider over HTTP: a real server of one of the shipped shapes, whose every number is a handset.

    async with HttpCentre({"09012345678": habit("refused")}, shape="json") as centre:
        ...  # let a client send to centre.url
        await centre.quiet(within=10)
    for text in centre.taken: ...

What an SMPP centre does to a submission, this one does to a request: it takes a text and closes the connection, takes
none, asks to wait, answers late. What becomes of a text is told to who asks for it and, where it has a `callback`, by
itself, again and again until that is answered 200.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ivr.domain.phone import national
from ivr.errors import Busy, reason
from ivr.rehearsal.arrivals import Arrivals
from ivr.rehearsal.handsets import DELIVERED, Habit, Reaction, Status, Told, reaction
from ivr.rehearsal.http_styles import STYLES, Handed, Known, StyleName
from ivr.rehearsal.ports import HOST
from ivr.rehearsal.taken import TakenText
from ivr.rehearsal.tasks import tasks

BASE = "/v1"

RETRY_AFTER = 1
"""Seconds that who is throttled is asked to wait."""

AGAIN_SECONDS = 0.5
"""Until a callback that was not answered 200 is sent again."""

MOST_TRIES = 120
"""Of one callback: a client that is away for a minute is told when it is back; later it has to ask."""

LOOK_AGAIN = 0.02
"""Seconds between two looks whether texts are still held."""

CALL_SECONDS = 5.0
"""For one callback."""

_MOBILE = re.compile(r"\+81[6789]0[0-9]{8}", re.ASCII)


@dataclass(slots=True)
class _Text:
    taken: TakenText
    known: Known


class HttpCentre(Arrivals):
    """A provider on loopback; enter it to start it. A port of 0 becomes a free one.

    `handsets` are by national number; every other number is `default`. With `secret` nobody else is let in (`user` is
    for HTTP Basic, where `shape` is form). `callback` is a URL that is told what becomes of texts, with
    `callback_secret` as a bearer token; it may be set later, too. `on_taken` is told each text. ValueError for
    callbacks of a shape that has none; starting raises Busy where `port` is taken.

    While `held` is true, no text that comes is looked at, and nothing is taken of who has gone by then; `held` may be
    set from another thread.
    """

    def __init__(
        self,
        handsets: Mapping[str, Habit] | None = None,
        *,
        shape: StyleName,
        default: Habit = DELIVERED,
        host: str = HOST,
        port: int = 0,
        user: str = "",
        secret: str = "",
        callback: str = "",
        callback_secret: str = "",
        on_taken: Callable[[TakenText], None] | None = None,
    ) -> None:
        if callback and shape == "form":
            raise ValueError("the form style has no callbacks")
        super().__init__()
        self.handsets = dict(handsets or {})
        self.default = default
        self.host = host
        self.port = port
        self.held = False
        self.callback = callback
        self._style = STYLES[shape]
        self._expected = self._style.credentials(user, secret) if secret else ""
        self._callback_secret = callback_secret
        self._on_taken = on_taken or (lambda _text: None)
        self._texts: dict[str, _Text] = {}
        """By our name of it, in the order of their coming."""
        self._submissions: Counter[str] = Counter()
        self._chores: set[asyncio.Task[None]] = set()
        self._answering = 0
        prefix = secrets.token_hex(4)
        self._names = (f"{prefix}{number:08x}" for number in itertools.count(1))
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            listener = stack.enter_context(_listening(self.host, self.port))
            self.port = listener.getsockname()[1]
            limits = httpx.Limits(max_connections=10)
            client = httpx.AsyncClient(trust_env=False, timeout=CALL_SECONDS, limits=limits)
            self._client = await stack.enter_async_context(client)
            self._group = await stack.enter_async_context(tasks())
            self._server = _Server(self._app())
            serving = self._group.create_task(self._server.until_cancelled(listener))
            stack.push_async_callback(self._end, serving)
            await self._server.up.wait()
            self._running = stack.pop_all()
        return self

    async def _end(self, serving: asyncio.Task[None]) -> None:
        self._over.set()
        # So that nobody waits for an answer that is due in an hour.
        for connection in [*self._server.server_state.connections]:
            _cut(connection)
        for chore in (serving, *self._chores):
            chore.cancel()

    # What has come

    @property
    def answering(self) -> int:
        """How many texts have come that are not answered yet."""
        return self._answering

    @property
    def url(self) -> str:
        """Return the base URL of the interface."""
        return f"http://{self.host}:{self.port}{BASE}"

    @property
    def taken(self) -> tuple[TakenText, ...]:
        """Return every text that was taken, whether or not the client was told so, in order."""
        return tuple(one.taken for one in self._texts.values())

    def taken_as(self, tag: str) -> tuple[TakenText, ...]:
        """Return the texts that a client calls `tag`: more than one where it handed one over twice."""
        return tuple(one.taken for one in self._texts.values() if one.known.tag == tag)

    async def quiet(self, *, within: float) -> None:
        """Return once every answer and every callback has been given; TimeoutError after `within` seconds."""
        await self.until(lambda: not (self._answering or self._chores), within=within)

    # Requests

    def _app(self) -> Starlette:
        style = self._style
        routes = [(style.send, self._send, "POST"), (style.find, self._find, "GET")]
        if style.by_name is not None:
            routes.append((style.by_name, self._one, "GET"))
        return Starlette(
            routes=[Route(BASE + path, self._admitting(answer), methods=[method]) for path, answer, method in routes]
        )

    def _admitting(
        self, answer: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def admitted(request: Request) -> Response:
            if self._expected and request.headers.get("Authorization") != self._expected:
                return Response(status_code=401)
            return await answer(request)

        return admitted

    async def _find(self, request: Request) -> Response:
        asked = self._style.asked(request.query_params)
        known = [one.known for tag in asked for one in self._texts.values() if one.known.tag == tag]
        return JSONResponse(self._style.found(known))

    async def _one(self, request: Request) -> Response:
        text = self._texts.get(request.path_params["name"])
        return Response(status_code=404) if text is None else JSONResponse(self._style.told(text.known))

    async def _send(self, request: Request) -> Response:
        self._answering += 1
        self._stir()
        try:
            handed = self._style.handed(await request.body())
            while self.held and not self._over.is_set():
                await self._rest(LOOK_AGAIN)
            if await request.is_disconnected():
                return Response(status_code=500)
            return await self._submitted(request, handed)
        except ValueError:
            return Response(status_code=400)
        finally:
            self._answering -= 1
            self._stir()

    async def _submitted(self, request: Request, handed: Handed) -> Response:
        if not _MOBILE.fullmatch(handed.number):
            return self._turned_down(Status.NO_SUCH_NUMBER)
        self._submissions[handed.number] += 1
        habit = self.handsets.get(national(handed.number), self.default)
        comes = reaction(habit, self._submissions[handed.number])
        if not comes.taken:
            return await self._hung_up(request) if comes.hangs_up else self._turned_down(comes.status)
        text = self._take(handed)
        if comes.hangs_up:
            self._follow(text, comes.receipts)
            return await self._hung_up(request)
        await self._before_answer(text, comes)
        self._follow(text, comes.receipts)
        status, body = self._style.taken(text.known)
        return JSONResponse(body, status)

    def _turned_down(self, status: Status) -> Response:
        code, body = self._style.turned_down(status)
        return JSONResponse(body, code, {"Retry-After": str(RETRY_AFTER)} if code == 429 else None)

    async def _hung_up(self, request: Request) -> Response:
        """Close the connection; what is returned goes nowhere."""
        for connection in [*self._server.server_state.connections]:
            if request.client is not None and _end_of(connection) == request.client:
                _cut(connection)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response(status_code=500)

    def _take(self, handed: Handed) -> _Text:
        name = next(self._names)
        text = _Text(
            TakenText(number=handed.number, body=handed.body, parts=1, at=datetime.now(UTC), ids=(name,)),
            Known(name=name, tag=handed.tag, stat=None),
        )
        self._texts[name] = text
        self._on_taken(text.taken)
        self._stir()
        return text

    async def _before_answer(self, text: _Text, comes: Reaction) -> None:
        if comes.answer_after:
            await self._rest(comes.answer_after)
        for one in comes.early:
            await self._tell(text, one)

    # What becomes of texts

    def _follow(self, text: _Text, receipts: Sequence[Told]) -> None:
        """Let what becomes of a text come to pass, in its time."""

        async def follow() -> None:
            for one in receipts:
                await asyncio.sleep(one.after)
                await self._tell(text, one)

        chore = self._group.create_task(follow())
        self._chores.add(chore)
        chore.add_done_callback(self._done)

    def _done(self, chore: asyncio.Task[None]) -> None:
        self._chores.discard(chore)
        self._stir()

    async def _tell(self, text: _Text, one: Told) -> None:
        """Let a text come to a state, and tell it by a callback until that is answered 200."""
        text.known = replace(text.known, stat=one.stat)
        self._stir()
        if not self.callback:
            return
        body = self._style.event(text.known)
        headers = {"Authorization": f"Bearer {self._callback_secret}"}
        for _ in range(MOST_TRIES):
            with suppress(httpx.HTTPError, TimeoutError):
                async with asyncio.timeout(CALL_SECONDS):
                    answer = await self._client.post(self.callback, json=body, headers=headers)
                if answer.status_code == 200:
                    return
            await self._rest(AGAIN_SECONDS)
            if self._over.is_set():
                return

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until it is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()


class _Server(uvicorn.Server):
    """Uvicorn within our own application: the signals are ours. `up` is set once it listens."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
        )
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def until_cancelled(self, listener: socket.socket) -> None:
        """Serve; then close everything, which uvicorn by itself does not when it is cancelled."""
        try:
            await self.serve(sockets=[listener])
        finally:
            if self.started:
                await self.shutdown(sockets=[listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.up.set()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise Busy(f"{host}:{port} を使えません（{reason(error)}）。") from None
    with listener:
        yield listener


def _end_of(connection: object) -> object:
    return getattr(connection, "client", None)


def _cut(connection: object) -> None:
    transport = getattr(connection, "transport", None)
    if isinstance(transport, asyncio.Transport):
        transport.abort()
