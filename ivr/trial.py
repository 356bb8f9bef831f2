"""The engine against the corpus: every call judged by what the callee's side heard, and the usual recipes beside it.

corpus -> simulated network <- engine (real PBX, dialler, store) -> judging -> tables, verdicts.jsonl, matrix.md
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from rich.console import Console

from ivr import logs, scenario_files, service
from ivr.app import Engine, running
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.campaign.ports import Clip
from ivr.campaign.records import AttemptRecord, CampaignRow
from ivr.campaign.scripts import Scripts
from ivr.data_dir import made
from ivr.desk import orders
from ivr.domain.phone import national
from ivr.domain.scenario import SCREENING, Leave, Scenario
from ivr.drill import DEMO_SCENARIO, rehearsal_settings, simulated
from ivr.errors import InputError, PbxUnavailable
from ivr.parts import PROJECT
from ivr.progress import counted
from ivr.rehearsal.corpus import Part, Specimen, Truth, as_callees, specimens
from ivr.rehearsal.judging import Parts, Verdict, holds_whole, judge
from ivr.rehearsal.network import TelephoneNetwork
from ivr.rehearsal.recipes import Play, Recipe, RecipeEngine, acts, see_modules
from ivr.rehearsal.records import CallRecord
from ivr.rehearsal.sounds import silence
from ivr.rehearsal.tally import Rate, Summary, as_markdown, recipe_table, tables
from ivr.settings import Listening, load
from ivr.speech import samples

OURS = "呼鈴"
NAME = "ヤマダ　タロウ"

LINGERS = 60.0
"""Seconds for the calls on the network to end, once the engine has hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What the engine says to everybody of a campaign, by step: clips to play, and the parts to judge by."""

    question: Sequence[Clip]
    leave: Sequence[Clip]
    parts: Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict and what it was given on."""

    specimen: Specimen
    record: CallRecord
    attempt: AttemptRecord | None
    verdict: Verdict


def parts_named(name: str) -> tuple[Part, ...]:
    """Return the parts of the corpus by the command line's name of them: `tuned`, `held-out` or `all`."""
    return tuple(part for part in Part if name in ("all", part.value.replace("_", "-")))


async def machines(config: Path | None, parts: Sequence[Part], out: Path, lines: int, with_recipes: bool) -> int:
    """Call the corpus of `parts` and judge every call; 0 where every target holds (`Summary.shortfalls`).

    The listening is that of `config`, so that an office tries its own settings before it uses them.
    """
    chosen = [specimen for specimen in specimens() if specimen.part in parts]
    return await tried(chosen, out, lines, with_recipes, load(config).listening)


async def tried(
    chosen: Sequence[Specimen], out: Path, lines: int, with_recipes: bool, listening: Listening | None = None
) -> int:
    """Call each of `chosen` once, `lines` at a time; see `machines`."""
    if not chosen:
        raise InputError("試す相手が一人もいません。")
    if with_recipes:
        see_modules(find_asterisk(None, PROJECT).moddir)
    console = Console()
    logs.configure(as_json=False, level="warning")
    folder = made(out / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}")
    async with simulated(as_callees(chosen), folder / "network") as network:
        console.print(f"模擬の電話網に {len(chosen)} 人います。{lines} 回線で、一人に一度ずつかけます。")
        judged, said = await _called(chosen, network, folder, lines, listening, console)
        ours = {number: one.verdict.whole_message is True for number, one in judged.items()}
        rates = {OURS: _rates(chosen, ours)}
        if with_recipes:
            rates |= await _recipes(chosen, network, said, folder, lines, console)
    verdicts = [one.verdict for one in judged.values()]
    summaries = [Summary.of(part, verdicts) for part in Part if any(one.part is part for one in verdicts)]
    _write(folder, judged.values(), summaries, rates)
    _show(summaries, rates, judged.values(), folder, console)
    return 1 if any(summary.shortfalls() for summary in summaries) else 0


