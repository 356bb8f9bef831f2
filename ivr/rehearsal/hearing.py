"""What was heard of a call, and where the stream of packets had gaps.

A busy machine sends late, and a pause of the stream is heard as a gap. What was said is told from the stream without
its gaps, when it was said from the stream with them; so both are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ivr.rehearsal.sounds import RATE, Samples


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The index of a sample in `samples` is its time at RATE; `runs` are (from, to) in samples, between the gaps.

    Nothing but silence lies outside of the runs.
    """

    samples: Samples
    runs: tuple[tuple[int, int], ...]

    @classmethod
    def nothing(cls) -> Heard:
        """Return what is heard in a call that nobody answered."""
        return cls(np.zeros(0, dtype=np.int16), ())

    @classmethod
    def whole(cls, samples: Samples) -> Heard:
        """Return `samples` as one run."""
        return cls(samples, ((0, samples.size),) if samples.size else ())

    @property
    def size(self) -> int:
        """How many samples there are, gaps included."""
        return int(self.samples.size)

    @property
    def seconds(self) -> float:
        """How long it lasted, gaps included."""
        return self.size / RATE

    def between(self, start: float, end: float) -> Heard:
        """Return what was heard from `start` to `end`, in seconds; its time begins at `start`."""
        first, last = (min(max(0, round(at * RATE)), self.size) for at in (start, end))
        runs = [(max(begin, first) - first, min(stop, last) - first) for begin, stop in self.runs]
        return Heard(self.samples[first:last], tuple((begin, stop) for begin, stop in runs if begin < stop))

    def before(self, end: float) -> Heard:
        """Return what was heard until `end` seconds."""
        return self.between(0.0, end)

    def after(self, start: float) -> Heard:
        """Return what was heard from `start` seconds on."""
        return self.between(start, self.seconds)

    def stream(self) -> Samples:
        """Return the runs, one after the other."""
        parts = [self.samples[start:end] for start, end in self.runs]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)

    def when(self, index: int) -> float:
        """Return the time, in seconds, of a sample of `stream()`."""
        for start, end in self.runs:
            if index < end - start:
                return (start + index) / RATE
            index -= end - start
        return (self.size + index) / RATE

    def runs_as_json(self) -> list[list[float]]:
        """Return the runs in seconds."""
        return [[round(start / RATE, 6), round(end / RATE, 6)] for start, end in self.runs]


def runs_from_json(runs: Sequence[Sequence[float]]) -> tuple[tuple[int, int], ...]:
    """Return what `Heard.runs_as_json` has written."""
    return tuple((round(start * RATE), round(end * RATE)) for start, end in runs)
