"""Any engine's sound into what a telephone line carries: 8 kHz, one loudness, no dead air at the ends.

Levels are in dBov (ITU-T G.100.1): 0 dBov is the power of a full-scale square wave, so that samples of ±1.0 with an
r.m.s. of 0.1 are at -20 dBov.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Samples = npt.NDArray[np.float32]

FORMAT = "8k-1"
"""Part of every cache key; raised when this module would make other bytes from the same sound."""

RATE = 8000
WIDEBAND_RATE = 16000

SPEECH_LEVEL: Final = -20.0
"""Active speech level in dBov, over all engines and voices."""

PEAK: Final = 10 ** (-1.0 / 20)
"""No sample is above -1 dBFS."""

_LEAD, _TAIL = 0.02, 0.05
"""Seconds of the engine's own near-silence kept before and after the speech, faded."""

_AUDIBLE = 40.0
"""dB under the speech level, below which an end is silence."""

_MARGIN = 15.9
"""dB between the active level and the threshold of activity (ITU-T P.56)."""

_HANGOVER = 0.2
"""Seconds for which speech counts as active after it fell below the threshold (ITU-T P.56)."""

_FRAME = 0.005


def prepare(samples: Samples, rate: int, *, pause: float, to_rate: int = RATE) -> npt.NDArray[np.int16]:
    """Return `samples` as 16-bit telephone audio at `to_rate` Hz, followed by `pause` seconds of silence.

    The speech starts within 50 ms, is at SPEECH_LEVEL and never above PEAK. Without speech there is only the pause.
    """
    silence = np.zeros(round(pause * to_rate), dtype=np.int16)
    speech = resample(samples, rate, to_rate)
    level = active_level(speech, to_rate)
    if level is None:
        return silence
    speech = np.pad(_trimmed(speech, to_rate, level), (0, round(_HANGOVER * to_rate)))
    # What the limiter takes from the peaks is little, and given back, so that peaky voices are as loud as flat ones.
    for _ in range(2):
        level = active_level(speech, to_rate)
        if level is None:
            return silence
        speech = _limited(speech * np.float32(10 ** ((SPEECH_LEVEL - level) / 20)), to_rate)
    spoken = speech[: len(speech) - round(_HANGOVER * to_rate)]
    return np.concatenate([np.round(spoken * 32767).astype(np.int16), silence])


def resample(samples: Samples, rate: int, to_rate: int) -> Samples:
    """Return `samples` at `to_rate` Hz, band-limited to 0.47 of it; the length is rounded up to a whole sample.

    The spectrum is cut, with a raised-cosine edge, so that nothing aliases: the stop band starts at half of `to_rate`.
    """
    if rate == to_rate or not len(samples):
        return samples.astype(np.float32)
    step = rate // np.gcd(rate, to_rate)
    padding = round(0.02 * rate)
    blocks = -(-(len(samples) + 2 * padding) // step)
    padded = np.zeros(blocks * step, dtype=np.float64)
    padded[padding : padding + len(samples)] = samples
    length = len(padded) * to_rate // rate
    spectrum = np.fft.rfft(padded)[: length // 2 + 1]
    half = min(rate, to_rate) / 2
    frequency = np.fft.rfftfreq(len(padded), 1 / rate)[: len(spectrum)]
    edge = np.clip((frequency - 0.94 * half) / (0.06 * half), 0, 1)
    spectrum = spectrum * (0.5 + 0.5 * np.cos(np.pi * edge))
    if len(spectrum) < length // 2 + 1:
        spectrum = np.pad(spectrum, (0, length // 2 + 1 - len(spectrum)))
    at_rate = np.fft.irfft(spectrum, length) * (to_rate / rate)
    start = padding * to_rate // rate
    return at_rate[start : start - (-len(samples) * to_rate // rate)].astype(np.float32)


def active_level(samples: Samples, rate: int) -> float | None:
    """Return the level of the speech in `samples` in dBov, its pauses left out; None if there is no speech.

    After ITU-T P.56 method B, with the energy of frames of 5 ms in place of its envelope filter.
    """
    energy = _energy(samples, rate)
    if not len(energy) or energy.max() < 1e-8:
        return None
    # P.56 smooths the envelope twice with 30 ms; a window of 60 ms has the same spread.
    width = min(12, len(energy))
    envelope = np.convolve(np.sqrt(energy), np.hanning(width + 2)[1:-1] / np.hanning(width + 2).sum(), "same")
    held = sliding_window_view(np.pad(envelope, (round(_HANGOVER / _FRAME), 0)), round(_HANGOVER / _FRAME) + 1)
    held_envelope = held.max(axis=1)
    total = float(energy.sum())
    low, high = -90.0, 0.0
    for _ in range(24):  # the threshold that lies MARGIN below the level it gives, by bisection
        threshold = (low + high) / 2
        active = int((held_envelope >= 10 ** (threshold / 20)).sum())
        if active and _decibels(total / active) - threshold > _MARGIN:
            low = threshold
        else:
            high = threshold
    active = int((held_envelope >= 10 ** (low / 20)).sum())
    return _decibels(total / max(active, 1))


def leading_silence(samples: Samples, rate: int) -> float:
    """Return the seconds before the speech is heard."""
    return _ends(samples, rate, active_level(samples, rate))[0] / rate


def _energy(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    """Return the mean square of each frame of 5 ms."""
    frame = max(round(_FRAME * rate), 1)
    whole = len(samples) // frame * frame
    return np.asarray(np.mean(samples[:whole].astype(np.float64).reshape(-1, frame) ** 2, axis=1))


def _decibels(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-12)))


def _ends(samples: Samples, rate: int, level: float | None) -> tuple[int, int]:
    """Return where the speech starts and ends, in samples."""
    if level is None:
        return len(samples), len(samples)
    audible = np.flatnonzero(_energy(samples, rate) > 10 ** ((level - _AUDIBLE) / 10))
    frame = max(round(_FRAME * rate), 1)
    if not len(audible):
        return len(samples), len(samples)
    return int(audible[0]) * frame, (int(audible[-1]) + 1) * frame


def _trimmed(samples: Samples, rate: int, level: float) -> Samples:
    start, end = _ends(samples, rate, level)
    lead, tail = round(_LEAD * rate), round(_TAIL * rate)
    kept = samples[max(start - lead, 0) : end + tail].copy()
    rise, fall = min(lead, start, len(kept)), min(tail, len(kept))
    kept[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    kept[len(kept) - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return kept


def _limited(samples: Samples, rate: int) -> Samples:
    """Return `samples` with their peaks turned down to PEAK, by a gain that moves over 5 ms on either side."""
    if np.abs(samples).max(initial=0.0) <= PEAK:
        return samples
    reach = round(0.005 * rate)
    gain = np.minimum(1.0, PEAK / np.maximum(np.abs(samples), 1e-9))
    held = sliding_window_view(np.pad(gain, 2 * reach, constant_values=1.0), 2 * reach + 1).min(axis=1)
    window = np.hanning(2 * reach + 3)[1:-1]
    smooth = np.convolve(held, window / window.sum(), "valid")
    return np.clip(samples * smooth, -PEAK, PEAK).astype(np.float32)
