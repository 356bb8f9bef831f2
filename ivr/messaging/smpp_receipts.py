"""What a deliver_sm tells: what became of a text, or what somebody has written to us. Pure.

A receipt says it in optional parameters, in a text, or in both; the parameters go before. The text is that of
appendix B, which no two centres write alike:

    id:… sub:001 dlvrd:001 submit date:… done date:… stat:DELIVRD err:000 text:…
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from ivr.campaign.texting import Receipt
from ivr.domain.text import TextState
from ivr.messaging.smpp_status import Status
from ivr.messaging.smpp_wire import Command, ShortMessage, Tag, WireError

ReceiptIds = Literal["same", "hex_to_decimal", "decimal_to_hex"]
"""How the id in a receipt becomes that of the submit_sm_resp."""

UCS2 = 8
LATIN1 = 3
INTERNATIONAL = 1
"""TON of a number that begins with its country."""

UDH = 0x40
"""The bit of esm_class that says that a header stands before the message."""

NO_ERRS: Mapping[str, TextState] = MappingProxyType({})

_TYPE = 0x3C
"""The bits of esm_class that say what sort of message it is."""

_RECEIPTS = frozenset({0x04, 0x20})
"""A receipt, and one that comes before the end."""

_STATS: Mapping[str, TextState] = {
    "DELIVRD": TextState.DELIVERED,
    "EXPIRED": TextState.OUT_OF_RANGE,
    "DELETED": TextState.FAILED,
    "UNDELIV": TextState.FAILED,
    "ACCEPTD": TextState.SENT,
    "ENROUTE": TextState.SENT,
    "UNKNOWN": TextState.UNKNOWN,
    "REJECTD": TextState.REFUSED,
}

_MESSAGE_STATES: Mapping[bytes, TextState] = {
    b"\1": TextState.SENT,
    b"\2": TextState.DELIVERED,
    b"\3": TextState.OUT_OF_RANGE,
    b"\4": TextState.FAILED,
    b"\5": TextState.FAILED,
    b"\6": TextState.SENT,
    b"\7": TextState.UNKNOWN,
    b"\x08": TextState.REFUSED,
}

_FIELD = re.compile(r"(?:^|\s)(id|stat|err):\s*([^\s:]*)(?=\s|$)", re.IGNORECASE)
_BASES: Mapping[ReceiptIds, tuple[re.Pattern[str], int, str]] = {
    "hex_to_decimal": (re.compile("[0-9a-f]+"), 16, "d"),
    "decimal_to_hex": (re.compile("[0-9]+"), 10, "x"),
}


def is_receipt(message: ShortMessage) -> bool:
    """Tell whether a message is about one of ours."""
    return message.esm_class & _TYPE in _RECEIPTS or message.tlv(Tag.RECEIPTED_MESSAGE_ID) is not None


def receipt(message: ShortMessage, *, ids: ReceiptIds = "same", errs: Mapping[str, TextState] = NO_ERRS) -> Receipt:
    """Return what a receipt says; WireError where it does not say of which text.

    `errs` says more exactly why a text failed, by the centre's own codes; it can't undo that a text arrived, nor end
    one that is still under way.
    """
    fields = _fields(message)
    identity = _c_string(message.tlv(Tag.RECEIPTED_MESSAGE_ID)) or fields.get("id", "")
    if not identity:
        raise WireError("どの SMS の受領証か分かりません。", Status.RX_P_APPN, command=Command.DELIVER_SM)
    state = _MESSAGE_STATES.get(message.tlv(Tag.MESSAGE_STATE) or b"") or _STATS.get(
        fields.get("stat", "").upper(), TextState.UNKNOWN
    )
    err = fields.get("err") or _network_error(message.tlv(Tag.NETWORK_ERROR_CODE))
    if state not in (TextState.DELIVERED, TextState.SENT):
        state = errs.get(err, state)
    return Receipt(reference=_converted(reference(identity), ids), state=state, err=err)


def reference(identity: str) -> str:
    """Return a message_id as it is compared: in lower case, with its leading zeros."""
    return identity.strip().lower()


def sender(message: ShortMessage) -> str:
    """Return who wrote a message: E.164 where the centre says so, else as it came."""
    source = message.source
    number = source.number
    return f"+{number}" if source.ton == INTERNATIONAL and number.isdigit() else number


def words(message: ShortMessage) -> str:
    """Return what somebody wrote; what is no text is �. Of a long message, this is one part."""
    octets = message.octets
    if message.esm_class & UDH and octets:
        octets = octets[1 + octets[0] :]
    return _text(octets, message.data_coding).replace("\0", "\ufffd")


def _text(octets: bytes, data_coding: int) -> str:
    if data_coding == UCS2:
        return octets.decode("utf-16-be", "replace")
    return octets.decode("latin-1" if data_coding == LATIN1 else "ascii", "replace")


def _fields(message: ShortMessage) -> dict[str, str]:
    """Return `id`, `stat` and `err` of the text form; of a repeated one the first, since `text:` quotes us."""
    fields: dict[str, str] = {}
    for key, value in _FIELD.findall(_text(message.octets, message.data_coding)):
        fields.setdefault(key.lower(), value.replace("\0", ""))
    return {key: value for key, value in fields.items() if len(value) <= 64}


def _c_string(value: bytes | None) -> str:
    """Return a TLV's C-string, which centres send with and without its end."""
    return (value or b"").partition(b"\0")[0][:64].decode("latin-1").strip()


def _network_error(value: bytes | None) -> str:
    """Return the code of a network_error_code, which is a type and two octets, as `err` writes it."""
    return f"{int.from_bytes(value[1:], 'big'):03d}" if value and len(value) == 3 else ""


def _converted(identity: str, ids: ReceiptIds) -> str:
    if ids == "same":
        return identity
    digits, base, form = _BASES[ids]
    return format(int(identity, base), form) if digits.fullmatch(identity) else identity
