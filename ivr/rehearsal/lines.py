"""The audio of answered calls, and the clock that paces every mouth.

One timer drives all lines. At each tick, every 20 ms, a line sends a frame and looks whether what its callee waits
for has come, so that a callee costs no task and no timer of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self
from uuid import UUID, uuid4

from ivr.asterisk.audiosocket_server import AudioSocketServer
from ivr.asterisk.audiosocket_wire import FRAME_SECONDS, HANG_UP, audio
from ivr.errors import PeerError
from ivr.rehearsal.ear import Ear
from ivr.rehearsal.mouth import Mouth
from ivr.rehearsal.sounds import RATE, Samples

CATCH_UP = 10
"""Frames that a late tick sends at most; a longer stall is heard as a gap, as on a real line."""

CONNECT_SECONDS = 5.0


class LineClosed(PeerError):
    """The call is over: the engine hung up, or nothing came to the AudioSocket."""


class Line:
    """A callee's end of a call, opened when the callee takes it. Times are seconds since this, the answer.

    `answered` is its time by the loop's clock.
    """

    def __init__(self, mouth: Mouth | None = None) -> None:
        self.uuid = uuid4()
        self.ear = Ear()
        self.mouth = mouth or Mouth()
        self.closed = False
        self.keys_heard: list[tuple[str, float]] = []
        self._loop = asyncio.get_running_loop()
        self.answered = self._loop.time()
        self._transport: asyncio.Transport | None = None
        self._wanted: tuple[Callable[[float], bool], asyncio.Future[None]] | None = None

    @property
    def now(self) -> float:
        """Seconds since the answer."""
        return self.at(self._loop.time())

    def at(self, time: float) -> float:
        """Return a time of the loop's clock in seconds since the answer."""
        return time - self.answered

    async def until(self, true: Callable[[float], bool]) -> None:
        """Return once `true(now)`; LineClosed when the call ends first. One caller at a time."""
        if self.closed:
            raise LineClosed("通話は終わりました。")
        future: asyncio.Future[None] = self._loop.create_future()
        self._wanted = (true, future)
        try:
            await future
        finally:
            self._wanted = None

    async def connected(self) -> None:
        """Return once Asterisk has brought the audio; LineClosed if it does not."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self.until(lambda _now: self._transport is not None)
        except TimeoutError:
            raise LineClosed("Asterisk が通話の音声を接続しませんでした。") from None

    async def say(self, samples: Samples) -> None:
        """Say `samples` and return when they are said."""
        self.mouth.say(samples)
        await self.until(lambda _now: not self.mouth.speaking)

    def hang_up(self) -> bool:
        """Let Asterisk end the call; False where it never brought the audio."""
        if self._transport is None:
            return False
        if not self._transport.is_closing():
            self._transport.write(HANG_UP)
        return True

    def plug_in(self, transport: asyncio.Transport) -> None:
        """Take the connection that belongs to this line."""
        self._transport = transport

    def hear(self, frames: list[bytes]) -> None:
        """Take frames that came in one piece: the last one just now, each of the others 20 ms before the next."""
        at = self.now - sum(len(frame) for frame in frames[1:]) / 2 / RATE
        for frame in frames:
            self.ear.hear(frame, at)
            at += len(frame) / 2 / RATE

    def tick(self) -> None:
        """Send 20 ms and look whether what is waited for has come."""
        if self._transport is not None and not self._transport.is_closing():
            frame = self.mouth.frame()
            if frame is not None:
                self._transport.write(audio(frame))
        if self._wanted is not None:
            true, future = self._wanted
            if not future.done() and true(self.now):
                future.set_result(None)

    def key(self, key: str) -> None:
        """Take a key that the engine's side pressed."""
        self.keys_heard.append((key, self.now))

    def unplug(self) -> None:
        """The engine's side, or Asterisk, has ended the call."""
        self.close()

    def close(self) -> None:
        """End what waits on this line."""
        self.closed = True
        if self._wanted is not None and not self._wanted[1].done():
            self._wanted[1].set_exception(LineClosed("通話は終わりました。"))
        if self._transport is not None:
            self._transport.close()


class Lines:
    """The open lines of a network, and where Asterisk brings their audio; `port` 0 takes a free one."""

    def __init__(self, host: str, port: int = 0) -> None:
        self.peak = 0
        self._server = AudioSocketServer(host, port, take=self._take)
        self._expected: dict[UUID, Line] = {}
        self._open: set[Line] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    @property
    def host(self) -> str:
        """Where the audio comes to."""
        return self._server.host

    @property
    def port(self) -> int:
        """Its port."""
        return self._server.port

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for line in list(self._open):
            self.drop(line)
        await self._server.__aexit__()

    def open(self, mouth: Mouth | None = None) -> Line:
        """Return a line whose audio Asterisk will bring under its `uuid`. Give it back with `drop`."""
        line = Line(mouth)
        self._expected[line.uuid] = line
        self._open.add(line)
        self.peak = max(self.peak, len(self._open))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next = loop.time()
            self._tick()
        return line

    def _take(self, uuid: UUID) -> Line | None:
        """Return the line that waits for the connection `uuid`; each is given once."""
        return self._expected.pop(uuid, None)

    def drop(self, line: Line) -> None:
        """Close a line."""
        self._expected.pop(line.uuid, None)
        self._open.discard(line)
        line.close()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        late = int((loop.time() - self._next) / FRAME_SECONDS)
        if late > CATCH_UP:
            self._next += (late - CATCH_UP) * FRAME_SECONDS
        while self._next <= loop.time():
            for line in tuple(self._open):
                line.tick()
            self._next += FRAME_SECONDS
        self._timer = loop.call_at(self._next, self._tick) if self._open else None
