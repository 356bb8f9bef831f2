"""What should have happened against what did: outcomes with outcomes, audio with audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ivr.campaign.ports import RecipientRecord
from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import Callees
from ivr.rehearsal.records import CallRecord
from ivr.rehearsal.sounds import RATE, Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A recipient whose outcome is not the scripted one; `number` is national, None if never dialled."""

    recipient: str
    line: int
    number: str | None
    kind: str | None
    expected: Outcome | None
    found: Outcome | None


@dataclass(frozen=True, slots=True)
class Match:
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
    leaves 0.99, other speech stays under 0.3. Where less was heard than the reference is long, what is missing
    counts as silence. A silent reference matches nothing.
    """
    samples = heard.heard if isinstance(heard, CallRecord) else heard
    wanted = reference.astype(np.float64)
    energy = float(np.dot(wanted, wanted))
    if not samples.size or energy == 0:
        return Match(0.0, 0.0)
    signal = np.concatenate((samples.astype(np.float64), np.zeros(wanted.size)))
    length = 1 << (signal.size + wanted.size - 1).bit_length()
    spectrum = np.fft.rfft(signal, length) * np.conj(np.fft.rfft(wanted, length))
    products = np.fft.irfft(spectrum, length)[: samples.size]
    powers = np.concatenate(((0.0,), np.cumsum(signal**2)))
    local = powers[wanted.size : wanted.size + samples.size] - powers[: samples.size]
    # Below this floor (mean square of 1) a window is silence, whose rounding noise must not be divided up.
    correlation = products / np.sqrt(np.maximum(local, wanted.size) * energy)
    best = int(np.argmax(correlation))
    return Match(float(correlation[best]), best / RATE)
