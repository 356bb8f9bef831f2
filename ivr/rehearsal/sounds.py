"""Sounds that a callee's side makes, other than speech: tones, keys heard as tones, noise, a fax.

Every function returns int16 samples at 8000 a second. Levels are dBFS of the peak of a full-scale sine. Music and what
lies beneath a call are in `backdrops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples per second of every sound in this room."""

Samples: TypeAlias = NDArray[np.int16]

_ROWS = (697.0, 770.0, 852.0, 941.0)
_COLUMNS = (1209.0, 1336.0, 1477.0)
_KEYPAD = "123456789*0#"
_CED_HZ = 2100.0
_CED_SECONDS = 3.0
_V21_MARK_HZ, _V21_SPACE_HZ, _V21_BAUD = 1650.0, 1850.0, 300
_EDGE = 40
_RINGBACK_DEPTH = 0.85
_SPECIAL_HZ, _SPECIAL_SECONDS = (950.0, 1400.0, 1800.0), 0.33


def silence(seconds: float) -> Samples:
    """Return `seconds` of digital silence."""
    return np.zeros(round(seconds * RATE), dtype=np.int16)


def tone(hertz: Sequence[float], seconds: float, level: float = -12.0) -> Samples:
    """Return the sum of sines at `hertz`, `level` dBFS each, with 5 ms edges so that it doesn't click."""
    times = np.arange(round(seconds * RATE)) / RATE
    wave = sum((np.sin(2 * np.pi * frequency * times) for frequency in hertz), np.zeros_like(times))
    return _scaled(_edged(wave), level)


def key(key: str, seconds: float = 0.12, level: float = -9.0) -> Samples:
    """Return the pair of tones of a key (ITU-T Q.23), as a telephone without telephone-event sends it."""
    row, column = divmod(_KEYPAD.index(key), 3)
    return tone((_ROWS[row], _COLUMNS[column]), seconds, level)


def noise(seconds: float, level: float = -45.0, *, seed: int = 1) -> Samples:
    """Return white noise with an RMS of `level` dBFS; the same for the same `seed`."""
    drawn = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return _scaled(drawn / np.sqrt(2), level)


def ringback(bursts: int, level: float = -20.0, *, modulation: float = 16.0) -> Samples:
    """Return Japanese ringback: 400 Hz, modulated at `modulation` Hz, 1 s on and 2 s off; no pause after the last.

    Source: 事業用電気通信設備規則 別表 (呼出音: 400 Hz, modulated at 15 to 20 Hz). The loudest moment has `level`.
    """
    times = np.arange(RATE) / RATE
    swing = 1 + _RINGBACK_DEPTH * np.sin(2 * np.pi * modulation * times)
    wave = np.sin(2 * np.pi * 400.0 * times) * swing / (1 + _RINGBACK_DEPTH)
    burst = _scaled(_edged(wave), level)
    return np.tile(np.concatenate((burst, silence(2.0))), bursts)[: -2 * RATE]


def busy_tone(times: int, level: float = -20.0) -> Samples:
    """Return the busy tone of Japan: 400 Hz, 0.5 s on and 0.5 s off, `times` over."""
    return np.tile(np.concatenate((tone((400.0,), 0.5, level), silence(0.5))), times)


def special_information(times: int = 1, level: float = -18.0) -> Samples:
    """Return the special information tones (ITU-T E.180): 950, 1400 and 1800 Hz, 0.33 s each; 1 s between rounds."""
    tones = [tone((hertz,), _SPECIAL_SECONDS, level) for hertz in _SPECIAL_HZ]
    return np.tile(np.concatenate((*tones, silence(1.0))), times)[:-RATE]


def fax(seconds: float) -> Samples:
    """Return what an answering fax sends: CED, then V.21 flags (ITU-T T.30), repeated every 4.5 s."""
    if seconds <= _CED_SECONDS:
        return tone((_CED_HZ,), seconds)
    burst = np.concatenate((_v21_flags(1.4), silence(3.1)))
    pause = silence(0.075)
    bursts = np.tile(burst, 1 + int(seconds * RATE) // burst.size)
    return np.concatenate((tone((_CED_HZ,), _CED_SECONDS), pause, bursts))[: round(seconds * RATE)]


def babble(seconds: float, level: float = -18.0, *, pitch: float = 180.0, seed: int = 1) -> Samples:
    """Return a murmur with the pitch, formants and syllables of speech, and no words.

    It stands in for a callee's voice where no speech engine is at hand. No pause in it exceeds 0.15 s.
    """
    count = round(seconds * RATE)
    draw = np.random.default_rng(seed)
    syllables = max(2, int(seconds * 6) + 2)
    at = np.linspace(0, count, syllables)
    here = np.arange(count)
    melody = np.interp(here, at, pitch * draw.uniform(0.85, 1.2, syllables))
    formants = [np.interp(here, at, draw.uniform(low, high, syllables)) for low, high in ((300, 800), (900, 2300))]
    phase = 2 * np.pi * np.cumsum(melody) / RATE
    wave = np.zeros(count)
    for harmonic in range(1, int(3400 / pitch)):
        loud = sum(1 / (1 + ((harmonic * melody - formant) / 120) ** 2) for formant in formants)
        wave += loud * np.sin(harmonic * phase)
    beat = 0.55 + 0.45 * np.sin(2 * np.pi * 5.0 * here / RATE)
    wave *= beat
    peak = float(np.abs(wave).max()) if count else 1.0
    return _scaled(_edged(wave / max(peak, 1e-9)), level)


def _v21_flags(seconds: float) -> NDArray[np.int16]:
    bits = np.tile(np.array([0, 1, 1, 1, 1, 1, 1, 0]), 1 + int(seconds * _V21_BAUD) // 8)
    which = (np.arange(round(seconds * RATE)) * _V21_BAUD // RATE).astype(int)
    hertz = np.where(bits[which] == 1, _V21_MARK_HZ, _V21_SPACE_HZ)
    return _scaled(_edged(np.sin(2 * np.pi * np.cumsum(hertz) / RATE)), -12.0)


def _edged(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    edge = min(_EDGE, wave.size // 2)
    if edge:
        ramp = np.linspace(0, 1, edge)
        wave[:edge] *= ramp
        wave[-edge:] *= ramp[::-1]
    return wave


def _scaled(wave: NDArray[np.float64], level: float) -> Samples:
    return np.clip(wave * 32767 * 10 ** (level / 20), -32768, 32767).astype(np.int16)
