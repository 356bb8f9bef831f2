"""Fuzz the parsers: `python -m tests.fuzz [TARGET…] [--seconds 600] [--seed N] [--at-once 2]`.

Exit 1 if anything was found. Each finding's input is kept in `--keep`, and tried again by `--replay FILE`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.targets import TARGETS
from tests.fuzz.watching import Tally, fuzz, replay


def show(tally: Tally, keep: Path) -> None:
    """Print a target's line, then what was found, and keep the inputs."""
    print(
        f"{tally.target:<12} {tally.inputs:>11,} inputs {tally.seconds:>6.0f} s {tally.ways:>7,} ways  slowest "
        f"{tally.slowest * 1000:>7.1f} ms  grown {tally.grown / 2**20:>5.0f} MiB  findings {len(tally.findings)}",
        flush=True,
    )
    for finding in tally.findings:
        keep.mkdir(parents=True, exist_ok=True)
        file = keep / f"{tally.target}-{hashlib.sha256(finding.data).hexdigest()[:12]}.bin"
        file.write_bytes(finding.data)
        trace = finding.trace.encode("utf-8", "backslashreplace").decode()
        print(f"  {finding.kind}: {finding.place}\n    input {file}\n{trace}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all without one")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2, help="targets, each in a process of its own")
    parser.add_argument("--hang", type=float, default=10.0, help="seconds that one input may take")
    parser.add_argument("--keep", type=Path, default=Path("var/fuzz"), help="where the inputs of findings go")
    parser.add_argument("--replay", type=Path, help="try the input in this file, with one target")
    options = parser.parse_args(arguments)
    names = options.targets or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)}")
    found = 0
    if options.replay is not None:
        data = options.replay.read_bytes()
        tallies = iter([replay(TARGETS[name], data, hang=options.hang) for name in names])
    else:
        pool = ThreadPoolExecutor(options.at_once)
        tallies = pool.map(
            lambda name: fuzz(TARGETS[name], seconds=options.seconds, seed=options.seed, hang=options.hang), names
        )
    for tally in tallies:
        show(tally, options.keep)
        found += len(tally.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
