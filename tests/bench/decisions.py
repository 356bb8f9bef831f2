"""What a dial decision costs: who is due, their past, the caps over all campaigns, the exclusions, the rules.

Each size is one campaign in a SQLite file; another campaign has called one person in ten before. A pass asks for
everybody once, page by page as the dialler does, and decides; nothing is dialled.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import update

from ivr.campaign.dial import BATCH
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.campaign.vetting import Vetting
from ivr.domain.attempt import Ending, Intent
from ivr.domain.calling_rules import counted_since
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.exclusions import Register
from ivr.settings import Settings
from ivr.storage import SqlResults, databases
from ivr.storage.tables import recipients
from tests.bench.table import Figure
from tests.campaign.fakes import Watch
from tests.keys import keys

SIZES = (1_000, 10_000, 100_000)
CALLED_BEFORE = 10
"""One person in so many."""

NOON = datetime(2026, 11, 20, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
RULES = Settings().rules()


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Time does not pass."""


async def bench_decisions() -> list[Figure]:
    """Return what a decision costs in lists of each size, and a look that finds nobody due."""
    costs: dict[int, float] = {}
    idle = 0.0
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite+aiosqlite:///{folder}/ivr.db"
            async with await SqlResults.open(url, keys()) as store:
                campaign = await _filled(store, size)
                costs[size] = await _pass(store, campaign, size)
            idle = await _nobody_due(url, campaign)
    few, many = SIZES[-2:]

    def figure(name: str, value: float, **more: object) -> Figure:
        return Figure(bench="decisions", name=name, value=value, **more)  # type: ignore[arg-type]

    return [
        *(figure(f"a decision among {size:,}", costs[size] * 1000, unit="ms", target=1) for size in SIZES),
        figure(f"… {many:,} to {few:,}", costs[many] / costs[few], target=1.25, note="n log n would be 1.25"),
        figure(f"a look that finds none of {many:,} due", idle * 1000, unit="ms"),
    ]


async def _filled(store: SqlResults, size: int) -> CampaignRow:
    people = [
        Recipient(id=f"{n:08}", line=n + 2, kana="ヤマダ タロウ", numbers=(f"+8190{n:08}", f"+8170{n:08}"))
        for n in range(size)
    ]
    before = await store.create_campaign(_new("国保"), people[::CALLED_BEFORE])

    async def called(person: Recipient) -> None:
        intent = Intent(
            id=f"before-{person.id}",
            campaign=before.id,
            recipient=person.id,
            number=person.numbers[0],
            at=NOON - timedelta(hours=2),
        )
        await store.intend(intent)
        await store.end(intent.id, Ending(outcome=Outcome.NO_ANSWER, at=NOON), settled=Outcome.NO_ANSWER, due_at=None)

    await asyncio.gather(*map(called, people[::CALLED_BEFORE]))
    return await store.create_campaign(_new("住民税"), people)


def _new(name: str) -> NewCampaign:
    return NewCampaign(name=name, scenario="", scenario_file="", created_at=NOON - timedelta(days=1))


async def _pass(store: SqlResults, campaign: CampaignRow, size: int) -> float:
    """Return the seconds of one decision, of a pass through everybody."""
    vetting = Vetting(
        campaign, rules=RULES, registers=Register(), enquiry=None, results=store, clock=Noon(), observer=Watch()
    )
    decided = after = 0
    counted = counted_since(RULES, NOON)
    began = time.perf_counter()
    while page := await store.due(campaign.id, NOON, BATCH, after=after, counted=counted):
        for due in page:
            decided += await vetting.number(due) is not None
        after = page[-1].rank
    seconds = time.perf_counter() - began
    if decided != size:
        raise AssertionError(f"{decided} of {size} may be dialled")
    return seconds / size


async def _nobody_due(url: str, campaign: CampaignRow) -> float:
    """Return the seconds of a look when everybody waits for tomorrow."""
    database = await databases.connect(url, 60.0)
    try:
        tomorrow = update(recipients).values(due_at=NOON + timedelta(days=1))
        await database.write(lambda connection: connection.execute(tomorrow) and None)
    finally:
        await database.close()
    async with await SqlResults.open(url, keys()) as store:
        began = time.perf_counter()
        if await store.due(campaign.id, NOON, BATCH):
            raise AssertionError("somebody is due")
        return time.perf_counter() - began
