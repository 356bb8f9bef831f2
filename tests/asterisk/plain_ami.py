"""A small AMI client for tests, independent of the one that is tested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ivr.asterisk.pbx import ManagedPbx

Message = dict[str, str]
LIMIT = 10.0


class PlainAmi:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.seen: list[Message] = []

    async def act(self, action: str, **fields: object) -> Message:
        """Send an action and return its response; the events on the way are in `seen`."""
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(LIMIT):
            while True:
                message = await self._read()
                if "Response" in message and "Event" not in message:
                    return message

    async def event(self, name: str, within: float = LIMIT, **wanted: str) -> Message:
        """Return the next event of that name that has these fields."""
        async with asyncio.timeout(within):
            while True:
                message = await self._read()
                if message.get("Event") == name and wanted.items() <= message.items():
                    return message

    async def dial(
        self,
        number: str,
        call: str,
        *,
        channel: str | None = None,
        variable: str = "IVR_TOKEN=token",
        timeout_ms: int = 8000,
    ) -> Message:
        """Originate as the engine does and return the Hangup event; a failed request has only OriginateResponse."""
        response = await self.act(
            "Originate",
            Channel=channel or f"PJSIP/{number}@trunk",
            Context="ivr-call",
            Exten="start",
            Priority=1,
            Variable=variable,
            Async="true",
            ChannelId=call,
            Timeout=timeout_ms,
        )
        assert response["Response"] == "Success", response
        return await self.event("Hangup", within=LIMIT + timeout_ms / 1000, Uniqueid=call)

    async def _read(self) -> Message:
        text = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        message = dict(line.split(": ", 1) for line in text.split("\r\n") if ": " in line)
        self.seen.append(message)
        return message


@asynccontextmanager
async def connected(port: int, username: str, secret: str) -> AsyncIterator[PlainAmi]:
    """A connection that tried to log in; `seen` tells whether it may stay."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await reader.readline()
        ami = PlainAmi(reader, writer)
        await ami.act("Login", Username=username, Secret=secret)
        yield ami
    finally:
        writer.close()


@asynccontextmanager
async def logged_in(pbx: ManagedPbx) -> AsyncIterator[PlainAmi]:
    async with connected(pbx.config.ami_port, pbx.config.ami_username, pbx.ami_secret) as ami:
        assert ami.seen[-1]["Response"] == "Success"
        yield ami
