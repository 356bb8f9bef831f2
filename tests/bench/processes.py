"""What a process and its children cost, from /proc (Linux)."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_ESTABLISHED, _LISTEN = "01", "0A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU seconds so far of an engine's own process, its voice, its Asterisk; memory of the first in MB, now and most.

    The seconds of children that have ended are in none of them.
    """

    engine: float
    voice: float
    asterisk: float
    resident: float
    most_resident: float

    def since(self, before: Cost) -> Cost:
        """Return what was spent since `before`; memory as it is now."""
        return replace(
            self,
            engine=self.engine - before.engine,
            voice=self.voice - before.voice,
            asterisk=self.asterisk - before.asterisk,
        )


def cost(engine: int) -> Cost:
    """Return what the engine with this process id has cost; ProcessLookupError where it is gone."""
    status = dict(line.split(":", 1) for line in _read(engine, "status").splitlines() if ":" in line)
    return Cost(
        engine=_cpu(engine),
        voice=children_cpu(engine, "tts.worker"),
        asterisk=children_cpu(engine, "asterisk"),
        resident=int(status["VmRSS"].split()[0]) / 1024,
        most_resident=int(status["VmHWM"].split()[0]) / 1024,
    )


def children_cpu(process: int, word: str) -> float:
    """Return the CPU seconds of the living children of `process` that have `word` in their command lines."""
    return sum(_cpu(child) for child in _descendants(process) if word in _read(child, "cmdline"))


def accepted(process: int, *, but: Collection[int]) -> int:
    """Return how many TCP connections `process` has accepted and holds, on all its ports `but` these."""
    own = {found for link in Path(f"/proc/{process}/fd").glob("*") if (found := _socket_of(link))}
    listening: set[str] = set()
    connected: list[str] = []
    for line in _read(process, "net/tcp").splitlines()[1:]:
        fields = line.split()
        local, state, inode = fields[1], fields[3], fields[9]
        if inode in own and state == _LISTEN and int(local.rpartition(":")[2], 16) not in but:
            listening.add(local)
        elif inode in own and state == _ESTABLISHED:
            connected.append(local)
    return sum(local in listening for local in connected)


def _socket_of(link: Path) -> str:
    """Return the inode of the socket that a file descriptor is, empty where it is none or has gone."""
    try:
        name = str(link.readlink())
    except OSError:
        return ""
    return name.removeprefix("socket:[").removesuffix("]") if name.startswith("socket:[") else ""


def _cpu(process: int) -> float:
    fields = _read(process, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if len(fields) > 12 else 0.0


def _descendants(process: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _read(process: int, name: str) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(errors="replace")
    except FileNotFoundError:
        return ""
