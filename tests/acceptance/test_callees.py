"""Every kind of callee, dialled for real: what came of it, and what the callee heard of what was rendered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pytest

from ivr.domain.line_rules import OpeningRule
from ivr.domain.outcome import Outcome
from ivr.rehearsal.callee_file import shipped_kinds
from ivr.rehearsal.comparing import heard_matches
from ivr.rehearsal.demo import DEMO_LIST
from ivr.rehearsal.sounds import RATE, Samples
from tests.acceptance.demo import Demo, Story
from tests.acceptance.leaking import leaks

pytestmark = pytest.mark.timeout(400)

KINDS = [name for name in shipped_kinds() if name != "load"]
SAME, OTHER = 0.95, 0.7
"""From which correlation on something was heard, and up to which it was not. Two texts may share a sentence."""

CONFIRMING = [kind for kind in KINDS if shipped_kinds()[kind].expect is Outcome.CONFIRMED]
MACHINES = ["voicemail", "memo_recorder"]
SLACK = 1.0
"""Seconds by which a busy machine may be late."""


def heard(story: Story, step: str) -> bool:
    """Tell whether a step was heard whole."""
    correlation = heard_matches(story.call.heard, story.spoken.steps[step]).correlation
    assert correlation > SAME or correlation < 0.85, "neither heard nor not"
    return correlation > SAME


def place(story: Story, step: str) -> float:
    """Return when a step that was heard whole began, in seconds since the answer."""
    match = heard_matches(story.call.heard, story.spoken.steps[step])
    assert match.correlation > SAME
    return match.offset_s


def test_the_demo_calls_a_cp932_list_on_many_lines_and_everything_ends_as_scripted(demo: Demo) -> None:
    assert demo.said.status == 0, demo.said
    assert "台本どおり" in demo.said.out
    assert "文字コード cp932" in demo.said.out
    DEMO_LIST.read_bytes().decode("cp932")
    assert len(demo.results) >= 40
    moments = [(call.invited.timestamp(), 1) for call in demo.calls]
    moments += [(call.invited.timestamp() + (call.answered or 0) + call.talked, -1) for call in demo.calls]
    assert max(np.cumsum([change for _, change in sorted(moments)])) >= 10, "ten calls at once"
    wavs = [word for word in demo.said.out.replace("（", " ").replace("：", " ").split() if word.endswith(".wav")]
    assert len(wavs) == 3
    assert {call.wav.name for call in demo.calls if call.wav} >= {wav.rpartition("/")[2] for wav in wavs}
    assert "Traceback" not in demo.said.err


def test_every_shipped_kind_is_called(demo: Demo) -> None:
    assert {story.call.kind for story in demo.stories} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_outcome_is_the_one_of_the_kind_with_what_the_network_said(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        attempt, call = story.attempt, story.call
        assert call.fault is None
        assert attempt["outcome"] == shipped_kinds()[kind].expect.value
        if story.last:
            assert story.person["state"] == "settled"
            assert story.person["outcome"] == story.callee.expect.value
        if call.answered is not None:
            assert attempt["sip"] == 200
            assert attempt["q850"] == 16
        elif kind == "no_answer":
            assert attempt["q850"] in (18, 19)
            assert call.sip == 487, "we gave up"
        else:
            assert attempt["sip"] == call.sip == shipped_kinds()[kind].refuse


def test_every_dial_is_an_attempt_and_nobody_is_dialled_twice(demo: Demo) -> None:
    assert len(demo.calls) == len(demo.stories) == sum(len(person["attempts"]) for person in demo.results)
    assert set(Counter(call.number for call in demo.calls).values()) == {1}
    assert len({story.attempt["id"] for story in demo.stories}) == len(demo.stories)


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_that_was_pressed_is_in_the_results_at_its_time(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        assert [key["key"] for key in story.attempt["keys"]] == [key for key, _ in story.call.keys]
        at = [_seconds(key["at"], story) for key in story.attempt["keys"]]
        assert at == sorted(at)
        assert all(0 <= ours - theirs < 1.0 for ours, (_, theirs) in zip(at, story.call.keys, strict=True))


def _seconds(moment: str, story: Story) -> float:
    """Return a time of the results in seconds since the answer as the callee saw it."""
    since_invite = (datetime.fromisoformat(moment) - story.call.invited).total_seconds()
    return since_invite - (story.call.answered or 0.0)


def test_only_who_asked_to_be_called_back_is_marked(demo: Demo) -> None:
    for story in demo.stories:
        asked = story.call.kind == "asks_again_then_callback"
        assert story.person["marks"] == (["callback_requested"] if asked else [])


def test_everyone_hears_their_own_name_and_nobody_elses(demo: Demo) -> None:
    asked = [
        story
        for story in demo.of(*CONFIRMING, "silent", "hangs_up_after_question", "hangs_up_in_message")
        if story.call.kind != "presses_in_question"
    ]
    assert len(asked) > 20
    names = [story.spoken.name for story in asked]
    for index, story in enumerate(asked):
        start = heard_matches(story.call.heard, story.spoken.name)
        assert start.correlation > SAME
        around = story.call.heard.before(start.offset_s + 6.0)
        others = [names[(index + step) % len(asked)] for step in (1, 2, 3, 4, 5)]
        assert max(heard_matches(around, other).correlation for other in others) < OTHER


@pytest.mark.parametrize("kind", CONFIRMING)
def test_whoever_confirms_hears_the_whole_message_after_the_key_and_nothing_of_it_before(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        confirmed_at = story.confirmed_at
        assert confirmed_at is not None
        assert place(story, "notice") >= confirmed_at
        before = story.call.heard.before(confirmed_at)
        for step in ("notice", "machine"):
            assert heard_matches(before, story.spoken.steps[step]).correlation < OTHER
        assert place(story, "bye") > place(story, "notice")
        assert not heard(story, "machine")


@pytest.mark.parametrize("kind", ["hangs_up_in_question", "hangs_up_after_question", "drops_at_once", "fax"])
def test_whoever_does_not_confirm_hears_nothing_but_the_question(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        for step in ("notice", "more", "machine"):
            assert heard_matches(story.call.heard, story.spoken.steps[step]).correlation < OTHER


def test_a_key_stops_the_question_at_once(demo: Demo) -> None:
    """The message follows within 300 ms of the key, as the callee hears it: so the question has stopped by then."""
    delays = []
    for story in demo.of("presses_in_question"):
        confirmed_at, notice = story.confirmed_at, place(story, "notice")
        assert confirmed_at is not None
        assert not heard(story, "confirm")
        assert 3.0 < story.attempt["evidence"]["steps"][0]["seconds"] < 6.0 + SLACK
        delays.append(notice - confirmed_at)
    assert median(delays) < 0.3, delays
    assert max(delays) < 0.3 + SLACK, delays


def test_whoever_presses_1_hears_the_message_twice(demo: Demo) -> None:
    for story in demo.of("asks_again_then_callback"):
        message = story.spoken.steps["notice"]
        again_at = story.call.keys[1][1]
        first = heard_matches(story.call.heard.before(again_at), message)
        second = heard_matches(story.call.heard.after(again_at), message)
        assert min(first.correlation, second.correlation) > SAME
        assert place(story, "callback") > again_at


@pytest.mark.parametrize("kind", MACHINES)
def test_a_recording_machine_keeps_the_whole_message(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        recording = story.call.recording
        match = heard_matches(recording, story.spoken.steps["machine"])
        assert match.correlation > SAME
        assert match.offset_s + story.spoken.steps["machine"].size / RATE <= recording.seconds + 0.02
        assert not heard(story, "notice"), "what only the confirmed may hear"


@pytest.mark.parametrize("kind", MACHINES)
def test_a_recording_machines_beep_is_in_the_evidence_when_it_sounded(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        tones = story.attempt["evidence"]["tones"]
        assert {tone["sign"] for tone in tones} == {"beep"}
        began = story.call.recorded[0][0]
        # On a busy machine frames come too late and count as silence, which may make two of one.
        for beep in tones:
            assert abs(beep["at"] + beep["seconds"] - began) < 0.3 + SLACK, "the machine records from its beep on"


def test_tones_are_in_the_evidence_of_nobody_else_but_a_fax_and_who_says_the_same_again(demo: Demo) -> None:
    expected = {kind: {"beep"} for kind in MACHINES} | {"fax": {"fax"}}
    for story in demo.stories:
        signs = {tone["sign"] for tone in story.attempt["evidence"].get("tones", [])}
        if story.call.kind == "talks_on":
            signs.discard("repeated")
        assert signs == expected.get(story.call.kind, set())


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machine_whose_beep_is_heard_is_asked_no_more(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        assert not heard(story, "confirm")
        assert story.attempt["evidence"]["proof"] == "beep"
        steps = story.attempt["evidence"]["steps"]
        assert steps[-1]["step"] == "machine"
        assert not any(step["whole"] for step in steps if step["step"] == "confirm")


def test_who_speaks_first_is_asked_from_the_beginning_once_they_have_finished(demo: Demo) -> None:
    """A machine that stalls breaks somebody's words in two, and who goes on is asked anew: one may be late, not all."""
    delays = []
    for story in demo.of(*CONFIRMING):
        words = [end for _, end in story.call.spoken if end < 3.0]
        if words and story.call.kind != "presses_in_question":
            beginning = heard_matches(story.call.heard, story.spoken.steps["confirm"][: 2 * RATE])
            assert beginning.correlation > SAME
            delays.append(beginning.offset_s - words[-1])
    assert min(delays) > 0, delays
    assert median(delays) < 2.0, delays
    assert max(delays) < OpeningRule().longest + SLACK, delays


