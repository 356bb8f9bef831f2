"""What should have happened against what did: outcomes with outcomes, audio with audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ivr.campaign.ports import RecipientRecord
from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import Callees
from ivr.rehearsal.records import CallRecord
from ivr.rehearsal.sounds import RATE, Samples

PIECE = round(0.3 * RATE)
"""Samples of a reference that are looked for on their own."""

SHIFT = round(0.06 * RATE)
"""Samples by which a piece may be off its place: three frames."""


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


def heard_matches(heard: CallRecord | Samples, reference: Samples) -> Match:
    """Find where in what a callee heard `reference` (int16 at 8 kHz) was played, and how well it came over.

    The normalised cross-correlation at its highest: 1.0 is the same audio at whatever level, μ-law coding alone
    leaves 0.999, other speech stays under 0.5. A frame that was lost or late shifts what follows; so each PIECE may
    lie up to SHIFT from its place. Where less was heard than the reference is long, what is missing counts as
    silence. A silent reference matches nothing.
    """
    samples = heard.heard if isinstance(heard, CallRecord) else heard
    signal = np.concatenate((samples, np.zeros_like(reference))).astype(np.float64)
    wanted = reference.astype(np.float64)
    if not samples.size or not wanted.any():
        return Match(0.0, 0.0)
    begin = place = _best_place(signal, wanted)
    product = signal_power = wanted_power = 0.0
    for start in range(0, wanted.size, PIECE):
        piece = wanted[start : start + PIECE]
        first = max(0, begin + start - SHIFT)
        window = signal[first : begin + start + SHIFT + piece.size]
        at = _best_place(window, piece) if piece.any() else 0
        if start == 0:
            place = first + at
        found = window[at : at + piece.size]
        product += float(np.dot(found, piece[: found.size]))
        signal_power += float(np.dot(found, found))
        wanted_power += float(np.dot(piece, piece))
    correlation = product / np.sqrt(max(signal_power, float(wanted.size)) * wanted_power)
    return Match(float(correlation), place / RATE)


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
