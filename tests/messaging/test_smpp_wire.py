"""The codec against itself, two others (smpp34, smpplib) and anything; receipts as centres write them."""

from __future__ import annotations

import struct
from contextlib import suppress
from datetime import timedelta

import pytest
import smpp34
import smpplib.smpp
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.domain.text import TextState
from ivr.messaging import smpp_wire as wire
from ivr.messaging.smpp_receipts import ReceiptIds, is_receipt, receipt, reference, sender, words
from ivr.messaging.smpp_status import Status, describe
from ivr.messaging.smpp_wire import Address, Bind, Command, Named, Pdu, ShortMessage, Tag, WireError

SUBMITTED = ShortMessage(
    source=Address(number="0312345678", ton=2, npi=1),
    destination=Address(number="819012345678", ton=1, npi=1),
    esm_class=0x40,
    registered_delivery=1,
    data_coding=8,
    short_message=b"\5\0\3\7\2\1" + "市役所".encode("utf-16-be"),
    tlvs=((Tag.USER_MESSAGE_REFERENCE, b"\0\7"),),
)

_octet = st.integers(0, 255)
_string = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=wire.MAX_STRING)
_addresses = st.builds(Address, number=_string, ton=_octet, npi=_octet)
_messages = st.builds(
    ShortMessage,
    source=_addresses,
    destination=_addresses,
    esm_class=_octet,
    registered_delivery=_octet,
    validity=_string,
    data_coding=_octet,
    short_message=st.binary(max_size=wire.MAX_SHORT),
    tlvs=st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=300)), max_size=4).map(tuple),
)
_contents = {
    Command.BIND_TRANSCEIVER: st.builds(Bind, system_id=_string, password=_string, system_type=_string),
    Command.BIND_TRANSCEIVER_RESP: st.builds(Named, name=_string),
    Command.SUBMIT_SM: _messages,
    Command.SUBMIT_SM_RESP: st.builds(Named, name=_string),
    Command.DELIVER_SM: _messages,
    Command.DELIVER_SM_RESP: st.builds(Named, name=_string),
}
_pdus = st.sampled_from(Command).flatmap(
    lambda command: st.builds(
        Pdu,
        command=st.just(command),
        sequence=st.integers(0, 0xFFFFFFFF),
        status=st.integers(0, 0xFFFFFFFF),
        content=_contents.get(command, st.none()),
    )
)


@given(_pdus)
def test_what_is_written_is_read_back(pdu: Pdu) -> None:
    data = wire.encode(pdu)
    assert wire.body_length(data[:16]) == len(data) - 16
    assert wire.decode(data) == pdu


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (timedelta(hours=1), "000000010000000R"),
        (timedelta(hours=10, minutes=59, seconds=7.9), "000000105907000R"),
        (timedelta(days=3), "000003000000000R"),
    ],
)
def test_a_time_from_now_is_written_as_the_standard_has_it(span: timedelta, written: str) -> None:
    assert wire.period(span) == written
    assert len(written) == 16


def test_a_time_that_is_no_relative_one_is_not_written() -> None:
    for span in (timedelta(days=32), timedelta(seconds=-1)):
        with pytest.raises(ValueError, match="relative"):
            wire.period(span)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_wire_error(data: bytes) -> None:
    with suppress(WireError):
        wire.decode(data)


@given(st.sampled_from([*map(int, Command), 0x103]), st.binary(max_size=200), st.integers(0, 0xFFFFFFFF))
@example(Command.DELIVER_SM, b"", 1)
def test_no_body_raises_anything_but_a_wire_error(command: int, body: bytes, sequence: int) -> None:
    with suppress(WireError):
        pdu = wire.decode(struct.pack(">LLLL", 16 + len(body), command, 0, sequence) + body)
        assert (pdu.command, pdu.sequence) == (command, sequence)


