"""What Asterisk, or whoever takes its place, sends over TCP: FastAGI, AMI, AudioSocket."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Hashable
from contextlib import suppress
from datetime import UTC
from uuid import UUID

from ivr.asterisk import agi_wire, audiosocket_wire
from ivr.asterisk.agi_session import AgiSession, CommandRefused
from ivr.asterisk.agi_wire import AgiWire, EndOfStream, command
from ivr.asterisk.ami_link import MAX_MESSAGE, AmiLink, AmiMessage, _Protocol
from ivr.asterisk.audiosocket_server import AudioSocketServer, _Connection
from ivr.asterisk.audiosocket_wire import AudioSocketWire
from ivr.asterisk.channel_record import traces
from ivr.asterisk.dial_state import DialState
from ivr.errors import CallLost, PbxUnavailable
from ivr.system_clock import SystemClock
from tests.fuzz.target import Run, Target, pieces, shape


class Wire(asyncio.Transport):
    """A connection that takes whatever is written and can be broken off."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str, default: object = None) -> object:
        return _Socket() if name == "socket" else default


class _Socket:
    def setsockopt(self, *_args: object) -> None:
        pass


AGI_ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: call\nagi_request: agi://127.0.0.1:4573/call\n"
    b"agi_channel: PJSIP/trunk-0000002a\nagi_language: en\nagi_type: PJSIP\nagi_uniqueid: 17.1\n"
    b"agi_callerid: 0357220000\nagi_calleridname: unknown\nagi_context: ivr-call\nagi_priority: 1\n"
    b"agi_enhanced: 0.0\nagi_arg_1: token\n\n"
)
AGI_RESULTS = (
    b"200 result=0\n",
    b"200 result=-1 endpos=4800\nHANGUP\n511 Command Not Permitted on a dead channel or intercept routine\n",
    b"200 result=35 endpos=800\n",
    b"200 result=1 (yobirin-broken-off-1)\n",
    b"200 result=1 (speech) endpos=0 results=0\n",
    b"510 Invalid or unknown command\n",
    b"520-Invalid command syntax.  Proper usage follows:\nUsage: EXEC <application>\n520 End of proper usage.\n",
    b"100 Trying...\n",
)


def agi() -> Run:
    """FastAGI: the codec, whole and in pieces, and a session that waits for a result while the bytes come."""
    loop = asyncio.new_event_loop()

    async def session(data: bytes) -> Hashable:
        one = AgiSession()
        one.connected(Wire())  # type: ignore[arg-type]
        for piece in pieces(AGI_ENVIRONMENT + data[:1]):
            one.receive(piece)
        if one.ended or not one.environment:
            return "lost"
        running = loop.create_task(one.execute(command("NOOP"), within=1000))
        await asyncio.sleep(0)
        one.receive(data[1:])
        one.receive(b"")
        try:
            result = await running
        except (CallLost, CommandRefused) as error:
            return type(error).__name__
        return result.code, result.number < 0

    def run(data: bytes) -> Hashable:
        whole, cut = AgiWire(), AgiWire()
        events = [*whole.receive(data), *whole.receive(b"")]
        again: list[agi_wire.Event] = []
        for piece in (*pieces(data), b""):
            again += cut.receive(piece)
            assert len(cut._buffer) <= agi_wire.MAX_LINE
        assert again == events, "the events depend on how the bytes were cut"
        assert isinstance(events[-1], EndOfStream | agi_wire.Violation)
        assert not any(isinstance(event, EndOfStream | agi_wire.Violation) for event in events[:-1])
        assert list(whole.receive(data)) == [], "something follows the end"
        text = data[:3000].decode("utf-8", "surrogateescape")
        with suppress(ValueError):
            assert command("EXEC", text).count(b"\n") == 1
        return tuple(_sign(event) for event in events[:6]), loop.run_until_complete(session(data))

    return run


def _sign(event: agi_wire.Event) -> Hashable:
    match event:
        case agi_wire.Environment(headers):
            assert 0 < len(headers) <= agi_wire.MAX_HEADERS
            return "environment", len(headers)
        case agi_wire.Result(code, _result, data, endpos):
            assert isinstance(event.number, int)
            return code, event.number.bit_length() // 8, data is None, endpos is None
        case agi_wire.Violation(reason):
            return reason
        case _:
            return type(event).__name__


