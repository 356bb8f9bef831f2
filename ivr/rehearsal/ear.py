"""What a callee hears: the audio itself, aligned with the clock, and when it sounded.

Asterisk passes a frame on when one arrives and nothing while the engine sends nothing, so the place of a frame is
its time of arrival. Frames may come late but never early, so what delays one frame and not those after it is jitter
and leaves no seam; what delays all that follow is a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivr.rehearsal.hearing import Heard
from ivr.rehearsal.sounds import RATE

LOUD = 130.0
"""RMS of a 20 ms frame from which it counts as sound (-48 dBFS; μ-law silence is 0 to 8, a voice 1000 and more)."""

ONSET_FRAMES = 3
"""Frames of sound in a row that begin a spell: 60 ms, longer than a click."""

PAUSE = 0.3
"""Seconds of quiet inside a spell of speech that don't end it."""

GAP = 0.06
"""Seconds without a frame that end a run of sound."""

AHEAD = 25
"""Frames after one that are looked at to tell jitter from a gap: half a second."""

LEAST_GAP = 0.012
"""Seconds. A lost frame is 0.02 s; the clocks of two machines differ by less than this in AHEAD frames."""


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
        self._pieces: list[bytes] = []
        self._arrivals: list[float] = []
        self._due = 0.0
        self._run = 0

    def hear(self, pcm: bytes, at: float) -> None:
        """Take a frame of signed 16-bit samples that arrived at `at`, when the callee begins to hear it."""
        if self.first_frame is None:
            self.first_frame = at
        if at - self._due > GAP:
            self._run = 0
        self._due = at + len(pcm) / 2 / RATE
        self._pieces.append(pcm)
        self._arrivals.append(at)
        self._listen(pcm, at)

    def silent_for(self, now: float, since: float = 0.0) -> float:
        """Return for how long nothing has sounded at `now`, counted from `since` at the earliest."""
        return now - max(since, self.last_sound or 0.0)

    def heard(self) -> Heard:
        """Return everything heard; the index of a sample is its time since the answer, gaps are silence."""
        lengths = np.array([len(pcm) // 2 for pcm in self._pieces], dtype=np.int64)
        starts = _places(np.array(self._arrivals), lengths)
        ends = starts + lengths
        samples = np.zeros(int(ends[-1]) if ends.size else 0, dtype=np.int16)
        for start, pcm in zip(starts, self._pieces, strict=True):
            samples[start : start + len(pcm) // 2] = np.frombuffer(pcm, dtype="<i2")
        gaps = np.flatnonzero(starts[1:] > ends[:-1])
        runs = zip((*starts[:1], *starts[gaps + 1]), (*ends[gaps], *ends[-1:]), strict=True)
        return Heard(samples, tuple((int(start), int(end)) for start, end in runs))

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


def _places(arrivals: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index at which each frame begins to be heard.

    By how much a frame is late, against one unbroken stream, is the least lateness of the AHEAD frames from it on.
    """
    if not arrivals.size:
        return np.zeros(0, dtype=np.int64)
    unbroken = np.cumsum(lengths) - lengths
    late = np.maximum(arrivals, 0.0) - unbroken / RATE
    padded = np.concatenate((late, np.full(AHEAD - 1, np.inf)))
    least = np.lib.stride_tricks.sliding_window_view(padded, AHEAD).min(axis=1)
    shifts = np.empty_like(least)
    shift = float(least[0])
    for index, lateness in enumerate(least.tolist()):
        if lateness - shift > LEAST_GAP:
            shift = lateness
        shifts[index] = shift
    places: NDArray[np.int64] = unbroken + np.round(shifts * RATE).astype(np.int64)
    return places