@given(_messages, st.sampled_from(["same", "hex_to_decimal", "decimal_to_hex"]))
def test_no_message_raises_anything_but_a_wire_error(message: ShortMessage, ids: ReceiptIds) -> None:
    assert "\0" not in words(message)
    with suppress(WireError):
        told = receipt(message, ids=ids)
        assert told.reference
        assert "\0" not in told.reference + told.err


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (struct.pack(">LLLL", 15, 4, 0, 9), Status.RINVCMDLEN),
        (struct.pack(">LLLL", 0xFFFFFFFF, 4, 0, 9), Status.RINVCMDLEN),
        (struct.pack(">LLLL", 17, 0x15, 0, 9), Status.RINVCMDLEN),
        (struct.pack(">LLLL", 16, 0x103, 0, 9), Status.RINVCMDID),
        (struct.pack(">LLLL", 16, 5, 0, 9), Status.RINVMSGLEN),
    ],
)
def test_what_is_wrong_with_a_pdu_is_what_is_answered(head: bytes, status: Status) -> None:
    with pytest.raises(WireError) as caught:
        wire.decode(head)
    assert (caught.value.status, caught.value.sequence) == (status, 9)


@pytest.mark.parametrize("command", [Command.SUBMIT_SM_RESP, Command.BIND_TRANSCEIVER_RESP])
@pytest.mark.parametrize(("body", "name"), [(b"", ""), (b"\0", ""), (b"a1", "a1"), (b"a1\0\2\x10\0\1\x34", "a1")])
def test_an_answer_may_lack_its_end_or_go_on(command: Command, body: bytes, name: str) -> None:
    assert wire.decode(struct.pack(">LLLL", 16 + len(body), command, 0, 1) + body).content == Named(name=name)


@pytest.mark.parametrize(
    "content",
    [
        Named(name="x" * 65),
        Named(name="a\0b"),
        Named(name="市"),
        ShortMessage(short_message=b"x" * 255),
        ShortMessage(esm_class=256),
        ShortMessage(tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 65536),)),
        ShortMessage(tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 65500),)),
    ],
)
def test_what_does_not_fit_is_our_mistake(content: wire.Content) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        wire.encode(Pdu(command=Command.SUBMIT_SM, sequence=1, content=content))


def test_smpp34_reads_what_we_write_and_we_what_it_writes() -> None:
    data = wire.encode(Pdu(command=Command.SUBMIT_SM, sequence=7, content=SUBMITTED))
    read = smpp34.decode(data)
    assert isinstance(read, smpp34.SubmitSm)
    assert (read.destination_addr, read.short_message) == ("819012345678", SUBMITTED.short_message)
    assert read.encode() == data
    assert wire.decode(read.encode()).content == SUBMITTED


def test_smpplib_reads_what_we_write_and_we_what_it_writes() -> None:
    data = wire.encode(Pdu(command=Command.DELIVER_SM, sequence=7, content=SUBMITTED))
    read = smpplib.smpp.parse_pdu(data, client=_Numbers())
    assert (read.destination_addr, read.short_message) == (b"819012345678", SUBMITTED.short_message)
    assert (read.sequence, read.data_coding, read.user_message_reference) == (7, 8, 7)
    written = smpplib.smpp.make_pdu(
        "submit_sm",
        client=_Numbers(),
        source_addr="0312345678",
        source_addr_ton=2,
        source_addr_npi=1,
        destination_addr="819012345678",
        dest_addr_ton=1,
        dest_addr_npi=1,
        esm_class=0x40,
        registered_delivery=1,
        data_coding=8,
        short_message=SUBMITTED.short_message,
        user_message_reference=7,
    )
    assert wire.decode(written.generate()) == Pdu(command=Command.SUBMIT_SM, sequence=1, content=SUBMITTED)


class _Numbers:
    """What smpplib wants of a client."""

    sequence = 1

    def next_sequence(self) -> int:
        return 1


def _by_smpplib(message: ShortMessage, cut: int = 0, **options: bool) -> smpplib.smpp.pdu.PDU:
    data = wire.encode(Pdu(command=Command.DELIVER_SM, sequence=1, content=message))
    data = struct.pack(">L", len(data) - cut) + data[4 : len(data) - cut]
    return smpplib.smpp.parse_pdu(data, client=_Numbers(), allow_unknown_opt_params=True, **options)


