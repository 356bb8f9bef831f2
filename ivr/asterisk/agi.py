"""A FastAGI server: Asterisk connects for each call, a handler gives commands.

A peer that sends nothing, garbage, half an environment, or goes away ends its own session and nothing else:
every wait has a limit, and what the peer sends is read as it comes, so that a hang-up is known at once.

    async with AgiServer("127.0.0.1", 4573, handler) as server:      # port 0 takes a free one: server.port
        ...

    async def handler(session: AgiSession) -> None:
        await session.execute(command("ANSWER"), within=5)
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from ivr.asterisk.agi_session import AgiSession, CommandRefused, HangupReceived
from ivr.errors import Busy, CallLost, place

__all__ = ["AgiLimits", "AgiServer", "AgiSession", "CommandRefused", "Handler", "HangupReceived"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiLimits:
    """Seconds for the environment to arrive and for handlers to end at closing; sessions at once.

    `strangers` is how many may be connected without having sent an environment. Asterisk sends it at once, so that
    where more come the one that has waited longest is dropped: a port scan takes no call's place.
    """

    environment: float = 5.0
    closing: float = 5.0
    sessions: int = 1000
    strangers: int = 200


Handler = Callable[[AgiSession], Awaitable[None]]


class _Connection(asyncio.StreamReaderProtocol):
    """Feeds a session straight from the socket, and serves it in the task that asyncio makes for a stream."""

    def __init__(self, server: AgiServer) -> None:
        super().__init__(asyncio.StreamReader(), self._serve)
        self._server = server
        self._session = AgiSession()

    def data_received(self, data: bytes) -> None:
        self._session.receive(data)

    def eof_received(self) -> bool:
        self._session.receive(b"")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._session.receive(b"")
        super().connection_lost(exc)

    def _serve(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[None]:
        self._session.connected(writer)
        return self._server.serve(self._session)


class AgiServer:
    """Listens for Asterisk and runs `handler` for each call.

    What the handler raises is logged without its text, which could name a person, and ends its own session
    only. `on_sessions` is told how many handlers run whenever that changes; `on_refused` why a connection got
    no handler: `full`, `late` (no environment in time) or `garbage` (or it went away).
    """

    def __init__(
        self,
        host: str,
        port: int,
        handler: Handler,
        *,
        limits: AgiLimits | None = None,
        on_sessions: Callable[[int], None] | None = None,
        on_refused: Callable[[str], None] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._handler = handler
        self._limits = limits or AgiLimits()
        self._on_sessions = on_sessions or (lambda _count: None)
        self._on_refused = on_refused or (lambda _reason: None)
        self._server: asyncio.Server | None = None
        self._open: dict[AgiSession, asyncio.Task[object]] = {}
        self._strangers: dict[AgiSession, None] = {}
        self._ends: set[asyncio.Timeout] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), self.host, self.port, backlog=512)
        except OSError as error:
            # asyncio's own text names the address once more, in English.
            why = os.strerror(error.errno) if error.errno else error
            raise Busy(
                f"{self.host}:{self.port} を使えません（{why}）。設定 pbx.agi.port を変えるか、"
                "そのポートを使っているプログラムを止めてください。"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop listening and end every session; handlers that do not end in time are cancelled."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._open.values())
        for session in list(self._open):
            session.close()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.closing)
            for end in self._ends:
                end.reschedule(0)
            if late:
                await asyncio.wait(late, timeout=self._limits.closing)

    @property
    def sessions(self) -> int:
        """How many handlers run."""
        return len(self._ends)

    async def serve(self, session: AgiSession) -> None:
        """Run the handler for a connection, once its environment is there."""
        task = asyncio.current_task()
        if task is None or len(self._open) - len(self._strangers) >= self._limits.sessions:
            self._on_refused("full")
            session.close()
            return
        self._open[session] = task
        try:
            if await self._begun(session):
                await self._handle(session)
        finally:
            session.close()
            del self._open[session]

    async def _begun(self, session: AgiSession) -> bool:
        loop = asyncio.get_running_loop()
        limit = loop.call_later(self._limits.environment, session.close)
        self._strangers[session] = None
        if len(self._strangers) > self._limits.strangers:
            next(iter(self._strangers)).close()
        try:
            await session.started()
        except CallLost:
            self._on_refused("late" if loop.time() >= limit.when() else "garbage")
            return False
        finally:
            limit.cancel()
            del self._strangers[session]
        return True

    async def _handle(self, session: AgiSession) -> None:
        # A Timeout ends a handler at closing; asyncio complains of the stream's task if that is cancelled.
        end = asyncio.timeout(None)
        try:
            async with end:
                self._ends.add(end)
                self._on_sessions(len(self._ends))
                await self._handler(session)
        except CallLost:
            pass
        except Exception as error:  # noqa: BLE001 - a handler's defect must not reach the other calls
            if not end.expired():
                log.error("An AGI handler failed with %s at %s", type(error).__name__, place(error))
        finally:
            self._ends.discard(end)
            self._on_sessions(len(self._ends))
