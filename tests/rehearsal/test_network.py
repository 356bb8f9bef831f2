"""Every shipped callee on the real pair: an engine's Asterisk dials the simulated network's, over SIP and RTP.

All are called within one run, several at once, and each test looks at one of them: at the outcome that the call flow
found, and at what the callee heard.
"""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from ivr.domain.outcome import Outcome
from ivr.rehearsal.callee_file import load_callees, shipped_kinds
from ivr.rehearsal.callees import Dtmf
from ivr.rehearsal.comparing import heard_matches
from ivr.rehearsal.hearing import Heard
from ivr.rehearsal.network import TelephoneNetwork
from ivr.rehearsal.records import CallRecord, EndedBy
from ivr.rehearsal.sounds import RATE, Samples
from tests.asterisk.pbx_pair import LAYOUT
from tests.rehearsal.small_engine import SAID, SECONDS, Call, small_engine

pytestmark = pytest.mark.timeout(240)

KINDS = [name for name in shipped_kinds() if name != "load"]
AT_ONCE = 10
NUMBERS = {name: f"03122200{index:02d}" for index, name in enumerate([*KINDS, "load"])}
SLACK = 0.25
"""Seconds by which a busy machine may be late."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the engine saw and what the callees saw, by kind."""

    calls: Mapping[str, Call]
    records: Mapping[str, CallRecord]
    directory: Path
    peak: int


async def run_all(directory: Path) -> Run:
    listed = "".join(f'  "{number}": {kind}\n' for kind, number in NUMBERS.items())
    lines = asyncio.Semaphore(AT_ONCE)
    async with (
        TelephoneNetwork(load_callees("callees:\n" + listed), directory / "network", asterisk=LAYOUT) as network,
        small_engine(directory, network.sip_port) as engine,
    ):

        async def one(kind: str) -> tuple[str, Call]:
            async with lines:
                return kind, await engine.call(f"+81{NUMBERS[kind][1:]}")

        long_ones_first = sorted(NUMBERS, key=lambda kind: kind not in ("talks_on", "memo_recorder", "voicemail"))
        calls = dict(await asyncio.gather(*(one(kind) for kind in long_ones_first)))
        await network.quiet(within=10)
        unseen = {kind: calls[kind] for kind, number in NUMBERS.items() if not network.calls_of(number)}
        assert not unseen, f"never came to the callee: {unseen}"
        records = {kind: network.calls_of(number)[0] for kind, number in NUMBERS.items()}
        assert all(network.dials_seen(number) == 1 for number in NUMBERS.values())
        return Run(calls, records, directory / "network", network.peak)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(run_all(tmp_path_factory.mktemp("network")))


def heard_steps(record: CallRecord) -> list[str]:
    """Return the steps that the callee heard whole, in the order in which they were first heard."""
    whole = {step: at for step, said in SAID.items() if (at := first_heard(record.heard, said)) is not None}
    return sorted(whole, key=lambda step: whole[step])


def first_heard(heard: Heard, said: Samples) -> float | None:
    """Return when `said` was first heard whole, in seconds; None for never. A step may be heard twice."""
    at: float | None = None
    while heard.size and (match := heard_matches(heard, said)).correlation > 0.9:
        at = match.offset_s
        heard = heard.before(at)
    return at


@pytest.mark.parametrize("kind", KINDS)
def test_the_call_ends_as_the_kind_says(run: Run, kind: str) -> None:
    """The small engine listens by the talk detector alone, which knows no fax."""
    expected = Outcome.HUNG_UP if kind == "fax" else shipped_kinds()[kind].expect
    assert run.calls[kind].outcome is expected
    assert run.records[kind].fault is None


CONFIRMED = ["confirm", "notice", "more", "bye"]


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("presses_after_question", CONFIRMED),
        ("presses_at_second_asking", CONFIRMED),
        ("presses_wrong_key_first", CONFIRMED),
        ("asks_again_then_callback", ["confirm", "notice", "more", "callback", "bye"]),
        ("presses_by_info", CONFIRMED),
        ("presses_inband", CONFIRMED),
        ("presses_from_sparse_phone", CONFIRMED),
        ("presses_in_question", CONFIRMED[1:]),
        ("hangs_up_in_question", []),
        ("hangs_up_after_question", ["confirm"]),
        ("hangs_up_in_message", ["confirm"]),
        ("drops_at_once", []),
        ("silent", ["confirm", "machine"]),
        ("voicemail", ["confirm", "machine"]),
    ],
)
def test_the_callee_hears_what_was_said_whole_and_in_order(run: Run, kind: str, steps: Sequence[str]) -> None:
    assert heard_steps(run.records[kind]) == steps


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("presses_after_question", "#"),
        ("presses_in_question", "#"),
        ("presses_wrong_key_first", "5#"),
        ("asks_again_then_callback", "#12"),
        ("presses_inband", "#"),
        ("presses_by_info", "#"),
        ("silent", ""),
    ],
)
def test_each_key_arrives_once(run: Run, kind: str, keys: str) -> None:
    assert "".join(sent.key for sent in run.records[kind].keys) == keys
    assert "".join(run.calls[kind].keys) == keys