def test_why_smpplib_is_not_our_codec() -> None:
    """Each of these it takes for good, and each would lose a receipt or a part of a message without a word."""
    unended = ShortMessage(tlvs=((Tag.RECEIPTED_MESSAGE_ID, b"abc"),))
    assert _by_smpplib(unended).receipted_message_id == b"ab", "an id without its end loses a character"
    long = ShortMessage(tlvs=((Tag.MESSAGE_STATE, b"\2\0"), (Tag.RECEIPTED_MESSAGE_ID, b"abc\0")))
    assert _by_smpplib(long).receipted_message_id is None, "a length other than the standard's shifts all that follows"
    assert _by_smpplib(ShortMessage(short_message=b"x" * 9), cut=5).short_message == b"xxxx", "a cut message passes"
    bind = smpplib.smpp.make_pdu("bind_transceiver", client=_Numbers(), system_id="a", password="secret1234")
    assert b"secret12\0" in bind.generate(), "a long password is cut, so that nobody learns why there is no bind"
    with pytest.raises(KeyError):
        _by_smpplib(ShortMessage(tlvs=((0x001D, b"why\0"),)))
    with pytest.raises(struct.error):
        smpplib.smpp.parse_pdu(b"\0\0")
    assert receipt(unended).reference == "abc"
    assert receipt(long).reference == "abc"


FULL = "id:{} sub:001 dlvrd:001 submit date:2611280100 done date:2611280101 stat:{} err:{} text:stat:UNDELIV id:x"


def _told(words: str, *, coding: int = 0, tlvs: tuple[tuple[int, bytes], ...] = ()) -> ShortMessage:
    octets = words.encode("utf-16-be" if coding == 8 else "latin-1")
    return ShortMessage(esm_class=4, data_coding=coding, short_message=octets, tlvs=tlvs)


STATES = {
    "DELIVRD": (TextState.DELIVERED, 2),
    "EXPIRED": (TextState.OUT_OF_RANGE, 3),
    "DELETED": (TextState.FAILED, 4),
    "UNDELIV": (TextState.FAILED, 5),
    "ACCEPTD": (TextState.SENT, 6),
    "UNKNOWN": (TextState.UNKNOWN, 7),
    "REJECTD": (TextState.REFUSED, 8),
    "ENROUTE": (TextState.SENT, 1),
}


@pytest.mark.parametrize(("stat", "state"), [(stat, state) for stat, (state, _) in STATES.items()])
def test_a_stat_is_a_state(stat: str, state: TextState) -> None:
    told = receipt(_told(FULL.format("A1", stat, "000")))
    assert (told.reference, told.state, told.err) == ("a1", state, "000")


@pytest.mark.parametrize(("number", "state"), [(number, state) for state, number in STATES.values()])
def test_a_message_state_is_a_state_and_goes_before_the_text(number: int, state: TextState) -> None:
    tlvs = ((Tag.RECEIPTED_MESSAGE_ID, b"B2\0"), (Tag.MESSAGE_STATE, bytes((number,))))
    assert receipt(ShortMessage(esm_class=4, tlvs=tlvs)).state is state
    told = receipt(_told(FULL.format("A1", "UNDELIV", "012"), tlvs=tlvs))
    assert (told.reference, told.state, told.err) == ("b2", state, "012")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ID:a1 STAT:delivrd ERR:000", ("a1", TextState.DELIVERED, "000")),
        ("err:001 stat:UNDELIV id:a1", ("a1", TextState.FAILED, "001")),
        ("id: a1 stat: EXPIRED", ("a1", TextState.OUT_OF_RANGE, "")),
        ("id:a1", ("a1", TextState.UNKNOWN, "")),
        ("id:a1 err: stat:NEWONE", ("a1", TextState.UNKNOWN, "")),
        ("text:hello\nid:a1\nstat:REJECTD", ("a1", TextState.REFUSED, "")),
        ("id:0000A1 stat:ENROUTE", ("0000a1", TextState.SENT, "")),
    ],
)
@pytest.mark.parametrize("coding", [0, 3, 8])
def test_a_text_form_is_read_in_any_order(text: str, expected: tuple[str, TextState, str], coding: int) -> None:
    told = receipt(_told(text, coding=coding))
    assert (told.reference, told.state, told.err) == expected


