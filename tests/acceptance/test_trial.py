"""`ivr rehearse --machines`: a few callees of the corpus, called by the whole engine and judged from their end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivr import trial
from ivr.domain.outcome import Outcome
from ivr.errors import InputError
from ivr.rehearsal.callees import HangUp, Press, Record, Say, Tone, Wait, WaitSpeech
from ivr.rehearsal.corpus import Part, Specimen, Truth, specimens
from tests.acceptance.command import Command

pytestmark = pytest.mark.timeout(150)

BEEP = Tone((1000.0,), 0.4)


def made(number: str, truth: Truth, part: Part, *allowed: Outcome, steps: tuple[Any, ...]) -> Specimen:
    """A callee that takes no longer than a test has time for, otherwise as one of the corpus."""
    like = next(one for one in specimens() if one.truth is truth)
    kind = replace(like.kind, name=f"{truth}_{number}", steps=steps, expect=allowed[0], ring=0.2)
    presses = Press("#") in steps
    return replace(like, number=number, kind=kind, part=part, presses=presses, allowed=frozenset(allowed))


WORDS = "ただいま、電話に出ることができません。発信音の後に、お名前とご用件をお話しください。"
GREETING = (Wait(0.3), Say(WORDS), Wait(0.4), BEEP)
KEEPS = made("0310090001", Truth.RECORDER, Part.TUNED, Outcome.VOICEMAIL, steps=(*GREETING, Record(60.0)))
CUTS = made("0310090002", Truth.RECORDER, Part.HELD_OUT, Outcome.BUSY, steps=(*GREETING, Record(4.0)))
PRESSES = made(
    "0310090003",
    Truth.PERSON,
    Part.TUNED,
    Outcome.CONFIRMED_PARTIAL,
    steps=(Wait(0.3), Say("もしもし。"), Wait(0.5), WaitSpeech(), Wait(4.0), Press("#"), Wait(6.5), HangUp()),
)
LEAVES = made(
    "0310090004",
    Truth.PERSON,
    Part.HELD_OUT,
    Outcome.HUNG_UP,
    steps=(Wait(0.3), Say("はい。"), Wait(0.5), WaitSpeech(), Wait(4.0), HangUp()),
)


@pytest.fixture(autouse=True)
def quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the logs of the other tests as they are."""
    monkeypatch.setattr(trial.logs, "configure", lambda **_: None)


def verdicts(out: Path) -> dict[str, dict[str, Any]]:
    (folder,) = out.iterdir()
    lines = (folder / "verdicts.jsonl").read_text("utf-8").splitlines()
    return {line["number"]: line for line in map(json.loads, lines)}


async def test_callees_who_get_what_they_should_meet_the_targets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await trial.tried([KEEPS, PRESSES], tmp_path / "out", 4, False) == 0
    told = verdicts(tmp_path / "out")
    kept, pressed = told[KEEPS.number], told[PRESSES.number]
    assert (kept["outcome"], kept["verdict"]["whole_message"]) == ("voicemail", True)
    assert kept["parameters"] == json.loads(json.dumps(dict(KEEPS.parameters)))
    assert kept["evidence"]["steps"]
    assert pressed["outcome"] == "confirmed_partial"
    assert pressed["verdict"]["pressed"] is True
    assert pressed["verdict"]["question_whole"] is True
    assert pressed["verdict"]["heard_confirmed_part"] is False
    assert 0 < pressed["verdict"]["question_after_s"] < 1.5
    (folder,) = (tmp_path / "out").iterdir()
    assert (folder / pressed["wav"]).stat().st_size > 8 * 8000
    said = capsys.readouterr().out
    assert "目標をすべて満たしました" in said
    assert "取り置いた相手" not in said, "no part without callees"
    assert "| 留守番電話に伝言が丸ごと残った | 99 % 以上 | 1 / 1（100.0 %） |" in (folder / "matrix.md").read_text(
        "utf-8"
    )


async def test_what_went_wrong_is_told_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await trial.tried([CUTS, LEAVES], tmp_path / "out", 4, False) == 1
    told = verdicts(tmp_path / "out")
    cut, left = told[CUTS.number], told[LEAVES.number]
    assert cut["verdict"]["whole_message"] is False
    assert cut["verdict"]["honest"] is False, "busy is the only thing that may be said of it here"
    assert left["outcome"] == "hung_up"
    assert left["verdict"]["question_whole"] is True
    said = capsys.readouterr().out
    assert "目標に届かないもの" in said
    assert CUTS.kind.name in said
    assert f"{LEAVES.kind.name}：" not in said


async def test_nobody_to_call_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="一人もいません"):
        await trial.tried([], tmp_path, 4, False)
    assert list(tmp_path.iterdir()) == []


def test_the_parts_are_named_as_on_the_command_line() -> None:
    assert trial.parts_named("tuned") == (Part.TUNED,)
    assert trial.parts_named("held-out") == (Part.HELD_OUT,)
    assert trial.parts_named("all") == tuple(Part)


@pytest.mark.parametrize(
    "arguments",
    [("--recipes",), ("--part", "tuned"), ("--machines", "--demo"), ("--machines", "--callees", "a.yaml")],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with Command(tmp_path, "rehearse", *arguments) as command:
        assert "--machines" in command.ended(30).refused_in_one_sentence()
