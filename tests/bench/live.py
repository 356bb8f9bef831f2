"""How soon an outcome shows, with 200 lines and several who watch, and what each of them costs.

The console and the calls are in a process of their own (`tests.bench.live_engine`), the watchers here, over sockets.
Each ending is told by the moment of its call's end; when it was stored the other process tells as well.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ivr.rehearsal.ports import free_port
from tests.bench.console_engine import running
from tests.bench.processes import cost
from tests.bench.table import Figure, at

MANY = 20
"""Who watch at once, four each of five people."""

SPELL = 15.0
"""Seconds for which each number of watchers is measured."""

READY, SETTLE = 60.0, 8.0
"""Seconds for the other process to be ready, and until all its lines are in use."""

_AT = re.compile(rb'^data: \{"number":\d+,"at":"([^"]+)"')


@dataclass(slots=True)
class Watched:
    """When each call ended and was stored, as the engine tells, and when each watcher was told of it."""

    stored: dict[float, float] = field(default_factory=dict)
    shown: list[tuple[float, float]] = field(default_factory=list)

    def since_end(self) -> list[float]:
        """Return the milliseconds from each call's end until it was shown, for each watcher."""
        return [(seen - ended) * 1000 for ended, seen in self.shown]

    def since_stored(self) -> list[float]:
        """Return the milliseconds from when it was stored."""
        return [(seen - self.stored[ended]) * 1000 for ended, seen in self.shown if ended in self.stored]


async def bench_live() -> list[Figure]:
    """Return how soon endings show, how many do, and the CPU for looking and for each watcher."""
    with tempfile.TemporaryDirectory() as folder:
        port, told = free_port(), Watched()
        async with running("tests.bench.live_engine", folder, port) as (process, _into, told_by):
            async with asyncio.timeout(READY):
                ready = json.loads(await told_by.readline())
            reading = asyncio.ensure_future(_read(told_by, told))
            await asyncio.sleep(SETTLE)
            cpu = [await _spell(process.pid, port, ready, told, number) for number in (0, 1, MANY)]
        await reading
    ends, stores = told.since_end(), told.since_stored()

    def figure(name: str, value: float, unit: str = "", **more: Any) -> Figure:
        return Figure(bench="live", name=name, value=value, unit=unit, **more)

    return [
        figure("an outcome shows after its call's end, median", at(ends, 0.5), "ms", note=f"{len(ends)} shown"),
        figure("… worst", max(ends), "ms", target=1000),
        figure("… after it was stored, median", at(stores, 0.5), "ms"),
        figure("… worst", max(stores), "ms", target=1000),
        figure("endings told to everybody who watched", _whole(told), target=1.0, sense="at least"),
        figure("CPU with nobody watching, a second", cpu[0] * 1000, "ms", note="the calls' own writes"),
        figure("… for looking, with one who watches", (cpu[1] - cpu[0]) * 1000, "ms"),
        figure("… for each who watches more", (cpu[2] - cpu[1]) / (MANY - 1) * 1000, "ms", target=10),
    ]


def _whole(told: Watched) -> float:
    """Return the share of endings within the last spell that every watcher was told of."""
    seen: dict[float, int] = {}
    for ended, _ in told.shown:
        seen[ended] = seen.get(ended, 0) + 1
    full = [ended for ended, times in seen.items() if times >= MANY]
    if not full:
        return 0.0
    first, last = min(full), max(full)
    within = [ended for ended in told.stored if first <= ended <= last]
    return sum(seen.get(ended, 0) >= MANY for ended in within) / len(within)


async def _read(stream: asyncio.StreamReader, told: Watched) -> None:
    while line := await stream.readline():
        call = json.loads(line)
        told.stored[round(call["at"], 6)] = call["stored"]


async def _spell(process: int, port: int, ready: dict[str, Any], told: Watched, watchers: int) -> float:
    """Return the CPU seconds a second of the engine while so many watch."""
    async with AsyncExitStack() as stack:
        for number in range(watchers):
            cookie = ready["cookies"][number // 4]
            await stack.enter_async_context(_watching(port, ready["campaign"], cookie, told))
        await asyncio.sleep(1.0)
        before, began = cost(process).engine, time.monotonic()
        await asyncio.sleep(SPELL)
        return (cost(process).engine - before) / (time.monotonic() - began)


@asynccontextmanager
async def _watching(port: int, campaign: str, cookie: str, told: Watched) -> AsyncIterator[None]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(
        f"GET /api/v1/campaigns/{campaign}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Accept: text/event-stream\r\nCookie: yobirin={cookie}\r\n\r\n".encode()
    )
    status = await reader.readline()
    if b" 200 " not in status:
        raise AssertionError(status)
    listening = asyncio.ensure_future(_listen(reader, told))
    try:
        yield
    finally:
        listening.cancel()
        writer.transport.abort()


async def _listen(reader: asyncio.StreamReader, told: Watched) -> None:
    while line := await reader.readline():
        if found := _AT.match(line):
            told.shown.append((round(datetime.fromisoformat(found[1].decode()).timestamp(), 6), time.time()))
