"""What the callee's side sounds of, measured, and recognised by the engine's own listening."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from ivr.domain.line_sounds import LineSounds
from ivr.domain.signs import Sign
from ivr.rehearsal.backdrops import (
    LOOP_SECONDS,
    active_level,
    at_active_level,
    beneath,
    clipped,
    edges,
    mixed,
    music,
    scaled,
    trimmed,
)
from ivr.rehearsal.callees import Background, BackgroundNoise
from ivr.rehearsal.mouth import Mouth
from ivr.rehearsal.sounds import RATE, Samples, babble, busy_tone, ringback, silence, special_information
from ivr.rehearsal.voices import Murmur


def signs(samples: Samples) -> list[Sign]:
    """Return the tones that the engine hears in `samples`."""
    found = LineSounds().hear(np.concatenate((samples, silence(1.0))).astype("<i2").tobytes())
    return [one.sign for one in found]


def rms(samples: Samples) -> float:
    """Return the level in dBFS against full scale."""
    return float(10 * np.log10(np.mean((samples / 32768.0) ** 2)))


@pytest.mark.parametrize("modulation", [15.0, 16.0, 20.0])
def test_ringback_behind_the_answer_is_heard_as_such(modulation: float) -> None:
    sound = ringback(3, modulation=modulation)
    assert sound.size == (1 + 2 + 1 + 2 + 1) * RATE
    assert signs(sound) == [Sign.RINGBACK] * 3


def test_the_busy_tone_and_the_special_tones_are_heard_as_such() -> None:
    assert signs(busy_tone(3))[-1] is Sign.BUSY
    assert busy_tone(3).size == 3 * RATE
    assert signs(special_information()) == [Sign.SPECIAL]
    assert special_information(2).size == round((2 * 3 * 0.33 + 1) * RATE)


def test_music_is_neither_one_pure_tone_nor_silence_and_is_the_same_for_its_seed() -> None:
    piece = music(6.0, -20.0, seed=4)
    assert piece.size == 6 * RATE
    assert rms(piece) == pytest.approx(-20.0, abs=0.3)
    assert np.array_equal(piece, music(6.0, -20.0, seed=4))
    assert not np.array_equal(piece, music(6.0, -20.0, seed=5))
    spectrum = np.abs(np.fft.rfft(piece.astype(np.float64) * np.hanning(piece.size))) ** 2
    strongest = np.sort(spectrum)[::-1]
    assert strongest[:3].sum() / spectrum.sum() < 0.3
    levels = [rms(frame) for frame in piece[: piece.size // 160 * 160].reshape(-1, 160)]
    assert np.ptp(levels[5:]) > 6


@pytest.mark.parametrize("noise", BackgroundNoise)
def test_what_lies_beneath_a_call_has_the_level_that_was_asked_for(noise: BackgroundNoise) -> None:
    wave = beneath(noise)
    assert wave.size == LOOP_SECONDS * RATE
    assert rms(scaled(wave, -35.0)) == pytest.approx(-35.0, abs=0.3)


def test_pink_noise_falls_where_white_noise_stays() -> None:
    def tilt(noise: BackgroundNoise) -> float:
        power = np.abs(np.fft.rfft(beneath(noise))) ** 2
        low, high = (power[round(hz * LOOP_SECONDS) : round(2 * hz * LOOP_SECONDS)].mean() for hz in (200, 1600))
        return float(10 * np.log10(low / high))

    assert tilt(BackgroundNoise.WHITE) == pytest.approx(0.0, abs=0.5)
    assert tilt(BackgroundNoise.PINK) == pytest.approx(9.0, abs=1.0)


@pytest.mark.parametrize("level", [-35.0, -24.0, -14.0])
def test_speech_is_brought_to_its_level_whatever_its_pauses(level: float) -> None:
    speech = np.concatenate((silence(2.0), babble(2.0), silence(3.0), babble(1.0)))
    assert active_level(at_active_level(speech, level)) == pytest.approx(level, abs=0.5)


def test_what_is_too_loud_is_clipped_and_silence_stays_silent() -> None:
    loud = at_active_level(babble(2.0), -3.0)
    assert int(np.abs(loud.astype(int)).max()) >= 32767
    assert np.sign(loud[np.abs(loud.astype(int)) > 20000]).any()
    assert clipped(np.array([1e6, -1e6])).tolist() == [32767, -32768]
    assert not at_active_level(silence(0.5), -20.0).any()
    assert mixed(np.array([30000], np.int16), np.array([30000], np.int16)).tolist() == [32767]


def test_the_silence_at_the_edges_of_speech_is_measured() -> None:
    speech = np.concatenate((silence(0.3), babble(1.0), silence(0.5)))
    before, after = edges(speech)
    assert trimmed(speech).size == pytest.approx(RATE, abs=320)
    assert before == pytest.approx(0.3, abs=0.021)
    assert after == pytest.approx(0.5, abs=0.021)
    assert edges(silence(1.0)) == (0.0, 0.0)


def frames(mouth: Mouth, count: int) -> list[bytes | None]:
    return [mouth.frame() for _ in range(count)]


def test_lost_frames_have_their_share_and_are_the_same_for_the_same_seed() -> None:
    lost = [frame is None for frame in frames(Mouth(loss=0.1, seed=7), 5000)]
    assert sum(lost) / len(lost) == pytest.approx(0.1, abs=0.02)
    assert lost == [frame is None for frame in frames(Mouth(loss=0.1, seed=7), 5000)]
    assert lost != [frame is None for frame in frames(Mouth(loss=0.1, seed=8), 5000)]


def test_a_sparse_mouth_loses_words_and_never_what_keeps_the_line() -> None:
    mouth = Mouth(sparse=True, loss=0.2, seed=3)
    assert [index for index, frame in enumerate(frames(mouth, 500), 1) if frame is not None] == list(range(50, 501, 50))
    mouth.say(babble(10.0))
    assert 50 < sum(frame is None for frame in frames(mouth, 500)) < 150


def test_a_background_lies_beneath_silence_and_words_even_on_a_sparse_phone() -> None:
    mouth = Mouth(sparse=True, background=Background(BackgroundNoise.WHITE, -40.0), seed=2)

    def sent(count: int) -> Samples:
        return np.frombuffer(b"".join(frame or b"" for frame in frames(mouth, count)), "<i2").astype(np.int16)

    alone = sent(100)
    assert alone.size == 100 * 160
    assert rms(alone) == pytest.approx(-40.0, abs=0.5)
    said = babble(2.0)
    mouth.say(said)
    both = sent(100)
    assert rms((both.astype(int) - said).astype(np.int16)) == pytest.approx(-40.0, abs=0.5)


def test_a_murmur_can_be_brought_to_any_level() -> None:
    said = asyncio.run(Murmur().samples("はい、山田でございます。", "mei-low"))
    assert active_level(at_active_level(said, -35.0)) == pytest.approx(-35.0, abs=0.5)
