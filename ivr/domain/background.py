"""The background of a line: noise, a fan, a hum, told by its evenness."""

from __future__ import annotations

from collections import deque


class Background:
    """What sounds evenly, and so does not count: its level is known once it has been even for long enough.

    Music is even, too, but not as flat as noise, nor as even as a hum.
    """

    def __init__(self, *, frames: int, even: float, flatness: float, still: float, over: float) -> None:
        """What stays within `even` dB for so many `frames` and is at least so flat, or stays within `still` dB.

        What exceeds it by `over` dB at most belongs to it.
        """
        self._even = even
        self._flatness = flatness
        self._still = still
        self._over = over
        self._flat: deque[float] = deque(maxlen=frames)
        self._levels: deque[float] = deque(maxlen=frames)
        self._short: deque[float] = deque(maxlen=3)
        self._tones: deque[bool] = deque(maxlen=self._levels.maxlen)
        self._floor = -120.0
        self.level = -120.0
        """Of the last three frames."""
        self.rose = False
        """Whether the last frame made a background of what had counted as a sound."""

    def take(self, level: float, *, flatness: float, tonal: bool) -> bool:
        """Take a frame's level in dBFS and its flatness; tell whether it is the background. Tones never are."""
        self.rose = False
        self._short.append(level)
        self.level = sum(self._short) / len(self._short)
        self._levels.append(self.level)
        self._tones.append(tonal)
        self._flat.append(flatness)
        if len(self._levels) == self._levels.maxlen and 2 * sum(self._tones) < len(self._tones):
            highest = max(self._levels)
            moves = highest - min(self._levels)
            if moves <= self._still or (moves <= self._even and sum(self._flat) >= self._flatness * len(self._flat)):
                self.rose = highest > self._floor + self._over
                self._floor = highest
        return not tonal and level <= self._floor + self._over
