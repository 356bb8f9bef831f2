"""A campaign dialled on a real store, with a telephone that answers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.campaign.attempts import Spawn
from ivr.campaign.course import Halt
from ivr.campaign.dial import Dialler
from ivr.campaign.lines import Limits, Lines
from ivr.campaign.ports import Clock, Enquiry, Originator, Registers
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.campaign.scripts import Scripts
from ivr.campaign.trunk_watch import FIRST_PAUSE
from ivr.domain.calendar import DAYS, HOLIDAY, Calendar, Window
from ivr.domain.call import HungUp, Pressed, Silence, Spoken
from ivr.domain.calling_rules import Rules
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.exclusions import Register
from ivr.storage.results import SqlResults
from tests.campaign.fakes import ScriptedLeg, SilentVoice, SystemClock, Watch, answered
from tests.domain.reminder import REMINDER
from tests.keys import keys

ALWAYS = Calendar(windows=(Window(days=frozenset([*DAYS, HOLIDAY]), start=0, until=1440),), zone=ZoneInfo("Asia/Tokyo"))
PRESSES = answered(lambda: ScriptedLeg(Pressed("#"), Spoken(1.0), Spoken(1.0), Silence(), Spoken(1.0)))
HANGS_UP = answered(lambda: ScriptedLeg(HungUp(0.5)))


def people(count: int) -> list[Recipient]:
    return [
        Recipient(id=f"{n:05}", line=n + 2, kana="ヤマダ タロウ", numbers=(f"+8135722{n:04}",)) for n in range(count)
    ]


@asynccontextmanager
async def campaign(path: Path, recipients: Sequence[Recipient]) -> AsyncIterator[tuple[SqlResults, CampaignRow]]:
    async with await SqlResults.open(f"sqlite+aiosqlite:///{path / 'ivr.db'}", keys()) as results:
        row = await results.create_campaign(
            NewCampaign(name="test", scenario="", scenario_file="s.yaml", created_at=datetime.now(UTC)), recipients
        )
        await results.move_campaign(row.id, expected=["created"], state="running")
        yield results, row


def dialler_of(
    results: SqlResults,
    row: CampaignRow,
    telephone: Originator,
    *,
    spawn: Spawn,
    rules: Rules | None = None,
    registers: Registers | None = None,
    enquiry: Enquiry | None = None,
    lines: int = 5,
    voice: SilentVoice | None = None,
    clock: Clock | None = None,
    watch: Watch | None = None,
    pause: float = FIRST_PAUSE,
) -> Dialler:
    """Return what dials a campaign; it is run by whoever asks."""
    clock = clock or SystemClock()
    return Dialler(
        row,
        REMINDER,
        rules=rules or Rules(calendar=ALWAYS),
        registers=registers or Register(),
        enquiry=enquiry,
        results=results,
        originator=telephone,
        scripts=Scripts(REMINDER, voice or SilentVoice(), scope=row.id),
        lines=Lines(Limits(lines=lines, calls_per_second=1000, call=60, pause=pause), clock),
        clock=clock,
        observer=watch or Watch(),
        spawn=spawn,
    )


async def run(
    results: SqlResults,
    row: CampaignRow,
    telephone: Originator,
    *,
    rules: Rules | None = None,
    registers: Registers | None = None,
    enquiry: Enquiry | None = None,
    lines: int = 5,
    voice: SilentVoice | None = None,
    clock: Clock | None = None,
    watch: Watch | None = None,
    stop_after: int | None = None,
    pause: float = FIRST_PAUSE,
    within: float = 30.0,
    afterwards: Callable[[], None] = lambda: None,
) -> tuple[Halt, Watch]:
    """Dial the campaign to its end, then do what comes `afterwards`."""
    watch = watch or Watch()
    async with asyncio.timeout(within), asyncio.TaskGroup() as tasks:
        dialler = dialler_of(
            results,
            row,
            telephone,
            spawn=tasks.create_task,
            rules=rules,
            registers=registers,
            enquiry=enquiry,
            lines=lines,
            voice=voice,
            clock=clock,
            watch=watch,
            pause=pause,
        )
        if stop_after is not None:
            seen = watch.outcomes
            watch.on_end = lambda: dialler.stop() if len(seen) >= stop_after else None
        halt = await dialler.run()
        afterwards()
    return halt, watch


async def outcomes(results: SqlResults, row: CampaignRow) -> Mapping[str, Outcome | None]:
    return {record.recipient.id: record.outcome for record in await results.records(row.id)}
