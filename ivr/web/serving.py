"""The console's port: opened when it can be, served until cancelled, with limits to what a slow client may cost."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, suppress

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from ivr.errors import Busy, StoreFailed
from ivr.parts.serving import listening, serve
from ivr.web.building import built, surrounded
from ivr.web.console import Console

MOST_CONNECTIONS = 200
"""At once; more are answered 503."""

HEADERS_S = 10.0
"""Seconds for a connection to bring the headers of a request."""

OPEN_AGAIN = 15.0
"""Seconds between two tries to open the port."""

log = structlog.get_logger(__name__)


class Opening:
    """Whether the console can be reached."""

    def __init__(self) -> None:
        self.sound = True


class _Punctual(H11Protocol):
    """Closes a connection that takes longer than HEADERS_S over the headers of a request."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._late is not None:
            self._late.cancel()
        super().connection_lost(exc)

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
    web = console.settings.web
    app = surrounded(built(console), console)
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
