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
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self, assert_never

from ivr.asterisk.agi_wire import AgiWire, EndOfStream, Environment, HungUpLine, Result, Violation
from ivr.errors import Busy, CallLost, OwnError

log = logging.getLogger(__name__)

HANGUP_GRACE = 5.0
"""Seconds that a running command may still take to answer after the channel was hung up."""


class HangupReceived(CallLost):
    """The callee's side has hung up; the channel takes no more commands."""


class CommandRefused(OwnError):
    """Asterisk does not know the command, or not in this form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiLimits:
    """Seconds for the environment to arrive and for handlers to end at closing; sessions at once."""

    environment: float = 5.0
    closing: float = 5.0
    sessions: int = 1000


class AgiSession:
    """One call's connection. `environment` is what Asterisk sent at its start."""

    def __init__(self) -> None:
        self.environment: Mapping[str, str] = {}
        self.hung_up = False
        self._told: list[Callable[[], None]] = []
        self._writer: asyncio.StreamWriter | None = None
        self._wire = AgiWire()
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending: asyncio.Future[Result] | None = None
        self._limit: asyncio.Timeout | None = None
        self._lost = ""

    @property
    def unique_id(self) -> str:
        """The id of the channel, the same as in AMI events."""
        return self.environment.get("agi_uniqueid", "")

    @property
    def ended(self) -> bool:
        """Tell whether the channel was hung up or the connection is gone."""
        return self.hung_up or bool(self._lost)

    def argument(self, number: int) -> str:
        """Return the `number`-th argument (from 1) of the dialplan's AGI line; empty where there is none."""
        return self.environment.get(f"agi_arg_{number}", "")

    async def execute(self, command: bytes, within: float) -> Result:
        """Send `command` (from `agi_wire.command`) and return its result, in any case `within` seconds.

        The result of a command during which the callee hung up is returned too; `hung_up` is true by then.
        HangupReceived where the channel is dead, CallLost where the connection is or no answer comes,
        CommandRefused for a command that Asterisk does not take. A cancelled command ends the session,
        because its answer could be taken for that of the next.
        """
        writer = self._check()
        if self._pending is not None:
            raise RuntimeError("an AGI session runs one command at a time")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._pending = answer
        writer.write(command)
        try:
            async with asyncio.timeout(within) as self._limit:
                result = await answer
        except TimeoutError:
            raise CallLost("PBX が AGI の命令に時間内に答えませんでした。") from None
        finally:
            self._pending = self._limit = None
            if not answer.done() or answer.cancelled():
                self.close()
        if result.code == 511:
            self._note_hangup()
            raise HangupReceived("通話は切断されています。")
        if result.code != 200:
            raise CommandRefused(f"Asterisk refused an AGI command with {result.code}.")
        return result

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Call `tell` once, as soon as the hang-up or the end of the connection is known."""
        if self.ended:
            tell()
        else:
            self._told.append(tell)

    def close(self) -> None:
        """End the session; Asterisk goes on with the dialplan's next priority. Harmless when repeated."""
        self._lose("the session was closed")

    async def started(self) -> None:
        """Return once the environment is there; CallLost when the connection ends first."""
        await self._started

    def connected(self, writer: asyncio.StreamWriter) -> None:
        """Take the connection to write to."""
        self._writer = writer

    def receive(self, data: bytes) -> None:
        """Take bytes from the connection, `b""` for its end."""
        for event in self._wire.receive(data):
            match event:
                case Environment(headers):
                    self.environment = headers
                    if not self._started.done():
                        self._started.set_result(None)
                case Result(code=100):
                    pass
                case Result():
                    if self._pending is None or self._pending.done():
                        self._lose("a result came without a command")
                    else:
                        self._pending.set_result(event)
                case HungUpLine():
                    self._note_hangup()
                case EndOfStream():
                    self._lose("the PBX closed the connection")
                case Violation(reason):
                    self._lose(reason)
                case _:
                    assert_never(event)

    def _check(self) -> asyncio.StreamWriter:
        if self.hung_up:
            raise HangupReceived("通話は切断されています。")
        if self._lost or self._writer is None:
            raise CallLost("PBX との通話の接続が切れました。")
        return self._writer

    def _note_hangup(self) -> None:
        if self.hung_up:
            return
        self.hung_up = True
        if self._limit is not None:
            grace = asyncio.get_running_loop().time() + HANGUP_GRACE
            self._limit.reschedule(min(grace, self._limit.when() or grace))
        self._tell_ended()

    def _lose(self, reason: str) -> None:
        if self._lost:
            return
        self._lost = reason
        lost = HangupReceived if self.hung_up else CallLost
        for waiting in (self._pending, self._started):
            if waiting is not None and not waiting.done():
                waiting.set_exception(lost("PBX との通話の接続が切れました。"))
                waiting.exception()
        if self._writer is not None:
            self._writer.close()
        self._tell_ended()

    def _tell_ended(self) -> None:
        told, self._told = self._told, []
        for tell in told:
            tell()


Handler = Callable[[AgiSession], Awaitable[None]]


class _Connection(asyncio.StreamReaderProtocol):
    """Feeds a session straight from the socket, and serves it in the task that asyncio makes for a stream."""

    def __init__(self, server: AgiServer) -> None:
        super().__init__(asyncio.StreamReader(), self._serve)
        self._server = server
        self._session = AgiSession()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

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
        self._running = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), self.host, self.port, backlog=512)
        except OSError as error:
            raise Busy(f"AGI のポート {self.host}:{self.port} を開けません（{error.strerror}）。") from None
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
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=self._limits.closing)

    @property
    def sessions(self) -> int:
        """How many handlers run."""
        return self._running

    async def serve(self, session: AgiSession) -> None:
        """Run the handler for a connection, once its environment is there."""
        task = asyncio.current_task()
        if task is None or len(self._open) >= self._limits.sessions:
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
        try:
            async with asyncio.timeout(self._limits.environment):
                await session.started()
        except TimeoutError:
            self._on_refused("late")
            return False
        except CallLost:
            self._on_refused("garbage")
            return False
        return True

    async def _handle(self, session: AgiSession) -> None:
        self._running += 1
        self._on_sessions(self._running)
        try:
            await self._handler(session)
        except CallLost:
            pass
        except Exception as error:  # noqa: BLE001 - a handler's defect must not reach the other calls
            log.error("An AGI handler failed with %s at %s", type(error).__name__, _place(error))
        finally:
            self._running -= 1
            self._on_sessions(self._running)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace is not None else "?"
