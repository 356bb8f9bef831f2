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
        while not condition():  # noqa: ASYNC110 - any condition, not one that could set an event
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
