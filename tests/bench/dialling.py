"""How busy the lines are kept, and whether many calls at once come through whole."""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ivr.domain.outcome import Outcome
from tests.bench.engine import Bench, FarEndCalls, Plan, far_end
from tests.bench.processes import Cost
from tests.bench.scenarios import CONFIRM, CONFIRMING
from tests.bench.stretch import Stretch
from tests.bench.table import Figure, at

LINES, PEOPLE = 50, 400
"""Calls of some seven seconds: about a minute."""

MANY_LINES, MANY_PEOPLE, AT_ONCE, DIALS_PER_SECOND = 250, 1200, 200, 30
"""Thirty calls a second of some eight seconds make more than two hundred at once; the lines are not the limit."""

SUSTAINED = 20
"""Seconds; the best such stretch counts, since at the start the voice has to make the names first."""


async def bench_dialling() -> list[Figure]:
    """Return how much of the line-seconds were used while there was somebody to be called."""
    plan = Plan(people=PEOPLE, scenario=CONFIRM, lines=LINES, calls_per_second=LINES / 2)
    calls, spent, _ = await _dial(plan)
    used, available = line_seconds(calls, LINES)
    seconds = at([call["ended"] - call["invited"] for call in calls], 0.5)
    return [
        Figure(
            bench="dialling",
            name=f"line-seconds used / available, {LINES} lines",
            value=used / available,
            target=0.95,
            sense="at least",
            note=f"{PEOPLE} calls of {seconds:.1f} s, the filling of the lines included",
        ),
        Figure(
            bench="dialling",
            name="CPU of the engine per call",
            value=spent.engine * 1000 / len(calls),
            unit="ms",
            note="as under load, but with little to share between calls",
        ),
    ]


def line_seconds(calls: Sequence[dict[str, Any]], lines: int) -> tuple[float, float]:
    """Return the line-seconds used and those available, from the first INVITE to the last.

    A line is used from its INVITE to the end of the call, as the far end sees them. The last INVITE is the moment
    from which nobody is left to be called.
    """
    first, last = min(call["invited"] for call in calls), max(call["invited"] for call in calls)
    used = sum(min(call["ended"], last) - call["invited"] for call in calls)
    return used, lines * (last - first)


async def bench_load() -> list[Figure]:
    """Return what becomes of 200 calls at once and 30 dials a second, and what they cost."""
    plan = Plan(people=MANY_PEOPLE, scenario=CONFIRM, lines=MANY_LINES, calls_per_second=DIALS_PER_SECOND + 1)
    stretch = Stretch()
    async with stretch:
        calls, spent, outcomes = await _dial(plan)
    confirmed = sum(outcome is Outcome.CONFIRMED for outcome in outcomes)
    begun = sorted(call["invited"] for call in calls)
    rate = max(_within(begun, moment, SUSTAINED) for moment in begun if moment <= begun[-1] - SUSTAINED) / SUSTAINED
    edges = sorted([(call["invited"], 1) for call in calls] + [(call["ended"], -1) for call in calls])
    at_once = most = 0
    for _, step in edges:
        at_once += step
        most = max(most, at_once)
    to_sound = [call["first_sound"] - call["answered"] for call in calls if call["first_sound"]]
    lost = MANY_PEOPLE - len({call["number"] for call in calls if call["first_sound"] and call["keys"]})
    more = sum(call["invites"] for call in calls) - len({call["number"] for call in calls})
    ms = 1000 / len(calls)

    def figure(name: str, value: float, **more: Any) -> Figure:
        return Figure(bench="load", name=name, value=value, **more)

    return [
        figure("calls at once, most", most, target=AT_ONCE, sense="at least"),
        figure(f"dials a second, over {SUSTAINED} s", rate, target=DIALS_PER_SECOND, sense="at least",
               note=f"limit {plan.calls_per_second:g}; {len(begun) / (begun[-1] - begun[0]):.1f} over all"),
        figure("people not called, not heard or not answered", lost, target=0, note=f"of {MANY_PEOPLE}"),
        figure("people called twice", more, target=0),
        figure("outcomes other than the one scripted", MANY_PEOPLE - confirmed, target=0),
        figure("answer to first sound, median", at(to_sound, 0.5) * 1000, unit="ms", note="under this load"),
        figure("answer to first sound, 95 %", at(to_sound, 0.95) * 1000, unit="ms", note="under this load"),
        figure("CPU of the engine per call", spent.engine * ms, unit="ms", target=5,
               note="a key, three steps; store, log and metrics included"),
        figure("… had it not been stretched", spent.engine * ms / stretch.ratio, unit="ms",
               note=f"CPU time was stretched {stretch.ratio:.2f} times by what else runs"),
        figure("CPU of its Asterisk per call", spent.asterisk * ms, unit="ms"),
        figure("CPU of its voice per call", spent.voice * ms, unit="ms", note=f"{plan.names} names in all"),
    ]  # fmt: skip


def _within(moments: Sequence[float], first: float, seconds: float) -> int:
    """Return how many of the sorted `moments` are from `first` on, less than `seconds` later."""
    return bisect_left(moments, first + seconds) - bisect_left(moments, first)


async def _dial(plan: Plan) -> tuple[list[dict[str, Any]], Cost, list[Outcome | None]]:
    """Dial everybody; return the calls, what the engine spent from the start of the campaign on, and the outcomes."""
    with tempfile.TemporaryDirectory() as folder:
        async with far_end(CONFIRMING) as calls:
            bench = Bench(Path(folder), plan, calls.port)
            await bench.create()
            async with bench.serving() as engine:
                await engine.ready()
                before = engine.cost
                await bench.start()
                await _finished(calls, plan)
                after = engine.cost
            outcomes = [attempt.outcome for attempt in await bench.attempts()]
    return calls.over, after.since(before), outcomes


async def _finished(calls: FarEndCalls, plan: Plan) -> None:
    await calls.finished(plan.people, within=60 + 20 * plan.people / min(plan.lines, 2 * plan.calls_per_second))
