"""How many calls a second the store keeps up with: `python -m tests.bench.store [URL]`.

A call is three writes: the intent, the answer, the ending with one key. Printed are writes a second with as many
callers as `LINES`, what one caller waits at 30 calls a second, CPU, and how long lists take to come in and go out.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from uuid import uuid4

from ivr.campaign.ports import CampaignRow, NewCampaign
from ivr.domain.attempt import AttemptState, Ending, Intent, TimedKey
from ivr.domain.call import KeyPress
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.storage import SqlResults
from tests.keys import keys

LINES = 50
CALLS = 2_000
DIALS_PER_SECOND = 30
PACED_S = 10
WRITES_PER_CALL = 3


def _people(number: int) -> list[Recipient]:
    return [
        Recipient(
            id=f"{n:08}",
            line=n,
            kana="ヤマダ タロウ",
            numbers=(f"+8190{n:08}",),
            columns={"宛名番号": f"{n:08}", "カナ氏名": "ヤマダ タロウ", "電話番号": f"090{n:08}", "期別": "3"},
        )
        for n in range(1, number + 1)
    ]


async def _call(store: SqlResults, campaign: CampaignRow, n: int) -> None:
    now = datetime.now(UTC)
    intent = Intent(id=uuid4().hex, campaign=campaign.id, recipient=f"{n:08}", number=f"+8190{n:08}", at=now)
    await store.intend(intent)
    await store.advance(intent.id, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=now)
    key = TimedKey(press=KeyPress("confirm", "#", confirms=True), at=now)
    ending = Ending(outcome=Outcome.CONFIRMED, at=now, heard_s=6.5, keys=(key,), evidence={"ended_by": "engine"})
    await store.end(intent.id, ending, settled=Outcome.CONFIRMED, due_at=None)


async def _flat_out(store: SqlResults, campaign: CampaignRow) -> None:
    numbers = iter(range(1, CALLS + 1))

    async def line() -> None:
        for n in numbers:
            await _call(store, campaign, n)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(line() for _ in range(LINES)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{CALLS * WRITES_PER_CALL / wall:.0f} writes/s on {LINES} lines, {cpu / CALLS * 1000:.2f} ms of CPU a call")


async def _paced(store: SqlResults, campaign: CampaignRow, waits: list[float]) -> None:
    waits.clear()
    cpu = time.process_time()
    async with asyncio.TaskGroup() as group:
        for n in range(DIALS_PER_SECOND * PACED_S):
            group.create_task(_call(store, campaign, CALLS + 1 + n))
            await asyncio.sleep(1 / DIALS_PER_SECOND)
    cpu = time.process_time() - cpu
    cuts = statistics.quantiles(waits, n=100)
    print(
        f"at {DIALS_PER_SECOND} calls/s a write takes {cuts[49] * 1000:.1f} ms (median), "
        f"{cuts[94] * 1000:.1f} ms (95 %);"
        f" {cpu / DIALS_PER_SECOND / PACED_S * 1000:.2f} ms of CPU a call"
    )


async def main(url: str) -> None:
    """Measure and print."""
    waits: list[float] = []
    async with await SqlResults.open(url, keys(), on_write=waits.append) as store:
        for number in (10_000, 200_000):
            people = _people(number)
            before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
            new = NewCampaign(name=uuid4().hex, scenario="", scenario_file="", created_at=datetime.now(UTC))
            campaign = await store.create_campaign(new, people)
            took = time.perf_counter() - began
            more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(f"a list of {number} is stored in {took:.2f} s, with {more:.0f} MB more of memory")
            del people
        new = NewCampaign(name=uuid4().hex, scenario="", scenario_file="", created_at=datetime.now(UTC))
        campaign = await store.create_campaign(new, _people(10_000))
        await _flat_out(store, campaign)
        await _paced(store, campaign, waits)
        now = datetime.now(UTC)
        for title, ask in (
            ("due, 100 people", lambda: store.due(campaign.id, now, 100)),
            ("counts", lambda: store.counts(campaign.id)),
            ("records of 10,000", lambda: store.records(campaign.id)),
        ):
            began = time.perf_counter()
            await ask()
            print(f"{title}: {(time.perf_counter() - began) * 1000:.1f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite+aiosqlite:///{folder}/bench.db"))