async def _called(
    chosen: Sequence[Specimen],
    network: TelephoneNetwork,
    folder: Path,
    lines: int,
    listening: Listening | None,
    console: Console,
) -> tuple[dict[str, Judged], Mapping[Part, Spoken]]:
    """Let the engine call everybody, a campaign a part, and judge the calls; by number."""
    settings = rehearsal_settings(folder / "engine", lines, trunk_port=network.sip_port, listening=listening)
    scenario = scenario_files.read(DEMO_SCENARIO)
    attempts: dict[str, AttemptRecord] = {}
    said: dict[Part, Spoken] = {}
    async with running(settings) as engine:
        for part in Part:
            own = [one for one in chosen if one.part is part]
            if not own:
                continue
            order = await orders.read_order(settings, part.value, _list(folder, part, own), DEMO_SCENARIO)
            campaign = await orders.take_up(engine.results, order, engine.audit)
            await service.dial_shown(engine, campaign, console)
            if engine.stopping.is_set():
                raise InputError("途中で止められたので、判定しません。")
            people = await engine.results.records(campaign.id)
            attempts |= {national(attempt.number): attempt for person in people for attempt in person.attempts}
            said[part] = await _spoken(engine, campaign, scenario)
    await _quiet(network, console)
    judged: dict[str, Judged] = {}
    for one in counted(chosen, "判定", len(chosen)):
        judged[one.number] = await asyncio.to_thread(
            _judged, one, _record(network, one, 1), attempts.get(one.number), said[one.part].parts
        )
    return judged, said


async def _quiet(network: TelephoneNetwork, console: Console) -> None:
    try:
        await network.quiet(within=LINGERS)
    except TimeoutError:
        console.print("まだ終わらない通話が模擬の電話網にあります。そこまでの記録で判定します。", soft_wrap=True)


def _judged(specimen: Specimen, record: CallRecord, attempt: AttemptRecord | None, parts: Parts) -> Judged:
    outcome, evidence = (attempt.outcome, attempt.evidence) if attempt else (None, {})
    return Judged(
        specimen=specimen,
        record=record,
        attempt=attempt,
        verdict=judge(specimen, record, outcome, evidence, parts),
    )


def _record(network: TelephoneNetwork, specimen: Specimen, call: int) -> CallRecord:
    """Return the record of the `call`-th call of a callee; an empty one, with a fault, where it never came."""
    calls = network.calls_of(specimen.number)
    if len(calls) >= call:
        return calls[call - 1]
    return CallRecord(
        number=specimen.number,
        call=call,
        kind=specimen.kind.name,
        invited_at=datetime.now().astimezone(),
        fault="電話がかかってきませんでした。",
    )


def _list(folder: Path, part: Part, own: Sequence[Specimen]) -> Path:
    """Write the list of a campaign; everybody has the same name, so that the question is rendered once."""
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(("宛名番号", "カナ氏名", "電話番号"))
    writer.writerows((f"{index:08d}", NAME, one.number) for index, one in enumerate(own, start=1))
    file = folder / f"{part.value}.csv"
    file.write_bytes(rows.getvalue().encode("cp932"))
    return file


async def _spoken(engine: Engine, campaign: CampaignRow, scenario: Scenario) -> Spoken:
    """Return what everybody of `campaign` was told, out of the voice's cache."""
    people = await engine.results.records(campaign.id)
    script = await Scripts(scenario, engine.speech, scope=campaign.id).of(people[0].recipient)
    open_to_all = {*scenario.unasked(scenario.start), SCREENING}
    leave = next(name for name, step in scenario.steps.items() if isinstance(step, Leave))
    behind = [samples(clips) for name, clips in script.items() if name not in open_to_all]
    return Spoken(
        question=script[scenario.start],
        leave=script[leave],
        parts=Parts(
            question=samples(script[scenario.start]),
            confirmed=np.concatenate([silence(0.0), *behind]),
            leave=samples(script[leave]),
            screening=samples(script.get(SCREENING, ())),
        ),
    )


def _rates(chosen: Sequence[Specimen], whole: Mapping[str, bool]) -> dict[Part, Rate]:
    """Return by part how many recording machines kept the message whole; `whole` tells it by number."""
    found: dict[Part, Rate] = {}
    for part in Part:
        own = [whole[one.number] for one in chosen if one.part is part and one.truth is Truth.RECORDER]
        if own:
            found[part] = Rate(good=sum(own), all=len(own))
    return found


