"""The same words again: told for a recording, not for another sentence of the same voice."""

from __future__ import annotations

import numpy as np
import pytest

from ivr.domain.line_sounds import FRAME, LineSounds
from ivr.domain.signs import Sign
from ivr.rehearsal.sounds import Samples, babble, noise, silence


def signs(*parts: Samples) -> list[Sign]:
    sounds = LineSounds()
    return [one.sign for one in sounds.hear(np.concatenate(parts).astype("<i2").tobytes())]


def lossy(samples: Samples, share: float, seed: int) -> Samples:
    """Return `samples` without some of its frames."""
    draw = np.random.default_rng(seed)
    whole = samples[: samples.size // FRAME * FRAME].reshape(-1, FRAME)
    return whole[draw.random(len(whole)) >= share].reshape(-1)


@pytest.mark.parametrize("seconds", [3.0, 6.0, 12.0])
@pytest.mark.parametrize("pause", [1.0, 2.5])
def test_an_announcement_that_goes_round_is_told_at_the_end_of_its_second_round(seconds: float, pause: float) -> None:
    words = babble(seconds, seed=4)
    assert signs(silence(0.5), words, silence(pause), words, silence(pause)) == [Sign.REPEATED]


def test_it_is_told_through_noise_and_lost_packets() -> None:
    words = babble(8.0, seed=4)
    rounds = [np.concatenate((lossy(words, 0.02, seed), silence(1.5))) for seed in (1, 2)]
    heard = np.concatenate(rounds)
    hiss = noise(heard.size / 8000, -45.0)[: heard.size]
    assert Sign.REPEATED in signs((heard + hiss).astype(np.int16))


def test_other_words_are_not_the_same() -> None:
    for seed in range(20):
        assert signs(babble(6.0, seed=seed), silence(1.5), babble(6.0, seed=100 + seed), silence(1.5)) == []


def test_silence_and_short_words_repeat_nothing() -> None:
    assert signs(silence(30.0)) == []
    assert signs(*[np.concatenate((babble(0.8, seed=3), silence(1.0)))] * 4) == []
