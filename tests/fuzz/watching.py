"""Fuzz a target in a process of its own, and watch it from outside: what hangs, dies or eats memory is found too.

The input that is being tried stands in memory that both processes share, so that it survives the one that it kills.
"""

from __future__ import annotations

import faulthandler
import mmap
import multiprocessing
import os
import re
import resource
import signal
import struct
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.mutation import Mutation
from tests.fuzz.target import Run, Target

MEMORY = 1 << 30
"""Bytes that a parser may take beyond what the process had at its start."""

MOST_FINDINGS = 20
"""Different ones of a target, after which it is known to be broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An input that a parser did not take as it should: `kind` is crash, hang or death, `place` where it was."""

    kind: str
    place: str
    trace: str
    data: bytes


@dataclass(slots=True)
class Tally:
    """What became of a target: `slowest` in seconds of CPU and with its input, `grown` in bytes of resident memory."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    ways: int = 0
    slowest: float = 0.0
    slowest_input: bytes = b""
    grown: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Keep a finding, unless one at the same place is known."""
        if all((one.kind, one.place) != (finding.kind, finding.place) for one in self.findings):
            self.findings.append(finding)


@dataclass(frozen=True, slots=True)
class _Done:
    inputs: int
    ways: int
    slowest: float
    slowest_input: bytes
    grown: int


class _Board:
    """The input under trial, its number, and since when (monotonic; 0 while there is none)."""

    _HEAD = struct.Struct("<QdI")

    def __init__(self, longest: int) -> None:
        self._memory = mmap.mmap(-1, self._HEAD.size + longest)

    def write(self, number: int, since: float, data: bytes = b"") -> None:
        self._memory[self._HEAD.size : self._HEAD.size + len(data)] = data
        self._HEAD.pack_into(self._memory, 0, number, since, len(data))

    def read(self) -> tuple[int, float, bytes]:
        number, since, length = self._HEAD.unpack_from(self._memory)
        return number, since, self._memory[self._HEAD.size : self._HEAD.size + length]


def fuzz(target: Target, *, seconds: float, seed: int, hang: float = 10.0) -> Tally:
    """Fuzz for so many seconds. One input may take `hang` seconds; after that, or a death, a new process goes on."""
    tally = Tally(target.name)
    began = time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0 and len(tally.findings) < MOST_FINDINGS:
        _watch(target, None, left, seed, hang, tally)
        seed += 1_000_003
    tally.seconds = time.monotonic() - began
    return tally


def replay(target: Target, data: bytes, *, hang: float = 10.0) -> Tally:
    """Try one input."""
    tally = Tally(target.name)
    _watch(target, data, 1e9, 0, hang, tally)
    return tally


def _watch(target: Target, only: bytes | None, seconds: float, seed: int, hang: float, tally: Tally) -> None:
    board = _Board(max(target.longest, len(only or b"")))
    ours, theirs = multiprocessing.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        stack = Path(directory) / "stack"
        child = multiprocessing.get_context("fork").Process(
            target=_work, args=(target, only, seconds, seed, board, theirs, directory)
        )
        child.start()
        theirs.close()
        done = False
        try:
            while not done:
                if ours.poll(0.1):
                    try:
                        said = ours.recv()
                    except EOFError:
                        break
                    if isinstance(said, _Done):
                        _sum(tally, said)
                        done = True
                    else:
                        tally.add(said)
                elif not child.is_alive():
                    break
                _, since, data = board.read()
                if since and time.monotonic() - since > hang:
                    os.kill(child.pid or 0, signal.SIGABRT)
                    child.join()
                    tally.add(_stopped("hang", stack, data))
                    break
        finally:
            child.join(5)
            child.kill()
            child.join()
        number, since, data = board.read()
        if not done:
            tally.inputs += number
            if since and child.exitcode and not any(one.data == data for one in tally.findings):
                tally.add(_stopped(f"death ({child.exitcode})", stack, data))


def _sum(tally: Tally, done: _Done) -> None:
    tally.inputs += done.inputs
    tally.ways = max(tally.ways, done.ways)
    tally.grown = max(tally.grown, done.grown)
    if done.slowest > tally.slowest:
        tally.slowest, tally.slowest_input = done.slowest, done.slowest_input


def _stopped(kind: str, stack: Path, data: bytes) -> Finding:
    trace = stack.read_text(errors="replace") if stack.exists() else ""
    lines = [line.strip() for line in trace.splitlines() if line.strip().startswith("File")]
    ours = next((line for line in lines if re.search("/(ivr|tts)/", line)), lines[0] if lines else "?")
    return Finding(kind=kind, place=ours, trace=trace, data=data)


def _work(
    target: Target,
    only: bytes | None,
    seconds: float,
    seed: int,
    board: _Board,
    pipe: Connection,
    directory: str,
) -> None:
    """Fuzz, in the child."""
    os.chdir(directory)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with (Path(directory) / "stack").open("w") as stack:
        faulthandler.enable(stack)
        run = target.start()
        space = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (space + MEMORY, space + MEMORY))
        resident = _resident()
        mutation = Mutation(target, seed)
        end = time.monotonic() + seconds
        number, slowest, slowest_input = 0, 0.0, b""
        for data in mutation.inputs() if only is None else iter((only,)):
            now = time.monotonic()
            if now >= end:
                break
            number += 1
            board.write(number, now, data)
            began = time.thread_time()
            finding = tried(run, data, mutation)
            took = time.thread_time() - began
            board.write(number, 0.0)
            if took > slowest:
                slowest, slowest_input = took, data
            if finding is not None:
                pipe.send(finding)
        pipe.send(_Done(number, mutation.signs, slowest, slowest_input, _resident() - resident))


def tried(run: Run, data: bytes, mutation: Mutation) -> Finding | None:
    """Give an input to the parser; return what it raised, if it raised."""
    try:
        mutation.learn(run(data))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a parser raises is the finding
        last = traceback.extract_tb(error.__traceback__)
        place = f"{type(error).__name__} at {Path(last[-1].filename).name}:{last[-1].lineno}"
        return Finding(kind="crash", place=place, trace="".join(traceback.format_exception(error)), data=data)
    return None


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def moment(target: Target, *, inputs: int, seed: int) -> Iterator[Finding]:
    """Try so many inputs in this process, and yield what is found: the short form, for the test suite."""
    mutation = Mutation(target, seed)
    run = target.start()
    for _, data in zip(range(inputs), mutation.inputs(), strict=False):
        if (finding := tried(run, data, mutation)) is not None:
            yield finding