async def _recipes(
    chosen: Sequence[Specimen],
    network: TelephoneNetwork,
    said: Mapping[Part, Spoken],
    folder: Path,
    lines: int,
    console: Console,
) -> dict[str, dict[Part, Rate]]:
    """Let each recipe call the same recording machines; return how many of them kept the whole message."""
    own = [one for one in chosen if one.truth is Truth.RECORDER]
    found: dict[str, dict[Part, Rate]] = {}
    layout = find_asterisk(None, PROJECT)
    async with RecipeEngine(folder / "recipes", layout, sip_port=network.sip_port) as engine:
        for recipe in Recipe:
            console.print(f"手順「{recipe.label}」で、同じ留守番電話 {len(own)} 台にかけています。", soft_wrap=True)
            before = {one.number: len(network.calls_of(one.number)) for one in own}
            await _each(engine, own, recipe, said, lines)
            await _quiet(network, console)
            whole = {
                one.number: await asyncio.to_thread(
                    holds_whole, _record(network, one, before[one.number] + 1), said[one.part].parts.leave
                )
                for one in own
            }
            found[recipe.label] = _rates(own, whole)
    return found


async def _each(
    engine: RecipeEngine, own: Sequence[Specimen], recipe: Recipe, said: Mapping[Part, Spoken], lines: int
) -> None:
    free = asyncio.Semaphore(lines)

    async def one_call(specimen: Specimen) -> None:
        spoken = said[specimen.part]
        async with free:
            await engine.call(specimen.number, acts(recipe, _play(spoken.question), _play(spoken.leave)))

    calls = await asyncio.gather(*(one_call(specimen) for specimen in own), return_exceptions=True)
    for error in calls:
        if isinstance(error, BaseException) and not isinstance(error, PbxUnavailable):
            raise error


def _play(clips: Sequence[Clip]) -> Play:
    return Play(tuple(clip.path for clip in clips), sum(clip.seconds for clip in clips))


def _write(
    folder: Path,
    judged: Iterable[Judged],
    summaries: Sequence[Summary],
    rates: Mapping[str, Mapping[Part, Rate]],
) -> None:
    """Write verdicts.jsonl, a line a callee, and matrix.md."""
    with (folder / "verdicts.jsonl").open("w", encoding="utf-8") as file:
        for one in judged:
            specimen, attempt, wav = one.specimen, one.attempt, one.record.wav
            line = {
                "number": specimen.number,
                "kind": specimen.kind.name,
                "truth": specimen.truth,
                "part": specimen.part,
                "parameters": dict(specimen.parameters),
                "outcome": attempt.outcome if attempt else None,
                "allowed": sorted(specimen.allowed),
                "evidence": attempt.evidence if attempt else {},
                "verdict": one.verdict.as_json(),
                "spoken": one.record.spoken,
                "recorded": one.record.recorded,
                "wav": str(wav.relative_to(folder)) if wav else None,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    (folder / "matrix.md").write_text(as_markdown(summaries, rates), encoding="utf-8")


def _show(
    summaries: Sequence[Summary],
    rates: Mapping[str, Mapping[Part, Rate]],
    judged: Iterable[Judged],
    folder: Path,
    console: Console,
) -> None:
    plain = not console.is_terminal
    for summary in summaries:
        for table in tables(summary, plain=plain):
            console.print(table)
    if len(rates) > 1:
        console.print(recipe_table(rates, plain=plain))
    for one in judged:
        if reasons := one.verdict.complaints():
            wav = one.record.wav or ""
            console.print(f"  {one.verdict.kind}：{'、'.join(reasons)} {wav}", soft_wrap=True, highlight=False)
    missed = [what for summary in summaries for what in summary.shortfalls()]
    console.print("目標をすべて満たしました。" if not missed else "目標に届かないもの：")
    for what in missed:
        console.print(f"  {what}", soft_wrap=True)
    console.print(
        f"一人ずつの判定は {folder / 'verdicts.jsonl'} に、表は {folder / 'matrix.md'} にあります。", soft_wrap=True
    )