AMI_MESSAGES = (
    b"Asterisk Call Manager/11.0.0\r\n",
    b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n",
    b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 1\r\nLastReload: 1\r\nStatus: Fully Booted\r\n\r\n",
    b"Response: Error\r\nActionID: 1\r\nMessage: Permission denied\r\n\r\n",
    (
        b"Response: Success\r\nActionID: 1\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n"
        b"Event: CoreShowChannel\r\nActionID: 1\r\nUniqueid: 17.1\r\n\r\n"
        b"Event: CoreShowChannelsComplete\r\nActionID: 1\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
    ),
    b"Event: Newstate\r\nChannel: PJSIP/trunk-1\r\nChannelState: 6\r\nChannelStateDesc: Up\r\nUniqueid: 17.1\r\n\r\n",
    b"Event: Hangup\r\nUniqueid: 17.1\r\nCause: 17\r\nCause-txt: User busy\r\nTechCause: SIP 486\r\n\r\n",
    b"Event: OriginateResponse\r\nActionID: 1\r\nResponse: Failure\r\nReason: 3\r\nUniqueid: 17.1\r\n\r\n",
    b"Event: DTMFEnd\r\nUniqueid: 17.1\r\nDigit: #\r\nDurationMs: 90\r\nDirection: Received\r\n\r\n",
    b"Event: Shutdown\r\nShutdown: Cleanly\r\nRestart: False\r\n\r\n",
    b"Response: Follows\r\nActionID: 1\r\nOutput: a\r\nOutput: b\r\n--END COMMAND--\r\n\r\n",
)


def ami() -> Run:
    """AMI: our reader and panoramisk behind it, with an action under way and a dial that follows the events."""
    logging.getLogger("ivr.asterisk.ami_link").disabled = True
    loop = asyncio.new_event_loop()
    clock = SystemClock(UTC)

    async def one(data: bytes) -> Hashable:
        state = DialState(clock)
        events: list[AmiMessage] = []
        wrong: list[Exception] = []

        def take(event: AmiMessage) -> None:
            events.append(event)
            try:
                assert all(isinstance(part, str) for pair in event.items() for part in pair)
                state.take(event)
            except Exception as error:  # noqa: BLE001 - the link would log it and go on
                wrong.append(error)

        link = AmiLink("127.0.0.1", 1, take)
        wire, protocol = Wire(), _Protocol(link)
        protocol.connection_made(wire)
        protocol.encoding = "utf-8"  # as the link does in `open`
        link.protocol = protocol
        asking = loop.create_task(link.ask({"Action": "Ping", "ActionID": "1"}, within=1000))
        await asyncio.sleep(0)
        for piece in pieces(data):
            protocol.data_received(piece)
            assert len(protocol._unread) <= MAX_MESSAGE or wire.closed
            if wire.closed:
                break
        await asyncio.sleep(0)
        link.abort()
        try:
            answer = await asking
        except PbxUnavailable:
            answer = {}
        assert not protocol.responses, "an unanswered action stays"
        assert all(isinstance(part, str) for pair in answer.items() for part in pair)
        assert len(events) <= data.decode("utf-8", "ignore").count("\r\n\r\n") + 1, (
            "bytes that are no UTF-8 are left out"
        )
        if wrong:
            raise wrong[0]
        told = state.disposition()
        kinds = tuple(shape(event.get("Event", ""))[:20] for event in events[:4])
        return kinds, answer.get("Response", "")[:10], told.sip, told.lost, wire.closed

    return lambda data: loop.run_until_complete(one(data))


UUID_BYTES = bytes(range(16))
AUDIO = audiosocket_wire.audio(b"\x10\x02" * 160)


class _Ear:
    def __init__(self) -> None:
        self.heard = 0

    def plug_in(self, transport: asyncio.Transport) -> None:
        pass

    def hear(self, frames: list[bytes]) -> None:
        assert all(len(frame) % 2 == 0 for frame in frames)
        self.heard += sum(map(len, frames))

    def key(self, key: str) -> None:
        assert len(key) == 1

    def unplug(self) -> None:
        pass


