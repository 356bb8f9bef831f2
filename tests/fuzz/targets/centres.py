"""What an SMS centre sends over TCP: SMPP, and the receipts in it."""

from __future__ import annotations

from collections.abc import Hashable

from ivr.domain.text import TextState
from ivr.messaging import smpp_wire as wire
from ivr.messaging.smpp_receipts import is_receipt, receipt, sender, words
from ivr.messaging.smpp_wire import Address, Command, Named, Pdu, ShortMessage, Tag, WireError
from tests.fuzz.target import Run, Target


def smpp() -> Run:
    """SMPP: one PDU after another, each whole or refused; what is a receipt says of which text and what."""

    def run(data: bytes) -> Hashable:
        took: list[Hashable] = []
        while len(data) >= wire.HEADER.size and len(took) < 8:
            try:
                length = wire.HEADER.size + wire.body_length(data[: wire.HEADER.size])
            except WireError as error:
                return *took, ("no length", int(error.status))
            one, data = data[:length], data[length:]
            try:
                took.append(told(wire.decode(one)))
            except WireError as error:
                took.append(("refused", int(error.status)))
        return tuple(took)

    def told(pdu: Pdu) -> Hashable:
        message = pdu.content
        if not isinstance(message, ShortMessage):
            return int(pdu.command), type(message).__name__
        sender(message), words(message)
        if not is_receipt(message):
            return "message", message.data_coding in (0, 3, 8)
        for ids in ("same", "hex_to_decimal", "decimal_to_hex"):
            found = receipt(message, ids=ids)  # type: ignore[arg-type]
            assert found.reference
            assert isinstance(found.state, TextState)
        return "receipt", found.state

    return run


def _pdu(command: Command, content: wire.Content = None, status: int = 0) -> bytes:
    return wire.encode(Pdu(command=command, sequence=7, status=status, content=content))


STATED = b"id:1a2B sub:001 dlvrd:001 submit date:2611281000 done date:2611281001 stat:DELIVRD err:000 text:"
PHONE = Address(number="819012345678", ton=1, npi=1)
RECEIPT = ShortMessage(source=PHONE, esm_class=4, short_message=STATED)
IN_TLVS = ShortMessage(
    source=PHONE, esm_class=4, tlvs=((Tag.RECEIPTED_MESSAGE_ID, b"1a2b\0"), (Tag.MESSAGE_STATE, b"\2"))
)
ANSWER = ShortMessage(source=PHONE, data_coding=8, short_message="停止".encode("utf-16-be"))

TARGETS = (
    Target(
        name="smpp",
        start=smpp,
        samples=(
            _pdu(Command.DELIVER_SM, RECEIPT),
            _pdu(Command.DELIVER_SM, IN_TLVS),
            _pdu(Command.DELIVER_SM, ANSWER),
            _pdu(Command.SUBMIT_SM_RESP, Named(name="1a2b")),
            _pdu(Command.BIND_TRANSCEIVER_RESP, Named(name="centre")),
            _pdu(Command.ENQUIRE_LINK) + _pdu(Command.UNBIND) + _pdu(Command.GENERIC_NACK, status=3),
        ),
        tokens=(
            STATED,
            b"stat:UNDELIV",
            b"stat:",
            b"id:",
            b"err:",
            b"\x00\x1e\x00\x05",
            b"\x04\x27\x00\x01\x02",
            b"\x04\x24\xff\xff",
            b"\x00\x00\x00\x05",
            b"\x80\x00\x00\x04",
            b"\x00\x00\x00\x10",
            b"\xff\xff\xff\xff",
        ),
        longest=4_000,
    ),
)
