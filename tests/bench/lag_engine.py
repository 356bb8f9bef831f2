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

from ivr import logs
from ivr.app import meanwhile
from ivr.campaign.records import NewCampaign
from ivr.domain.account import Department
from ivr.domain.audit import Author
from ivr.parts.keys import audit_trail, key_store
from ivr.service import spare_the_lasting
from ivr.settings import load
from ivr.storage import SqlResults, databases
from ivr.system_clock import SystemClock
from ivr.web import Console, Opening, open_console
from tests.bench.live_engine import SCENARIO as BYE
from tests.bench.live_engine import signed_in
from tests.bench.pages import SCENARIO, first
from tests.bench.table import at

PEOPLE = 20_000
TICK = 0.005
"""Seconds of which each sleep is one: what a frame of audio may have to wait."""


async def main(folder: Path, port: int) -> None:
    """Serve until the input ends."""
    logs.configure(as_json=True, level="error")
    config = folder / "ivr.yaml"
    config.write_text(f"data_dir: var\nweb: {{port: {port}, second_factor: optional}}\n", "utf-8")
    (folder / "var" / "scenarios").mkdir(parents=True)
    (folder / "var" / "scenarios" / "bye.yaml").write_text(BYE, "utf-8")
    chosen = load(config)
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            console = Console(
                settings=chosen,
                results=results,
                audit=audit_trail(chosen, results, keys, Author(who="bench", where="bench")),
                clock=SystemClock(chosen.calling.timezone),
                health=dict,
            )
            department = Department(id="d" * 32, name="税務課")
            await results.accounts.add_department(department, console.clock.now())
            cookie = await signed_in(console, department, 1)
            new = NewCampaign(
                name="bench",
                scenario=SCENARIO,
                scenario_file="bye.yaml",
                created_at=console.clock.now(),
                department=department.id,
            )
            campaign = await results.create_campaign(new, ())
            database = await databases.connect(chosen.database_url(), 600.0)
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
