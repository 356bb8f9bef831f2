"""A test call: a campaign's scenario, spoken to a member of staff before anybody else hears it.

It is a campaign of its own with one person, so that it is dialled, recorded and erased as every call is. An engine that
runs here dials it; where none does, one is started for it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ivr import identity, logs, scenario_files, settings
from ivr.app import running
from ivr.audit import Audit
from ivr.campaign.records import CampaignRow, NewCampaign, RecipientRecord
from ivr.data_dir import engine_runs
from ivr.desk.records import recorded
from ivr.desk.scenarios import EXAMPLE
from ivr.desk.staff import staff_number
from ivr.domain.audit import Action
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.scenario import NO_CALLS, Scenario
from ivr.errors import InputError
from ivr.settings import STAFF_CALL, Settings
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock

LOOK_AGAIN = 0.5
"""Seconds between two looks whether the call is over."""

PATIENCE = 30.0
"""Seconds beyond ringing and the longest call for an engine that dials others as well."""


async def call_staff(config: Path | None, name: str, to: str) -> int:
    """Call the member of staff at `to` with the scenario of campaign `name`; 1 where nobody confirmed."""
    chosen = settings.load(config)
    number = staff_number(chosen, to)
    async with recorded(chosen) as (results, audit):
        campaign = await results.campaign(name)
        row = await begun(chosen, results, audit, campaign, number, by=identity.human())
        print(f"職員の電話に、「{name}」のシナリオで試しにかけます。名前などは見本（{EXAMPLE['kana']}）です。")
        if engine_runs(chosen.data_dir):
            return await _outcome(chosen, results, row)
    return await _dialled_here(chosen, row)


async def begun(
    chosen: Settings, results: SqlResults, audit: Audit, of: CampaignRow | NewCampaign, number: str, *, by: str
) -> CampaignRow:
    """Let an engine call the member of staff at `number` (E.164) with the scenario `of` a campaign; InputError."""
    scenario = scenario_files.of(of)
    if not scenario.calls:
        raise InputError(NO_CALLS)
    await audit.record(Action.STAFF_CALLED, of.name)
    row = await results.create_campaign(_test_of(chosen, of, by), [_staff(scenario, number)])
    await results.move_campaign(row.id, expected=["created"], state="running")
    return row


def patience(chosen: Settings) -> float:
    """Return after how many seconds an engine has not called any more."""
    calling = chosen.calling
    return (calling.ring_timeout + calling.call_limit).total_seconds() + PATIENCE


def _test_of(chosen: Settings, campaign: CampaignRow | NewCampaign, by: str) -> NewCampaign:
    now = SystemClock(chosen.calling.timezone).now()
    return NewCampaign(
        name=f"{campaign.name}（試し {now:%m%d-%H%M%S-%f}）",
        scenario=campaign.scenario,
        scenario_file=campaign.scenario_file,
        created_at=now,
        created_by=by,
        rules=STAFF_CALL,
        department=campaign.department,
    )


def _staff(scenario: Scenario, number: str) -> Recipient:
    values: dict[str, str] = {}
    for step in scenario.steps.values():
        values |= scenario_files.example_values(step.text, EXAMPLE)
    return Recipient(id="職員", line=1, kana=EXAMPLE["kana"], numbers=(number,), columns=values)


async def _outcome(chosen: Settings, results: SqlResults, row: CampaignRow) -> int:
    """Wait for the engine that runs here, and say how the call ended."""
    clock = SystemClock(chosen.calling.timezone)
    try:
        async with asyncio.timeout(patience(chosen)):
            while (found := await settled(results, row)) is None:
                await clock.sleep(LOOK_AGAIN)
    except TimeoutError:
        await results.move_campaign(row.id, expected=["running"], state="stopped")
        raise InputError("時間のうちにかけられませんでした。時間帯の外か、回線が空いていません。") from None
    return _told(found)


async def _dialled_here(chosen: Settings, row: CampaignRow) -> int:
    logs.configure(as_json=chosen.log.format == "json", level="warning")
    async with running(chosen) as engine:
        await engine.originator.ready()
        await engine.dial(row)
        found = await settled(engine.results, row)
        done = "done" if found is not None else "stopped"
        await engine.results.move_campaign(row.id, expected=["running"], state=done)
    if found is None:
        raise InputError("かけられませんでした。いまは架電できる時間帯ではありません。")
    return _told(found)


async def settled(results: SqlResults, row: CampaignRow) -> RecipientRecord | None:
    """Return what came of a test call, None while it is not over."""
    (record,) = await results.records(row.id)
    return record if record.state == "settled" else None


def _told(record: RecipientRecord) -> int:
    outcome = record.outcome
    keys = [key.key for attempt in record.attempts for key in attempt.keys]
    print(f"結果：{outcome.label if outcome else 'なし'}。押されたキー：{' '.join(keys) or 'なし'}")
    return 0 if outcome is Outcome.CONFIRMED else 1
