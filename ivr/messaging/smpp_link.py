"""One bind over one connection to a centre.

Three things go on at once: `read` takes what comes, `deliver` has the messages from the centre stored one after another
and only then answers them, `keep` asks whether the centre is still there. Answers find their question by its number.
No wait is without a limit, and whatever ends the link is in `lost`: why, in words of staff. It is not used again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from ivr.errors import PeerError, reason
from ivr.messaging import smpp_wire as wire
from ivr.messaging.smpp_status import Status, describe
from ivr.messaging.smpp_wire import Bind, Command, Content, Named, Pdu, ShortMessage, WireError

log = logging.getLogger(__name__)

MOST_WAITING = 200
"""Messages from the centre that wait to be stored; it is asked to repeat what is more."""

_UNANSWERED = frozenset({Command.OUTBIND, Command.ALERT_NOTIFICATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppTiming:
    """Seconds: limits for connecting, binding, an answer, unbinding, a write, a store; the rest as named.

    A link that lasted `settled` starts the back-off anew. A part that is asked to wait is sent `part_tries` times.
    """

    connect: float = 10.0
    bind: float = 10.0
    answer: float = 30.0
    unbind: float = 3.0
    write: float = 10.0
    store: float = 30.0
    enquire_every: float = 30.0
    enquire: float = 10.0
    backoff_first: float = 1.0
    backoff_most: float = 60.0
    settled: float = 30.0
    throttle_first: float = 0.5
    throttle_most: float = 30.0
    part_tries: int = 10


class NotWritten(PeerError):
    """The connection was gone before anything was written: the centre can't have taken it."""


class Unanswered(PeerError):
    """It was written, and no answer came: whether the centre has acted is unknown."""


OnMessage = Callable[[ShortMessage], Awaitable[Status]]


