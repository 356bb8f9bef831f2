"""What it costs to listen to the callees, and whether a hundred calls that are listened to at once lose anything.

The same hundred calls are made twice: their scenario listens, and it does not. Every callee sounds half of the time and
beeps once; what the engine tells of each line is held against when the far end sent it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from ivr.campaign.records import AttemptRecord
from ivr.domain.outcome import Outcome
from tests.bench.engine import Bench, Plan, Serving, far_end
from tests.bench.processes import Cost, accepted
from tests.bench.scenarios import LISTENING, NOT_LISTENING, TALKING
from tests.bench.stretch import Stretch
from tests.bench.table import Figure, at
from tests.bench.voices import BABBLE, BEEP, beep_hz

CALLS, CALLS_PER_SECOND = 100, 20
"""All begin within some five seconds, and last some 35."""

OPEN_SECONDS = 20
"""All taps are to be open at once for so long."""

IN_PLACE = 0.3
"""Seconds by which what was heard may be off from what was sent."""

SAME_PITCH = 20.0
"""Hz by which it may be."""

TAP_COMES = 1.0
"""Seconds from the answer within which a tap is open."""

LOOK = 0.5
"""Seconds between two looks at how many taps are open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of the calls: as the far end saw them, as the engine did, the moments and numbers of open taps."""

    calls: Sequence[dict[str, Any]]
    attempts: Mapping[str, AttemptRecord]
    spent: Cost
    taps: Sequence[tuple[float, int]]

    @property
    def seconds(self) -> float:
        """The seconds from the answer to the end of all calls together."""
        return float(sum(call["ended"] - call["answered"] for call in self.calls if call["answered"]))

    def lost(self, outcome: Outcome) -> int:
        """Return how many calls were not answered, not ended by the engine, or not with `outcome`."""
        whole = [call for call in self.calls if call["answered"] and call["by"] == "engine" and call["invites"] == 1]
        right = (self.attempts.get(_line(call["number"])) for call in whole)
        return CALLS - sum(attempt is not None and attempt.outcome is outcome for attempt in right)


@dataclass(slots=True)
class Heard:
    """What was heard of what was sent; `off` are the seconds by which beeps and sounds were off their places.

    `false_tones` are, by their signs, those that nobody sounded, or that were found more than IN_PLACE off.
    """

    beeps: int = 0
    false_tones: Counter[str] = field(default_factory=Counter)
    sounds: int = 0
    sent_sounds: int = 0
    off: tuple[float, ...] = ()


async def bench_listening() -> list[Figure]:
    """Return the cost of listening for each second of a call, and what was lost of a hundred calls at once."""
    stretch = Stretch()
    async with stretch:
        listening = await _dial(LISTENING)
        plain = await _dial(NOT_LISTENING)
    ours = (listening.spent.engine / listening.seconds * 1000, plain.spent.engine / plain.seconds * 1000)
    theirs = (listening.spent.asterisk / listening.seconds * 1000, plain.spent.asterisk / plain.seconds * 1000)
    cost = ours[0] - ours[1]
    least, seconds, most = _open_taps(listening)
    heard = compare(listening)

    def figure(name: str, value: float, **more: Any) -> Figure:
        return Figure(bench="listening", name=name, value=value, **more)

    return [
        figure("CPU of the engine for listening, per second of a call", cost, unit="ms", target=15,
               note=f"{ours[0]:.2f} ms with it, {ours[1]:.2f} ms without; half of what it hears is sound"),
        figure("… had it not been stretched", cost / stretch.ratio, unit="ms",
               note=f"CPU time was stretched {stretch.ratio:.2f} times by what else runs"),
        figure("CPU of its Asterisk, per second of a call that is listened to", theirs[0], unit="ms"),
        figure("CPU of its Asterisk, per second of a call that is not", theirs[1], unit="ms"),
        figure("taps open while all calls were up, fewest", least, target=CALLS, sense="at least",
               note=f"looked at every {LOOK:g} s; {most} at most, {_open_taps(plain)[2]} where nothing listens"),
        figure("seconds during which all calls were up", seconds, unit="s", target=OPEN_SECONDS, sense="at least"),
        figure("calls lost, or not to their end", listening.lost(Outcome.VOICEMAIL), target=0,
               note=f"of {CALLS}; {plain.lost(Outcome.UNCONFIRMED)} of those not listened to"),
        figure("beeps found, each on its line and in its place", heard.beeps, target=CALLS, sense="at least",
               note=f"of {CALLS}, within {IN_PLACE:g} s and {SAME_PITCH:g} Hz"),
        figure("tones found that nobody sounded, or off their place", heard.false_tones.total(), target=0,
               note=", ".join(f"{count} {sign}" for sign, count in heard.false_tones.items())),
        figure("stretches of voice not heard in their place", heard.sent_sounds - heard.sounds, target=0,
               note=f"of {heard.sent_sounds}; beginning and end within {IN_PLACE:g} s"),
        figure("beeps and voice off their place, 95 %", at(heard.off, 0.95) * 1000, unit="ms",
               note=f"at most {max(heard.off, default=0.0) * 1000:.0f} ms; the far end itself paused for "
               f"{max((call['gap'] for call in listening.calls), default=0.0) * 1000:.0f} ms at most"),
    ]  # fmt: skip


def compare(run: Run) -> Heard:
    """Return what the engine's evidence holds of what the far end sent."""
    found = Heard()
    off: list[float] = []
    for call in run.calls:
        attempt = run.attempts.get(_line(call["number"]))
        evidence: Mapping[str, Any] = attempt.evidence if attempt is not None else {}
        tones = cast(Sequence[Mapping[str, Any]], evidence.get("tones", ()))
        beeps = [began for kind, began, _ in _sent(call) if kind == BEEP]
        for tone in tones:
            place = next((began for began in beeps if _is_beep(tone, call["voice"], began)), None)
            if place is None:
                found.false_tones[tone["sign"]] += 1
            else:
                beeps.remove(place)
                found.beeps += 1
                off.append(abs(tone["at"] - place))
        for kind, began, ended in _sent(call):
            if kind != BABBLE:
                continue
            found.sent_sounds += 1
            nearest = min((_apart(one, began, ended) for one in evidence.get("sounds", ())), default=IN_PLACE + 1)
            if nearest <= IN_PLACE:
                found.sounds += 1
                off.append(nearest)
    found.off = tuple(off)
    return found


