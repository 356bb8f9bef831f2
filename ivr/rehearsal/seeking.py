"""Pieces of audio looked for in what was heard of a call: whether they are there, and where.

Pure, on int16 samples at 8 kHz. `comparing` tells how well one whole reference came over; here many short pieces are
looked for in one call, so what was heard is transformed once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ivr.rehearsal.hearing import Heard
from ivr.rehearsal.sounds import RATE, Samples

SAME = 0.9
"""The correlation from which on a piece of half a second is that piece: μ-law leaves 0.999, a lost frame 0.98; the same
word in another sentence of the same voice comes up to 0.8."""

PIECE = round(0.5 * RATE)
"""Samples of a piece: whoever hears any whole second hears at least one piece whole."""

NEAR = round(0.2 * RATE)
"""Samples by which a piece may be off the place where its neighbour says it is: ten frames late at once."""

FAINT = 60.0
"""RMS under which a piece is a pause, which is found anywhere: -55 dBFS."""

_NOTHING = 100.0
"""Mean square of a sample under which a window is silence, whose rounding noise must not be divided up."""

_BLOCK = 1 << 15
_LONGEST = 1 << 14
"""Samples of the longest piece that can be looked for: two seconds."""


class Soundtrack:
    """What was heard, ready to be searched many times."""

    def __init__(self, samples: Samples) -> None:
        hop = _BLOCK - _LONGEST
        count = max(1, -(-samples.size // hop))
        signal = np.zeros(count * hop + _LONGEST, dtype=np.float32)
        signal[: samples.size] = samples
        blocks = np.lib.stride_tricks.sliding_window_view(signal, _BLOCK)[::hop]
        self._size = samples.size
        self._spectra = np.fft.rfft(blocks)
        self._powers = np.concatenate(((0.0,), np.cumsum(signal.astype(np.float64) ** 2)))

    def correlations(self, piece: Samples) -> NDArray[np.float64]:
        """Return the normalised correlation with `piece`, of two seconds at most, at each place where it fits."""
        if piece.size > _LONGEST:
            raise ValueError("a piece lasts two seconds at most")
        wanted = piece.astype(np.float64)
        power = float(np.dot(wanted, wanted))
        places = max(0, self._size - piece.size + 1)
        if not power or not places:
            return np.zeros(places)
        spectrum = np.conj(np.fft.rfft(piece.astype(np.float32), _BLOCK))
        products = np.fft.irfft(self._spectra * spectrum, _BLOCK)[:, : _BLOCK - _LONGEST].reshape(-1)[:places]
        local = np.maximum(
            self._powers[piece.size : piece.size + places] - self._powers[:places], _NOTHING * piece.size
        )
        return np.asarray(products / np.sqrt(local * power), dtype=np.float64)

    def holds(self, piece: Samples, least: float = SAME) -> bool:
        """Tell whether `piece` is in it somewhere."""
        found = self.correlations(piece)
        return bool(found.size) and float(found.max()) >= least

    def places(self, piece: Samples, least: float = SAME) -> tuple[int, ...]:
        """Return every index from which on `piece` is in it, in order; of overlapping ones the best."""
        found = self.correlations(piece)
        places: list[int] = []
        while found.size and float(found.max()) >= least:
            best = int(found.argmax())
            places.append(best)
            found[max(0, best - piece.size // 2) : best + piece.size // 2] = 0.0
        return tuple(sorted(places))


def tracks(heard: Heard) -> tuple[Soundtrack, ...]:
    """Return `heard` as it arrived, without its gaps, and with them: late frames spoil the one, lost ones the other."""
    whole = Soundtrack(heard.stream())
    return (whole, Soundtrack(heard.samples)) if len(heard.runs) > 1 else (whole,)


def pieces(samples: Samples) -> tuple[tuple[int, Samples], ...]:
    """Return `samples` cut into PIECEs, each with its index, without those that are a pause."""
    cut = [(at, samples[at : at + PIECE]) for at in range(0, samples.size, PIECE)]
    return tuple((at, piece) for at, piece in cut if piece.size > PIECE // 4 and loud(piece))


def loud(samples: Samples) -> bool:
    """Tell whether there is sound in `samples`."""
    return bool(samples.size) and float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) >= FAINT


def leading_pause(samples: Samples) -> float:
    """Return the seconds of silence that `samples` begin with."""
    frame = RATE // 50
    for at in range(0, samples.size, frame):
        if loud(samples[at : at + frame]):
            return at / RATE
    return samples.size / RATE


def lasting_from(heard: Samples, reference: Samples, at: int) -> int:
    """Return how many samples of `reference` are in `heard` without a break, if it begins at the index `at`.

    Each piece may lie NEAR from where the one before says; a pause of the reference counts with the piece before it.
    A piece whose end is cut off by the end of `heard` is there where all but a tenth of a second of it is.
    """
    lasting, late = 0, 0
    heard = np.concatenate((heard, np.zeros(PIECE, dtype=heard.dtype)))
    for start, piece in pieces(reference):
        first = max(0, at + late + start - NEAR)
        window = heard[first : first + piece.size + 2 * NEAR]
        found = _correlations(window, piece)
        if not found.size or float(found.max()) < SAME:
            return start if lasting else 0
        late = first + int(found.argmax()) - at - start
        lasting = start + piece.size
    return reference.size if lasting else 0


def without(references: Samples, known: Sequence[Samples]) -> tuple[Samples, ...]:
    """Return the pieces of `references` that are in none of `known`."""
    elsewhere = [Soundtrack(one) for one in known if one.size]
    return tuple(piece for _, piece in pieces(references) if not any(one.holds(piece) for one in elsewhere))


def _correlations(window: Samples, piece: Samples) -> NDArray[np.float64]:
    if window.size < piece.size:
        return np.zeros(0)
    signal, wanted = window.astype(np.float64), piece.astype(np.float64)
    products = np.correlate(signal, wanted, "valid")
    powers = np.concatenate(((0.0,), np.cumsum(signal**2)))
    local = np.maximum(powers[piece.size :] - powers[: products.size], _NOTHING * piece.size)
    return np.asarray(products / np.sqrt(local * float(np.dot(wanted, wanted))), dtype=np.float64)
