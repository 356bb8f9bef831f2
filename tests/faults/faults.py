"""What is done to an engine while calls are under way. Each ends with the engine running, or ended for a restart."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.command import Command, alive, until
from tests.faults.desk import Desk, frozen
from tests.faults.network import Town

DRAIN_S = 60.0
"""Seconds for an engine that was told to stop to let its calls end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a fault may touch, and the chance that decides how hard it hits."""

    desk: Desk
    town: Town
    running: Command
    rng: random.Random

    @property
    def engine(self) -> int:
        """The engine's process."""
        return self.running.process.pid

    def pause(self, shortest: float, longest: float) -> None:
        """Let so many seconds pass."""
        time.sleep(self.rng.uniform(shortest, longest))


Fault = Callable[[Scene], None]


def engine_killed(scene: Scene) -> None:
    """The engine is killed; its PBX ends with it, or with the next one where it was only starting.

    Asterisk heeds no signal in the moment between the handler and the thread that looks at what that has noted.
    """
    pbx, started = scene.desk.pbx_pid(), scene.desk.pbx_is_ready()
    scene.running.process.kill()
    scene.running.process.wait()
    if pbx is not None and started:
        until(lambda: not alive(pbx), 30, "the PBX ends with its engine")


def engine_and_pbx_killed(scene: Scene) -> None:
    """Both are killed at once, as when the power goes; the PBX says goodbye to nobody."""
    pbx = scene.desk.pbx_pid()
    scene.running.process.kill()
    if pbx is not None:
        _kill(pbx)
    scene.running.process.wait()


def pbx_killed(scene: Scene) -> None:
    """The PBX is killed; the engine starts another."""
    pbx = scene.desk.pbx_pid()
    if pbx is not None:
        _kill(pbx)


def ami_cut(scene: Scene) -> None:
    """The connection to AMI is cut."""
    scene.desk.cut(scene.engine, port=scene.desk.office.ports.ami)


def agi_cut(scene: Scene) -> None:
    """The connections of the calls under way are cut."""
    scene.desk.cut(scene.engine, port=scene.desk.office.ports.agi)


def database_locked(scene: Scene) -> None:
    """Another program keeps the database for longer than the engine waits for a lock."""
    with closing(sqlite3.connect(scene.desk.database, isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        scene.pause(2, 9)
        other.execute("ROLLBACK")


def disk_slow(scene: Scene) -> None:
    """Every commit takes a third of a second: the database is kept from outside, again and again."""
    end = time.monotonic() + scene.rng.uniform(3, 6)
    with closing(sqlite3.connect(scene.desk.database, isolation_level=None, timeout=10)) as other:
        while time.monotonic() < end:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(0.3)
            other.execute("ROLLBACK")
            time.sleep(0.01)


def disk_full(scene: Scene) -> None:
    """Nothing more fits on the disk, for a while."""
    rest = scene.desk.disk.seen / "rest"
    try:
        _fill(rest)
        scene.pause(2, 6)
    finally:
        rest.unlink(missing_ok=True)


def engine_frozen(scene: Scene) -> None:
    """The engine stands still, as on a machine that is suspended; its PBX does not."""
    with frozen(scene.engine):
        scene.pause(1, 5)


def network_frozen(scene: Scene) -> None:
    """The telephone network says nothing for a while: INVITEs are sent again and again."""
    with scene.town.standing_still():
        scene.pause(1, 3)


def clock_stepped(scene: Scene) -> None:
    """The time of day jumps, forwards or back."""
    scene.desk.step_clock(scene.rng.choice((-3600, -90, -5, 5, 90, 3600)))


def told_to_stop(scene: Scene) -> None:
    """SIGTERM with calls under way: they end, and the engine with them."""
    scene.running.process.send_signal(signal.SIGTERM)
    scene.running.process.wait(DRAIN_S)


def told_twice_to_stop(scene: Scene) -> None:
    """A second SIGTERM: the calls are cut off."""
    scene.running.process.send_signal(signal.SIGTERM)
    scene.pause(0.05, 1)
    with suppress(ProcessLookupError):
        scene.running.process.send_signal(signal.SIGTERM)
    scene.running.process.wait(DRAIN_S)


FAULTS: Mapping[str, Fault] = {
    fault.__name__: fault
    for fault in (
        engine_killed,
        pbx_killed,
        ami_cut,
        agi_cut,
        database_locked,
        disk_full,
        engine_and_pbx_killed,
        disk_slow,
        clock_stepped,
        told_to_stop,
        engine_frozen,
        told_twice_to_stop,
        network_frozen,
    )
}
"""By name. A congested network is no fault but a kind of people: see `network.py`."""


def drawn(count: int, rng: random.Random, *, small_disk: bool) -> list[str]:
    """Return the names of `count` faults, each as often as the others, in any order."""
    names = [name for name in FAULTS if small_disk or name != disk_full.__name__]
    found: list[str] = []
    while len(found) < count:
        found += rng.sample(names, len(names))
    return found[:count]


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    until(lambda: not alive(process), 10, "a process that is killed ends")


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as rest:
        for size in (1 << 16, 1 << 8, 1):
            with suppress(OSError):
                while rest.write(bytes(size)) == size:
                    pass
