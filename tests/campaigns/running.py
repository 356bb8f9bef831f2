"""Runs one case: the real dialler, rules and store, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count

from ivr.campaign.dial import Dialler, Halt
from ivr.campaign.lines import Limits, Lines
from ivr.campaign.ports import NewCampaign, RecipientRecord
from ivr.campaign.scripts import Scripts
from ivr.domain.exclusion import Exclusions
from ivr.rehearsal import virtual_time
from ivr.rehearsal.habits import Dialled, People
from ivr.rehearsal.virtual_time import VirtualClock
from ivr.storage import SqlResults
from ivr.storage.databases import SqliteMemory
from ivr.storage.migrations import bring_up_to_date
from ivr.vault.fields import Fields
from tests.campaign.fakes import SilentVoice, Watch
from tests.campaigns.cases import TOKYO, Case
from tests.domain.reminder import REMINDER
from tests.keys import keys

DAYS = 40
"""More than any of the rules can make a campaign last, where it is open at all."""

RING = 25.0
_names = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of a case."""

    halt: Halt
    dials: tuple[Dialled, ...]
    most: int
    people: tuple[RecipientRecord, ...]
    defects: tuple[Exception, ...]
    until: datetime


class Known:
    """`ivr.campaign.ports.Registers` that always knows the same."""

    def __init__(self, exclusions: Exclusions) -> None:
        self._exclusions = exclusions

    async def known(self) -> Exclusions:
        return self._exclusions


def run(case: Case) -> Run:
    """Go through the campaign."""
    return virtual_time.run(_run(case))


@cache
def _database() -> SqliteMemory:
    """One for all cases: making the tables takes longer than a campaign."""
    return SqliteMemory()


async def _run(case: Case) -> Run:
    database = _database()
    name = next(_names)
    if not name:
        await database.write(lambda connection: bring_up_to_date(connection, Fields(keys())))
    results = SqlResults(database, Fields(keys()), lambda _: None)
    clock = VirtualClock(case.begin, TOKYO)
    dials: list[Dialled] = []
    live = most = 0

    def note(dial: Dialled) -> None:
        nonlocal live, most
        live += 1 if dial.ended is None else -1
        most = max(most, live)
        if dial.ended is not None:
            dials.append(dial)

    campaign = await results.create_campaign(
        NewCampaign(name=f"催告{name}", scenario="", scenario_file="s.yaml", created_at=case.begin), case.people
    )
    await results.move_campaign(campaign.id, expected=["created"], state="running")
    watch = Watch()
    async with asyncio.TaskGroup() as tasks:
        dialler = Dialler(
            campaign,
            REMINDER,
            rules=case.rules,
            registers=Known(case.exclusions),
            results=results,
            originator=People(case.habits, clock, ring=RING, seed=case.seed, watch=note),
            scripts=Scripts(REMINDER, SilentVoice(), scope=campaign.id),
            lines=Lines(Limits(lines=case.lines, calls_per_second=case.calls_per_second, call=180), clock),
            clock=clock,
            observer=watch,
            spawn=tasks.create_task,
            wait_for_windows=True,
            alone=True,
        )
        end = asyncio.get_running_loop().call_later(timedelta(days=DAYS).total_seconds(), dialler.stop)
        halt = await dialler.run()
        end.cancel()
    return Run(
        halt=halt,
        dials=tuple(dials),
        most=most,
        people=await results.records(campaign.id),
        defects=tuple(watch.defects),
        until=clock.now(),
    )