def audiosocket() -> Run:
    """AudioSocket: the codec, whole and in pieces, and the server's connection."""

    def run(data: bytes) -> Hashable:
        whole, cut = AudioSocketWire(), AudioSocketWire()
        messages = list(whole.receive(data))
        again = [message for piece in pieces(data) for message in cut.receive(piece)]
        assert again == messages, "the messages depend on how the bytes were cut"
        assert len(whole._buffer) < 3 + 65535
        kinds = [type(message).__name__ for message in messages]
        assert "Violation" not in kinds[:-1]
        return tuple(kinds[:8]), *loop.run_until_complete(connection(data))

    loop = asyncio.new_event_loop()

    async def connection(data: bytes) -> tuple[bool, bool]:
        ear, wire = _Ear(), Wire()
        server = AudioSocketServer("127.0.0.1", take={UUID(bytes=UUID_BYTES): ear}.get)
        one = _Connection(server)
        one.connection_made(wire)
        for piece in pieces(data):
            if not wire.closed:
                one.data_received(piece)
        one.connection_lost(None)
        assert not server.connections
        return ear.heard > 0, wire.closed

    return run


CHANNEL = "dd11cc46f5844608aba75a4a804b2722"
RECORD = (
    f"CHAN_START,1795580985.250000,{CHANNEL},\nANSWER,1795580987.000000,{CHANNEL},\n"
    f'HANGUP,1795580989.5,{CHANNEL},"{{""hangupcause"":17,""hangupsource"":""PJSIP/trunk-1"",""dialstatus"":""""}}"\n'
).encode()


def record() -> Run:
    """The PBX's record of its channels, as a crash, a full disk or another hand may have left it."""

    def run(data: bytes) -> Hashable:
        lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace", newline="")
        found = traces(lines, {CHANNEL})
        assert found.keys() <= {CHANNEL}
        trace = found.get(CHANNEL)
        if trace is None:
            return None
        assert trace.q850 is None or trace.q850 > 0
        return trace.began is None, trace.answered is None, trace.ended is None, trace.q850 is None

    return run


TARGETS = (
    Target(
        name="record",
        start=record,
        samples=(RECORD, *RECORD.splitlines(keepends=True)),
        tokens=(
            CHANNEL.encode(), b"CHAN_START,", b"ANSWER,", b"HANGUP,", b"1795580985.25", b"1e999", b"nan", b"-1e18",
            b",", b'"', b'""', b"{", b"}", b'""hangupcause"":', b'""hangupsource"":', b"Infinity", b"NaN", b"null",
            b"[", b"1e400", b"PJSIP/",
        ),
    ),
    Target(
        name="agi",
        start=agi,
        samples=(AGI_ENVIRONMENT, *(AGI_ENVIRONMENT + result for result in AGI_RESULTS), *AGI_RESULTS),
        tokens=(
            *AGI_RESULTS, b"agi_arg_1: ", b"agi_uniqueid: ", b"HANGUP\n", b"200 result=", b" endpos=", b" (", b")",
            b"520-", b"520 ", b"511 ", b"\n\n", b": ",
        ),
    ),
    Target(
        name="ami",
        start=ami,
        samples=(b"".join(AMI_MESSAGES[:6]), *AMI_MESSAGES),
        tokens=(
            *AMI_MESSAGES, b"Event: ", b"Response: ", b"ActionID: 1\r\n", b"ActionID: ", b"EventList: start\r\n",
            b"EventList: Complete\r\n", b"Message: ", b": ", b"\r\n\r\n", b"Cause: ", b"TechCause: ", b"Output: ",
            b"Will follow", b"--END COMMAND--", b"Uniqueid: 17.1\r\n", b"Variable: a=b\r\n", b"ChanVariable: a\r\n",
            b"Response: Goodbye\r\n", b"Response: Follows\r\n", b"Event: DBGetResponse\r\n",
        ),
    ),
    Target(
        name="audiosocket",
        start=audiosocket,
        samples=(
            b"\x01\x00\x10" + UUID_BYTES + AUDIO * 3 + b"\x03\x00\x01#" + audiosocket_wire.HANG_UP,
            b"\x01\x00\x10" + UUID_BYTES[::-1] + AUDIO,
            AUDIO + b"\xff\x00\x01\x04",
        ),
        tokens=(
            b"\x01\x00\x10" + UUID_BYTES, AUDIO, b"\x03\x00\x01#", b"\x10\xff\xff", b"\x10\x00\x00", b"\x00\x00\x00",
        ),
        longest=140_000,
    ),
)  # fmt: skip
