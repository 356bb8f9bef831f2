"""What is done to the engine, to its database and to the centre while texts go out. Each returns when it is over."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ivr.rehearsal.sms_centre import SmsCentre
from tests.acceptance.command import Command
from tests.text_faults.verdict import Break

DRAIN_S = 40.0
"""Seconds for an engine that is told to stop."""

KILLS = 0.35
"""Share of the faults that are a kill -9 of the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a fault may touch; `broken` is told when answers may have been lost on the engine's side."""

    centre: SmsCentre
    running: Command
    database: Path
    rng: random.Random
    broken: Callable[[Break], None]

    async def pause(self, least: float, most: float) -> None:
        """Let between `least` and `most` seconds pass."""
        await asyncio.sleep(self.rng.uniform(least, most))


Fault = Callable[[Scene], Awaitable[None]]


async def engine_killed(scene: Scene) -> None:
    """kill -9."""
    since = datetime.now(UTC)
    with suppress(ProcessLookupError):
        os.kill(scene.running.process.pid, signal.SIGKILL)
    await ended(scene.running, 10)
    scene.broken(Break(since, datetime.now(UTC), "kill"))


async def told_twice_to_stop(scene: Scene) -> None:
    """SIGTERM, and again before what is under way has its answer."""
    scene.running.process.send_signal(signal.SIGTERM)
    await scene.pause(0.0, 0.3)
    since = datetime.now(UTC)
    scene.running.process.send_signal(signal.SIGTERM)
    await ended(scene.running, DRAIN_S)
    scene.broken(Break(since, datetime.now(UTC), "second signal"))


async def told_to_stop(scene: Scene) -> None:
    """SIGTERM: what is under way gets its answer."""
    scene.running.process.send_signal(signal.SIGTERM)
    await ended(scene.running, DRAIN_S)


async def engine_frozen(scene: Scene) -> None:
    """The engine stands still, as on a machine that is suspended."""
    os.kill(scene.running.process.pid, signal.SIGSTOP)
    try:
        await scene.pause(1, 3)
    finally:
        os.kill(scene.running.process.pid, signal.SIGCONT)


async def centre_gone(scene: Scene) -> None:
    """The centre drops its connections and takes none for a while."""
    await scene.centre.stop_serving()
    await scene.pause(0.5, 3)
    await scene.centre.serve_again()


async def centre_throttles(scene: Scene) -> None:
    """The centre takes nothing for a while, and says so."""
    scene.centre.throttle(scene.rng.uniform(1, 3))


async def centre_stalls(scene: Scene) -> None:
    """The centre takes what comes and says nothing for a while; half of the time it then is gone."""
    scene.centre.stall(5)
    await scene.pause(0.5, 2)
    if scene.rng.random() < 0.5:
        await centre_gone(scene)
    scene.centre.stall(0)


async def centre_slow(scene: Scene) -> None:
    """Everything from the centre comes in gulps."""
    for _ in range(scene.rng.randint(3, 8)):
        scene.centre.stall(0.4)
        await asyncio.sleep(0.5)


async def centre_lies(scene: Scene) -> None:
    """The centre tells of texts that never were, and everything of late again, backwards."""
    scene.centre.lie()


async def answers_dropped(scene: Scene) -> None:
    """The next texts are taken, and their connection ends without an answer."""
    scene.centre.drop_answers(scene.rng.randint(1, 3))


async def database_locked(scene: Scene) -> None:
    """Another program keeps the database."""
    with closing(sqlite3.connect(scene.database, isolation_level=None, timeout=0)) as other:
        for _ in range(100):
            with suppress(sqlite3.OperationalError):
                other.execute("BEGIN IMMEDIATE")
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("the database is never free")
        await scene.pause(1, 3)
        other.execute("ROLLBACK")


FAULTS: Mapping[str, Fault] = {
    fault.__name__: fault
    for fault in (
        engine_killed,
        told_twice_to_stop,
        told_to_stop,
        engine_frozen,
        centre_gone,
        centre_throttles,
        centre_stalls,
        centre_slow,
        centre_lies,
        answers_dropped,
        database_locked,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A fault to come: once so many texts were taken, and `pause` seconds later."""

    name: str
    taken: int
    pause: float


def planned(count: int, takers: int, rng: random.Random) -> tuple[Planned, ...]:
    """Return `count` faults over a campaign of which `takers` take a text: a third kills, the others in turn."""
    kills = max(2, round(count * KILLS))
    others = [name for name in FAULTS if name != engine_killed.__name__]
    names: list[str] = []
    while len(names) < count - kills:
        names += rng.sample(others, len(others))
    names = names[: count - kills] + [engine_killed.__name__] * kills
    rng.shuffle(names)
    # What a break leaves unknown is mostly not taken by anybody.
    places = sorted(rng.randrange(round(takers * 0.8)) for _ in names)
    return tuple(
        Planned(name=name, taken=taken, pause=rng.uniform(0, 1)) for name, taken in zip(names, places, strict=True)
    )


async def ended(running: Command, within: float) -> int:
    """Return the exit status of a command; AssertionError where it does not end in time."""
    async with asyncio.timeout(within):
        while (status := running.process.poll()) is None:
            await asyncio.sleep(0.02)
    return status
