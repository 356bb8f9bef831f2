"""The AudioSocket server over real sockets: only a UUID that is waited for is heard; strangers take nobody's place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from ivr.asterisk import audiosocket_server
from ivr.asterisk.audiosocket_server import STRANGERS, AudioSocketServer
from ivr.asterisk.audiosocket_wire import audio
from tests.asterisk.fake_asterisk import until


class Ear:
    """Waits for the audio of one channel."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.frames: list[bytes] = []
        self.gone = False

    def plug_in(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def hear(self, frames: list[bytes]) -> None:
        self.frames += frames

    def key(self, key: str) -> None:
        raise AssertionError(key)

    def unplug(self) -> None:
        self.gone = True


@pytest.fixture
def waiting() -> dict[UUID, Ear]:
    return {}


@pytest_asyncio.fixture
async def server(waiting: dict[UUID, Ear]) -> AsyncIterator[AudioSocketServer]:
    async with AudioSocketServer("127.0.0.1", take=lambda uuid: waiting.pop(uuid, None)) as started:
        yield started


def hello(uuid: UUID) -> bytes:
    return b"\x01\x00\x10" + uuid.bytes


async def come(server: AudioSocketServer, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    return reader, writer


async def test_who_is_waited_for_is_heard_and_only_once(server: AudioSocketServer, waiting: dict[UUID, Ear]) -> None:
    uuid, ear = uuid4(), Ear()
    waiting[uuid] = ear
    _, writer = await come(server, hello(uuid) + audio(b"\1\2"))
    await until(lambda: ear.frames == [b"\1\2"])
    reader, again = await come(server, hello(uuid) + audio(b"\3\4"))
    assert await reader.read() == b""
    assert ear.frames == [b"\1\2"]
    writer.close()
    again.close()
    await until(lambda: ear.gone)


async def test_a_connection_that_names_itself_twice_is_dropped(
    server: AudioSocketServer, waiting: dict[UUID, Ear]
) -> None:
    one, two = uuid4(), uuid4()
    waiting.update({one: Ear(), two: Ear()})
    reader, writer = await come(server, hello(one) + hello(two))
    assert await reader.read() == b""
    assert list(waiting) == [two]
    writer.close()


async def test_a_stranger_who_does_not_name_himself_in_time_is_let_go(
    server: AudioSocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiosocket_server, "GREETING", 0.05)
    reader, writer = await come(server, b"\x01\x00")
    assert await reader.read() == b""
    await until(lambda: not server.connections)
    writer.close()


async def test_a_thousand_strangers_keep_no_channel_out(server: AudioSocketServer, waiting: dict[UUID, Ear]) -> None:
    strangers = [await come(server, b"") for _ in range(1000)]
    uuid, ear = uuid4(), Ear()
    waiting[uuid] = ear
    _, writer = await come(server, hello(uuid) + audio(b"\1\2"))
    await until(lambda: bool(ear.frames))
    await until(lambda: len(server.connections) <= STRANGERS + 1)
    for one in (writer, *(other for _, other in strangers)):
        one.close()
    await until(lambda: not server.connections)
