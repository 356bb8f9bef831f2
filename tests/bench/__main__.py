"""Measure everything that is promised: `python -m tests.bench [NAME…] [--strict]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from rich.console import Console

from tests.bench import agi, decisions, dialling, lag, latency, listening, live, pages, recipients, speech, store, texts
from tests.bench.table import Figure, show


async def agi_servers() -> list[Figure]:
    """Return our FastAGI server beside panoramisk's, each measured in turn, three times."""
    rounds = [{server: await agi.measure(server, agi.Load()) for server in agi.SERVERS} for _ in range(3)]
    figures = []
    for name, unit, field in (
        ("sessions a second", "", "sessions_per_second"),
        ("CPU per session", "ms", "cpu_ms"),
        ("slowest command", "ms", "slowest_ms"),
    ):
        for server in agi.SERVERS:
            value = statistics.median(getattr(measured[server], field) for measured in rounds)
            figures.append(
                Figure(bench="agi", name=f"{name}, {server}", value=value, unit=unit, note="median of three")
            )
    return figures


BENCHES: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "dialling": dialling.bench_dialling,
    "latency": latency.bench_latency,
    "load": dialling.bench_load,
    "listening": listening.bench_listening,
    "recipients": recipients.bench_recipients,
    "speech": speech.bench_speech,
    "agi": agi_servers,
    "store": store.bench_store,
    "pages": pages.bench_pages,
    "live": live.bench_live,
    "lag": lag.bench_lag,
    "decisions": decisions.bench_decisions,
    "texts": texts.bench_texts,
}


async def measure(names: list[str], console: Console) -> list[Figure]:
    """Run the benches one after the other, each with its table as soon as it is done."""
    figures = []
    for name in names:
        began = time.monotonic()
        with console.status(f"{name} …"):
            found = await BENCHES[name]()
        console.print(f"[bold]{name}[/] ({time.monotonic() - began:.0f} s)")
        show(found, console)
        console.print()
        figures += found
    return figures


def main() -> int:
    """Print the figures; 1 with `--strict` where a target is missed."""
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; without: all")
    options.add_argument("--strict", action="store_true", help="exit with 1 where a target is missed")
    chosen = options.parse_args()
    if unknown := [name for name in chosen.names if name not in BENCHES]:
        options.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    console = Console() if sys.stdout.isatty() else Console(width=140)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
    figures = asyncio.run(measure(chosen.names or list(BENCHES), console))
    missed = [one for one in figures if not one.passes]
    console.print(f"{len(figures)} figures, {len(missed)} targets missed; what they mean: docs/bench.md")
    return 1 if missed and chosen.strict else 0


if __name__ == "__main__":
    sys.exit(main())
