"""How far a campaign is, and its results."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ivr import scenario_files, settings
from ivr.campaign.records import CampaignRow, Counts, Due
from ivr.campaign.text_records import TextCounts, TextsAsked
from ivr.data_dir import engine_runs, exports_of
from ivr.desk.answers import print_json
from ivr.desk.records import recorded, store
from ivr.domain.audit import Action
from ivr.domain.exclusion import by_columns
from ivr.errors import ExclusionsUnknown
from ivr.health import health
from ivr.parts.rules import register, texts_asked
from ivr.progress import counted
from ivr.reporting import (
    Course,
    Unit,
    figures_json,
    heat_map,
    key_lines,
    show_closing,
    show_heat_map,
    show_texts,
    show_tries,
    texts_json,
    timeline,
    tries,
    write_csv,
    write_figures,
    write_json,
    write_xlsx,
)
from ivr.seals import SUFFIX, sealer
from ivr.settings import Settings
from ivr.standing import STATES, TEXTED_NO_MORE, why_unsent, why_waiting
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.ways import Ways


async def status(config: Path | None, name: str, *, json: bool) -> int:
    """Print how far a campaign is and, where nothing is dialled now, why."""
    chosen = settings.load(config)
    async with store(chosen) as results:
        campaign = await results.campaign(name)
        counts = await results.counts(campaign.id)
        now = SystemClock(chosen.calling.timezone).now()
        unknown = await _unknown(chosen, await results.due(campaign.id, now, 1))
        texts = await texts_of(chosen, results, campaign)
    runs = engine_runs(chosen.data_dir)
    ill = await asyncio.to_thread(health, chosen) if runs else None
    why = why_waiting(chosen, campaign, counts, now, engine=runs, unknown=unknown, health=ill)
    unsent = why_unsent(chosen, campaign, texts, now, engine=runs, health=ill) if texts else None
    if texts is not None and not scenario_files.of(campaign).calls:
        why = unknown or unsent or "全員が済みました。"
    elif unsent and not counts.states.get("waiting") and not counts.states.get("calling"):
        why = "電話はすべて済みました。"
    if json:
        print_json(
            {
                **_in_numbers(chosen, campaign, counts, texts),
                "next_due": counts.next_due.isoformat() if counts.next_due and counts.next_due > now else None,
                "reason": why,
                "texts_reason": unsent,
            }
        )
        return 0
    print(f"催告「{name}」：{STATES[campaign.state]}")
    for sentence in dict.fromkeys(one for one in (why, unsent) if one):
        print(sentence)
    show_counts(chosen, campaign, counts, texts, Console())
    return 0


async def list_all(config: Path | None, *, json: bool) -> int:
    """Print every campaign: its state, how many of its people are done, and how many were sent a text."""
    chosen = settings.load(config)
    zone = chosen.calling.timezone
    async with store(chosen) as results:
        found = [
            (campaign, await results.counts(campaign.id), await _sent(results, campaign))
            for campaign in await results.campaigns()
        ]
    if json:
        print_json(
            [
                {
                    "campaign": campaign.name,
                    "state": campaign.state,
                    "created_at": campaign.created_at.astimezone(zone).isoformat(timespec="seconds"),
                    "recipients": dict(counts.states),
                    "texts": {"taken": sent} if sent is not None else None,
                }
                for campaign, counts, sent in found
            ]
        )
        return 0
    for campaign, counts, sent in found:
        people, settled = sum(counts.states.values()), counts.states.get("settled", 0)
        made = campaign.created_at.astimezone(zone)
        done = f"{people} 人中 {settled} 人済み" + (f"、SMS {sent} 人" if sent is not None else "")
        print(f"{campaign.name}：{STATES[campaign.state]}、{done}（{made:%Y-%m-%d} 作成）")
    if not found:
        print("催告はまだありません。作るには ivr campaign create")
    return 0


async def _sent(results: SqlResults, campaign: CampaignRow) -> int | None:
    """Return how many people of a campaign were sent a text, None where its scenario has none."""
    if not Ways.of_stored(campaign).texts:
        return None
    return (await results.texts.counts(TextsAsked(campaign=campaign.id))).taken


async def report(config: Path | None, name: str, out: Path | None = None, *, json: bool) -> int:
    """Print what has become of everybody, when people answered, what each try came to, and who was excluded why.

    With `out` the figures go to a workbook instead.
    """
    chosen = settings.load(config)
    zone = chosen.calling.timezone
    async with store(chosen) as results:
        campaign = await results.campaign(name)
        figures = await results.figures.figures(campaign.id)
        reasons = await results.figures.reasons(campaign.id)
        texts = await texts_of(chosen, results, campaign)
    if out is not None:
        await asyncio.to_thread(write_figures, out, name, figures, zone=zone)
        if not json:
            print(f"{out} に書き出しました。")
            return 0
    days = [step for step in timeline(figures, zone=zone, unit=Unit.DAY) if step.reach.dials]
    if json:
        print_json(
            {
                **_in_numbers(chosen, campaign, figures.counts, texts),
                "marks": dict(figures.marks),
                "excluded": dict(reasons),
                "days": [
                    {
                        "date": f"{day.at:%Y-%m-%d}",
                        "dials": day.reach.dials,
                        "answered": day.reach.answered,
                        "confirmed": day.reach.confirmed,
                    }
                    for day in days
                ],
                "figures": figures_json(figures, zone=zone),
            }
        )
        return 0
    console = Console()
    print(f"催告「{name}」：{STATES[campaign.state]}")
    show_counts(chosen, campaign, figures.counts, texts, console)
    for day in days:
        reach = day.reach
        print(f"{day.at:%Y-%m-%d}  発信 {reach.dials}  応答 {reach.answered}  本人確認 {reach.confirmed}")
    show_heat_map(heat_map(figures.quarters, zone=zone), console)
    show_tries(tries(figures.tries), console)
    for line in key_lines(figures):
        print(f"押されたキー {line}")
    for title, found in (("印", figures.marks), ("除外", reasons)):
        if found:
            print(f"{title}：" + "、".join(f"{what} {count} 人" for what, count in found.items()))
    return 0


async def texts_of(
    chosen: Settings, results: SqlResults, campaign: CampaignRow, *, among: int | None = None
) -> TextCounts | None:
    """Return the texts of a campaign in numbers, None where its scenario has none; caps `among` the first so many."""
    await scenario_files.prepare(campaign)
    asked = texts_asked(chosen, campaign, scenario_files.of(campaign))
    if asked is None:
        return None
    now = SystemClock(chosen.calling.timezone).now()
    return await results.texts.counts(asked, chosen.text_rules(campaign.rules).ceilings(now), among=among)


def show_counts(
    chosen: Settings, campaign: CampaignRow, counts: Counts, texts: TextCounts | None, console: Console
) -> None:
    """Print what has become of everybody, by call and by text."""
    if scenario_files.of(campaign).calls:
        show_closing(campaign.name, counts, console, Course.of(campaign, calls=True))
    else:
        console.print(f"{campaign.name}: {sum(counts.states.values())} 人", markup=False, highlight=False)
    if texts is None:
        return
    show_texts(counts, texts, chosen.texts.price, console, over=campaign.state in TEXTED_NO_MORE)


def _in_numbers(chosen: Settings, campaign: CampaignRow, counts: Counts, texts: TextCounts | None) -> dict[str, object]:
    return {
        "campaign": campaign.name,
        "state": campaign.state,
        "recipients": dict(counts.states),
        "outcomes": {outcome.value: count for outcome, count in counts.outcomes.items()},
        "proven": counts.proven,
        "attempts": counts.attempts,
        "texts": texts_json(counts, texts, chosen.texts.price) if texts else None,
    }


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
        course = Course.of(campaign, calls=Ways.of_stored(campaign).calls)
        await audit.record(Action.EXPORTED, name, file=out.name, format=form, rows=len(records))
    match form:
        case "json":
            write_json(out, campaign, records, zone=zone, seal=seal)
        case "csv":
            codec = "cp932" if encoding == "cp932" else "utf-8-sig"
            missing = write_csv(out, records, encoding=codec, zone=zone, course=course, seal=seal)
            if missing:
                print(f"{encoding} にない文字を 〓 にしました：{' '.join(missing)}", file=sys.stderr)
        case _:
            write_xlsx(out, campaign, records, zone=zone, course=course, seal=seal, watch=counted)
    print(f"{out} に {len(records)} 人分を書き出しました。")
    return 0
