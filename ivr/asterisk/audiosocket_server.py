"""AudioSocket connections from Asterisk, on loopback: each names a UUID, and whoever waits for it gets the audio.

async with AudioSocketServer("127.0.0.1", take=waiting.pop) as server:
    ...  # let Asterisk dial AudioSocket/127.0.0.1:{server.port}/{uuid}
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, Self, assert_never, cast
from uuid import UUID

from ivr.asterisk.audiosocket_wire import Audio, AudioSocketWire, Ended, Hello, Key, Violation
from ivr.errors import Busy, reason

STRANGERS = 64
"""Connections that have named no UUID yet. Asterisk names it at once: where more come, the oldest is dropped."""

GREETING = 5.0
"""Seconds for the UUID to arrive."""


class Listener(Protocol):
    """Who waits for the audio of one channel."""

    def plug_in(self, transport: asyncio.Transport) -> None:
        """Take the connection, to write to."""
        ...

    def hear(self, frames: list[bytes]) -> None:
        """Take frames of 20 ms that came together, as `audiosocket_wire.Audio` holds them."""
        ...

    def key(self, key: str) -> None:
        """Take a key that came as a telephone event."""
        ...

    def unplug(self) -> None:
        """The connection is gone."""
        ...


class AudioSocketServer:
    """The server; `port` 0 takes a free one. A connection that names no UUID that `take` knows is dropped."""

    def __init__(self, host: str, port: int = 0, *, take: Callable[[UUID], Listener | None]) -> None:
        self.host = host
        self.port = port
        self.connections: set[asyncio.Transport] = set()
        self.take = take
        self._strangers: dict[asyncio.Transport, None] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), self.host, self.port, backlog=256)
        except OSError as error:
            raise Busy(f"AudioSocket のポート {self.host}:{self.port} を開けません（{reason(error)}）。") from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._server is not None:
            self._server.close()
        for transport in list(self.connections):
            transport.abort()

    def came(self, transport: asyncio.Transport) -> None:
        """Note a connection that has named no UUID yet."""
        self.connections.add(transport)
        self._strangers[transport] = None
        if len(self._strangers) > STRANGERS:
            next(iter(self._strangers)).abort()

    def named(self, transport: asyncio.Transport) -> None:
        """Note that a connection is no stranger any more."""
        self._strangers.pop(transport, None)

    def went(self, transport: asyncio.Transport) -> None:
        """Note the end of a connection."""
        self._strangers.pop(transport, None)
        self.connections.discard(transport)


class _Connection(asyncio.Protocol):
    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._wire = AudioSocketWire()
        self._listener: Listener | None = None
        self._transport: asyncio.Transport | None = None
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, made: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, made)  # uvloop's are none by inheritance
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._limit = asyncio.get_running_loop().call_later(GREETING, self._drop)
        self._server.came(self._transport)

    def data_received(self, data: bytes) -> None:
        frames: list[bytes] = []
        for message in self._wire.receive(data):
            match message:
                case Hello(uuid):
                    if self._listener is not None or not self._known(uuid):
                        self._drop()
                        return
                case Audio(samples):
                    frames.append(samples)
                case Key(key):
                    if self._listener is not None:
                        self._listener.key(key)
                case Ended() | Violation():
                    self._drop()
                case _:
                    assert_never(message)
        if self._listener is not None and frames:
            self._listener.hear(frames)

    def _known(self, uuid: UUID) -> bool:
        """Tell whether somebody waits for `uuid`, and plug it in if so."""
        self._listener = self._server.take(uuid)
        if self._listener is None or self._transport is None:
            return False
        if self._limit is not None:
            self._limit.cancel()
        self._server.named(self._transport)
        self._listener.plug_in(self._transport)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._limit is not None:
            self._limit.cancel()
        if self._transport is not None:
            self._server.went(self._transport)
        if self._listener is not None:
            self._listener.unplug()

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.close()
