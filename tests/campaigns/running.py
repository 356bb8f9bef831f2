"""Runs one case: the real dialler, rules and store, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count

from sqlalchemy import delete

from ivr.campaign.course import Halt
from ivr.campaign.dial import Dialler
from ivr.campaign.lines import Limits, Lines
from ivr.campaign.records import NewCampaign, RecipientRecord
from ivr.campaign.scripts import Scripts
from ivr.domain.exclusion import Exclusions
from ivr.domain.recipient import Recipient
from ivr.rehearsal import virtual_time
from ivr.rehearsal.habits import Dialled, People
from ivr.rehearsal.virtual_time import VirtualClock
from ivr.storage import SqlResults
from ivr.storage.databases import SqliteMemory
from ivr.storage.migrations import bring_up_to_date, version
from ivr.storage.tables import campaigns
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
class Part:
    """What became of one campaign."""

    campaign: str
    halt: Halt
    people: tuple[RecipientRecord, ...]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of a case."""

    parts: tuple[Part, ...]
    dials: tuple[Dialled, ...]
    most: int
    defects: tuple[Exception, ...]


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
    if await database.read(version) is None:
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

    watch = Watch()
    lines = Lines(Limits(lines=case.lines, calls_per_second=case.calls_per_second, call=180), clock)
    network = People(case.habits, clock, ring=RING, seed=case.seed, watch=note)

    async def part(people: tuple[Recipient, ...]) -> Part:
        campaign = await results.create_campaign(
            NewCampaign(name=f"催告{next(_names)}", scenario="", scenario_file="s.yaml", created_at=case.begin), people
        )
        await results.move_campaign(campaign.id, expected=["created"], state="running")
        async with asyncio.TaskGroup() as tasks:
            dialler = Dialler(
                campaign,
                REMINDER,
                rules=case.rules,
                registers=Known(case.exclusions),
                results=results,
                originator=network,
                scripts=Scripts(REMINDER, SilentVoice(), scope=campaign.id),
                lines=lines,
                clock=clock,
                observer=watch,
                spawn=tasks.create_task,
                wait_for_windows=True,
                alone=True,
            )
            end = asyncio.get_running_loop().call_later(timedelta(days=DAYS).total_seconds(), dialler.stop)
            halt = await dialler.run()
            end.cancel()
        until = clock.now()
        return Part(campaign=campaign.id, halt=halt, people=await results.records(campaign.id), until=until)

    parts = await asyncio.gather(*(part(people) for people in (case.people, case.others) if people))
    await database.write(lambda connection: connection.execute(delete(campaigns)))
    return Run(parts=tuple(parts), dials=tuple(dials), most=most, defects=tuple(watch.defects))
