"""What a callee hears: the audio itself, aligned with the clock, and when it sounded.

Asterisk passes a frame on when one arrives and nothing while the engine sends nothing, so the place of a frame is
its time of arrival. Frames that come close together follow each other without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivr.rehearsal.sounds import RATE, Samples

LOUD = 130.0
"""RMS of a 20 ms frame from which it counts as sound (-48 dBFS; μ-law silence is 0 to 8, a voice 1000 and more)."""

ONSET_FRAMES = 3
"""Frames of sound in a row that begin a spell: 60 ms, longer than a click."""

PAUSE = 0.3
"""Seconds of quiet inside a spell of speech that don't end it."""

SEAM = 0.06
"""Seconds by which a frame may be late and still follow the last one directly (jitter of the loop and the network)."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Something began to sound at `start` after `pause` seconds of quiet (None: nothing had sounded before)."""

    start: float
    pause: float | None


class Ear:
    """Times are seconds since the answer."""

    def __init__(self) -> None:
        self.first_frame: float | None = None
        self.first_sound: float | None = None
        self.last_sound: float | None = None
        self.spells: list[Spell] = []
        self._pieces: list[tuple[int, bytes]] = []
        self._end = 0
        self._run = 0

    def hear(self, pcm: bytes, at: float) -> None:
        """Take a frame of signed 16-bit samples that arrived at `at`, when the callee begins to hear it."""
        if self.first_frame is None:
            self.first_frame = at
        ideal = max(0, round(at * RATE))
        start = self._end
        if ideal - self._end > SEAM * RATE:
            start = ideal
            self._run = 0
        self._pieces.append((start, pcm))
        self._end = start + len(pcm) // 2
        self._listen(pcm, at)

    def silent_for(self, now: float, since: float = 0.0) -> float:
        """Return for how long nothing has sounded at `now`, counted from `since` at the earliest."""
        return now - max(since, self.last_sound or 0.0)

    def heard(self) -> Samples:
        """Return everything heard; the index of a sample is its time since the answer, gaps are silence."""
        samples = np.zeros(self._end, dtype=np.int16)
        for start, pcm in self._pieces:
            samples[start : start + len(pcm) // 2] = np.frombuffer(pcm, dtype="<i2")
        return samples

    def _listen(self, pcm: bytes, at: float) -> None:
        frame = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        if not frame.size or float(np.sqrt(np.mean(frame * frame))) < LOUD:
            self._run = 0
            return
        self._run += 1
        if self._run < ONSET_FRAMES:
            return
        end = at + frame.size / RATE
        start = end - self._run * frame.size / RATE
        if self.last_sound is None or start - self.last_sound > PAUSE:
            self.spells.append(Spell(start, None if self.last_sound is None else start - self.last_sound))
            self.first_sound = self.first_sound if self.first_sound is not None else start
        self.last_sound = end
