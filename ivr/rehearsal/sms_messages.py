"""What the simulated SMS centre delivers to its client: receipts, and what handsets write. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ivr.rehearsal.handsets import Stat, Told

RECEIPTED_MESSAGE_ID, PAYLOAD, MESSAGE_STATE = 0x001E, 0x0424, 0x0427
"""Optional parameters (SMPP 3.4, 5.3.2)."""

RECEIPT, INTERMEDIATE, WORDS = 0x04, 0x20, 0x00
"""What sort of message it is, as esm_class says it."""

UCS2 = 8
_SHORT = 254
"""Octets of a short_message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A deliver_sm from `source` to `destination`, which are digits that begin with the country."""

    source: str = field(repr=False)
    destination: str
    octets: bytes = field(repr=False)
    esm_class: int = WORDS
    coding: int = 0
    tlvs: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)

    @property
    def is_receipt(self) -> bool:
        """Tell whether it is about a text, and not one."""
        return self.esm_class != WORDS


def receipt(told: Told, name: str, *, source: str, destination: str, at: datetime) -> Message:
    """Return the receipt for the message `name`, taken `at`: as a text (appendix B), and in optional parameters."""
    day = f"{at:%y%m%d%H%M}"
    arrived = int(told.stat is Stat.DELIVRD)
    form = (
        f"id:{name} sub:001 dlvrd:{arrived:03d} submit date:{day} done date:{day} stat:{told.stat} err:{told.err} text:"
    )
    return Message(
        source=source,
        destination=destination,
        octets=form.encode("ascii"),
        esm_class=RECEIPT if told.final else INTERMEDIATE,
        tlvs=((RECEIPTED_MESSAGE_ID, name.encode("ascii") + b"\0"), (MESSAGE_STATE, bytes((told.stat.code,)))),
    )


def words(body: str, *, source: str, destination: str) -> Message:
    """Return what the handset `source` writes."""
    octets = body.encode("utf-16-be")
    fits = len(octets) <= _SHORT
    return Message(
        source=source,
        destination=destination,
        octets=octets if fits else b"",
        coding=UCS2,
        tlvs=() if fits else ((PAYLOAD, octets),),
    )
