"""Music, what lies beneath a call, and how loud speech is.

Levels here are RMS in dBFS against full scale, as the engine's listening measures them: a full-scale sine has -3.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ivr.rehearsal.callees import BackgroundNoise
from ivr.rehearsal.sounds import RATE, Samples, babble

FULL_SCALE = 32768.0

LOOP_SECONDS = 20.0
"""After so long what lies beneath a call begins anew."""

_FRAME = 160
_ACTIVE_MARGIN = 15.9
"""dB below the active level from which a frame counts as speech (ITU-T P.56)."""

_CHORDS = ((0, 4, 7, 12), (-3, 0, 4, 9), (-7, -3, 0, 5), (-5, -1, 2, 7))
"""Semitones from the key: I, vi, IV, V."""

_TALKERS = (105.0, 128.0, 165.0, 205.0, 232.0)
"""The pitches of those who talk in the background, in Hz."""

Wave = NDArray[np.float64]


def music(seconds: float, level: float = -20.0, *, seed: int = 1) -> Samples:
    """Return plucked chords and a melody, as music on hold; key, tempo and tune follow from `seed`."""
    return scaled(_music(seconds, seed), level)


def scaled(wave: Wave, level: float) -> Samples:
    """Return `wave`, whose RMS is 1, at `level`; what is too loud is clipped."""
    return clipped(wave * FULL_SCALE * 10 ** (level / 20))


def clipped(wave: NDArray[np.floating]) -> Samples:
    """Return `wave` as samples, cut off at full scale instead of wrapping around."""
    samples: Samples = np.clip(wave, -32768, 32767).astype(np.int16)
    return samples


def mixed(one: Samples, other: Samples) -> Samples:
    """Return two sounds of the same length at once."""
    return clipped(one.astype(np.float64) + other)


def active_level(samples: Samples) -> float:
    """Return the level of speech without its pauses, near enough to ITU-T P.56; -120 for silence."""
    power = _frame_powers(samples)
    active = float(power.mean()) if power.size else 0.0
    for _ in range(6):
        if active <= 0:
            return -120.0
        active = float(power[power >= active * 10 ** (-_ACTIVE_MARGIN / 10)].mean())
    return float(10 * np.log10(active / FULL_SCALE**2))


def at_active_level(samples: Samples, level: float) -> Samples:
    """Return speech brought to an active level; peaks that no longer fit are clipped, as by a loud handset."""
    found = active_level(samples)
    return samples if found <= -120.0 else clipped(samples.astype(np.float64) * 10 ** ((level - found) / 20))


def edges(samples: Samples) -> tuple[float, float]:
    """Return by how many seconds of silence speech is preceded and followed: frames 40 dB below its loudest."""
    power = _frame_powers(samples)
    sounding = np.flatnonzero(power > power.max(initial=0.0) * 1e-4)
    if not sounding.size:
        return 0.0, 0.0
    return int(sounding[0]) * _FRAME / RATE, max(0, samples.size - (int(sounding[-1]) + 1) * _FRAME) / RATE


def trimmed(samples: Samples) -> Samples:
    """Return speech without the silence at its edges."""
    before, after = edges(samples)
    return samples[round(before * RATE) : samples.size - round(after * RATE)]


@cache
def beneath(noise: BackgroundNoise) -> Wave:
    """Return LOOP_SECONDS of `noise` with an RMS of 1, that may be heard over and over."""
    count = round(LOOP_SECONDS * RATE)
    match noise:
        case BackgroundNoise.WHITE:
            wave = np.random.default_rng(1).standard_normal(count)
        case BackgroundNoise.PINK:
            wave = _pink(count)
        case BackgroundNoise.BABBLE:
            wave = np.sum([_talker(count, pitch, seed) for seed, pitch in enumerate(_TALKERS)], axis=0)
        case BackgroundNoise.MUSIC:
            wave = _music(LOOP_SECONDS, 1)
    return _normal(wave)


def _pink(count: int) -> Wave:
    """Return noise that falls by 3 dB an octave, from 50 Hz on."""
    spectrum = np.fft.rfft(np.random.default_rng(2).standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 50.0)), count)


def _talker(count: int, pitch: float, seed: int) -> Wave:
    """Return one who talks in phrases of 1.5 to 4 s with short pauses, some nearer than others."""
    draw = np.random.default_rng(seed)
    wave, at = np.zeros(count), int(draw.uniform(0, 0.5) * RATE)
    while at < count:
        phrase = babble(float(draw.uniform(1.5, 4.0)), pitch=pitch, seed=int(draw.integers(1 << 30)))[: count - at]
        wave[at : at + phrase.size] = phrase
        at += phrase.size + int(draw.uniform(0.2, 0.8) * RATE)
    return wave * draw.uniform(0.5, 1.0)


def _music(seconds: float, seed: int) -> Wave:
    draw = np.random.default_rng(seed)
    count = round(seconds * RATE)
    key = 196.0 * 2 ** (int(draw.integers(0, 9)) / 12)
    beat = float(draw.uniform(0.2, 0.32))
    wave = np.zeros(count)
    for number in range(int(seconds / beat) + 1):
        start = round(number * beat * RATE)
        chord = _CHORDS[number // 8 % len(_CHORDS)]
        _pluck(wave, start, key * 2 ** (chord[number % 4] / 12), 0.6, 0.5)
        if number % 4 == 0:
            _pluck(wave, start, key / 2 * 2 ** (chord[0] / 12), 0.9, 1.2)
        if draw.random() < 0.55:
            _pluck(wave, start, key * 2 * 2 ** (chord[int(draw.integers(4))] / 12), 0.8, 0.7)
    return _normal(wave)


def _pluck(wave: Wave, start: int, hertz: float, loud: float, decay: float) -> None:
    """Add a plucked note, whose harmonics die away the faster the higher they are."""
    times = np.arange(min(round(3 * decay * RATE), wave.size - start)) / RATE
    note = np.zeros_like(times)
    for harmonic in range(1, min(8, int(3400 / hertz)) + 1):
        fades = np.exp(-times * (1 + 0.4 * (harmonic - 1)) / decay)
        note += fades * np.sin(2 * np.pi * harmonic * hertz * times) / harmonic**1.1
    wave[start : start + note.size] += loud * note * np.minimum(1.0, times / 0.006)


def _normal(wave: Wave) -> Wave:
    rms = float(np.sqrt(np.mean(wave * wave))) if wave.size else 0.0
    return wave / max(rms, 1e-9)


def _frame_powers(samples: Samples) -> Wave:
    frames = samples[: samples.size // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
    return np.asarray((frames * frames).mean(axis=1), dtype=np.float64)
