"""The watch sees what a parser must not do, whatever that is, and keeps the input that did it."""

from __future__ import annotations

import os
import signal
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz.mutation import Mutation
from tests.fuzz.target import Run, Target
from tests.fuzz.watching import Finding, fuzz, replay

EVIL = b"evil"


def fragile(run: Run) -> Target:
    return Target(name="fragile", start=lambda: run, samples=(b"good", EVIL), tokens=(b"x",), longest=100)


def only_finding(run: Run) -> Finding:
    tally = replay(fragile(run), EVIL, hang=1.0)
    (finding,) = tally.findings
    assert finding.data == EVIL
    return finding


def crashing(data: bytes) -> None:
    if data == EVIL:
        raise KeyError(data)


def hanging(data: bytes) -> None:
    while data == EVIL:
        pass


def dying(data: bytes) -> None:
    if data == EVIL:
        os.kill(os.getpid(), signal.SIGKILL)


def gluttonous(data: bytes) -> int:
    return len(bytearray(1 << 31)) if data == EVIL else 0


def test_an_exception_is_a_crash_with_its_place() -> None:
    finding = only_finding(crashing)
    assert finding.kind == "crash"
    assert finding.place.startswith("KeyError at test_watching.py:")


def test_an_input_that_never_ends_is_a_hang_with_the_place_where_it_hung() -> None:
    finding = only_finding(hanging)
    assert finding.kind == "hang"
    assert "in hanging" in finding.trace


def test_a_process_that_dies_is_seen() -> None:
    assert only_finding(dying).kind == "death (-9)"


def test_a_parser_that_takes_a_gigabyte_has_crashed() -> None:
    assert only_finding(gluttonous).place.startswith("MemoryError")


def test_after_a_hang_fuzzing_goes_on_and_the_same_place_is_told_once() -> None:
    tally = fuzz(fragile(hanging), seconds=1.5, seed=1, hang=0.3)
    assert {finding.kind for finding in tally.findings} == {"hang"}
    places = [finding.place for finding in tally.findings]
    assert len(places) == len(set(places))
    assert tally.inputs > 2


def test_nothing_found_is_exit_0_with_one_line_and_a_finding_is_exit_1_with_its_input_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(command.TARGETS, "sound", fragile(len))
    monkeypatch.setitem(command.TARGETS, "broken", fragile(crashing))
    assert command.main(["sound", "--seconds", "0.2", "--keep", str(tmp_path)]) == 0
    assert "findings 0" in capsys.readouterr().out
    assert command.main(["broken", "--seconds", "0.2", "--keep", str(tmp_path)]) == 1
    (kept,) = tmp_path.iterdir()
    assert kept.read_bytes() == EVIL
    assert str(kept) in capsys.readouterr().out
    assert command.main(["broken", "--replay", str(kept), "--keep", str(tmp_path)]) == 1


def test_the_same_seed_gives_the_same_inputs_and_another_seed_others() -> None:
    def inputs(seed: int) -> list[bytes]:
        mutation = Mutation(fragile(len), seed)
        return list(islice(mutation.inputs(), 50))

    assert inputs(1) == inputs(1) != inputs(2)


def test_an_input_that_was_taken_in_a_new_way_is_built_on() -> None:
    mutation = Mutation(fragile(len), 1)
    learnt = [mutation.learn(len(data)) for data in islice(mutation.inputs(), 300)]
    assert learnt[0]
    assert not learnt[1], "the second sample is as long as the first"
    assert mutation.signs == sum(learnt) > 5


def test_no_input_is_longer_than_the_target_allows() -> None:
    assert all(len(data) <= 100 for data in islice(Mutation(fragile(len), 3).inputs(), 2000))
