"""Bytes to PDUs and back for SMPP 3.4, without a socket; those PDUs that an ESME with a transceiver bind meets.

    length (4 bytes, itself included), command_id, command_status, sequence_number, then a body by the command:

    bind_transceiver        Bind              ->  bind_transceiver_resp   Named (the centre's system_id)
    submit_sm, deliver_sm   ShortMessage      ->  …_resp                  Named (the message_id)
    enquire_link, unbind    nothing           ->  …_resp                  nothing
    outbind, alert_notification, generic_nack, whose bodies nobody here reads

A response may lack its body, as it does with an error. C-strings are Latin-1, so that whatever came goes back as it
was. What a centre sends wrong gives a WireError and nothing else; what we would send wrong, a ValueError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum

from ivr.errors import PeerError
from ivr.messaging.smpp_status import Status

MAX_PDU = 1 << 16
"""Bytes of a PDU; more is no SMPP that anybody means."""

MAX_STRING = 64
"""Octets of a C-string without its end: the longest of the standard, a message_id."""

MAX_SHORT = 254
"""Octets of a short_message."""

MOST_DAYS = 31
"""Days of a relative time; more would have to be months."""

HEADER = struct.Struct(">LLLL")
RESPONSE = 0x80000000
"""The bit of a command_id that makes it the answer."""

MAX_SEQUENCE = 0x7FFFFFFF

_VERSION = 0x34
_TLV = struct.Struct(">HH")


class Command(IntEnum):
    """The command_ids that are read; an answer's has RESPONSE besides."""

    GENERIC_NACK = 0x80000000
    SUBMIT_SM = 0x00000004
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM = 0x00000005
    DELIVER_SM_RESP = 0x80000005
    UNBIND = 0x00000006
    UNBIND_RESP = 0x80000006
    BIND_TRANSCEIVER = 0x00000009
    BIND_TRANSCEIVER_RESP = 0x80000009
    OUTBIND = 0x0000000B
    ENQUIRE_LINK = 0x00000015
    ENQUIRE_LINK_RESP = 0x80000015
    ALERT_NOTIFICATION = 0x00000102


class Tag(IntEnum):
    """The optional parameters that are read or sent."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class WireError(PeerError):
    """The centre sent what is no SMPP.

    `status` is what the standard has us answer, `command` and `sequence` whose fault it is, 0 where that can't be told.
    """

    def __init__(self, message: str, status: Status, *, command: int = 0, sequence: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.command = command
        self.sequence = sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A number with its type of number and numbering plan (5.2.5, 5.2.6)."""

    number: str = field(default="", repr=False)
    ton: int = 0
    npi: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """Who we are to the centre."""

    system_id: str
    password: str = field(repr=False)
    system_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The one string of an answer; empty where it has no body."""

    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """A message to or from a phone. Fields that nobody here reads are left out and sent as 0.

    `validity` is until when the centre tries to deliver it, as `period` writes it; empty: as it does by itself.
    """

    source: Address = Address()
    destination: Address = Address()
    esm_class: int = 0
    registered_delivery: int = 0
    validity: str = ""
    data_coding: int = 0
    short_message: bytes = field(default=b"", repr=False)
    tlvs: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)

    def tlv(self, tag: Tag) -> bytes | None:
        """Return an optional parameter, the first of several; None where there is none."""
        return next((value for key, value in self.tlvs if key == tag), None)

    @property
    def octets(self) -> bytes:
        """The message itself, from wherever it is."""
        return self.short_message or self.tlv(Tag.MESSAGE_PAYLOAD) or b""


Content = Bind | Named | ShortMessage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One PDU; `content` is None for a command without a body."""

    command: Command
    sequence: int
    status: int = 0
    content: Content = None


def body_length(head: bytes) -> int:
    """Return how many bytes follow a header of HEADER.size bytes; WireError where that is no length of a PDU."""
    length, command, _, sequence = HEADER.unpack(head)
    if not HEADER.size <= length <= MAX_PDU:
        raise WireError("電文の長さが誤っています。", Status.RINVCMDLEN, command=command, sequence=sequence)
    return int(length) - HEADER.size


def encode(pdu: Pdu) -> bytes:
    """Return the bytes of a PDU; ValueError where a field does not fit."""
    body = _encoded(pdu.content)
    length = HEADER.size + len(body)
    if length > MAX_PDU:
        raise ValueError("PDU too long")
    return HEADER.pack(length, pdu.command, pdu.status, pdu.sequence) + body


