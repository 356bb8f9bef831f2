"""Callee files: what they may say, and every mistake at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.domain.outcome import Outcome
from ivr.errors import NotFound, Problems
from ivr.rehearsal.callee_file import load_callees, read_callees, shipped_kinds
from ivr.rehearsal.callees import (
    FOREVER,
    Background,
    BackgroundNoise,
    BusyTone,
    Dtmf,
    Fax,
    HangUp,
    HearOut,
    Music,
    Noise,
    Press,
    Record,
    Repeat,
    Ringback,
    Say,
    Special,
    Stay,
    Tone,
    Wait,
    WaitSilence,
    WaitSpeech,
    every_step,
)


def problems(text: str) -> list[str]:
    with pytest.raises(Problems) as caught:
        load_callees(text, "c.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_every_step_is_read_as_written() -> None:
    text = """kinds:
  all:
    expect: hung_up
    ring: forever
    dtmf: inband
    sparse: true
    voice: mei-high
    level: -30
    loss: 0.03
    background: {noise: babble, level: -42}
    do:
      - {say: もしもし, voice: mei-angry}
      - {say: もしもし, music: -35}
      - wait: 1500ms
      - hear_out: 1s
      - wait_speech
      - wait_speech: 3s
      - wait_silence: 2s
      - press: "#"
      - press: 5
      - tone: {hz: [350, 440], for: 500ms, level: -20}
      - noise: {for: 2s, level: -38}
      - record: {most: 30s, until_silence: 8s}
      - fax: 12s
      - ringback: {bursts: 3, level: -25, modulation: 18}
      - busy_tone: {times: 4}
      - special
      - special: {level: -25}
      - music: {for: 12s, level: -22, seed: 3}
      - repeat: {times: 2, do: [{wait: 1s}]}
      - stay
      - hang_up
callees: {"03-1234-5678": all}
"""
    kind = load_callees(text).find("0312345678").kind(1)
    assert (kind.ring, kind.dtmf, kind.sparse, kind.voice) == (FOREVER, Dtmf.INBAND, True, "mei-high")
    assert (kind.level, kind.loss, kind.background) == (-30.0, 0.03, Background(BackgroundNoise.BABBLE, -42.0))
    assert kind.steps == (
        Say("もしもし", "mei-angry"),
        Say("もしもし", music=-35.0),
        Wait(1.5),
        HearOut(1.0),
        WaitSpeech(),
        WaitSpeech(3.0),
        WaitSilence(2.0),
        Press("#"),
        Press("5"),
        Tone((350.0, 440.0), 0.5, -20.0),
        Noise(2.0, -38.0),
        Record(30.0, 8.0),
        Fax(12.0),
        Ringback(3, -25.0, 18.0),
        BusyTone(4),
        Special(),
        Special(level=-25.0),
        Music(12.0, -22.0, 3),
        Repeat((Wait(1.0),), 2),
        Stay(),
        HangUp(),
    )


def test_a_number_is_found_in_national_and_in_international_form() -> None:
    callees = load_callees('callees: {"+81-3-1234-5678": busy}')
    assert callees.find("0312345678") is callees.find("+81312345678")
    assert callees.find("+81312345678").expect is Outcome.BUSY


def test_a_callee_takes_each_call_with_its_own_kind_and_the_last_one_stays() -> None:
    callees = load_callees('callees: {"0312345678": {calls: [busy, no_answer, presses_after_question], ring: 3s}}')
    callee = callees.find("0312345678")
    assert [callee.kind(call).name for call in (1, 2, 3, 4)] == [
        "busy",
        "no_answer",
        "presses_after_question",
        "presses_after_question",
    ]
    assert callee.kind(2).ring == 3.0
    assert callee.expect is Outcome.CONFIRMED


def test_a_number_that_is_not_listed_does_not_exist_or_has_the_default_kind() -> None:
    nobody = load_callees('callees: {"0312345678": busy}').find("0312345679")
    assert (nobody.kind(1).refuse, nobody.expect) == (404, Outcome.INVALID_NUMBER)
    silent = load_callees("default: silent").find("0312345679")
    assert (silent.kind(1).name, silent.expect) == ("silent", Outcome.VOICEMAIL)


def test_a_file_may_put_its_own_kind_in_the_place_of_a_shipped_one() -> None:
    callees = load_callees('kinds: {busy: {expect: rejected, refuse: 603}}\ncallees: {"0312345678": busy}')
    assert callees.find("0312345678").kind(1).refuse == 603


def test_all_mistakes_are_told_at_once_each_at_its_line() -> None:
    found = problems("""kinds:
  a:
    expect: confirmd
    rng: 3s
    ring: 3
    dtmf: morse
    do:
      - sy: x
      - press: "##"
      - hangup
      - {say: はい, wait: 1s}
      - repeat: {do: [hang_up]}
      - tone: {hz: 9000, for: 1s}
      - record: {until_silence: 3s}
      - ringback: {bursts: 0, level: 6}
      - music: {level: -20}
      - busy_tone: {hz: 400}
    level: 3
    loss: 0.5
    background: {noise: brown}
  b: {expect: busy, refuse: 200}
  c: {expect: busy, refuse: 486, cause: 34, do: [stay]}
  d: {expect: hung_up, audio: false, do: [{press: "1"}]}
  e: {do: [stay]}
default: bsy
callees:
  "0312345678": a
  "+81312345678": {kind: a, calls: [a]}
  "123": a
  "0312345679": zz
  "0312345670": {calls: a}
""")
    lines = [int(problem.split(":")[1]) for problem in found]
    assert lines == [
        3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 15, 16, 17, 18, 19, 20, 21, 22, 22, 23, 24, 25, 28, 28, 29, 30, 31,
    ]  # fmt: skip
    assert any("「confirmed」の間違い" in problem for problem in found)
    assert any("「hang_up」の間違い" in problem for problem in found)
    assert any("「busy」の間違い" in problem for problem in found)


@pytest.mark.parametrize("text", ["", "- 1", "x: 1", "callees: [1]", "kinds: 3", "callees:\n  a: b: c\n"])
def test_a_file_of_the_wrong_shape_is_refused(text: str) -> None:
    assert problems(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"absent\.yaml"):
        read_callees(tmp_path / "absent.yaml")


def test_the_shipped_kinds_cover_every_way_a_call_can_go() -> None:
    kinds = shipped_kinds()
    outcomes = {kind.expect for kind in kinds.values()}
    assert outcomes >= {
        Outcome.CONFIRMED,
        Outcome.CONFIRMED_PARTIAL,
        Outcome.HUNG_UP,
        Outcome.VOICEMAIL,
        Outcome.VOICEMAIL_PARTIAL,
        Outcome.BUSY,
        Outcome.NO_ANSWER,
        Outcome.REJECTED,
        Outcome.INVALID_NUMBER,
        Outcome.UNREACHABLE,
        Outcome.NETWORK_CONGESTION,
    }
    assert {kind.dtmf for kind in kinds.values()} == set(Dtmf)
    assert all(kind.about for kind in kinds.values())
    assert all(kind.steps or kind.refuse for kind in kinds.values())
    assert not any(step == Wait(0.0) for kind in kinds.values() for step in every_step(kind.steps))
