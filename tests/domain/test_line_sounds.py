"""What a callee's side sounds like, from made-up audio: tones of every kind, voices, noise, and anything at all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.line_sounds import RATE, SECONDS, LineSounds
from ivr.domain.signs import Found, Sign
from ivr.rehearsal.backdrops import music
from ivr.rehearsal.sounds import Samples, babble, fax, key, noise, silence, tone

EDGE = 0.05
"""Seconds by which an edge may be off: two frames and half a window."""


def heard(*parts: Samples) -> tuple[LineSounds, tuple[Found, ...]]:
    sounds = LineSounds()
    return sounds, sounds.hear(pcm(*parts))


def pcm(*parts: Samples) -> bytes:
    return np.concatenate(parts).astype("<i2").tobytes()


def over(background: Samples, sound: Samples, at: float) -> Samples:
    mixed = background.astype(np.int32)
    start = round(at * RATE)
    mixed[start : start + sound.size] += sound
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def ringing(bursts: int, hz: float = 16.0) -> Samples:
    t = np.arange(RATE) / RATE
    burst = (6000 * 0.5 * (1 + np.sin(2 * np.pi * hz * t)) * np.sin(2 * np.pi * 400 * t)).astype(np.int16)
    return np.concatenate([np.concatenate((burst, silence(2.0))) for _ in range(bursts)])


@pytest.mark.parametrize("hz", [360, 425, 440, 800, 1000, 1400, 2000, 2380])
@pytest.mark.parametrize("seconds", [0.15, 0.3, 1.0, 2.0])
def test_a_beep_of_any_pitch_and_length_is_found_once_and_in_its_place(hz: float, seconds: float) -> None:
    _, found = heard(silence(0.7), tone((hz,), seconds, -15.0), silence(1.0))
    (beep,) = found
    assert beep.sign is Sign.BEEP
    assert beep.hz == pytest.approx(hz, abs=10)
    assert beep.start == pytest.approx(0.7, abs=EDGE)
    assert beep.end == pytest.approx(0.7 + seconds, abs=EDGE)


@pytest.mark.parametrize("level", [-35.0, -20.0, -6.0])
def test_a_beep_is_found_in_the_noise_of_a_line(level: float) -> None:
    line = over(noise(3.0, min(level - 20.0, -38.0)), tone((1000,), 0.5, level), 1.0)
    assert [one.sign for one in heard(line)[1]] == [Sign.BEEP]


def test_a_beep_right_after_the_words_and_one_five_seconds_later_are_found() -> None:
    _, found = heard(babble(3.0), tone((1400,), 0.3, -12.0), silence(5.0), tone((800,), 0.3, -12.0), silence(1.0))
    assert [(one.sign, round(one.hz, -2)) for one in found] == [(Sign.BEEP, 1400), (Sign.BEEP, 800)]


@pytest.mark.parametrize("hz", [15.0, 16.0, 20.0])
def test_ringing_behind_the_answer_is_no_beep(hz: float) -> None:
    assert [one.sign for one in heard(silence(0.5), ringing(3, hz))[1]] == [Sign.RINGBACK] * 3


def test_a_busy_tone_is_told_at_its_third_burst() -> None:
    burst = np.concatenate((tone((400,), 0.5, -12.0), silence(0.5)))
    _, found = heard(silence(0.5), *[burst] * 4, silence(0.5))
    assert [one.sign for one in found] == [Sign.BUSY] * 2
    two = heard(*[burst] * 2, silence(1.0))[1]
    assert {one.sign for one in two} == {Sign.BEEP}, "two are a machine's beeps"


def test_a_fax_and_special_information_are_told() -> None:
    assert Sign.FAX in {one.sign for one in heard(silence(0.5), fax(6.0))[1]}
    tones = [tone((hz,), 0.33, -12.0) for hz in (950, 1400, 1800)]
    assert [one.sign for one in heard(*tones, silence(1.0))[1]] == [Sign.SPECIAL]


@pytest.mark.parametrize("gaps", [((1.0, 0.06),), ((0.4, 0.4),), ((0.5, 0.1), (1.2, 0.1), (1.9, 0.1)), ((2.0, 0.3),)])
@pytest.mark.parametrize("late", [False, True])
def test_a_fax_is_told_though_some_of_its_tone_is_lost_or_comes_late(
    gaps: tuple[tuple[float, float], ...], late: bool
) -> None:
    tone_of_fax = fax(6.0)
    parts, at = [silence(0.5)], 0
    for start, seconds in gaps:
        begin = round(start * RATE)
        parts += [tone_of_fax[at:begin], silence(seconds)]
        at = begin if late else begin + round(seconds * RATE)
    found = heard(*parts, tone_of_fax[at:])[1]
    assert [one.sign for one in found if one.sign is not Sign.BEEP] == [Sign.FAX]


def test_pips_are_no_fax_even_at_its_pitch() -> None:
    pip = np.concatenate((tone((2100,), 0.3, -12.0), silence(0.3)))
    assert {one.sign for one in heard(*[pip] * 8)[1]} == {Sign.BEEP}
    long_ones = np.concatenate((tone((2100,), 1.2, -12.0), silence(0.6)))
    assert {one.sign for one in heard(*[long_ones] * 3)[1]} == {Sign.BEEP}


def test_voices_keys_noise_and_silence_are_no_tones() -> None:
    for seed in range(5):
        assert heard(babble(20.0, seed=seed), silence(1.0))[1] == ()
    assert heard(noise(10.0, -20.0), silence(1.0))[1] == ()
    assert heard(*[np.concatenate((key(one), silence(0.3))) for one in "0123456789*#"])[1] == ()
    assert heard(silence(10.0))[1] == ()


def test_a_voice_sounds_a_line_does_not() -> None:
    sounds, _ = heard(noise(3.0, -45.0))
    assert sounds.first_sound is None
    quiet_voice = (babble(2.0) * 10 ** (-15 / 20)).astype(np.int16)
    sounds, _ = heard(noise(1.0, -50.0), quiet_voice)
    assert sounds.first_sound == pytest.approx(1.0, abs=0.2)
    before = sounds.now
    sounds.hear(pcm(silence(1.5)))
    assert not sounds.sounding
    assert sounds.silent_for == pytest.approx(sounds.now - before, abs=0.4)


def test_a_click_is_no_sound() -> None:
    click = silence(1.0)
    click[800:900] = 20000
    assert heard(click)[0].first_sound is None


def test_a_far_end_that_sends_nothing_is_silent() -> None:
    sounds = LineSounds()
    sounds.hear(pcm(babble(1.0)))
    sounds.miss(2.0)
    assert sounds.silent_for == pytest.approx(2.0, abs=0.3)
    assert sounds.now == pytest.approx(3.0, abs=2 * SECONDS)


def test_an_hour_of_silence_is_heard_out() -> None:
    sounds = LineSounds()
    assert sounds.miss(3600.0) == ()
    assert sounds.silent_for == pytest.approx(3600.0, abs=0.1)


@given(cuts=st.lists(st.integers(0, 60000), max_size=20))
def test_findings_do_not_depend_on_how_the_audio_is_cut(cuts: list[int]) -> None:
    audio = pcm(babble(0.6), tone((1000,), 0.4, -12.0), silence(0.5), ringing(1)[: RATE // 2])
    whole = LineSounds()
    pieces = LineSounds()
    at = [0, *sorted(min(cut, len(audio)) for cut in cuts), len(audio)]
    found = [one for start, end in pairwise(at) for one in pieces.hear(audio[start:end])]
    assert tuple(found) == whole.hear(audio)
    assert (pieces.now, pieces.last_sound) == (whole.now, whole.last_sound)


@settings(max_examples=60)
@given(data=st.binary(max_size=20000), level=st.sampled_from([0.0, 0.01, 1.0]))
def test_anything_at_all_is_heard_without_complaint(data: bytes, level: float) -> None:
    sounds = LineSounds()
    samples = (np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2") * level).astype("<i2")
    found = sounds.hear(samples.tobytes() + data[:1])
    assert sounds.now == pytest.approx(samples.size // 160 * SECONDS, abs=1e-6)
    assert all(0 <= one.start < one.end <= sounds.now and 300 < one.hz < 2500 for one in found)


@pytest.mark.parametrize("level", [-40.0, -30.0, -20.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_music_is_never_silence_long_enough_for_a_message(level: float, seed: int) -> None:
    sounds, longest = LineSounds(), 0.0
    samples = music(30.0, level, seed=seed)
    for start in range(0, samples.size - 159, 160):
        sounds.hear(samples[start : start + 160].astype("<i2").tobytes())
        if sounds.now > 1.0:
            longest = max(longest, sounds.silent_for)
    assert longest < 1.2


def test_noise_and_hum_are_silence_once_they_have_been_even() -> None:
    seconds = np.arange(8 * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * hz * seconds) / hz for hz in (100, 200, 300, 400, 500, 700, 900)) * 60000
    for line in (noise(8.0, -30.0), noise(8.0, -20.0), hum.astype(np.int16)):
        sounds = LineSounds()
        sounds.hear(line.astype("<i2").tobytes())
        assert sounds.silent_for > 6.0