class SmppLink:
    """A connection from its making until `lost`. `on_message` returns what is answered to a deliver_sm."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_message: OnMessage, timing: SmppTiming
    ) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = reader
        self._writer = writer
        self._on_message = on_message
        self._timing = timing
        self._sequence = 0
        self._asked: dict[int, asyncio.Future[Pdu]] = {}
        self._delivered: asyncio.Queue[tuple[int, ShortMessage]] = asyncio.Queue(MOST_WAITING)

    async def bind(self, who: Bind) -> str:
        """Bind; return why the centre does not let us in, empty where it does."""
        try:
            answer = await self.ask(Command.BIND_TRANSCEIVER, who, self._timing.bind)
        except PeerError:
            return self.lost.result() if self.lost.done() else "SMS センターが接続の要求に答えません。"
        if answer.command is Command.BIND_TRANSCEIVER_RESP and answer.status == Status.ROK:
            return ""
        return f"SMS センターが接続を断りました: {describe(answer.status)}"

    async def ask(self, command: Command, content: Content, within: float) -> Pdu:
        """Send a request and return the answer to it, a generic_nack too.

        NotWritten, Unanswered. ValueError for a field that does not fit.
        """
        if self.lost.done() or self._writer.is_closing():
            raise NotWritten("SMS センターとの接続が切れています。")
        self._sequence = self._sequence % wire.MAX_SEQUENCE + 1
        number = self._sequence
        data = wire.encode(Pdu(command=command, sequence=number, content=content))
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            async with asyncio.timeout(within):
                await self._write(data)
                got = await answer
        except TimeoutError:
            raise Unanswered("SMS センターが時間内に答えませんでした。") from None
        except OSError as error:
            raise Unanswered(f"SMS センターとの接続が切れました（{reason(error)}）。") from None
        finally:
            del self._asked[number]
            if not answer.cancel() and not answer.cancelled():
                answer.exception()
        if got.command not in (command | wire.RESPONSE, Command.GENERIC_NACK):
            raise Unanswered("SMS センターが別のことに答えました。")
        return got

    async def keep(self) -> str:
        """Ask every now and then whether the centre is there, until the link is lost; return why it is."""
        while not self.lost.done():
            await asyncio.wait({self.lost}, timeout=self._timing.enquire_every)
            if not self.lost.done():
                try:
                    await self.ask(Command.ENQUIRE_LINK, None, self._timing.enquire)
                except PeerError:
                    self._lose("SMS センターが応答しなくなりました。")
        return self.lost.result()

    async def leave(self) -> None:
        """Unbind where that can still be done, and close; bounded."""
        with suppress(PeerError):
            await self.ask(Command.UNBIND, None, self._timing.unbind)
        self._lose("SMS センターとの接続を閉じました。")

    async def read(self) -> None:
        """Take what the centre sends, until the link is lost."""
        try:
            while not self.lost.done():
                head = await self._reader.readexactly(wire.HEADER.size)
                length = wire.body_length(head)
                await self._take(head + await self._reader.readexactly(length))
        except WireError as error:
            with suppress(OSError):
                await self._answer(Command.GENERIC_NACK, error.sequence, error.status)
            self._lose("SMS センターが SMPP でないものを送ってきました。")
        except asyncio.IncompleteReadError:
            self._lose("SMS センターが接続を切りました。")
        except OSError as error:
            self._lose(f"SMS センターとの接続が切れました（{reason(error)}）。")
        finally:
            self._lose("SMS センターとの接続を閉じました。")

    async def deliver(self) -> None:
        """Have what the centre delivers stored, and answer it, until cancelled."""
        while True:
            number, message = await self._delivered.get()
            with suppress(OSError):
                await self._answer(Command.DELIVER_SM_RESP, number, await self._stored(message))

    async def _stored(self, message: ShortMessage) -> Status:
        try:
            async with asyncio.timeout(self._timing.store):
                return await self._on_message(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the centre keeps the message and repeats it
            log.error("A message from the SMS centre was not stored: %s", type(error).__name__)
            return Status.RX_T_APPN

    async def _take(self, data: bytes) -> None:
        try:
            pdu = wire.decode(data)
        except WireError as error:
            await self._turn_down(error)
            return
        match pdu.command:
            case Command.DELIVER_SM if isinstance(pdu.content, ShortMessage):
                if self._delivered.full():
                    await self._answer(Command.DELIVER_SM_RESP, pdu.sequence, Status.RX_T_APPN)
                else:
                    self._delivered.put_nowait((pdu.sequence, pdu.content))
            case Command.ENQUIRE_LINK:
                await self._answer(Command.ENQUIRE_LINK_RESP, pdu.sequence)
            case Command.UNBIND:
                await self._answer(Command.UNBIND_RESP, pdu.sequence)
                self._lose("SMS センターが接続を終えました。")
            case command if command & wire.RESPONSE:
                asked = self._asked.get(pdu.sequence)
                if asked is not None and not asked.done():
                    asked.set_result(pdu)
            case command if command not in _UNANSWERED:
                await self._answer(Command.GENERIC_NACK, pdu.sequence, Status.RINVCMDID)

    async def _turn_down(self, error: WireError) -> None:
        """Answer a PDU that can't be read; one that is an answer leaves its question without."""
        log.warning("The SMS centre sent a PDU that can't be read: command 0x%08X", error.command)
        if error.command & wire.RESPONSE:
            asked = self._asked.get(error.sequence)
            if asked is not None and not asked.done():
                asked.set_exception(Unanswered("SMS センターの答えが読めません。"))
            return
        command = Command.DELIVER_SM_RESP if error.command == Command.DELIVER_SM else Command.GENERIC_NACK
        await self._answer(command, error.sequence, error.status)

    async def _answer(self, command: Command, sequence: int, status: Status = Status.ROK) -> None:
        content = Named() if command is Command.DELIVER_SM_RESP else None
        await self._write(wire.encode(Pdu(command=command, sequence=sequence, status=status, content=content)))

    async def _write(self, data: bytes) -> None:
        """Write whole; a centre that does not read what it asked for loses the link."""
        if self.lost.done():
            raise ConnectionResetError
        self._writer.write(data)
        try:
            async with asyncio.timeout(self._timing.write):
                await self._writer.drain()
        except TimeoutError:
            self._lose("SMS センターが読み取りません。")

    def _lose(self, why: str) -> None:
        """End the link, once: `why` is the first reason."""
        if self.lost.done():
            return
        self.lost.set_result(why)
        self._writer.close()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(Unanswered(why))

    async def closed(self) -> None:
        """Return when the connection is closed, in whatever way it lets itself be."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._timing.unbind):
                await self._writer.wait_closed()
        self._writer.transport.abort()
