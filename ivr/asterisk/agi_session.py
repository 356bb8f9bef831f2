"""One call's FastAGI connection, from the environment to the end: commands, their results, hang-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from ivr.asterisk.agi_wire import AgiWire, EndOfStream, Environment, HungUpLine, Result, Violation, command
from ivr.errors import CallLost, OwnError

HANGUP_GRACE = 5.0
"""Seconds that a running command may still take to answer after the channel was hung up."""

MARKER = "yobirin-broken-off-"
LAST_LOOK = 0.5
"""Seconds for what has come already: a loop that stood still learns of an answer and of its limit in one moment."""

MARKER_AGAIN = 0.3
"""Seconds after which the marker of a broken-off command is sent again."""


class HangupReceived(CallLost):
    """The callee's side has hung up; the channel takes no more commands."""


class CommandRefused(OwnError):
    """Asterisk does not know the command, or not in this form."""


class AgiSession:
    """One call's connection. `environment` is what Asterisk sent at its start."""

    def __init__(self) -> None:
        self.environment: Mapping[str, str] = {}
        self.hung_up = False
        self._told: list[Callable[[], None]] = []
        self._writer: asyncio.StreamWriter | None = None
        self._wire = AgiWire()
        self._pending: asyncio.Future[Result] | None = None
        self._limit = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = self._loop.create_future()
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

    async def execute(self, order: bytes, within: float) -> Result:
        """Send `order` (from `agi_wire.command`) and return its result, in any case `within` seconds.

        The result of a command during which the callee hung up is returned too; `hung_up` is true soon after.
        HangupReceived where the channel is dead, CallLost where the connection is or no answer comes,
        CommandRefused for a command that Asterisk does not take. A cancelled command ends the session,
        because its answer could be taken for that of the next.
        """
        answer = self._send(order, within)
        try:
            result = await answer
        finally:
            self._settle(answer.done() and not answer.cancelled())
        return result if result.code == 200 else self._refused(result)

    async def execute_until(self, order: bytes, within: float, stop: asyncio.Future[None] | None) -> Result | None:
        """Like `execute`, but break the command off once `stop` is done; None where it was broken off.

        Asterisk breaks STREAM FILE off without a result, and WAIT FOR DIGIT with the result 1, when the next
        command arrives (`ast_waitstream_full`, `ast_waitfordigit_full`).
        """
        if stop is None:
            return await self.execute(order, within)
        answer = self._send(order, within)
        settled = False
        try:
            await self._either(answer, stop)
            if not answer.done():
                await self._break_off()
            settled = True
        finally:
            self._settle(settled)
        if not answer.done():
            return None
        result = answer.result()
        return result if result.code == 200 else self._refused(result)

    async def _either(self, answer: asyncio.Future[Result], stop: asyncio.Future[None]) -> None:
        """Return when one of both is done: `asyncio.wait` for two, at a third of its price."""
        if answer.done() or stop.done():
            return
        done: asyncio.Future[None] = self._loop.create_future()

        def tell(_one: asyncio.Future[Any]) -> None:
            if not done.done():
                done.set_result(None)

        answer.add_done_callback(tell)
        stop.add_done_callback(tell)
        try:
            await done
        finally:
            answer.remove_done_callback(tell)
            stop.remove_done_callback(tell)

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Call `tell` once, as soon as the hang-up or the end of the connection is known."""
        if self.ended:
            tell()
        else:
            self._told.append(tell)

    def close(self) -> None:
        """End the session; Asterisk goes on with the dialplan's next priority. Harmless when repeated."""
        self._lose("PBX との通話の接続を閉じました。")

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
                case Result():
                    self._take(event)
                case Environment():
                    self.environment = event.headers
                    if not self._started.done():
                        self._started.set_result(None)
                case HungUpLine():
                    self._note_hangup()
                case EndOfStream():
                    self._lose("PBX との通話の接続が切れました。")
                case Violation():
                    self._lose("PBX との通話の接続に、FastAGI でないものが来ました。")
                case _:
                    assert_never(event)

    def _take(self, result: Result) -> None:
        if result.code == 100:
            return
        pending = self._pending
        if result.data is not None and result.data.startswith(MARKER):
            self._mark(result.data == f"{MARKER}{self._markers}")
        elif pending is not None and not pending.done():
            pending.set_result(result)
        elif self._marked is not None:
            self._mark(True)
        else:
            self._lose("PBX が、命令していないことに答えました。")

    def _send(self, order: bytes, within: float) -> asyncio.Future[Result]:
        writer = self._check()
        if self._pending is not None:
            raise RuntimeError("an AGI session runs one command at a time")
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._pending = answer
        self._set_limit(within)
        writer.write(order)
        return answer

    def _set_limit(self, within: float) -> None:
        """Give the running command so many seconds; one timer goes on for many commands, as few of them need it."""
        self._limit = self._loop.time() + within
        if self._timer is None or self._timer.when() > self._limit:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._limit, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        if self._pending is None:
            return
        if self._loop.time() < self._limit:
            self._timer = self._loop.call_at(self._limit, self._time_is_up)
        else:
            self._timer = self._loop.call_later(LAST_LOOK, self._no_answer, self._pending)

    def _no_answer(self, pending: asyncio.Future[Result]) -> None:
        self._timer = None
        if self._pending is pending and not pending.done():
            self._lose("PBX が AGI の命令に時間内に答えませんでした。")
        elif self._pending is not None:
            self._time_is_up()

    def _settle(self, settled: bool) -> None:
        self._pending = self._marked = None
        if not settled:
            self.close()

    def _refused(self, result: Result) -> Result:
        if result.code == 511:
            self._note_hangup()
            raise HangupReceived("通話は切断されています。")
        raise CommandRefused(f"Asterisk refused an AGI command with {result.code}.")

    async def _break_off(self) -> None:
        """Send a command whose answer can be told from any other, and return when it is there.

        Asterisk reads commands through a buffer: one that arrives together with the last may stay unseen in it
        until more comes, so the marker is sent again after a while.
        """
        while not self.ended:
            self._markers += 1
            self._marked = self._loop.create_future()
            self._check().write(command("GET FULL VARIABLE", f"{MARKER}{self._markers}"))
            await asyncio.wait({self._marked}, timeout=MARKER_AGAIN)
            if self._marked.done():
                return

    def _check(self) -> asyncio.StreamWriter:
        if self.hung_up:
            raise HangupReceived("通話は切断されています。")
        if self._lost or self._writer is None:
            raise CallLost(self._lost or "PBX との通話がまだ始まっていません。")
        return self._writer

    def _mark(self, last: bool) -> None:
        if last and self._marked is not None and not self._marked.done():
            self._marked.set_result(None)

    def _note_hangup(self) -> None:
        if self.hung_up:
            return
        self.hung_up = True
        if self._pending is not None and self._limit > self._loop.time() + HANGUP_GRACE:
            self._set_limit(HANGUP_GRACE)
        self._tell_ended()

    def _lose(self, reason: str) -> None:
        if self._lost:
            return
        self._lost = reason
        lost = HangupReceived if self.hung_up else CallLost
        if self._timer is not None:
            self._timer.cancel()
        self._mark(True)
        for waiting in (self._pending, self._started):
            if waiting is not None and not waiting.done():
                waiting.set_exception(lost(reason))
                waiting.exception()
        if self._writer is not None:
            self._writer.close()
        self._tell_ended()

    def _tell_ended(self) -> None:
        told, self._told = self._told, []
        for tell in told:
            tell()
