"""The corpus: simulated callees of every sort, drawn from ranges, with what is true of each and what may be said of it.

    callees = as_callees([specimen for specimen in specimens() if specimen.part is Part.TUNED])

The held-out part is drawn from other ranges than the tuned one (corpus/ranges.py), in all but who it is. The outcomes
are those of scenarios/reminder.yaml with a `screening` sentence. Pure: the same seed always gives the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import Callee, Callees, Kind
from ivr.rehearsal.corpus.draw import Draw, Made, Parameter, Truth, Variation
from ivr.rehearsal.corpus.people import PEOPLE
from ivr.rehearsal.corpus.ranges import Part
from ivr.rehearsal.corpus.recorders import RECORDERS
from ivr.rehearsal.corpus.screens import ANNOUNCEMENTS, FAXES, SCREENINGS

__all__ = ["DEFAULT", "VARIATIONS", "Part", "Specimen", "Truth", "as_callees", "specimens"]

DEFAULT = 20_261_125
"""The seed of the corpus whose results are compared over time."""

VARIATIONS: Mapping[Truth, tuple[Variation, ...]] = {
    Truth.RECORDER: RECORDERS,
    Truth.PERSON: PEOPLE,
    Truth.SCREENING: SCREENINGS,
    Truth.ANNOUNCEMENT: ANNOUNCEMENTS,
    Truth.FAX: FAXES,
}

_FIRST_NUMBER: Mapping[Part, int] = {Part.TUNED: 310_000_001, Part.HELD_OUT: 310_050_001}
"""Without the leading zero. After 03 no local number begins with 1, so these are nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One callee of the corpus; `parameters` are what it was drawn from.

    `allowed` are the outcomes that claim no more than is true of it, `kind.expect` the best of them. What is true of a
    particular call (whether it lasted until the key, what a machine kept) is in its record.
    """

    number: str
    kind: Kind
    truth: Truth
    part: Part
    parameters: Mapping[str, Parameter]
    presses: bool
    allowed: frozenset[Outcome]


def specimens(seed: int = DEFAULT) -> tuple[Specimen, ...]:
    """Return the corpus, the tuned part first. What is drawn for one specimen does not depend on the others."""
    return tuple(specimen for part in Part for specimen in _part(part, seed))


def as_callees(chosen: Sequence[Specimen]) -> Callees:
    """Return the network on which each of `chosen` has its number, and nobody else has one."""
    return Callees(
        listed={one.number: Callee(number=one.number, kinds=(one.kind,), expect=one.kind.expect) for one in chosen},
        kinds={one.kind.name: one.kind for one in chosen},
    )


def _part(part: Part, seed: int) -> Iterator[Specimen]:
    number = _FIRST_NUMBER[part]
    for truth, variations in VARIATIONS.items():
        for variation in variations:
            for index in range(1, variation.count(part) + 1):
                yield _specimen(f"0{number}", part, truth, variation, index, seed)
                number += 1


def _specimen(number: str, part: Part, truth: Truth, variation: Variation, index: int, seed: int) -> Specimen:
    name = f"{part}_{truth}_{variation.name}_{index}"
    draw = Draw(part, Random(f"{seed}/{name}"))
    voice = draw.voice()
    made = variation.make(draw)
    level = draw.number("level") if made.level is None else made.level
    return Specimen(
        number=number,
        kind=_kind(name, variation.about, voice, level, made),
        truth=truth,
        part=part,
        parameters=draw.parameters,
        presses=made.presses,
        allowed=made.allowed,
    )


def _kind(name: str, about: str, voice: str, level: float, made: Made) -> Kind:
    return Kind(
        name=name,
        about=about,
        expect=made.expect,
        steps=made.steps,
        voice=voice,
        sparse=made.sparse,
        level=level,
        loss=made.loss,
        background=made.background,
    )
