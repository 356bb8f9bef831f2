"""What leaves for the line: its rate, its band, its loudness, its ends and its codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts import g711, telephone

FULL_SCALE = 32767.0


def tone(frequency: float, rate: int, seconds: float = 0.5, amplitude: float = 0.3) -> telephone.Samples:
    at = np.arange(round(rate * seconds)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency * at)).astype(np.float32)


def babble(rate: int, seconds: float, seed: int = 1, peak: float = 0.3) -> telephone.Samples:
    """Noise in bursts of syllable length with gaps, as uneven as speech."""
    random = np.random.default_rng(seed)
    length = round(rate * seconds)
    envelope = np.repeat(random.random(round(seconds * 8) + 1) ** 3, rate // 8)[:length]
    return (peak * envelope * random.standard_normal(length) / 4).astype(np.float32)


def decibels(samples: npt.NDArray[np.generic]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples.astype(np.float64) ** 2)) + 1e-12))


def p56(samples: npt.NDArray[np.float64], rate: int) -> float:
    """Return the active speech level by ITU-T P.56 method B, in dBov, a sample at a time as the text has it."""
    g, margin, hangover = np.exp(-1 / (rate * 0.03)), 15.9, round(0.2 * rate)
    thresholds = [2.0**-j for j in range(15, -1, -1)]
    active, idle = [0] * 16, [hangover] * 16
    squares = p = q = 0.0
    for sample in samples.tolist():
        squares += sample * sample
        p = g * p + (1 - g) * abs(sample)
        q = g * q + (1 - g) * p
        for j, threshold in enumerate(thresholds):
            if q >= threshold:
                active[j], idle[j] = active[j] + 1, 0
            elif idle[j] < hangover:
                active[j], idle[j] = active[j] + 1, idle[j] + 1
            else:
                break
    above = []
    for count, threshold in zip(active, thresholds, strict=True):
        if not count:
            break
        level = 10 * np.log10(squares / count)
        above.append((level, level - 20 * np.log10(threshold)))
        if above[-1][1] <= margin:
            break
    (before, far), (after, near) = above[-2], above[-1]
    return float(before + (far - margin) / (far - near) * (after - before))


@pytest.mark.parametrize("rate", [48000, 41280, 44100, 24000, 22050, 16000, 8000])
def test_resampling_keeps_the_voice_band_and_lets_nothing_alias(rate: int) -> None:
    for frequency in (200, 1000, 3000, 3600):
        passed = telephone.resample(tone(frequency, rate), rate, 8000)
        assert len(passed) == pytest.approx(4000, abs=1)
        assert decibels(passed[400:-400]) == pytest.approx(decibels(tone(frequency, 8000)), abs=0.1)
    if rate > 8000:
        for frequency in (4100, 5000, 7000):
            assert decibels(telephone.resample(tone(frequency, rate), rate, 8000)[400:-400]) < -70


def test_resampling_delays_nothing() -> None:
    click = np.zeros(48000, dtype=np.float32)
    click[24000] = 1.0
    assert int(np.abs(telephone.resample(click, 48000, 8000)).argmax()) == 4000


def test_a_low_rate_can_be_raised_for_wideband() -> None:
    raised = telephone.resample(tone(1000, 8000), 8000, 16000)
    assert len(raised) == 8000
    assert decibels(raised[800:-800]) == pytest.approx(decibels(tone(1000, 16000)), abs=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_the_level_agrees_with_itu_t_p56(seed: int) -> None:
    speech = np.concatenate([babble(8000, 3.0, seed), np.zeros(8000, np.float32), babble(8000, 1.0, seed)])
    assert telephone.active_level(speech, 8000) == pytest.approx(p56(speech.astype(np.float64), 8000), abs=0.7)


@settings(max_examples=30)
@given(st.floats(-30, 12), st.integers(0, 20), st.sampled_from([48000, 22050]))
def test_every_sound_comes_out_at_one_loudness_without_clipping(gain: float, seed: int, rate: int) -> None:
    sound = babble(rate, 2.0, seed) * np.float32(10 ** (gain / 20))
    samples = telephone.prepare(sound, rate, pause=0.4)
    speech = (samples / FULL_SCALE).astype(np.float32)
    assert telephone.active_level(speech, 8000) == pytest.approx(telephone.SPEECH_LEVEL, abs=0.5)
    assert np.abs(speech).max() <= telephone.PEAK + 1e-4


def test_peaks_are_turned_down_smoothly() -> None:
    sound = babble(8000, 2.0)
    sound[8000:8004] = 1.0
    samples = telephone.prepare(sound, 8000, pause=0.0) / FULL_SCALE
    assert np.abs(samples).max() <= telephone.PEAK + 1e-4
    assert np.count_nonzero(np.abs(samples) > telephone.PEAK - 1e-3) < 20


@pytest.mark.parametrize("silence", [0.0, 0.01, 0.3, 2.0])
def test_speech_starts_at_once_and_ends_with_just_the_pause(silence: float) -> None:
    faint = (1e-5 * np.random.default_rng(0).standard_normal(round(48000 * silence))).astype(np.float32)
    speech = tone(500, 48000, 1.0)
    samples = telephone.prepare(np.concatenate([faint, speech, faint]), 48000, pause=0.45)
    sounding = np.flatnonzero(np.abs(samples) > 300)
    assert sounding[0] / 8000 <= 0.05
    assert (len(samples) - sounding[-1]) / 8000 == pytest.approx(0.45, abs=0.07)
    assert not samples[-round(0.45 * 8000) :].any()


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(1), np.zeros(48000), np.full(100, 1e-9)])
def test_no_speech_is_only_the_pause(sound: npt.NDArray[np.float64]) -> None:
    samples = telephone.prepare(sound.astype(np.float32), 48000, pause=0.25)
    assert len(samples) == 2000
    assert not samples.any()


@settings(max_examples=50)
@given(st.integers(1, 400), st.floats(0.001, 1.0))
def test_even_the_shortest_sound_is_prepared(length: int, amplitude: float) -> None:
    samples = telephone.prepare(np.full(length, amplitude, np.float32), 48000, pause=0.1)
    assert len(samples) >= 800
    assert np.isfinite(samples).all()


EVERY = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.filterwarnings("ignore:'audioop' is deprecated")
def test_codes_are_those_of_the_reference() -> None:
    audioop = pytest.importorskip("audioop", reason="Python 3.13 has no audioop")
    assert g711.ulaw(EVERY) == audioop.lin2ulaw(EVERY.tobytes(), 2)
    assert g711.alaw(EVERY) == audioop.lin2alaw(EVERY.tobytes(), 2)
    codes = bytes(range(256))
    assert g711.from_ulaw(codes).tobytes() == audioop.ulaw2lin(codes, 2)
    assert g711.from_alaw(codes).tobytes() == audioop.alaw2lin(codes, 2)


def test_silence_and_full_scale_have_their_codes() -> None:
    ends = np.array([0, 32767, -32768], dtype=np.int16)
    assert g711.ulaw(ends) == b"\xff\x80\x00"
    assert g711.alaw(ends) == b"\xd5\xaa\x2a"


def test_decoding_what_was_encoded_is_within_half_a_step() -> None:
    for encode, decode in ((g711.ulaw, g711.from_ulaw), (g711.alaw, g711.from_alaw)):
        error = np.abs(decode(encode(EVERY)).astype(np.int32) - EVERY)
        assert (error <= np.maximum(np.abs(EVERY.astype(np.int32)) / 31 + 9, 8)).all()
        assert encode(decode(bytes(range(128, 256)))) == bytes(range(128, 256))