def decode(data: bytes) -> Pdu:
    """Return the PDU of which these are all the bytes; WireError."""
    if len(data) < HEADER.size:
        raise WireError("電文が短すぎます。", Status.RINVCMDLEN)
    _, number, status, sequence = HEADER.unpack_from(data)
    if body_length(data[: HEADER.size]) != len(data) - HEADER.size:
        raise WireError("電文の長さが合いません。", Status.RINVCMDLEN, command=number, sequence=sequence)
    try:
        command = Command(number)
    except ValueError:
        raise WireError("知らない命令です。", Status.RINVCMDID, command=number, sequence=sequence) from None
    try:
        content = _decoded(command, _Body(data[HEADER.size :]))
    except _Malformed:
        raise WireError("電文の中身が誤っています。", Status.RINVMSGLEN, command=number, sequence=sequence) from None
    return Pdu(command=command, sequence=sequence, status=status, content=content)


def period(span: timedelta) -> str:
    """Return a time from now, up to a month, as SMPP writes it: YYMMDDhhmmss, then `000R` for relative (3.4, 7.1.1.2).

    The centre counts it by its own clock, so that ours and its time zone do not matter. ValueError where it is longer.
    """
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if not 0 <= days <= MOST_DAYS:
        raise ValueError("no relative time of SMPP")
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"


def _encoded(content: Content) -> bytes:
    match content:
        case None:
            return b""
        case Bind(system_id=system_id, password=password, system_type=system_type):
            return b"".join(map(_string, (system_id, password, system_type))) + bytes((_VERSION, 0, 0, 0))
        case Named(name=name):
            return _string(name)
        case ShortMessage():
            return _encoded_message(content)


def _encoded_message(message: ShortMessage) -> bytes:
    if len(message.short_message) > MAX_SHORT:
        raise ValueError("short_message too long")
    service_type, protocol, priority, replace, default = b"\0", 0, 0, 0, 0
    schedule = b"\0"
    fields = (
        service_type,
        *(bytes((one.ton, one.npi)) + _string(one.number) for one in (message.source, message.destination)),
        bytes((message.esm_class, protocol, priority)),
        schedule,
        _string(message.validity),
        bytes((message.registered_delivery, replace, message.data_coding, default, len(message.short_message))),
        message.short_message,
        *(_tlv(tag, value) for tag, value in message.tlvs),
    )
    return b"".join(fields)


def _string(text: str) -> bytes:
    octets = text.encode("latin-1")
    if len(octets) > MAX_STRING or 0 in octets:
        raise ValueError("not a C-string of SMPP")
    return octets + b"\0"


def _tlv(tag: int, value: bytes) -> bytes:
    if len(value) >= MAX_PDU:
        raise ValueError("TLV too long")
    return _TLV.pack(tag, len(value)) + value


class _Malformed(Exception):
    """A body is not what its command says."""


class _Body:
    """What is left to read of a body."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def octets(self, count: int) -> bytes:
        taken, self.rest = self.rest[:count], self.rest[count:]
        if len(taken) < count:
            raise _Malformed
        return taken

    def octet(self) -> int:
        return self.octets(1)[0]

    def string(self, *, last: bool = False) -> str:
        """Read a C-string; the last of a body may lack its end."""
        octets, end, rest = self.rest.partition(b"\0")
        if len(octets) > MAX_STRING or not (end or last):
            raise _Malformed
        self.rest = rest
        return octets.decode("latin-1")

    def address(self) -> Address:
        ton, npi = self.octets(2)
        return Address(number=self.string(), ton=ton, npi=npi)

    def tlv(self) -> tuple[int, bytes]:
        tag, length = _TLV.unpack(self.octets(_TLV.size))
        return tag, self.octets(length)


def _decoded(command: Command, body: _Body) -> Content:
    match command:
        case Command.BIND_TRANSCEIVER:
            return Bind(system_id=body.string(), password=body.string(), system_type=body.string())
        case Command.SUBMIT_SM | Command.DELIVER_SM:
            return _decoded_message(body)
        case Command.BIND_TRANSCEIVER_RESP | Command.SUBMIT_SM_RESP | Command.DELIVER_SM_RESP:
            return Named(name=body.string(last=True))
        case _:
            return None


def _decoded_message(body: _Body) -> ShortMessage:
    body.string()
    source, destination = body.address(), body.address()
    esm_class, _, _ = body.octets(3)
    body.string()
    validity = body.string()
    registered_delivery, _, data_coding, _, length = body.octets(5)
    short_message = body.octets(length)
    tlvs = []
    while body.rest:
        tlvs.append(body.tlv())
    return ShortMessage(
        source=source,
        destination=destination,
        esm_class=esm_class,
        registered_delivery=registered_delivery,
        validity=validity,
        data_coding=data_coding,
        short_message=short_message,
        tlvs=tuple(tlvs),
    )
