"""What an SMS centre has taken: messages, joined to the texts that a handset shows. Pure.

Read by the standard alone (SMPP 3.4; 3GPP TS 23.040, 9.2.3.24.1), not with the codec of our own client.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

UDH = 0x40
"""The bit of esm_class that says that a header stands before the message."""

_JOINT_8, _JOINT_16 = 0x00, 0x08
"""Elements of that header which join messages, by a reference of one octet and of two."""

_CODINGS = {8: "utf-16-be", 3: "latin-1"}
"""By data_coding; every other is read as ASCII."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenText:
    """One text, in `parts` messages, of which `ids` were taken, in the order of their coming; `at` is the first's time.

    `number` is E.164. A text that is not `whole` shows on no handset; its `body` is that of the parts that are there.
    """

    number: str = field(repr=False)
    body: str = field(repr=False)
    parts: int
    at: datetime
    ids: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Tell whether every part has come."""
        return len(self.ids) == self.parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The `place`-th of `parts` messages that have `joint` in common; None for one that stands alone."""

    octets: bytes = field(repr=False)
    coding: int
    joint: int | None = None
    parts: int = 1
    place: int = 1


def part(octets: bytes, *, esm_class: int, coding: int) -> Part:
    """Return what a message is a part of; one whose header can't be read stands alone, header and all."""
    if not esm_class & UDH or not octets or len(octets) <= octets[0]:
        return Part(octets=octets, coding=coding)
    header, rest = octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
    while len(header) >= 2:
        element, data, header = header[0], header[2 : 2 + header[1]], header[2 + header[1] :]
        if (element, len(data)) in ((_JOINT_8, 3), (_JOINT_16, 4)):
            joint, parts, place = int.from_bytes(data[:-2], "big"), data[-2], data[-1]
            if 1 <= place <= parts:
                return Part(octets=rest, coding=coding, joint=joint, parts=parts, place=place)
    return Part(octets=rest, coding=coding)


def e164(number: str, ton: int) -> str:
    """Return a destination in E.164: as it is where it begins with its country (TON 1), else as one of Japan."""
    if ton == 1:
        return f"+{number.removeprefix('+')}"
    return f"+81{number[1:]}" if number.startswith("0") else number


@dataclass(slots=True)
class _Text:
    number: str
    first: Part
    at: datetime
    index: int
    there: dict[int, bytes] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    def lacks(self, one: Part) -> bool:
        return one.parts == self.first.parts and one.place not in self.there

    def taken(self) -> TakenText:
        octets = b"".join(self.there[place] for place in sorted(self.there))
        return TakenText(
            number=self.number,
            body=octets.decode(_CODINGS.get(self.first.coding, "ascii"), "replace"),
            parts=self.first.parts,
            at=self.at,
            ids=tuple(self.ids),
        )


class Texts:
    """Every text that was taken, in the order of their first parts."""

    def __init__(self) -> None:
        self._taken: list[TakenText] = []
        self._joining: dict[tuple[str, int], _Text] = {}

    def add(self, number: str, one: Part, message_id: str, at: datetime) -> TakenText:
        """Take a message as `message_id`; return its text as far as it is there.

        A part that its text has already begins another text: the whole was submitted again.
        """
        text = self._joining.get((number, one.joint)) if one.joint is not None else None
        if text is None or not text.lacks(one):
            text = _Text(number, one, at, len(self._taken))
            self._taken.append(text.taken())
            if one.joint is not None:
                self._joining[number, one.joint] = text
        text.there[one.place] = one.octets
        text.ids.append(message_id)
        taken = self._taken[text.index] = text.taken()
        return taken

    def all(self) -> tuple[TakenText, ...]:
        """Return the texts, those that lack a part included."""
        return tuple(self._taken)
