"""The background of a line: noise, a fan, a hum, told by its evenness."""

from __future__ import annotations

from collections import deque


class Background:
    """What sounds evenly, and so does not count: its level is known once it has been even for long enough."""

    def __init__(self, *, frames: int, even: float, over: float) -> None:
        """What stays within `even` dB for so many `frames`, and what exceeds it by `over` dB at most."""
        self._even = even
        self._over = over
        self._levels: deque[float] = deque(maxlen=frames)
        self._short: deque[float] = deque(maxlen=3)
        self._tones: deque[bool] = deque(maxlen=self._levels.maxlen)
        self._floor = -120.0
        self.level = -120.0
        """Of the last three frames."""
        self.rose = False
        """Whether the last frame made a background of what had counted as a sound."""

    def take(self, level: float, *, tonal: bool) -> bool:
        """Take a frame's level in dBFS; tell whether it is the background. Tones never are."""
        self.rose = False
        self._short.append(level)
        self.level = sum(self._short) / len(self._short)
        self._levels.append(self.level)
        self._tones.append(tonal)
        if len(self._levels) == self._levels.maxlen and 2 * sum(self._tones) < len(self._tones):
            highest = max(self._levels)
            if highest - min(self._levels) <= self._even:
                self.rose = highest > self._floor + self._over
                self._floor = highest
        return not tonal and level <= self._floor + self._over