@pytest.mark.parametrize("text", ["", "stat:DELIVRD", "id: stat:DELIVRD", "id:" + "x" * 65, "hello"])
def test_a_receipt_of_no_text_is_a_wire_error(text: str) -> None:
    with pytest.raises(WireError) as caught:
        receipt(_told(text))
    assert caught.value.status is Status.RX_P_APPN


def test_a_text_form_may_come_in_a_payload() -> None:
    message = ShortMessage(esm_class=4, tlvs=((Tag.MESSAGE_PAYLOAD, b"id:a1 stat:DELIVRD"),))
    assert receipt(message).state is TextState.DELIVERED


def test_a_code_of_the_centre_says_more_exactly_why_a_text_failed_and_no_more() -> None:
    errs = {"011": TextState.NO_NUMBER}
    states = {stat: receipt(_told(FULL.format("a", stat, "011")), errs=errs).state for stat in STATES}
    assert states["UNDELIV"] is states["REJECTD"] is states["UNKNOWN"] is TextState.NO_NUMBER
    assert states["DELIVRD"] is TextState.DELIVERED
    assert states["ENROUTE"] is TextState.SENT
    network = ((Tag.RECEIPTED_MESSAGE_ID, b"a"), (Tag.MESSAGE_STATE, b"\5"), (Tag.NETWORK_ERROR_CODE, b"\3\0\x0b"))
    told = receipt(ShortMessage(esm_class=4, tlvs=network), errs=errs)
    assert (told.state, told.err) == (TextState.NO_NUMBER, "011")


@pytest.mark.parametrize(
    ("ids", "said", "named"),
    [
        ("same", "00A1", "00a1"),
        ("hex_to_decimal", "A1", "161"),
        ("hex_to_decimal", "00A1", "161"),
        ("hex_to_decimal", "not-hex", "not-hex"),
        ("decimal_to_hex", "161", "a1"),
        ("decimal_to_hex", "0000000161", "a1"),
        ("decimal_to_hex", "a1", "a1"),
        ("decimal_to_hex", "١", "Ù¡"),
    ],
)
def test_an_id_becomes_that_of_the_answer(ids: ReceiptIds, said: str, named: str) -> None:
    tlvs = ((Tag.RECEIPTED_MESSAGE_ID, said.encode()),)
    assert receipt(ShortMessage(tlvs=tlvs), ids=ids).reference == named.lower()
    assert reference("00A1") == "00a1"


@pytest.mark.parametrize(
    ("esm_class", "tlvs", "expected"),
    [
        (0x00, (), False),
        (0x04, (), True),
        (0x44, (), True),
        (0x20, (), True),
        (0x08, (), False),
        (0x00, ((Tag.RECEIPTED_MESSAGE_ID, b"a"),), True),
    ],
)
def test_a_receipt_is_known_by_its_class_or_its_id(
    esm_class: int, tlvs: tuple[tuple[int, bytes], ...], expected: bool
) -> None:
    assert is_receipt(ShortMessage(esm_class=esm_class, tlvs=tlvs)) is expected


def test_somebodys_words_come_without_their_header_and_without_nul() -> None:
    assert words(ShortMessage(esm_class=0x40, data_coding=8, short_message=SUBMITTED.short_message)) == "市役所"
    assert words(ShortMessage(short_message=b"a\0b\xff")) == "a\ufffdb\ufffd"
    assert words(ShortMessage(esm_class=0x40, short_message=b"\xff")) == ""
    assert sender(ShortMessage(source=Address(number="8190", ton=1))) == "+8190"
    assert sender(ShortMessage(source=Address(number="090", ton=2))) == "090"


def test_a_status_is_told_in_hex_and_where_it_has_one_by_name() -> None:
    assert describe(0x0B).startswith("0x0000000B（ESME_RINVDSTADR")
    assert describe(0x400) == "0x00000400"


def test_nothing_shown_names_a_person() -> None:
    shown = repr(Pdu(command=Command.SUBMIT_SM, sequence=1, content=SUBMITTED))
    assert "8190" not in shown
    assert "short_message" not in shown
    assert "secret" not in repr(Bind(system_id="a", password="secret"))
