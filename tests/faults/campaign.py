"""One campaign under faults, until everybody is settled."""

from __future__ import annotations

import random
import time
import wave
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from ivr.rehearsal.comparing import heard_matches
from ivr.rehearsal.sounds import Samples
from tests.acceptance.command import Command, until
from tests.acceptance.far_end import FarCall
from tests.faults.desk import Desk
from tests.faults.faults import FAULTS, Scene
from tests.faults.network import Town
from tests.faults.verdict import Dialled, Verdict

LINES = 12
SETTLED_S = 240.0
"""Seconds for a campaign to end once nothing is done to it any more."""

SAME = 0.95
"""From which correlation on the message was heard whole."""

RETRIES = {
    "failed": {"times": 3, "after": "1s"},
    "network_congestion": {"times": 3, "after": "2s"},
    **{name: {"times": 0, "after": "1m"} for name in ("busy", "no_answer", "unreachable")},
    "total": 10,
    "per_day": 10,
}


def suffer(
    desk: Desk,
    town: Town,
    numbers: Sequence[str],
    faults: list[str],
    rng: random.Random,
    verdict: Verdict,
    done: Counter[str],
    *,
    lines: int = LINES,
) -> None:
    """Call `numbers`; take the names of `faults` from the list's end as they are done, and judge everybody."""
    office = desk.office
    office.settings(
        trunk={"lines": lines, "calls_per_second": 5},
        calling={"retries": RETRIES, "ring_timeout": "5s"},
    )
    office.people(numbers)
    running = office.run()
    while faults and _under_way(running, town, numbers):
        time.sleep(rng.uniform(0.1, 4.0))
        if running.process.poll() is not None:
            break
        name = faults.pop()
        FAULTS[name](Scene(desk=desk, town=town, running=running, rng=rng))
        done[name] += 1
        if running.process.poll() is not None:
            running = office.run()
    _settle(desk, running)
    # The engine and its PBX have ended: who is still on the telephone waits for one that was killed.
    town.network.hang_up_all()
    town.network.quiet(numbers, within=60)
    message = spoken(desk)
    calls = town.network.calls(numbers)
    by_number: dict[str, list[Dialled]] = {number: [] for number in numbers}
    for call in calls:
        by_number[call.number].append(_dialled(call, message, town))
    seen = town.network.dials(numbers)
    assert {number: len(found) for number, found in by_number.items()} == seen, "every dial has its record"
    people = office.results()
    assert len(people) == len(numbers)
    for person, number in zip(people, numbers, strict=True):
        verdict.judge(person, by_number[number])


def spoken(desk: Desk) -> Samples:
    """Return the message as the engine renders it."""
    wav = desk.office.folder / "notice.wav"
    said = desk.office.ivr("scenario", "say", desk.office.scenario, "notice", "-o", wav)
    assert said.status == 0, said
    return _samples(wav)


def _under_way(running: Command, town: Town, numbers: Sequence[str]) -> bool:
    """Return True once the engine calls somebody, False where it ends before."""
    until(
        lambda: running.process.poll() is not None or town.network.active(numbers), 120, "the campaign ends or goes on"
    )
    return running.process.poll() is None


def _settle(desk: Desk, running: Command) -> None:
    """Let the campaign go on until it ends with everybody settled."""
    # A retry that was due in a moment when the clock was set back waits until it is that late again.
    desk.catch_up()
    for _ in range(3):
        said = running.ended(SETTLED_S)
        assert "Traceback" not in said.err, said.err[-3000:]
        if said.status == 0:
            return
        running = desk.office.run()
    raise AssertionError(f"the campaign does not end: {said.out[-2000:]}\n{said.err[-2000:]}")


def _dialled(call: FarCall, message: Samples, town: Town) -> Dialled:
    pressed = next((at for key, at in call.keys if key == "#"), None)
    if pressed is None or call.answered is None:
        return Dialled(answered=call.answered is not None, confirmed=False)
    heard = heard_matches(call.heard.after(pressed), message).correlation > SAME
    answered = call.invited + timedelta(seconds=call.answered)
    blind = town.stood_still(answered, answered + timedelta(seconds=call.talked))
    return Dialled(answered=True, confirmed=heard, blind=blind and not heard)


def _samples(wav: Path) -> Samples:
    with wave.open(str(wav)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
