"""The engine under measurement: `ivr serve` in a process of its own, and a far end in another."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from ivr.campaign.records import AttemptRecord
from ivr.desk import records
from ivr.parts import PROJECT
from ivr.rehearsal.ports import free_port
from ivr.settings import load
from tests.bench.far_end import Manner
from tests.bench.processes import Cost, cost

NAME = "bench"
CALLER = "0357220000"

SURNAMES = [a + b for a, b in product(("ヤマ", "タ", "ナカ", "イシ", "モリ", "オオ", "コ", "ニシ", "キタ", "マツ"), (
    "ダ", "ムラ", "カワ", "モト", "サキ", "バヤシ", "シマ", "ノ", "タニ", "ハラ"))]  # fmt: skip
GIVEN = [a + b for a, b in product(("カズ", "ヨシ", "ヒロ", "タカ", "トシ", "マサ", "ノリ", "ユキ", "アキ", "ミチ"), (
    "コ", "オ", "ミ", "ヒコ", "エ", "ノリ", "キ", "ト", "ヤ", "ロウ"))]  # fmt: skip

READY = 60.0


@dataclass(slots=True)
class FarEndCalls:
    """What the far end has told: the moments of the INVITEs, and the calls that are over."""

    port: int
    invited: list[float] = field(default_factory=list)
    over: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, true: Callable[[], bool], within: float) -> None:
        """Return once `true()`; TimeoutError."""
        async with asyncio.timeout(within):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    async def finished(self, calls: int, within: float) -> None:
        """Return once so many calls are over; TimeoutError tells how many were."""
        try:
            await self.until(lambda: len(self.over) >= calls, within)
        except TimeoutError:
            raise TimeoutError(
                f"{len(self.invited)} INVITEs and {len(self.over)} ended calls of {calls} after {within:g} s"
            ) from None


@asynccontextmanager
async def far_end(manner: Manner) -> AsyncIterator[FarEndCalls]:
    """Run a far end in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.far_end", json.dumps(asdict(manner)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=PROJECT, limit=1 << 26,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    calls = FarEndCalls(json.loads(await process.stdout.readline())["port"])
    reading = asyncio.ensure_future(_read(process.stdout, calls))
    try:
        yield calls
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await reading


async def _read(stream: asyncio.StreamReader, calls: FarEndCalls) -> None:
    while line := await stream.readline():
        told = json.loads(line)
        if told["event"] == "invited":
            calls.invited.append(told["invited"])
        else:
            calls.over.append(told)
        calls.changed.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is dialled: so many people, of whom the first `names` have names of their own, on which trunk."""

    people: int
    scenario: str
    lines: int
    calls_per_second: float
    names: int = 20


class Bench:
    """A directory with settings, a list and a scenario, and the engine that works on them."""

    def __init__(self, folder: Path, plan: Plan, trunk_port: int) -> None:
        self.folder = folder
        self.plan = plan
        self.config = folder / "ivr.yaml"
        self.list = folder / "list.csv"
        self.scenario = folder / "scenario.yaml"
        self.config.write_text(json.dumps(_settings(plan, trunk_port)))
        self.settings = load(self.config)
        self.scenario.write_text(plan.scenario)
        with self.list.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["宛名番号", "カナ氏名", "電話番号", "期別"])
            for n, name in zip(range(plan.people), _names(plan.names), strict=False):
                rows.writerow([f"{n:08}", name, f"090{10000000 + n:08}", "3"])

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of `ivr` with these arguments."""
        return [sys.executable, "-m", "ivr", "--config", str(self.config), *arguments]

    async def run(self, *arguments: str) -> None:
        """Run a command to its end; RuntimeError with what it said where it fails."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*arguments), cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(said.decode())

    async def create(self) -> None:
        """Create the campaign."""
        await self.run("campaign", "create", NAME, "--list", str(self.list), "--scenario", str(self.scenario))

    async def start(self) -> float:
        """Start the campaign; return when that was."""
        async with records.store(self.settings) as results:
            campaign = await results.campaign(NAME)
            at = time.time()
            await results.move_campaign(campaign.id, expected=["created"], state="running")
        return at

    async def attempts(self) -> list[AttemptRecord]:
        """Return every attempt that the store holds."""
        async with records.store(self.settings) as results:
            campaign = await results.campaign(NAME)
            people = await results.records(campaign.id)
        return [attempt for person in people for attempt in person.attempts]

    @asynccontextmanager
    async def serving(self, *arguments: str) -> AsyncIterator[Serving]:
        """Run the engine (`ivr serve` without `arguments`) while inside; then let it drain."""
        with (self.folder / "engine.log").open("ab") as log:
            began = time.time()
            process = await asyncio.create_subprocess_exec(
                *self.command(*(arguments or ("serve",))), cwd=PROJECT, stdout=log, stderr=log
            )
        serving = Serving(process=process, began=began, log=self.folder / "engine.log")
        try:
            yield serving
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    async with asyncio.timeout(60):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """An engine that runs since `began`."""

    process: asyncio.subprocess.Process
    began: float
    log: Path

    async def ready(self) -> None:
        """Return once it says that it is; RuntimeError with its log where it has ended, TimeoutError."""
        async with asyncio.timeout(READY):
            while b"ready" not in self.log.read_bytes():
                if self.process.returncode is not None:
                    raise RuntimeError(self.log.read_text())
                await asyncio.sleep(0.05)

    @property
    def cost(self) -> Cost:
        """What it has cost so far."""
        return cost(self.process.pid)


def _names(distinct: int) -> Iterator[str]:
    names = [f"{surname} {given}" for given, surname in product(GIVEN, SURNAMES)]
    while True:
        yield from names[:distinct]


def _settings(plan: Plan, trunk_port: int) -> Mapping[str, object]:
    ami, agi, metrics, web = (free_port() for _ in range(4))
    never = {"times": 0, "after": "1m"}
    return {
        "data_dir": "var",
        "pbx": {"sip_port": free_port(socket.SOCK_DGRAM), "ami": {"port": ami}, "agi": {"port": agi}},
        "trunk": {
            "port": trunk_port,
            "caller_id": CALLER,
            "lines": plan.lines,
            "calls_per_second": plan.calls_per_second,
        },
        "calling": {
            "allow_late": True,
            "windows": [
                {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"], "from": "00:00", "to": "24:00"}
            ],
            "retries": dict.fromkeys(("busy", "no_answer", "unreachable", "network_congestion", "failed"), never),
        },
        "metrics": {"port": metrics},
        "web": {"port": web},
        "log": {"format": "json"},
    }
