"""Are these the words of before, to the syllable? People and machines that take turns never say the same twice.

Compared is how loud the voice is in a few bands, frame by frame: two playings of one recording rise and fall together
in each, whatever the level or the noise, and two sentences of one voice do not.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

BANDS = 5
FRAMES_PER_SECOND = 50
KEPT = 90
"""Seconds that are kept."""

ALIKE = 0.7
"""The correlation of two seconds from which on they are of one recording. Measured with 40 sentences in eight voices:
of those played again, through packet loss of 2 %, 97 in 100 are told; of 116 pairs of others, none."""

PIECE = FRAMES_PER_SECOND
"""Frames that are compared at a time: a lost packet moves what comes after it."""

QUIET = -50.0
"""dBFS. What is quieter counts as this loud."""

_SILENCE = (QUIET,) * BANDS
_MOST = KEPT * FRAMES_PER_SECOND * BANDS


class Repetition:
    """Takes a call's loudness, frame by frame of 20 ms."""

    def __init__(self) -> None:
        self._levels = array("f")

    def take(self, levels: tuple[float, ...] | None) -> None:
        """Take the next frame's level in each band, in dBFS; None for silence."""
        self._levels.extend(_SILENCE if levels is None else levels)
        if len(self._levels) >= 2 * _MOST:
            del self._levels[:-_MOST]

    def repeated(self, seconds: float, since: float) -> bool:
        """Tell whether the stretch of `seconds` that ended `since` seconds ago was heard before.

        Most of its pieces must have been, in the same order.
        """
        kept = np.array(self._levels[-_MOST:], dtype=np.float64).reshape(-1, BANDS)
        levels = _smoothed(np.maximum(kept, QUIET))
        end = len(levels) - round(since * FRAMES_PER_SECOND)
        start = max(0, end - round(seconds * FRAMES_PER_SECOND))
        if end - start < 2 * PIECE or start < 2 * PIECE:
            return False
        pieces = [levels[first : first + PIECE] for first in range(start, end - PIECE + 1, PIECE)]
        places = [_place(levels[:start], piece) for piece in pieces]
        known = [place for place in places if place is not None]
        return 4 * len(known) > 3 * len(places) and known == sorted(known)


def _smoothed(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each frame and its neighbours: two playings are cut into frames at different places."""
    padded = np.concatenate((levels[:1], levels, levels[-1:]))
    smoothed: NDArray[np.float64] = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return smoothed


def _place(past: NDArray[np.float64], piece: NDArray[np.float64]) -> int | None:
    """Return where in `past` the voice was the same as in `piece`, None where it was not."""
    size = len(piece)
    wanted = piece - piece.mean(axis=0)
    energy = float((wanted * wanted).sum())
    if len(past) < size or energy < size:
        return None
    products = sum(np.correlate(past[:, band], wanted[:, band], mode="valid") for band in range(BANDS))
    spread = sum(_spread(past[:, band], size) for band in range(BANDS))
    alike = products / np.sqrt(np.maximum(spread, 1.0) * energy)
    best = int(np.argmax(alike))
    return best if float(alike[best]) >= ALIKE else None


def _spread(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return, for every window of `size`, the sum of the squared distances from its mean."""
    sums = np.concatenate(((0.0,), np.cumsum(values)))
    squares = np.concatenate(((0.0,), np.cumsum(values * values)))
    total = sums[size:] - sums[:-size]
    spread: NDArray[np.float64] = squares[size:] - squares[:-size] - total * total / size
    return spread
