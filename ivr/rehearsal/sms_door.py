"""The door of the simulated SMS centre: a relay before its SMPP server, where connections are refused, held and cut.

    client ◄──► door ◄──► smpp34's server

The server speaks the protocol; the door knows no more of it than the length of a PDU, who binds, and which answer has
left. One client binds at a time, so that it is known which session of the server is which connection.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress

from ivr.errors import Busy, reason
from ivr.rehearsal.handsets import Status

CONNECT_SECONDS = 5.0
"""For the bind of a client, and for the server to take it."""

WRITE_SECONDS = 10.0
MAX_PDU = 1 << 16

_HEADER = struct.Struct(">LLLL")
_BINDS = (1, 2, 9)
_UNBIND = 6
_SUBMIT_SM_RESP = 0x80000004
_RESPONSE = 0x80000000


class Door:
    """The door of the server at `inner` on loopback; `on_answer` is told each message_id as its answer leaves.

    `account` is the system_id and the password to bind with; where one is empty, any will do. The tasks are of
    `group`, and `close` ends them.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        *,
        host: str,
        port: int,
        inner: tuple[str, int],
        account: tuple[str, str],
        on_answer: Callable[[str], None],
    ) -> None:
        self._group = group
        self._address = (host, port)
        self._inner = inner
        self._account = account
        self._on_answer = on_answer
        self._listening: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._sessions: dict[str, asyncio.StreamWriter] = {}
        self._turn = asyncio.Lock()
        self._binding: asyncio.Future[str] | None = None
        self._let_out = asyncio.Event()
        self._let_out.set()
        self._held: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Listen, again too; Busy where the port is taken."""
        if self._listening is not None:
            return
        host, port = self._address
        try:
            self._listening = await asyncio.start_server(self._come, host, port)
        except OSError as error:
            raise Busy(f"模擬の SMS センターのポート {host}:{port} を開けません（{reason(error)}）。") from None

    async def close(self) -> None:
        """Refuse every connection and drop those that there are."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()
        for client in (*self._clients,):
            client.transport.abort()
        relays = (*self._relays,)
        for relay in relays:
            relay.cancel()
        if relays:
            await asyncio.wait(relays)
        self.hold(0.0)

    def bound(self, session: str) -> None:
        """Take note that the server has let `session` in: it is the client whose turn it is."""
        if self._binding is not None and not self._binding.done():
            self._binding.set_result(session)

    def hang_up(self, session: str) -> None:
        """Close a client's connection; what has been written to it still arrives, an answer of now does not."""
        client = self._sessions.get(session)
        if client is not None:
            client.close()

    def hold(self, seconds: float) -> None:
        """Read what clients send, and let nothing out for so long."""
        if self._held is not None:
            self._held.cancel()
            self._held = None
        self._let_out.set()
        if seconds:
            self._let_out.clear()
            self._held = asyncio.get_running_loop().call_later(seconds, self._let_out.set)

    def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._listening is None:
            writer.transport.abort()
            return
        relay = self._group.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    bind = await _pdu(reader)
                refusal = self._refusal(bind)
                if refusal:
                    await _write(writer, refusal)
                    return
                inner_reader, inner_writer = await asyncio.open_connection(*self._inner)
                try:
                    session = await self._let_in(bind, inner_writer)
                    self._sessions[session] = writer
                    try:
                        async with asyncio.TaskGroup() as both:
                            farewell: list[bytes] = []
                            both.create_task(self._inwards(reader, inner_writer, farewell))
                            both.create_task(self._outwards(inner_reader, writer, farewell))
                    finally:
                        del self._sessions[session]
                finally:
                    inner_writer.close()
        finally:
            self._clients.discard(writer)
            writer.close()

    def _refusal(self, bind: bytes) -> bytes:
        """Return what a bind is answered by that is not let in; empty where it is."""
        _, command, _, sequence = _HEADER.unpack_from(bind)
        if command not in _BINDS:
            raise ConnectionResetError
        shown = [*bind[_HEADER.size :].split(b"\0"), b"", b""][:2]
        told = (one.decode("latin-1") for one in shown)
        if all(wanted in ("", one) for wanted, one in zip(self._account, told, strict=True)):
            return b""
        return _HEADER.pack(_HEADER.size, command | _RESPONSE, Status.WRONG_PASSWORD, sequence)

    async def _let_in(self, bind: bytes, inner: asyncio.StreamWriter) -> str:
        """Pass a bind on and return the server's name for the session; TimeoutError where it does not take it."""
        async with asyncio.timeout(CONNECT_SECONDS), self._turn:
            self._binding = asyncio.get_running_loop().create_future()
            await _write(inner, bind)
            return await self._binding

    async def _inwards(self, reader: asyncio.StreamReader, inner: asyncio.StreamWriter, farewell: list[bytes]) -> None:
        try:
            while True:
                data = await _pdu(reader)
                _, command, _, sequence = _HEADER.unpack_from(data)
                if command == _UNBIND:
                    farewell.append(_HEADER.pack(_HEADER.size, _UNBIND | _RESPONSE, 0, sequence))
                await _write(inner, data)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            inner.close()

    async def _outwards(self, inner: asyncio.StreamReader, writer: asyncio.StreamWriter, farewell: list[bytes]) -> None:
        try:
            while data := await self._outgoing(inner, farewell):
                await self._let_out.wait()
                await _write(writer, data)
                if int.from_bytes(data[4:8], "big") == _SUBMIT_SM_RESP:
                    self._on_answer(data[_HEADER.size :].partition(b"\0")[0].decode("latin-1"))
        except OSError:
            pass
        finally:
            writer.close()

    async def _outgoing(self, inner: asyncio.StreamReader, farewell: list[bytes]) -> bytes:
        """Return what goes out next, empty at the end.

        The server mostly closes before its answer to an unbind has left: the door gives that in its place.
        """
        try:
            data = await _pdu(inner)
        except (OSError, asyncio.IncompleteReadError):
            return farewell.pop() if farewell else b""
        if int.from_bytes(data[4:8], "big") == _UNBIND | _RESPONSE:
            farewell.clear()
        return data


async def _pdu(reader: asyncio.StreamReader) -> bytes:
    """Return one PDU; ConnectionResetError where what comes is none."""
    head = await reader.readexactly(_HEADER.size)
    length = int.from_bytes(head[:4], "big")
    if not _HEADER.size <= length <= MAX_PDU:
        raise ConnectionResetError
    return head + await reader.readexactly(length - _HEADER.size)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write whole; OSError where the connection is gone, or the other side does not read."""
    if writer.is_closing():
        raise ConnectionResetError
    writer.write(data)
    async with asyncio.timeout(WRITE_SECONDS):
        await writer.drain()
