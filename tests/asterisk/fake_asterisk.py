"""A small Asterisk over real TCP, for behaviour that the real one does not show on demand.

`AgiCaller` is a channel that connects to a FastAGI server; `FakeManager` is the other end of AMI.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

LIMIT = 5.0


async def until(condition: Callable[[], bool], within: float = LIMIT) -> None:
    """Return once `condition` holds; fail after `within` seconds."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass(slots=True)
class AgiCaller:
    """A channel's side of FastAGI."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def raw(cls, port: int, sent: bytes) -> Self:
        """Connect and send these bytes instead of an environment."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        return cls(reader, writer)

    @classmethod
    async def greeted(cls, port: int, unique_id: str = "id-1", token: str = "token") -> Self:
        """Connect and send an environment."""
        lines = (
            "agi_network: yes",
            "agi_channel: PJSIP/trunk-00000001",
            f"agi_uniqueid: {unique_id}",
            f"agi_arg_1: {token}",
        )
        return await cls.raw(port, ("\n".join(lines) + "\n\n").encode())

    @classmethod
    @asynccontextmanager
    async def connect(cls, port: int, unique_id: str = "id-1", token: str = "token") -> AsyncIterator[Self]:
        """Like `greeted`, and close at the end."""
        caller = await cls.greeted(port, unique_id, token)
        try:
            yield caller
        finally:
            await caller.close()

    async def command(self) -> str:
        """Return the next command; empty at the end of the stream."""
        async with asyncio.timeout(LIMIT):
            return (await self.reader.readline()).decode().rstrip("\n")

    async def answer(self, line: str) -> None:
        """Send a line."""
        self.writer.write(line.encode() + b"\n")
        await self.writer.drain()

    async def closed(self) -> bool:
        """Tell whether the server closes the connection in time, whatever it still says."""
        try:
            async with asyncio.timeout(LIMIT):
                while await self.reader.read(4096):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    async def close(self) -> None:
        """Close our side."""
        self.writer.close()
        try:
            async with asyncio.timeout(LIMIT):
                await self.writer.wait_closed()
        except OSError:
            pass


Fields = dict[str, str]


class FakeManager:
    """The other end of AMI. Behaves unless told otherwise; `actions` holds what came, `orders` the
    dials among them by channel, `logins` how often.

    `silent` answers nothing, `speak` decides how bytes are sent, `answers` replaces the answer to an action by name.
    """

    def __init__(self, secret: str = "secret") -> None:
        self.secret = secret
        self.port = 0
        self.connections = 0
        self.actions: list[Fields] = []
        self.orders: dict[str, Fields] = {}
        self.channels: set[str] = set()
        self.silent = False
        self.boots = True
        self.chunk = 0
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.answers: dict[str, Callable[[Fields], list[Fields]]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening, and cut."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def names(self) -> list[str]:
        """Return the names of the actions that came, without pings."""
        return [action["Action"] for action in self.actions if action["Action"] != "Ping"]

    def event(self, name: str, **fields: str) -> None:
        """Send an event to everyone."""
        self.send({"Event": name, **fields})

    def send(self, *messages: Fields) -> None:
        """Send messages to everyone."""
        for message in messages:
            self.raw("".join(f"{name}: {value}\r\n" for name, value in message.items()).encode() + b"\r\n")

    def raw(self, data: bytes) -> None:
        """Send bytes to everyone."""
        for writer in list(self._writers):
            for start in range(0, len(data), self.chunk or len(data)):
                writer.write(data[start : start + (self.chunk or len(data))])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            writer.write(self.banner)
            while (fields := await self._read(reader)) is not None:
                self.actions.append(fields)
                if "ChannelId" in fields:
                    self.orders.setdefault(fields["ChannelId"], fields)
                if not self.silent:
                    self.send(*self._answer(fields))
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Fields | None:
        fields: Fields = {}
        while (line := (await reader.readline()).decode()) != "\r\n":
            if not line:
                return None
            name, _, value = line.rstrip("\r\n").partition(": ")
            fields[name] = f"{fields[name]},{value}" if name in fields else value
        return fields

    def _answer(self, fields: Fields) -> list[Fields]:
        number = {"ActionID": fields.get("ActionID", "")}
        name = fields["Action"]
        if name in self.answers:
            return [
                {**message, **number} if "Response" in message else message for message in self.answers[name](fields)
            ]
        match name:
            case "Login" if fields.get("Secret") != self.secret:
                return [{"Response": "Error", **number, "Message": "Authentication failed"}]
            case "Login":
                booted = [{"Event": "FullyBooted", "Privilege": "system,all"}] if self.boots else []
                return [{"Response": "Success", **number, "Message": "Authentication accepted"}, *booted]
            case "Ping":
                return [{"Response": "Success", **number, "Ping": "Pong"}]
            case "CoreShowChannels":
                listed = [{"Event": "CoreShowChannel", **number, "Uniqueid": one} for one in sorted(self.channels)]
                return [
                    {"Response": "Success", **number, "EventList": "start", "Message": "Channels will follow"},
                    *listed,
                    {"Event": "CoreShowChannelsComplete", **number, "EventList": "Complete"},
                ]
            case "Originate":
                return [{"Response": "Success", **number, "Message": "Originate successfully queued"}]
            case _:
                return [{"Response": "Success", **number}]
