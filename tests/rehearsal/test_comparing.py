"""Comparing what should have happened with what did."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from ivr.campaign.records import AttemptRecord, RecipientRecord
from ivr.domain.attempt import AttemptState
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.rehearsal.callee_file import load_callees
from ivr.rehearsal.comparing import compare, heard_matches
from ivr.rehearsal.hearing import Heard, runs_from_json
from ivr.rehearsal.sounds import RATE, Samples, babble, noise, silence, tone

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def g711(samples: Samples) -> Samples:
    """Return samples as they come back from μ-law coding (ITU-T G.711)."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    decoded = ((mantissa << 3) + 132 << exponent) - 132
    return (np.sign(samples) * decoded).astype(np.int16)


def test_a_clip_is_found_where_it_was_played_through_coding_and_level() -> None:
    clip = babble(2.0)
    heard = np.concatenate((noise(1.5, -60.0), g711((clip * 0.5).astype(np.int16)), babble(3.0, seed=9)))
    match = heard_matches(heard, clip)
    assert match.correlation > 0.98
    assert match.offset_s == pytest.approx(1.5, abs=1 / RATE)


@pytest.mark.parametrize("frames", [-2, -1, 1, 2])
def test_a_lost_or_late_frame_leaves_a_match(frames: int) -> None:
    clip = babble(5.0)
    middle = 2 * RATE + 3000
    gap = silence(max(0, frames) * 0.02)
    before = clip[: middle + min(0, frames) * 160]
    match = heard_matches(np.concatenate((silence(1.0), before, gap, clip[middle:])), clip)
    assert match.correlation > 0.95
    assert match.offset_s == pytest.approx(1.0, abs=1 / RATE)


@pytest.mark.parametrize("at", [0.35, 0.45, 0.6, 0.75, 0.82, 1.05, 1.4])
def test_a_short_message_in_which_a_frame_was_lost_is_the_whole_message(at: float) -> None:
    clip, start = babble(1.95), round(at * RATE)
    heard = np.concatenate((silence(0.5), clip[:start], clip[start + 160 :], babble(1.0, seed=4)))
    assert heard_matches(heard, clip).correlation > 0.97


def test_a_message_of_which_a_third_of_a_second_was_another_text_is_not_the_whole_message() -> None:
    clip, start = babble(1.95), round(0.6 * RATE)
    heard = np.concatenate((clip[:start], babble(0.3, seed=7), clip[start + 2400 + 160 :]))
    assert heard_matches(heard, clip).correlation < 0.93


def test_a_stream_with_long_gaps_matches_whole_and_at_its_time() -> None:
    clip = babble(8.0)
    samples, runs = silence(0.9), []
    for start, end in pairwise([0, 11000, 23500, 35000, 48500, clip.size]):
        runs.append((samples.size, samples.size + end - start))
        samples = np.concatenate((samples, clip[start:end], silence(1.3)))
    heard = Heard(samples, tuple(runs))
    match = heard_matches(heard, clip)
    assert match.correlation > 0.999
    assert match.offset_s == pytest.approx(0.9, abs=1 / RATE)
    second = heard_matches(heard.after(1.0), clip[23500:35000])
    assert second.correlation > 0.999
    assert second.offset_s == pytest.approx(runs[2][0] / RATE - 1.0, abs=1 / RATE)
    assert runs_from_json(heard.runs_as_json()) == heard.runs


def test_another_text_a_tone_and_silence_do_not_match() -> None:
    clip = babble(2.0, seed=1)
    for heard in (babble(6.0, seed=2), tone((440,), 6.0), silence(6.0), noise(6.0), np.zeros(0, dtype=np.int16)):
        assert heard_matches(heard, clip).correlation < 0.5
    assert heard_matches(clip, silence(1.0)).correlation == 0.0


def test_half_a_clip_is_half_a_match() -> None:
    clip = babble(2.0)
    half = heard_matches(clip[: clip.size // 2], clip)
    assert 0.5 < half.correlation < 0.85
    assert half.offset_s == 0.0


def recipient(line: int, outcome: Outcome | None, *numbers: str) -> RecipientRecord:
    attempts = tuple(
        AttemptRecord(
            id=f"{line}-{index}",
            number=number,
            state=AttemptState.ENDED,
            intended_at=NOW,
            dialled_at=NOW,
            answered_at=None,
            ended_at=NOW,
            outcome=outcome,
            sip=None,
            q850=None,
            heard_s=0.0,
            restarts=0,
            keys=(),
            evidence={},
        )
        for index, number in enumerate(numbers)
    )
    person = Recipient(id=f"r{line}", line=line, kana="ヤマダ タロウ", numbers=numbers or ("+81312345670",))
    return RecipientRecord(recipient=person, state="settled", outcome=outcome, marks=(), due_at=None, attempts=attempts)


def test_only_outcomes_that_are_not_the_scripted_ones_differ() -> None:
    callees = load_callees("""callees:
  "0312345671": busy
  "0312345672": {calls: [busy, presses_after_question]}
  "0312345673": nonexistent
  "0312345674": silent
""")
    differences = compare(
        callees,
        [
            recipient(2, Outcome.BUSY, "+81312345671"),
            recipient(3, Outcome.CONFIRMED, "+81312345672", "+81312345672"),
            recipient(4, Outcome.VOICEMAIL, "+81312345673", "+81312345674"),
            recipient(5, Outcome.UNKNOWN, "+81312345671"),
            recipient(6, None),
        ],
    )
    assert [(d.line, d.number, d.kind, d.expected, d.found) for d in differences] == [
        (5, "0312345671", "busy", Outcome.BUSY, Outcome.UNKNOWN),
        (6, None, None, None, None),
    ]