def _is_beep(tone: Mapping[str, Any], voice: int, began: float) -> bool:
    in_place = abs(tone["at"] - began) <= IN_PLACE and abs(tone["hz"] - beep_hz(voice)) <= SAME_PITCH
    return bool(in_place and tone["sign"] == BEEP)


def _apart(sound: Mapping[str, float], began: float, ended: float) -> float:
    return max(abs(sound["at"] - began), abs(sound["at"] + sound["seconds"] - ended))


def _sent(call: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Yield each kind of sound that was sent whole, and when it began and ended, in seconds since the answer."""
    for (kind, began), (_, ended) in pairwise(call["said"]):
        yield kind, began - call["answered"], ended - call["answered"]


def _open_taps(run: Run) -> tuple[int, float, int]:
    """Return the fewest taps open while all calls were up, the seconds of that, and the most taps at any time.

    All are up from the last answer on, with the time that a tap takes to come, until the first beep has ended;
    none were, where a call was not answered or did not last.
    """
    answers = [call["answered"] for call in run.calls if call["answered"]]
    ends = [call["said"][-1][1] for call in run.calls if call["said"] and call["answered"]]
    most = max((number for _, number in run.taps), default=0)
    if len(answers) < CALLS or len(ends) < CALLS:
        return 0, 0.0, most
    first, last = max(answers) + TAP_COMES, min(ends)
    among = [number for moment, number in run.taps if first <= moment <= last]
    return min(among, default=0), max(0.0, last - first), most


async def _dial(scenario: str) -> Run:
    """Call everybody with `scenario`."""
    plan = Plan(people=CALLS, scenario=scenario, lines=CALLS, calls_per_second=CALLS_PER_SECOND, names=1)
    taps: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with far_end(TALKING) as calls:
            bench = Bench(Path(folder), plan, calls.port)
            await bench.create()
            async with bench.serving() as engine:
                await engine.ready()
                watching = asyncio.ensure_future(_watch(bench, engine, taps))
                before = engine.cost
                await bench.start()
                try:
                    await calls.finished(CALLS, within=150)
                finally:
                    watching.cancel()
                after = engine.cost
            attempts = {_line(attempt.number): attempt for attempt in await bench.attempts()}
    return Run(calls=calls.over, attempts=attempts, spent=after.since(before), taps=taps)


async def _watch(bench: Bench, engine: Serving, taps: list[tuple[float, int]]) -> None:
    """Note how many taps are open: connections on the one port that the engine chooses itself."""
    known = (bench.settings.pbx.agi.port, bench.settings.metrics.port)
    while True:
        taps.append((time.time(), accepted(engine.process.pid, but=known)))
        await asyncio.sleep(LOOK)


def _line(number: str) -> str:
    """Return what a number is told by, in national and in international writing."""
    return number[-10:]
