"""Ten thousand people: how soon the first is called, and how much memory the engine takes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.engine import NAME, Bench, Plan, far_end
from tests.bench.scenarios import CONFIRM, CONFIRMING
from tests.bench.table import Figure

PEOPLE = 10_000
PLAN = Plan(people=PEOPLE, scenario=CONFIRM, lines=50, calls_per_second=20, names=PEOPLE)

CALLS = 100
"""So many calls before the memory is read."""


async def bench_recipients() -> list[Figure]:
    """Return the figures; each start has an empty cache of the voice, so that the first names are rendered."""
    from_start, memory = await _from_process_start()
    from_campaign = await _from_campaign_start()
    from_list = await _from_the_list()

    def figure(name: str, value: float, unit: str, target: float | None = None, note: str = "") -> Figure:
        return Figure(bench="recipients", name=name, value=value, unit=unit, target=target, note=note)

    return [
        figure("first dial, from the start of `ivr serve`", from_start, "s", 3, "its Asterisk is started, too"),
        figure("first dial, from the start of the campaign", from_campaign, "s", 3, "`ivr serve` looks every second"),
        figure("first dial, from the start of `ivr campaign run`", from_list, "s", None,
               "reads, checks and stores the list as well"),
        figure("memory of the engine, most", memory, "MB", 200, f"{PEOPLE} people; {CALLS} calls"),
    ]  # fmt: skip


async def _from_process_start() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with far_end(CONFIRMING) as far:
            bench = Bench(Path(folder), PLAN, far.port)
            await bench.create()
            await bench.start()
            async with bench.serving() as engine:
                await far.finished(CALLS, within=120)
                return far.invited[0] - engine.began, engine.cost.most_resident


async def _from_campaign_start() -> float:
    with tempfile.TemporaryDirectory() as folder:
        async with far_end(CONFIRMING) as far:
            bench = Bench(Path(folder), PLAN, far.port)
            await bench.create()
            async with bench.serving() as engine:
                await engine.ready()
                started = await bench.start()
                await far.until(lambda: bool(far.invited), within=60)
                return far.invited[0] - started


async def _from_the_list() -> float:
    with tempfile.TemporaryDirectory() as folder:
        async with far_end(CONFIRMING) as far:
            bench = Bench(Path(folder), PLAN, far.port)
            command = ("campaign", "run", NAME, "--list", str(bench.list), "--scenario", str(bench.scenario))
            async with bench.serving(*command) as engine:
                await far.until(lambda: bool(far.invited), within=60)
                return far.invited[0] - engine.began
