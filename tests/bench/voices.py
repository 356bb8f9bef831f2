"""What callees of the benches sound like: µ-law frames, made before the first call, so that sending costs little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ivr.rehearsal.sounds import RATE, Samples, babble, silence, tone
from tests.bench.sip import FRAME_SAMPLES
from tts import g711

BABBLE, BEEP, SILENCE = "babble", "beep", "silence"
PITCH, RISE = 180.0, 6.0
"""Hz: the pitch of the first voice, and by how much each further one is higher."""

BEEP_HZ, BEEP_RISE = 600.0, 150.0
"""Hz: the pitch of the first voice's beep, and by how much that of each further one is higher."""

BEEP_LEVEL = -12.0
"""dBFS."""

SLOWEST, FASTEST = 0.8, 1.2
"""The tempo of a stretch of babble, to that of `babble`, which beats so evenly that it seems to go round."""

FAINTEST = 0.25
"""Of a syllable, to the loudest: the stress of speech, which no two sentences share."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one voice says: a payload of 20 ms each, and `pieces`, by the frame with which each begins, by kind."""

    frames: tuple[bytes, ...]
    pieces: dict[int, str]


def beep_hz(voice: int) -> float:
    """Return the pitch of a voice's beep in Hz: it tells on whose line a beep was heard."""
    return BEEP_HZ + BEEP_RISE * voice


def utterance(say: Sequence[tuple[str, float]], voice: int) -> Utterance:
    """Return `say`, pairs of a kind of sound and its seconds, as the `voice`-th voice says it.

    No two stretches of its babble are alike, so that nothing in it is said twice. ValueError for an unknown kind.
    """
    draw = np.random.default_rng(voice)
    frames: list[bytes] = []
    pieces: dict[int, str] = {}
    for number, (kind, seconds) in enumerate(say):
        pieces[len(frames)] = kind
        match kind:
            case "babble":
                tempo = float(draw.uniform(SLOWEST, FASTEST))
                samples = _murmur(seconds, tempo, pitch=PITCH + RISE * voice, seed=1000 * voice + number)
            case "beep":
                samples = tone((beep_hz(voice),), seconds, BEEP_LEVEL)
            case "silence":
                samples = silence(seconds)
            case _:
                raise ValueError(f"no such sound: {kind}")
        law = g711.ulaw(samples)
        frames += [
            law[at : at + FRAME_SAMPLES].ljust(FRAME_SAMPLES, b"\xff") for at in range(0, len(law), FRAME_SAMPLES)
        ]
    return Utterance(tuple(frames), pieces)


def _murmur(seconds: float, tempo: float, *, pitch: float, seed: int) -> Samples:
    """Return babble at `pitch` Hz, `tempo` times as fast as `babble`, with a stress of its own on each syllable."""
    even = babble(seconds * tempo, pitch=pitch / tempo, seed=seed).astype(np.float64)
    count = round(seconds * RATE)
    syllables = max(2, round(seconds * 6 * tempo))
    stress = np.random.default_rng(seed).uniform(FAINTEST, 1.0, syllables)
    said = np.interp(np.linspace(0, even.size - 1, count), np.arange(even.size), even)
    return (said * np.interp(np.linspace(0, syllables - 1, count), np.arange(syllables), stress)).astype(np.int16)
