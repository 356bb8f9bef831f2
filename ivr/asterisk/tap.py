"""The callee's audio beside the AGI session, for listening: 20 ms frames over TCP, in memory, while the call lives.

A second channel of the PBX spies on the call's (`ChanSpy` with `o`: only what the callee's side sends) and speaks
AudioSocket with us. Nothing is written to disk. Where the tap does not come about or breaks off, the call goes on with
what AMI tells of talking.

    async with Taps("127.0.0.1") as taps:
        tap = taps.open(ami, "PJSIP/trunk-0000002a")
        ... tap.catch_up().silent_for ...
        tap.close()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self
from uuid import UUID, uuid4

import numpy as np

from ivr.asterisk.ami import Ami
from ivr.asterisk.audiosocket_server import AudioSocketServer
from ivr.asterisk.audiosocket_wire import FRAME_BYTES, FRAME_SECONDS
from ivr.asterisk.audiosocket_wire import audio as audio_message
from ivr.domain.line_sounds import LineSounds
from ivr.domain.signs import Found, Thresholds

LAG = 0.1
"""Seconds without a frame after which the far end counts as sending none, which is silence."""

LOOK_AGAIN = 0.2
"""Seconds between two looks at whether frames still come: that they cease ends a sound, and no frame tells it."""

AHEAD = 0.06
"""Seconds by which the stream may run ahead of the clock: frames that came late had been counted as silence before."""

HUSHED = 300
"""The highest sample, of 16 bits, of a frame that may be left out: -41 dBFS."""

STALLED = 0.1
"""Seconds by which a look may be late. What is later says that we were busy, not that no frame has come."""

KEEP_ALIVE = 5
"""Looks. Asterisk ends an AudioSocket that it got nothing from for two seconds."""

_SILENCE = audio_message(bytes(FRAME_BYTES))


class Tap:
    """Listens to one call. `on_change` is told whenever it begins or ceases to sound, and of every tone found."""

    def __init__(self, thresholds: Thresholds, *, on_close: Callable[[Tap], object]) -> None:
        self._on_close = on_close
        self.uuid = uuid4()
        self.sounds = LineSounds(thresholds)
        self.found: list[Found] = []
        self.on_change: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._began = 0.0
        self._looks = 0
        self._active = 0.0
        """The loop's time at which a frame was last taken, or looked for."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def live(self) -> bool:
        """Tell whether the callee's audio comes."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def began(self) -> float:
        """The loop's time at which the stream of `sounds` began."""
        return self._began

    def plug_in(self, transport: asyncio.Transport) -> None:
        """Take the connection of the spying channel."""
        self._transport = transport
        self._began = self._active = self._loop.time()
        self._look()

    def hear(self, frames: list[bytes]) -> None:
        """Take frames that came together, and answer each: the PBX is paced by our answers."""
        was = self._state
        self._active = self._loop.time()
        self._silence(self._active - len(frames) * FRAME_SECONDS)
        for frame in frames:
            if not self._to_be_left_out(frame):
                self.found += self.sounds.hear(frame)
        if self._transport is not None:
            self._transport.write(_SILENCE * len(frames))
        if self._state != was:
            self.on_change()

    def catch_up(self) -> LineSounds:
        """Return `sounds` as of now: where no frame has come for a while, it is silent."""
        was = self._state
        now = self._loop.time()
        if now - self._active <= LOOK_AGAIN + STALLED:
            self._silence(now)
        if self._state != was:
            self.on_change()
        return self.sounds

    def close(self) -> None:
        """End it; harmless when repeated."""
        self._on_close(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def key(self, key: str) -> None:
        """Take no keys: AMI and AGI tell them."""

    def unplug(self) -> None:
        """The connection is gone: what was heard stays."""
        self.close()

    @property
    def _state(self) -> tuple[bool, int]:
        return self.sounds.sounding, len(self.found)

    def _to_be_left_out(self, frame: bytes) -> bool:
        """Tell whether to pass over a silent frame, so that the stream comes back to the clock."""
        if self._began + self.sounds.now + FRAME_SECONDS - self._loop.time() <= AHEAD:
            return False
        return int(np.abs(np.frombuffer(frame, dtype="<i2").astype(np.int32)).max(initial=0)) < HUSHED

    def _silence(self, until: float) -> None:
        missing = until - self._began - self.sounds.now
        if missing > LAG:
            self.found += self.sounds.miss(missing)

    def _look(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            if self._looks % KEEP_ALIVE == 0:
                self._transport.write(_SILENCE)
            self._looks += 1
            self.catch_up()
            self._active = self._loop.time()
            self._timer = self._loop.call_later(LOOK_AGAIN, self._look)


class Taps:
    """Where the taps come to: on loopback and a port that is free; only who names an open tap's UUID is heard."""

    def __init__(self, host: str = "127.0.0.1", *, thresholds: Thresholds | None = None) -> None:
        self._thresholds = thresholds or Thresholds()
        self._expected: dict[UUID, Tap] = {}
        self._server = AudioSocketServer(host, take=self._take)

    @property
    def connections(self) -> set[asyncio.Transport]:
        """Those of the taps that are live."""
        return self._server.connections

    @property
    def address(self) -> tuple[str, int]:
        """Where Asterisk brings the audio."""
        return self._server.host, self._server.port

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._server.__aexit__()

    def open(self, ami: Ami, channel: str) -> Tap:
        """Begin to listen to `channel`, by its name in the PBX; whether that comes about is seen by `Tap.live`."""
        host, port = self.address
        tap = Tap(self._thresholds, on_close=lambda closed: self._expected.pop(closed.uuid, None))
        self._expected[tap.uuid] = tap
        ami.tell(
            {
                "Action": "Originate",
                "Channel": f"AudioSocket/{host}:{port}/{tap.uuid}/c(slin)",
                "Application": "ChanSpy",
                "Data": f"{channel},qoE",
                "Async": "true",
            }
        )
        return tap

    def _take(self, uuid: UUID) -> Tap | None:
        """Return the tap that waits for the connection `uuid`; each is given once."""
        return self._expected.pop(uuid, None)