def test_who_stays_silent_hears_the_whole_message_for_a_machine(demo: Demo) -> None:
    for story in demo.of("silent"):
        assert heard(story, "machine")


def test_who_talks_on_is_not_taken_for_a_machine_that_kept_the_message(demo: Demo) -> None:
    for story in demo.of("talks_on"):
        assert not heard(story, "machine")
        assert story.attempt["evidence"]["steps"][-1]["whole"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_the_seconds_heard_are_those_that_the_callee_heard(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        claimed, loud = story.attempt["heard_s"], speech_seconds(story.call.heard.stream())
        steps = story.attempt["evidence"].get("steps", [])
        assert claimed == pytest.approx(sum(step["seconds"] for step in steps), abs=0.05)
        for step in steps:
            seconds = story.spoken.steps[step["step"]].size / RATE
            assert step["seconds"] <= seconds + 0.05
            assert step["whole"] is (step["seconds"] >= seconds - 0.3), step
        assert claimed <= _lasted(story.attempt) + 0.1, "no more than the call lasted"
        if kind != "presses_in_noise":
            assert abs(claimed - loud) <= 0.1 * claimed + SLACK, "speech and its pauses, no silence between the steps"


def _lasted(attempt: Mapping[str, Any]) -> float:
    """Return the seconds from the answer to the end, as the engine saw them."""
    if attempt["answered_at"] is None:
        return 0.0
    answered, ended = (datetime.fromisoformat(attempt[name]) for name in ("answered_at", "ended_at"))
    return (ended - answered).total_seconds()


def speech_seconds(samples: Samples) -> float:
    """Return how long speech sounded, pauses of less than a second and a half included."""
    frames = samples[: samples.size // 160 * 160].reshape(-1, 160).astype(np.float64)
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > 130.0)
    if not loud.size:
        return 0.0
    pauses = [(after - before) * 0.02 for before, after in pairwise(loud)]
    return float(loud.size * 0.02 + sum(pause for pause in pauses if 0.02 < pause < 1.5))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_sent_after_the_end(demo: Demo, kind: str) -> None:
    for story in demo.of(kind):
        assert story.call.heard.seconds <= story.call.talked + 0.2
        expected = "callee" if kind.startswith("hangs_up") or kind == "drops_at_once" else "caller"
        if story.call.answered is not None:
            assert story.call.ended_by == expected


def test_nobody_is_in_the_logs_of_the_demo(demo: Demo) -> None:
    files = [*demo.folder.rglob("*.log")]
    assert len(files) == 2, "one of each Asterisk"
    logs = {str(file): file.read_text("utf-8", "replace") for file in files}
    names = [person.kana for person in demo.people.values()]
    numbers = {call.number for call in demo.calls}
    assert leaks({"stderr": demo.said.err, **logs}, names, numbers) == []
