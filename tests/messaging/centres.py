"""SMS centres to talk to: a real one (smpp34), and one that does just what a test says."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import smpp34

from ivr.campaign.texting import Receipt, Text
from ivr.messaging import SmppAccount, SmppGateway, SmppTiming
from ivr.messaging import smpp_wire as wire
from ivr.messaging.smpp_wire import Command, Content, Named, Pdu
from ivr.parts.gateway import RunningGateway

LIMIT = 10.0
"""Seconds after which a test gives up."""

QUICK = SmppTiming(
    connect=2.0,
    bind=2.0,
    answer=5.0,
    unbind=0.3,
    write=2.0,
    store=2.0,
    enquire_every=5.0,
    enquire=2.0,
    backoff_first=0.02,
    backoff_most=0.1,
    settled=1.0,
    throttle_first=0.02,
    throttle_most=0.08,
)

OFFICE = "0312345678"
PHONE = "+819012345678"


def text(body: str = "市役所です。", number: str = PHONE) -> Text:
    """A text of ours."""
    return Text(id="t1", number=number, body=body)


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Heard:
    """What a gateway told; `fail` makes the next so many receipts fail to be stored."""

    receipts: list[Receipt] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)
    states: list[bool] = field(default_factory=list)
    fail: int = 0
    gate: asyncio.Event | None = None
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def receipt(self, receipt: Receipt) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.fail:
            self.fail -= 1
            raise OSError("the disk is full")
        self.receipts.append(receipt)
        self.more.set()

    async def message(self, number: str, body: str) -> None:
        self.messages.append((number, body))
        self.more.set()

    def state(self, connected: bool) -> None:
        self.states.append(connected)
        self.more.set()

    async def until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not seen():
                self.more.clear()
                await self.more.wait()


@asynccontextmanager
async def gateway(
    port: int, heard: Heard, timing: SmppTiming = QUICK, *, wait: bool = True, **account: object
) -> AsyncIterator[SmppGateway]:
    """A gateway that runs inside the block, bound to a centre where we `wait`."""
    made = SmppGateway(
        SmppAccount(
            **{  # type: ignore[arg-type]
                "host": "127.0.0.1",
                "port": port,
                "system_id": "yobirin",
                "password": "secret12",
                "source": OFFICE,
                "source_ton": 2,
                **account,
            }
        ),
        on_receipt=heard.receipt,
        on_message=heard.message,
        on_state=heard.state,
        timing=timing,
    )
    async with running(made, wait=wait):
        yield made


@asynccontextmanager
async def running(made: RunningGateway, *, wait: bool) -> AsyncIterator[None]:
    """Let a gateway run inside the block, which begins when it is ready where we `wait`."""
    async with asyncio.TaskGroup() as group:
        chore = group.create_task(made.run())
        if wait:
            assert await made.ready(LIMIT), made.state
        try:
            yield
        finally:
            assert not chore.done(), "run() lives until it is cancelled"
            chore.cancel()
            async with asyncio.timeout(LIMIT):
                await asyncio.wait({chore})


class RealCentre:
    """smpp34's server. `answer` decides on what is submitted; by itself it takes everything, as m1, m2, …"""

    def __init__(self, port: int) -> None:
        self.port = port
        self.submitted: list[smpp34.SubmitSmEvent] = []
        self.esmes: list[smpp34.Esme] = []
        self.answer: Callable[[smpp34.SubmitSmEvent], None] = self.accept
        self.more = asyncio.Event()
        self._names = itertools.count(1)

    def accept(self, event: smpp34.SubmitSmEvent) -> None:
        event.accept(f"m{next(self._names)}")

    async def until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not seen():
                self.more.clear()
                await self.more.wait()

    async def deliver(self, message: bytes, *, tlvs: dict[int, bytes] | None = None, **fields: int) -> int:
        """Deliver to the last that has bound; return its status."""
        await self.until(lambda: bool(self.esmes))
        answer = await self.esmes[-1].deliver_sm(
            OFFICE,
            message,
            source_addr=PHONE[1:],
            source_addr_ton=1,
            source_addr_npi=1,
            tlvs=[smpp34.Tlv(tag, value) for tag, value in (tlvs or {}).items()],
            **fields,
        )
        return int(answer.command_status)

    async def serve(self, server: smpp34.Server) -> None:
        while True:
            match await server.next():
                case smpp34.Esme() as esme:
                    self.esmes.append(esme)
                case smpp34.SubmitSmEvent() as event:
                    self.submitted.append(event)
                    self.answer(event)
            self.more.set()


@asynccontextmanager
async def real_centre(port: int | None = None) -> AsyncIterator[RealCentre]:
    """A centre that serves inside the block."""
    centre = RealCentre(port or free_port())
    server = smpp34.Server("127.0.0.1", centre.port, system_id="centre")
    await server.start()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(centre.serve(server))
        try:
            yield centre
        finally:
            await server.stop()
            serving.cancel()


class Peer:
    """One connection, as the centre sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read(self) -> Pdu:
        async with asyncio.timeout(LIMIT):
            head = await self.reader.readexactly(wire.HEADER.size)
            return wire.decode(head + await self.reader.readexactly(wire.body_length(head)))

    async def send(self, command: Command, sequence: int, content: Content = None, status: int = 0) -> None:
        self.writer.write(wire.encode(Pdu(command=command, sequence=sequence, status=status, content=content)))
        await self.writer.drain()

    async def let_in(self) -> Pdu:
        bind = await self.read()
        await self.send(Command.BIND_TRANSCEIVER_RESP, bind.sequence, Named(name="centre"))
        return bind

    async def at_end(self) -> bool:
        """Read until the gateway has closed."""
        async with asyncio.timeout(LIMIT):
            with suppress(OSError):
                while await self.reader.read(1 << 16):
                    pass
        return True


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def scripted_centre(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A centre whose connections go by `scripts`, in order, the last for all that follow; yields its port."""
    numbers = itertools.count()
    failures: list[Exception] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await scripts[min(next(numbers), len(scripts) - 1)](Peer(reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        except Exception as error:  # noqa: BLE001 - asyncio would only log it
            failures.append(error)
        finally:
            writer.close()

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    server = await asyncio.start_server(serve, sock=listening, ssl=tls)
    async with server:
        yield listening.getsockname()[1]
    if failures:
        raise failures[0]