@pytest.mark.parametrize(
    ("kind", "by"),
    [
        ("presses_after_question", Dtmf.RFC4733),
        ("presses_inband", Dtmf.INBAND),
        ("presses_by_info", Dtmf.INFO),
    ],
)
def test_keys_are_noted_with_the_way_they_were_sent(run: Run, kind: str, by: Dtmf) -> None:
    [sent] = run.records[kind].keys
    assert sent.by is by
    assert 0.05 < sent.until - sent.at < 1.0


def test_a_key_after_the_question_is_pressed_a_second_after_its_end(run: Run) -> None:
    record = run.records["presses_after_question"]
    assert record.answered is not None
    question = heard_matches(record, SAID["confirm"]).offset_s
    pressed = record.keys[0].at - record.answered
    assert pressed - question - SECONDS["confirm"] == pytest.approx(1.0, abs=SLACK)


def test_a_key_in_the_question_cuts_it_short(run: Run) -> None:
    record = run.records["presses_in_question"]
    assert record.answered is not None
    pressed = record.keys[0].at - record.answered
    message = heard_matches(record, SAID["notice"]).offset_s
    assert pressed == pytest.approx(4.0, abs=2 * SLACK)
    assert 0 < message - pressed < 0.5


def test_a_key_at_the_second_asking_comes_after_both(run: Run) -> None:
    record = run.records["presses_at_second_asking"]
    assert record.keys[0].at > 2 * SECONDS["confirm"] + 4.0


def test_the_message_is_left_on_the_recording_whole(run: Run) -> None:
    record = run.records["voicemail"]
    assert heard_matches(record.recording(), SAID["machine"]).correlation > 0.9


@pytest.mark.parametrize(
    ("kind", "sip", "q850"),
    [
        ("busy", 486, 17),
        ("rejects", 403, 21),
        ("declines", 603, None),
        ("nonexistent", 404, 1),
        ("powered_off", 480, 20),
        ("congested", 503, 42),
        ("no_circuit", 503, 34),
        ("no_answer", 487, 16),
        ("silent", 200, 16),
    ],
)
def test_the_final_status_is_kept(run: Run, kind: str, sip: int, q850: int | None) -> None:
    record = run.records[kind]
    assert (record.sip, record.q850) == (sip, q850)
    seen = run.calls[kind].disposition.sip
    assert seen == sip or sip in (200, 487)


@pytest.mark.parametrize(
    ("kind", "by"),
    [
        ("presses_after_question", EndedBy.CALLER),
        ("hangs_up_in_question", EndedBy.CALLEE),
        ("drops_at_once", EndedBy.CALLEE),
        ("silent", EndedBy.CALLER),
        ("fax", EndedBy.CALLEE),
        ("busy", EndedBy.CALLEE),
        ("no_answer", EndedBy.CALLER),
        ("load", EndedBy.CALLEE),
    ],
)
def test_who_ended_the_call_is_noted(run: Run, kind: str, by: EndedBy) -> None:
    assert run.records[kind].ended_by is by


@pytest.mark.parametrize("kind", [*KINDS, "load"])
def test_the_times_of_a_call_follow_each_other(run: Run, kind: str) -> None:
    record = run.records[kind]
    known = [
        time
        for time in (record.ringing, record.answered, record.first_audio, record.first_sound, record.ended)
        if time is not None
    ]
    assert all(earlier <= later + 0.04 for earlier, later in pairwise([0.0, *known]))
    assert (record.answered is not None) == (record.sip == 200)
    rang = shipped_kinds()[kind].ring > 0
    assert (record.ringing is not None) == rang


def test_first_audio_follows_the_answer_at_once_where_the_scenario_speaks_at_once(run: Run) -> None:
    record = run.records["presses_after_question"]
    assert record.answered is not None
    assert record.first_sound is not None
    assert record.first_sound - record.answered < 0.5


def test_each_call_is_written_as_a_line_and_its_audio_as_it_was_heard(run: Run) -> None:
    lines = [json.loads(line) for line in (run.directory / "calls.jsonl").read_text().splitlines()]
    assert {line["number"] for line in lines} == set(NUMBERS.values())
    [line] = [line for line in lines if line["kind"] == "silent"]
    assert line["at"]["answered"] > line["at"]["invited"]
    with wave.open(str(run.directory / line["wav"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        assert file.readframes(file.getnframes()) == run.records["silent"].heard.samples.tobytes()
    [busy] = [line for line in lines if line["kind"] == "busy"]
    assert busy["wav"] is None


def test_many_callees_were_on_the_line_at_once(run: Run) -> None:
    assert run.peak >= AT_ONCE - 2


async def test_a_network_with_a_password_takes_calls_that_prove_it_and_no_other(tmp_path: Path) -> None:
    callees = load_callees('callees: {"0312220001": drops_at_once}')
    async with TelephoneNetwork(
        callees, tmp_path / "network", asterisk=LAYOUT, username="office", password="secret-1"
    ) as network:
        async with small_engine(tmp_path / "a", network.sip_port, username="office", password="secret-1") as engine:
            assert (await engine.call("+81312220001")).outcome is Outcome.HUNG_UP
            await network.call("0312220001", within=5)
        async with small_engine(tmp_path / "b", network.sip_port, username="office", password="wrong") as engine:
            assert (await engine.call("+81312220001")).outcome is not Outcome.HUNG_UP
        assert network.dials_seen("0312220001") == 1
