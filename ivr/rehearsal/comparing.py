"""What should have happened against what did: outcomes with outcomes, audio with audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ivr.campaign.records import RecipientRecord
from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import Callees
from ivr.rehearsal.hearing import Heard
from ivr.rehearsal.records import CallRecord
from ivr.rehearsal.sounds import RATE, Samples

PIECE = round(0.3 * RATE)
"""Samples of a reference that are looked for on their own."""

SHIFT = round(0.18 * RATE)
"""Samples by which a piece may be off its place: nine frames lost at once."""

SURE = 0.7
"""The correlation from which on a piece says where the next one is to be looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A recipient whose outcome is not the scripted one; `number` is national, None if never dialled."""

    recipient: str
    line: int
    number: str | None
    kind: str | None
    expected: Outcome | None
    found: Outcome | None


class Match(NamedTuple):
    """How well a reference was heard: `correlation` from -1 to 1, and where, in seconds since the answer."""

    correlation: float
    offset_s: float


def compare(callees: Callees, recipients: Sequence[RecipientRecord]) -> tuple[Difference, ...]:
    """Return every recipient whose outcome is not that of the callee who was dialled last, in the list's order."""
    differences: list[Difference] = []
    for record in recipients:
        callee = callees.find(record.attempts[-1].number) if record.attempts else None
        expected = callee.expect if callee is not None else None
        if callee is None or record.outcome is not expected:
            differences.append(
                Difference(
                    recipient=record.recipient.id,
                    line=record.recipient.line,
                    number=callee.number if callee is not None else None,
                    kind=callee.kind(len(record.attempts)).name if callee is not None else None,
                    expected=expected,
                    found=record.outcome,
                )
            )
    return tuple(differences)


def heard_matches(heard: CallRecord | Heard | Samples, reference: Samples) -> Match:
    """Find where in what a callee heard `reference` (int16 at 8 kHz) was played, and how well it came over.

    The normalised cross-correlation at its highest: 1.0 is the same audio at whatever level, μ-law coding alone
    leaves 0.999, other speech stays under 0.5. What came late left a gap, which does not count; a frame that was lost
    left one, too, which does: so the audio is looked at without its gaps and with them, and the better one is taken.
    Where less was heard than the reference is long, what is missing counts as silence. A silent reference matches
    nothing.
    """
    whole = heard.heard if isinstance(heard, CallRecord) else heard if isinstance(heard, Heard) else Heard.whole(heard)
    correlation, place = _match(whole.stream(), reference)
    best = Match(correlation, whole.when(place))
    if len(whole.runs) > 1:
        correlation, place = _match(whole.samples, reference)
        best = max(best, Match(correlation, place / RATE))
    return best


def _match(samples: Samples, reference: Samples) -> tuple[float, int]:
    """Return the correlation and the place of `reference` in unbroken audio.

    Each PIECE may lie up to SHIFT from where its neighbour says that it lies.
    """
    signal = np.concatenate((samples, np.zeros_like(reference))).astype(np.float64)
    wanted = reference.astype(np.float64)
    if not samples.size or not wanted.any():
        return 0.0, 0
    pieces = [(start, wanted[start : start + PIECE]) for start in range(0, wanted.size, PIECE)]
    begin = _best_place(signal, wanted)
    at_first = [_found(signal, piece, begin + start) for start, piece in pieces]
    anchor = max(range(len(pieces)), key=lambda index: at_first[index].product)
    begin = at_first[anchor].place - pieces[anchor][0]
    found = {}
    for way in (range(anchor, len(pieces)), range(anchor, -1, -1)):
        late = 0
        for index in way:
            start, piece = pieces[index]
            found[index] = _found(signal, piece, begin + late + start)
            if found[index].correlation > SURE:
                late = found[index].place - begin - start
    for index in range(1, len(pieces) - 1):
        start, piece = pieces[index]
        before, after = (found[one].place - pieces[one][0] + start for one in (index - 1, index + 1))
        if before != after and min(found[index - 1].correlation, found[index + 1].correlation) > SURE:
            found[index] = max(found[index], _broken(signal, piece, before, after), key=lambda one: one.product)
    product = sum(one.product for one in found.values())
    power = max(sum(one.power for one in found.values()), float(wanted.size))
    return float(product / np.sqrt(power * np.dot(wanted, wanted))), found[0].place


class _Found(NamedTuple):
    """A piece of a reference in a signal: where, and what its correlation is made of."""

    place: int
    product: float
    power: float
    correlation: float


def _found(signal: NDArray[np.float64], piece: NDArray[np.float64], near: int) -> _Found:
    """Find `piece` in `signal`, SHIFT samples off `near` at most."""
    first = max(0, near - SHIFT)
    window = signal[first : max(first, near + SHIFT) + piece.size]
    at = _best_place(window, piece) if piece.any() else min(near - first, SHIFT)
    heard = window[at : at + piece.size]
    product, power = float(np.dot(heard, piece[: heard.size])), float(np.dot(heard, heard))
    both = max(power, float(piece.size)) * float(np.dot(piece, piece))
    return _Found(first + at, product, power, product / both**0.5 if both else 0.0)


def _broken(signal: NDArray[np.float64], piece: NDArray[np.float64], before: int, after: int) -> _Found:
    """Find `piece` where its beginning lies at `before`, as the piece before says, and its end at `after`.

    In between, audio was lost (`after` is earlier), which counts as silence, or came late. Nothing else is free, so
    that a piece that was not heard stays one.
    """
    lost = max(0, before - after)
    head, tail = (np.zeros(piece.size) for _ in range(2))
    for place, part in ((before, head), (after, tail)):
        there = signal[max(0, place) : max(0, place) + piece.size]
        part[: there.size] = there
    products = _joints(head * piece, tail * piece, lost)
    powers = _joints(head * head, tail * tail, lost)
    at = int(np.argmax(products))
    product, power = float(products[at]), float(powers[at])
    both = max(power, float(piece.size)) * float(np.dot(piece, piece))
    return _Found(before, product, power, product / both**0.5 if both else 0.0)


def _joints(head: NDArray[np.float64], tail: NDArray[np.float64], lost: int) -> NDArray[np.float64]:
    """Return, for each place to break at, the sum of `head` until there and of `tail` from `lost` samples later on."""
    until = np.concatenate(((0.0,), np.cumsum(head)))
    since = np.concatenate((np.cumsum(tail[::-1])[::-1], (0.0,)))
    count = max(1, until.size - lost)
    return until[:count] + since[-count:]


def _best_place(signal: NDArray[np.float64], wanted: NDArray[np.float64]) -> int:
    """Return the index in `signal` from which on it correlates best with `wanted`."""
    places = max(1, signal.size - wanted.size + 1)
    length = 1 << (signal.size + wanted.size - 1).bit_length()
    spectrum = np.fft.rfft(signal, length) * np.conj(np.fft.rfft(wanted, length))
    products = np.fft.irfft(spectrum, length)[:places]
    powers = np.concatenate(((0.0,), np.cumsum(signal**2), np.full(wanted.size, float(np.dot(signal, signal)))))
    # Below this floor (mean square of 1) a window is silence, whose rounding noise must not be divided up.
    local = np.maximum(powers[wanted.size : wanted.size + places] - powers[:places], wanted.size)
    return int(np.argmax(products / np.sqrt(local)))
