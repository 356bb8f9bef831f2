"""What `tests.bench.lag` measures, in a process of its own: the console, and how late its loop comes.

    python -m tests.bench.lag_engine FOLDER PORT

Prints a line of JSON once it is ready; then, for each line that it reads, how late it was since the last one. Ends when
its input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial
from pathlib import Path

from ivr.app import meanwhile
from ivr.campaign.records import NewCampaign
from ivr.service import spare_the_lasting
from ivr.storage import databases
from ivr.web import Opening, open_console
from tests.bench.console_engine import BYE, console_in, signed_in
from tests.bench.filled import SCENARIO, first
from tests.bench.table import at

PEOPLE = 20_000
TICK = 0.005
"""Seconds of which each sleep is one: what a frame of audio may have to wait."""


async def main(folder: Path, port: int) -> None:
    """Serve until the input ends."""
    scenarios = folder / "var" / "scenarios"
    scenarios.mkdir(parents=True)
    (scenarios / "bye.yaml").write_text(BYE, "utf-8")
    async with console_in(folder, port) as (console, department):
        results = console.results
        cookie = await signed_in(console, department, 1)
        new = NewCampaign(
            name="bench",
            scenario=SCENARIO,
            scenario_file="bye.yaml",
            created_at=console.clock.now(),
            department=department.id,
        )
        campaign = await results.create_campaign(new, ())
        database = await databases.connect(console.settings.database_url(), 600.0)
        await database.write(partial(first, results.sealing, campaign, 0, PEOPLE))
        await database.close()
        async with meanwhile(open_console(console, Opening())):
            await asyncio.sleep(0.5)
            spare_the_lasting()
            late: list[float] = []
            print(json.dumps({"campaign": campaign.id, "cookie": cookie}), flush=True)
            async with meanwhile(_looks(late)):
                while await asyncio.to_thread(sys.stdin.readline):
                    told, late[:] = {"worst": max(late, default=0.0), "p99": at(late, 0.99)}, []
                    print(json.dumps(told), flush=True)


async def _looks(late: list[float]) -> None:
    while True:
        due = time.monotonic() + TICK
        await asyncio.sleep(TICK)
        late.append((time.monotonic() - due) * 1000)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
