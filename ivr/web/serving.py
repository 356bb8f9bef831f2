"""The console's port: opened when it can be, served until cancelled, with limits to what a slow client may cost."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from ivr.app import meanwhile
from ivr.errors import Busy, StoreFailed
from ivr.parts.serving import listening, serve
from ivr.web.building import built, surrounded
from ivr.web.console import Console
from ivr.web.health.inspection import Inspection
from ivr.web.live.watching import Watching

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MOST_CONNECTIONS = 200
"""At once; more are answered 503."""

HEADERS_S = 10.0
"""Seconds for a connection to bring the headers of a request."""

SLOW_S = 20.0
"""Seconds for a reader to take some of what waits for it; who takes nothing is cut off."""

OPEN_AGAIN = 15.0
"""Seconds between two tries to open the port."""

log = structlog.get_logger(__name__)


class Opening:
    """Whether the console can be reached."""

    def __init__(self) -> None:
        self.sound = True


class _Punctual(H11Protocol):
    """Closes a connection that takes longer than HEADERS_S over the headers of a request, or SLOW_S to read on."""

    _late: asyncio.TimerHandle | None = None
    _slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._late is not None:
            self._late.cancel()
        self._takes()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._takes()
        # What waits to be written would keep a connection that is only closed.
        self._slow = self.loop.call_later(SLOW_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._takes()
        super().resume_writing()

    def _takes(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def _wait(self) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = self.loop.call_later(HEADERS_S, self._see)

    def _see(self) -> None:
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()


async def open_console(console: Console, opening: Opening) -> None:
    """Serve the console for ever; where its port is taken, say so and try again: calls go on without it."""
    app = built(console)
    watching: Watching = app.state.watching
    inspection: Inspection = app.state.inspection
    try:
        async with meanwhile(watching.run()), meanwhile(inspection.run()):
            await _open_for_ever(surrounded(app, console), console, opening, watching)
    finally:
        await console.audit.finish()


async def _open_for_ever(app: ASGIApp, console: Console, opening: Opening, watching: Watching) -> None:
    web = console.settings.web
    while True:
        with ExitStack() as stack:
            try:
                listener = stack.enter_context(listening(web.host, web.port, "web.port"))
            except Busy as error:
                if opening.sound:
                    log.error("console_closed", reason=str(error))
                opening.sound = False
            else:
                opening.sound = True
                await _say_open(console, listener)
                await serve(
                    app,
                    listener,
                    most=MOST_CONNECTIONS,
                    http=_Punctual,
                    proxies=[str(one) for one in web.proxies],
                    ending=watching.close,
                )
        await asyncio.sleep(OPEN_AGAIN)


async def _say_open(console: Console, listener: socket.socket) -> None:
    """Say where the console is and, while nobody is registered, what opens it once: on the terminal, in no log file."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  every address of this machine: its name leads to one
        host = console.host
    at = console.settings.web.url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    log.info("console_open", url=at)
    with suppress(StoreFailed):
        if await console.results.accounts.any_person():
            return
    print(
        f"\n職員の画面を使いはじめるには、次のリンクを開いて、最初の管理者を登録してください（一度だけ使えます）：\n"
        f"  {at}/first/{console.first_key}\n",
        flush=True,
    )
