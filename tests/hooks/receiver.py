"""A system of the office that is told of results: a small HTTP server that behaves as a test wants it to.

It judges signatures by the words of Standard Webhooks alone, with nothing of ours.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Message:
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.body)["events"]
        return found

    def proven_by(self, secret: str) -> bool:
        """Tell whether a signature is the one that the holder of `secret` makes."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return any(hmac.compare_digest(wanted, one) for one in self.headers["webhook-signature"].split(" "))


def status(code: int, *headers: str, body: bytes = b"") -> Behaviour:
    """Answer with a status."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {code} X", f"content-length: {len(body)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


def raw(content: bytes) -> Behaviour:
    """Answer with anything, and break off."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        writer.close()

    return answer


async def hangs(_writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


async def endless(writer: asyncio.StreamWriter) -> None:
    """Answer, with a body without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()


@dataclass
class Receiver:
    """`answers` are used one after the other, the last one for ever."""

    port: int = 0
    answers: list[Behaviour] = field(default_factory=lambda: [status(204)])
    messages: list[Message] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?of=office"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for message in self.messages for event in message.events]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.messages.append(Message(head[0].split(" ")[1], headers, body))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await answer(writer)
                if writer.is_closing():
                    return
        writer.close()


@asynccontextmanager
async def receiving(*answers: Behaviour) -> AsyncIterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver()
    if answers:
        receiver.answers = list(answers)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def receiving_beside() -> Iterator[Receiver]:
    """Run a receiver in a thread, for a test that waits for programs."""
    there: list[Receiver] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with receiving() as receiver:
            there.append(receiver)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield there[0]
    finally:
        over.set()
        thread.join()
