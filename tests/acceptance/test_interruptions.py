"""What goes down in the middle of a campaign: nobody is forgotten, nobody is dialled twice, no outcome is invented.

The scenes are played at the same time, each in an office of its own: nearly all of their time is spent waiting.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import A_COMMAND, Command, alive, until
from tests.acceptance.far_end import CONFIRMS, FarEnd
from tests.acceptance.office import Office

PEOPLE, LINES = 8, 3


Scene = Callable[[Office, FarEnd, list[str]], None]
SCENES: list[Scene] = []


def scene(play: Scene) -> Scene:
    """Play this, with an office and people who all confirm, on fewer lines than there are people."""
    SCENES.append(play)
    return play


def under_way(running: Command, far_end: FarEnd, numbers: Sequence[str]) -> None:
    """Return once a call of the campaign is over and others are under way."""

    def begun() -> bool:
        assert running.process.poll() is None, running.err
        return len(far_end.calls(numbers)) >= 1 and far_end.active(numbers)

    until(begun, 60, "a call is over and another is under way")


def outcomes(recipients: Sequence[dict[str, Any]]) -> Counter[str]:
    return Counter(person["outcome"] for person in recipients)


@scene
def a_signal_lets_the_calls_under_way_end_and_the_same_command_goes_on(
    office: Office, far_end: FarEnd, numbers: list[str]
) -> None:
    running = office.run()
    under_way(running, far_end, numbers)
    running.process.send_signal(signal.SIGTERM)
    said = running.ended(within=30)
    assert said.status == 3
    assert "同じ命令でつづきから" in said.out
    first = office.results()
    assert {person["state"] for person in first} == {"settled", "waiting"}
    called = [person for person in first if person["attempts"]]
    assert outcomes(called) == {"confirmed": len(called)}, "whoever was called was called to the end"
    assert sum(far_end.dials(numbers).values()) == len(called)

    assert office.run().ended(within=60).status == 0
    assert outcomes(office.results()) == {"confirmed": PEOPLE}
    assert far_end.dials(numbers) == dict.fromkeys(numbers, 1)


@scene
def an_emergency_stop_hangs_up_everything_within_two_seconds_and_is_gone_on_from_by_order(
    office: Office, far_end: FarEnd, numbers: list[str]
) -> None:
    running = office.run()
    until(lambda: far_end.active(numbers), 60, "the first calls are under way")
    said = office.ivr("campaign", "emergency-stop")
    ordered = datetime.now(UTC)
    assert "催告「催告」：緊急停止" in said.out
    assert running.ended(within=30).status == 3
    far_end.quiet(numbers)
    ends = [call.invited + timedelta(seconds=(call.answered or 0.0) + call.talked) for call in far_end.calls(numbers)]
    assert max(ends) - ordered < timedelta(seconds=2)
    first = office.results()
    last = [person["attempts"][-1] for person in first if person["attempts"]]
    stopped = [attempt["outcome"] for attempt in last if attempt["evidence"].get("reason") == "emergency stop"]
    assert stopped, "calls were under way"
    assert {*stopped} <= {"cancelled", "confirmed_partial", "confirmed"}, "what was proven before stays"
    # An intent that was stored and not yet dialled is no call, and its person is as cancelled as the others.
    undialled = sum(attempt["dialled_at"] is None for attempt in last)
    dialled = sum(far_end.dials(numbers).values())
    assert dialled == sum(len(person["attempts"]) for person in first) - undialled < PEOPLE

    assert office.run().ended(within=60).status == 0
    assert Counter(far_end.dials(numbers).values()) == Counter({1: len(numbers) - undialled, 0: undialled})


@scene
def a_service_told_to_stop_lets_calls_end_and_goes_on_by_itself_when_it_is_started_again(
    office: Office, far_end: FarEnd, numbers: list[str]
) -> None:
    create = ("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario)
    assert office.ivr(*create).status == 0
    assert office.ivr("campaign", "start", "催告").status == 0
    running = office.begin("serve")
    under_way(running, far_end, numbers)
    running.process.send_signal(signal.SIGTERM)
    assert running.ended(within=30).status == 0
    called = [person for person in office.results() if person["attempts"]]
    assert 0 < len(called) < PEOPLE
    assert outcomes(called) == {"confirmed": len(called)}

    office.begin("serve")
    until(
        lambda: office.json("campaign", "status", "催告")["state"] == "done", 60, "the rest is called", look=A_COMMAND
    )
    assert outcomes(office.results()) == {"confirmed": PEOPLE}
    assert far_end.dials(numbers) == dict.fromkeys(numbers, 1)


@scene
def an_engine_that_is_killed_takes_its_pbx_along_and_the_next_one_goes_on(
    office: Office, far_end: FarEnd, numbers: list[str]
) -> None:
    running = office.run()
    under_way(running, far_end, numbers)
    pbx = office.pbx_pid()
    running.process.kill()
    running.ended(within=5)
    until(lambda: not alive(pbx), 10, "the PBX ends with its engine")
    far_end.quiet(numbers)
    dialled = [number for number, times in far_end.dials(numbers).items() if times]

    assert office.run().ended(within=60).status == 0
    found = outcomes(office.results())
    assert found["unknown"] >= 1
    assert found["unknown"] <= LINES
    assert found["confirmed"] == PEOPLE - found["unknown"]
    times = far_end.dials(numbers)
    assert all(times[number] == 1 for number in dialled)
    assert max(times.values()) == 1
    cut_off = [person for person in office.results() if person["outcome"] == "unknown"]
    assert all(person["attempts"][0]["evidence"]["reason"] for person in cut_off)


@scene
def a_pbx_that_is_killed_is_started_again_and_the_campaign_goes_on(
    office: Office, far_end: FarEnd, numbers: list[str]
) -> None:
    running = office.run()
    under_way(running, far_end, numbers)
    first = office.pbx_pid()
    os.kill(first, signal.SIGKILL)
    said = running.ended(within=90)
    assert said.status == 0
    people = office.results()
    found = outcomes(people)
    assert sum(found.values()) == PEOPLE
    cut_off = found["unknown"] + found["failed"]
    assert 1 <= cut_off <= LINES
    assert found["confirmed"] == PEOPLE - cut_off
    assert max(far_end.dials(numbers).values()) == 1
    assert "Traceback" not in said.err
    assert not alive(first)


def on_a_small_disk(office: Office) -> tuple[str, ...]:
    """Return what begins a command whose data directory is a small file system of its own; skip where none can be."""
    office.data_dir.mkdir()
    within = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    prefix = (*within, 'mount -t tmpfs -o size=32m none "$0" && exec "$@"', str(office.data_dir))
    if subprocess.run((*prefix, sys.executable, "-c", "pass"), capture_output=True, timeout=10).returncode:
        pytest.skip("this machine lets nobody but root mount a small file system")
    return prefix


def fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("wb", buffering=0) as rest:
        for size in (1 << 16, 1 << 8, 1):
            with suppress(OSError):
                while rest.write(bytes(size)) == size:
                    pass


@scene
def a_full_disk_holds_the_campaign_and_loses_nothing(office: Office, far_end: FarEnd, numbers: list[str]) -> None:
    running = office.run(prefix=on_a_small_disk(office))
    under_way(running, far_end, numbers)
    rest = Path(f"/proc/{running.process.pid}/root{office.data_dir}") / "rest"
    fill(rest)
    running.says("データベースに書き込めません", within=30)
    far_end.quiet(numbers)
    rest.unlink()
    said = running.ended(within=60)
    assert said.status == 0
    assert "Traceback" not in said.err
    people = json.loads((office.folder / "kekka.json").read_text("utf-8"))["recipients"]
    assert outcomes(people) == {"confirmed": PEOPLE}
    assert [len(person["attempts"]) for person in people] == [1] * PEOPLE
    assert far_end.dials(numbers) == dict.fromkeys(numbers, 1)


@pytest.fixture(scope="module")
def played(far_end: FarEnd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    """Every scene, begun."""
    with ExitStack() as stack, ThreadPoolExecutor(len(SCENES)) as pool:
        playing = {}
        for play in SCENES:
            office = Office(tmp_path_factory.mktemp("scene") / "office", far_end.port, stack)
            office.settings(trunk={"lines": LINES})
            numbers = [far_end.number(CONFIRMS) for _ in range(PEOPLE)]
            office.people(numbers)
            playing[play.__name__] = pool.submit(play, office, far_end, numbers)
        yield playing


@pytest.mark.parametrize("name", [play.__name__ for play in SCENES])
def test_in_the_middle_of_a_campaign(played: dict[str, Future[None]], name: str) -> None:
    played[name].result(timeout=100)
