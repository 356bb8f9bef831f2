"""What a callee hears and when."""

from __future__ import annotations

import numpy as np
import pytest

from ivr.rehearsal.comparing import heard_matches
from ivr.rehearsal.ear import Ear
from ivr.rehearsal.sounds import RATE, Samples, babble, noise, silence

FRAME = 160


def play(ear: Ear, samples: Samples, start: float, late: dict[int, float] | None = None) -> float:
    """Let `ear` hear samples frame by frame from `start` on, the frames in `late` that much later; return the end."""
    for index in range(0, samples.size, FRAME):
        number = index // FRAME
        ear.hear(
            samples[index : index + FRAME].astype("<i2").tobytes(),
            start + number * 0.02 + (late or {}).get(number, 0),
        )
    return start + samples.size / RATE


def test_the_index_of_a_sample_is_its_time_since_the_answer() -> None:
    ear = Ear()
    speech = babble(1.0)
    play(ear, speech, 0.5)
    play(ear, speech, 4.0)
    heard = ear.heard().samples
    assert np.array_equal(heard[4000:12000], speech)
    assert np.array_equal(heard[32000:40000], speech)
    assert not heard[:4000].any()
    assert not heard[12000:32000].any()
    assert ear.heard().runs == ((4000, 12000), (32000, 40000))


def test_frames_that_come_a_little_late_leave_no_seam() -> None:
    ear = Ear()
    speech = babble(1.0)
    play(ear, speech, 0.1, late={3: 0.015, 10: 0.05, 11: 0.03, 30: 0.055})
    assert heard_matches(ear.heard(), speech).correlation > 0.9999


def test_a_lost_frame_is_a_gap_and_what_follows_stays_in_its_place() -> None:
    ear = Ear()
    speech = babble(2.0)
    frames = [speech[index : index + FRAME] for index in range(0, speech.size, FRAME)]
    for number, frame in enumerate(frames):
        if number != 40:
            ear.hear(frame.astype("<i2").tobytes(), 0.1 + number * 0.02 + (0.009 if number % 3 else 0.0))
    heard = ear.heard()
    assert heard.size == pytest.approx(0.1 * RATE + speech.size, abs=16)
    assert heard_matches(heard, speech).correlation > 0.97
    assert heard_matches(heard.after(1.0), frames[60]).correlation > 0.999


def test_spells_of_speech_begin_after_pauses_and_short_gaps_do_not_part_them() -> None:
    ear = Ear()
    end = play(ear, babble(1.0), 0.2)
    end = play(ear, babble(1.0), end + 0.2)
    end = play(ear, babble(0.5), end + 5.0)
    assert [round(spell.start, 1) for spell in ear.spells] == [0.2, 7.4]
    assert ear.spells[0].pause is None
    assert ear.spells[1].pause == pytest.approx(5.0, abs=0.05)
    assert ear.first_sound == pytest.approx(0.2, abs=0.03)
    assert ear.silent_for(end + 1.5) == pytest.approx(1.5, abs=0.05)
    assert ear.silent_for(end + 1.5, since=end + 1.0) == pytest.approx(0.5)


def test_a_click_and_line_noise_are_silence() -> None:
    ear = Ear()
    click = silence(1.0)
    click[800:900] = 20000
    play(ear, click, 0.0)
    play(ear, noise(1.0, -52.0), 1.0)
    assert ear.first_frame == 0.0
    assert ear.first_sound is None
    assert not ear.spells
