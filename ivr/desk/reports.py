"""How far a campaign is, and its results."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ivr import settings
from ivr.campaign.records import Due
from ivr.data_dir import engine_runs, exports_of
from ivr.desk.answers import print_json
from ivr.desk.records import recorded, store
from ivr.domain.audit import Action
from ivr.domain.exclusion import by_columns
from ivr.errors import ExclusionsUnknown
from ivr.health import health
from ivr.parts.rules import register
from ivr.progress import counted
from ivr.reporting import show_closing, write_csv, write_json, write_xlsx
from ivr.seals import SUFFIX, sealer
from ivr.settings import Settings
from ivr.standing import STATES, why_waiting
from ivr.system_clock import SystemClock


async def status(config: Path | None, name: str, *, json: bool) -> int:
    """Print how far a campaign is and, where nothing is dialled now, why."""
    chosen = settings.load(config)
    async with store(chosen) as results:
        campaign = await results.campaign(name)
        counts = await results.counts(campaign.id)
        now = SystemClock(chosen.calling.timezone).now()
        unknown = await _unknown(chosen, await results.due(campaign.id, now, 1))
    runs = engine_runs(chosen.data_dir)
    ill = await asyncio.to_thread(health, chosen) if runs else None
    why = why_waiting(chosen, campaign, counts, now, engine=runs, unknown=unknown, health=ill)
    if json:
        print_json(
            {
                "campaign": campaign.name,
                "state": campaign.state,
                "recipients": dict(counts.states),
                "outcomes": {outcome.value: count for outcome, count in counts.outcomes.items()},
                "proven": counts.proven,
                "attempts": counts.attempts,
                "next_due": counts.next_due.isoformat() if counts.next_due and counts.next_due > now else None,
                "reason": why,
            }
        )
        return 0
    print(f"催告「{name}」：{STATES[campaign.state]}")
    if why:
        print(why)
    show_closing(name, counts, Console())
    return 0


async def _unknown(chosen: Settings, some: Sequence[Due]) -> str | None:
    """Return why nobody can tell who is not to be called, None where it can be told of `some` people."""
    try:
        known = await register(chosen).known()
        for due in some:
            by_columns(known.columns, due.recipient)
    except ExclusionsUnknown as error:
        return str(error)
    return None


async def export(
    config: Path | None, name: str, out: Path | None, form: str, encoding: str, seal_to: Sequence[str] = ()
) -> int:
    """Write the results of a campaign to a file, sealed for `seal_to` if anybody is there.

    Without `out` it stays under the engine's care, and is erased with the campaign.
    """
    chosen = settings.load(config)
    seal = sealer(seal_to)
    zone = chosen.calling.timezone
    async with recorded(chosen) as (results, audit):
        campaign = await results.campaign(name)
        records = await results.records(campaign.id)
        if out is None:
            folder = exports_of(chosen.data_dir, campaign.id)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            out = folder / f"{SystemClock(zone).now():%Y%m%d-%H%M%S}.{form}{SUFFIX if seal else ''}"
        await audit.record(Action.EXPORTED, name, file=out.name, format=form, rows=len(records))
    match form:
        case "json":
            write_json(out, campaign, records, zone=zone, seal=seal)
        case "csv":
            codec = "cp932" if encoding == "cp932" else "utf-8-sig"
            missing = write_csv(out, records, encoding=codec, zone=zone, seal=seal)
            if missing:
                print(f"{encoding} にない文字を 〓 にしました：{' '.join(missing)}", file=sys.stderr)
        case _:
            write_xlsx(out, campaign, records, zone=zone, seal=seal, watch=counted)
    print(f"{out} に {len(records)} 人分を書き出しました。")
    return 0
