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
from typing import Any, Self, assert_never

from ivr.asterisk.agi_wire import AgiWire, EndOfStream, Environment, HungUpLine, Result, Violation
from ivr.asterisk.agi_wire import command as wire_command
from ivr.errors import Busy, CallLost, OwnError

log = logging.getLogger(__name__)

HANGUP_GRACE = 5.0
"""Seconds that a running command may still take to answer after the channel was hung up."""


MARKER = "yobirin-broken-off-"
MARKER_AGAIN = 0.3
"""Seconds after which the marker of a broken-off command is sent again."""


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
        self._markers = 0
        self._marked: asyncio.Future[None] | None = None

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
        result = await self._run(command, within, None)
        if result is None:
            raise AssertionError("nothing interrupts a plain command")
        return result

    async def execute_until(self, command: bytes, within: float, stop: asyncio.Future[None] | None) -> Result | None:
        """Like `execute`, but break the command off once `stop` is done; None where it was broken off.

        Asterisk breaks STREAM FILE off without a result, and WAIT FOR DIGIT with the result 1, when the next
        command arrives (`ast_waitstream_full`, `ast_waitfordigit_full`).
        """
        return await self._run(command, within, stop)

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
                case Result(data=str(text)) if text.startswith(MARKER):
                    self._mark(text == f"{MARKER}{self._markers}")
                case Result() if self._marked is not None and (not self._pending or self._pending.done()):
                    self._mark(True)
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

    async def _run(self, command: bytes, within: float, stop: asyncio.Future[None] | None) -> Result | None:
        writer = self._check()
        if self._pending is not None:
            raise RuntimeError("an AGI session runs one command at a time")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._pending = answer
        writer.write(command)
        settled = False
        try:
            async with asyncio.timeout(within) as self._limit:
                if stop is None:
                    await answer
                else:
                    both: set[asyncio.Future[Any]] = {answer, stop}
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                    if not answer.done():
                        await self._break_off(writer)
            settled = True
        except TimeoutError:
            raise CallLost("PBX が AGI の命令に時間内に答えませんでした。") from None
        finally:
            self._pending = self._limit = self._marked = None
            if not settled:
                self.close()
        return self._judged(answer.result()) if answer.done() else None

    def _judged(self, result: Result) -> Result:
        if result.code == 511:
            self._note_hangup()
            raise HangupReceived("通話は切断されています。")
        if result.code != 200:
            raise CommandRefused(f"Asterisk refused an AGI command with {result.code}.")
        return result

    async def _break_off(self, writer: asyncio.StreamWriter) -> None:
        """Send a command whose answer can be told from any other, and return when it is there.

        Asterisk reads commands through a buffer: one that arrives together with the last may stay unseen in it
        until more comes, so the marker is sent again after a while.
        """
        while not self.ended:
            self._markers += 1
            self._marked = asyncio.get_running_loop().create_future()
            writer.write(wire_command("GET FULL VARIABLE", f"{MARKER}{self._markers}"))
            await asyncio.wait({self._marked}, timeout=MARKER_AGAIN)
            if self._marked.done():
                return

    def _check(self) -> asyncio.StreamWriter:
        if self.hung_up:
            raise HangupReceived("通話は切断されています。")
        if self._lost or self._writer is None:
            raise CallLost("PBX との通話の接続が切れました。")
        return self._writer

    def _mark(self, last: bool) -> None:
        if last and self._marked is not None and not self._marked.done():
            self._marked.set_result(None)

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
        self._mark(True)
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
        self._ends: set[asyncio.Timeout] = set()

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
                log.error("An AGI handler failed with %s at %s", type(error).__name__, _place(error))
        finally:
            self._ends.discard(end)
            self._on_sessions(len(self._ends))


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace is not None else "?"
