"""When we speak: after first words, after a beep, after a ringing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.call import Opened, Words
from ivr.domain.line_rules import HoldRule, LeaveRule, OpeningRule, after_beep, first_words, silence_due, somebody
from ivr.domain.line_sounds import LineSounds
from ivr.domain.signs import Sign
from ivr.rehearsal.sounds import Samples, babble, noise, ringback, silence, tone

OPENING, LEAVE, HOLD = OpeningRule(), LeaveRule(), HoldRule()


def heard(*parts: Samples) -> LineSounds:
    sounds = LineSounds()
    sounds.hear(np.concatenate(parts).astype("<i2").tobytes())
    return sounds


def asked_after(*parts: Samples) -> tuple[float, Opened]:
    """Return when the first words are over, and what they were."""
    sounds = LineSounds()
    samples = np.concatenate((*parts, silence(60.0)))
    for start in range(0, samples.size, 160):
        sounds.hear(samples[start : start + 160].astype("<i2").tobytes())
        found = first_words(sounds, 0.0, OPENING)
        if isinstance(found, Opened):
            return round(sounds.now, 2), found
        assert found > 0
    raise AssertionError("never")


def test_silence_is_spoken_into_after_a_second() -> None:
    assert asked_after(silence(3.0)) == (1.0, Opened())


@pytest.mark.parametrize("words", [0.4, 0.9, 1.7, 2.6])
@pytest.mark.parametrize("before", [0.0, 0.3, 0.9])
def test_a_person_is_asked_soon_after_their_words(words: float, before: float) -> None:
    at, opened = asked_after(silence(before), babble(words))
    pause = OPENING.short_pause if words < OPENING.short else OPENING.pause
    assert at == pytest.approx(before + words + pause, abs=0.1)
    assert opened.seconds == pytest.approx(words, abs=0.15)
    assert opened.words is (Words.LONG if words > OPENING.long else Words.PLAIN)


def test_a_pause_between_words_does_not_end_them_and_a_longer_one_does() -> None:
    assert asked_after(babble(0.8), silence(0.5), babble(1.0))[0] == pytest.approx(3.0, abs=0.1)
    assert asked_after(babble(0.8), silence(1.0), babble(1.0))[0] == pytest.approx(1.5, abs=0.1)
    assert asked_after(babble(0.4), silence(0.9), babble(1.5))[0] == pytest.approx(3.5, abs=0.1), (
        "はい、山田でございます"
    )


def test_an_announcement_is_told_by_its_length_and_no_one_is_awaited_for_ever() -> None:
    at, opened = asked_after(babble(7.0))
    assert opened.words is Words.RECITED
    assert at == pytest.approx(7.7, abs=0.1)
    at, opened = asked_after(babble(40.0))
    assert opened.words is Words.RECITED
    assert at == pytest.approx(OPENING.longest, abs=0.1)


@pytest.mark.parametrize("level", [-50.0, -36.0, -30.0, -20.0])
def test_even_noise_holds_nobody_up(level: float) -> None:
    at, opened = asked_after(noise(30.0, level))
    assert at <= 1.6
    assert opened.words is Words.PLAIN
    spoken, _ = asked_after(noise(4.0, level))
    assert spoken <= 1.6


@pytest.mark.parametrize("behind", [-36.0, -32.0])
def test_a_room_behind_the_words_holds_nobody_up(behind: float) -> None:
    def voices(seconds: float) -> np.ndarray:  # type: ignore[type-arg]
        return sum(babble(seconds, behind, pitch=140.0 + 35 * one, seed=one) // 3 for one in range(3))

    said = np.concatenate((silence(0.9), babble(1.1, -14.0), silence(20.0)))
    at, opened = asked_after((said + voices(said.size / 8000)[: said.size]).astype(np.int16))
    assert at == pytest.approx(2.0 + OPENING.pause, abs=0.3)
    assert opened.words is Words.PLAIN


def test_a_tone_is_no_announcement() -> None:
    assert asked_after(tone((440.0,), 6.0, -12.0))[1].words is Words.PLAIN


def test_a_message_starts_after_silence_or_sooner_after_a_beep() -> None:
    assert silence_due(heard(babble(3.0)[:-1600]), (), LEAVE) == math.inf
    assert silence_due(heard(babble(3.0), silence(0.4)), (), LEAVE) == pytest.approx(0.8, abs=0.1)
    assert silence_due(heard(babble(3.0), silence(1.3)), (), LEAVE) <= 0
    sounds = heard(babble(3.0), silence(0.5), tone((1000.0,), 0.4), silence(0.3))
    assert after_beep(sounds, (3.9,))
    assert silence_due(sounds, (3.9,), LEAVE) == pytest.approx(0.2, abs=0.05)
    talked_on = heard(babble(3.0), silence(0.5), tone((1000.0,), 0.4), silence(0.3), babble(1.0), silence(0.3))
    assert not after_beep(talked_on, (3.9,))
    assert silence_due(talked_on, (3.9,), LEAVE) == pytest.approx(0.9, abs=0.1)


def test_what_rounding_leaves_of_a_time_is_none() -> None:
    """Times are sums of frames of 20 ms, which no binary number holds."""
    sounds = LineSounds()
    waits = list[float]()
    for _ in range(5000):
        sounds.hear(bytes(320))
        waits.append(silence_due(sounds, (), LeaveRule(silence=sounds.now)))
        sounds.last_sound = sounds.now - LEAVE.silence
        waits.append(silence_due(sounds, (), LEAVE))
        waits.append(silence_due(sounds, (sounds.last_sound,), LeaveRule(after_beep=LEAVE.silence)))
    assert not [due for due in waits if 0 < due < 0.001]


def test_ringing_is_nobody_and_words_or_no_more_ringing_are_somebody() -> None:
    def rang(*parts: Samples) -> tuple[LineSounds, float]:
        sounds = LineSounds()
        found = sounds.hear(np.concatenate(parts).astype("<i2").tobytes())
        return sounds, max(one.end for one in found if one.sign is Sign.RINGBACK)

    ring = ringback(1)
    for after in (silence(2.0), np.concatenate((silence(2.0), ring[:4000])), silence(3.3)):
        assert not somebody(*rang(ring, after), HOLD)
    assert somebody(*rang(ring, silence(3.8)), HOLD)
    assert somebody(*rang(ring, silence(1.0), babble(0.6)), HOLD)


PIECES = st.one_of(
    st.builds(babble, st.floats(0.1, 4.0), st.floats(-40.0, -6.0), seed=st.integers(0, 50)),
    st.builds(noise, st.floats(0.1, 4.0), st.floats(-50.0, -10.0)),
    st.builds(lambda hz, seconds: tone((hz,), seconds), st.floats(300.0, 2500.0), st.floats(0.1, 4.0)),
    st.builds(silence, st.floats(0.1, 2.0)),
)


@settings(max_examples=40)
@given(st.lists(PIECES, max_size=6))
def test_whatever_sounds_nobody_is_kept_waiting_for_ever(parts: list[Samples]) -> None:
    at, opened = asked_after(silence(0.02), *parts)
    assert at <= OPENING.silence + OPENING.longest + 0.1
    assert 0.0 <= opened.seconds <= OPENING.longest + 0.1
