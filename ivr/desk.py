"""What staff do at a terminal while nothing is dialled from it: check, listen, draw, create, look, export.

Each function prints its answer and returns the exit status: 0 done, 1 something is wrong with what was given.
"""

from __future__ import annotations

import asyncio
import hashlib
import json as jsonlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ivr import exclusions, identity, scenario_files, settings
from ivr.audit import Audit
from ivr.campaign.intake import Intake, read_list
from ivr.campaign.ports import CampaignRow, Due, NewCampaign
from ivr.data_dir import engine_runs
from ivr.domain.audit import Action
from ivr.domain.exclusion import Exclusion, Exclusions, by_columns, callable_numbers, missing_columns
from ivr.domain.recipient import Recipient
from ivr.domain.scenario import Scenario
from ivr.erasing import exports_of
from ivr.errors import ExclusionsUnknown, InputError, NameTaken, NotFound, Problem, Problems
from ivr.health import health
from ivr.parts import audit_trail, key_store, register, telephone_voice
from ivr.progress import counted
from ivr.reporting import show_closing, write_csv, write_json, write_xlsx
from ivr.seals import SUFFIX, read_bytes, read_opened, sealer
from ivr.settings import Settings
from ivr.speech import unreadable
from ivr.standing import STATES, why_waiting
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock

EXAMPLE = {"kana": "ヤマダ タロウ", "id": "00000001"}

LONGEST_NAME = 100


@asynccontextmanager
async def store(chosen: Settings) -> AsyncIterator[SqlResults]:
    """Open the results store of the settings for a moment."""
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            yield results


@asynccontextmanager
async def recorded(chosen: Settings) -> AsyncIterator[tuple[SqlResults, Audit]]:
    """Open the results store and its audit trail, to which the person at this terminal adds."""
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            yield results, audit_trail(chosen, results, keys, identity.person())


def load_list(config: Path | None, file: Path) -> Intake:
    """Read a list, which may be sealed; raise InputError where it is no list at all."""
    return read_list(read_opened(file, lambda: settings.load(config)), file=str(file))


async def load_scenario(chosen: Settings, file: Path, *, columns: Sequence[str] | None) -> scenario_files.Report:
    """Read a scenario and check it with the voice that will speak it."""
    text = scenario_files.text_of(file)
    lengths: dict[str, float] = {}
    first = scenario_files.check(text, str(file), columns=columns)
    if first.scenario is not None and not first.errors:
        lengths = await _lengths(chosen, first.scenario)
    return scenario_files.check(
        text,
        str(file),
        columns=columns,
        unreadable=lambda words, language: unreadable(words, language, engine=chosen.speech.engine),
        seconds=lambda words, language: lengths.get(words, 0.0),
    )


async def _lengths(chosen: Settings, scenario: Scenario) -> dict[str, float]:
    """Return how many seconds each text takes, with an example's values."""
    voice = telephone_voice(chosen)
    found: dict[str, float] = {}
    try:
        for step in scenario.steps.values():
            values = scenario_files.example_values(step.text, EXAMPLE)
            clips = await voice.prepare(step.text, values, language=scenario.language_of(step), scope="check")
            found[step.text] = sum(clip.seconds for clip in clips)
    finally:
        await voice.close()
    return found


async def check_scenarios(config: Path | None, files: Sequence[Path], list_file: Path | None, *, json: bool) -> int:
    """Print every error and warning of `files` with file and line."""
    chosen = settings.load(config)
    columns = load_list(config, list_file).columns if list_file else None
    errors: list[Problem] = []
    warnings: list[Problem] = []
    for file in files:
        try:
            report = await load_scenario(chosen, file, columns=columns)
        except Problems as problems:
            errors += problems.problems
            continue
        errors += report.errors
        warnings += report.warnings
    if json:
        _print_json({"errors": [_problem(e) for e in errors], "warnings": [_problem(w) for w in warnings]})
        return 1 if errors else 0
    for problem in errors:
        print(f"{problem}")
    for problem in warnings:
        print(f"{problem}（注意）")
    if not errors:
        print(
            f"{len(files)} 件のシナリオに間違いはありません。"
            + (f"注意が {len(warnings)} 件あります。" if warnings else "")
        )
    return 1 if errors else 0


async def say(config: Path | None, file: Path, step: str | None, out: Path, kana: str, extra: Sequence[str]) -> int:
    """Write what a callee hears of one step as a WAV file."""
    chosen = settings.load(config)
    scenario = scenario_files.read(file)
    name = step or scenario.start
    if name not in scenario.steps:
        raise NotFound(f"ステップ「{name}」はありません。あるのは {'、'.join(scenario.steps)} です。")
    spoken = scenario.steps[name]
    values = scenario_files.example_values(spoken.text, {**EXAMPLE, **_pairs(extra), "kana": kana})
    voice = telephone_voice(chosen)
    try:
        seconds = await voice.write_wav(spoken.text, values, out, language=scenario.language_of(spoken))
    except OSError as error:
        raise InputError(f"{out} に書き込めません（{error.strerror}）。") from None
    finally:
        await voice.close()
    print(f"{out} に書き出しました（{seconds:.1f} 秒、ステップ「{name}」）。")
    return 0


def draw(file: Path) -> int:
    """Print the call flow of a scenario as a Mermaid diagram."""
    print(scenario_files.mermaid(scenario_files.read(file)))
    return 0


def schema() -> int:
    """Print the JSON Schema of scenarios."""
    _print_json(scenario_files.json_schema())
    return 0


def check_list(config: Path | None, file: Path, *, json: bool) -> int:
    """Print how a list would be taken, each refused row with its line and reason, and who is excluded today."""
    intake = load_list(config, file)
    excluded = excluded_today(settings.load(config), file, intake)
    if json:
        _print_json(
            {
                "rows": intake.rows,
                "accepted": len(intake.accepted),
                "refused": [{"line": refusal.line, "reason": refusal.reason} for refusal in intake.refused],
                "excluded": [{"line": line, "reason": reason} for line, reason in excluded],
                "encoding": intake.encoding,
                "warnings": [{"line": warning.line, "message": warning.message} for warning in intake.warnings],
            }
        )
        return 0 if intake.accepted else 1
    show_intake(file, intake, excluded)
    return 0 if intake.accepted else 1


def excluded_today(chosen: Settings, file: Path, intake: Intake) -> list[tuple[int, str]]:
    """Return the line and the reason of everybody on a list who is not called; InputError where that can't be told."""
    rules = chosen.exclusions.rules()
    if missing := missing_columns(rules, intake.columns):
        raise InputError(
            f"{file} に「{'」「'.join(missing)}」の列がありません。除外すべき人が分からないので、かけられません。"
            "列のある名簿にするか、設定 exclusions.columns を直してください。"
        )
    listed = chosen.exclusions.file
    known = exclusions.read(listed, rules) if listed else Exclusions(columns=rules)
    today = SystemClock(chosen.calling.timezone).now().date()
    found = ((person.line, callable_numbers(known, person, today)) for person in intake.accepted)
    return [(line, numbers.reason) for line, numbers in found if isinstance(numbers, Exclusion)]


def show_intake(file: Path, intake: Intake, excluded: Sequence[tuple[int, str]]) -> None:
    """Print the counts of a list, its refused rows, its warnings, and how many are excluded for which reason."""
    for refusal in intake.refused:
        print(f"{file}:{refusal.line}: {refusal.reason}")
    for warning in intake.warnings:
        print(f"{Problem(file=str(file), line=warning.line, message=warning.message)}（注意）")
    print(
        f"{intake.rows} 件中 {len(intake.accepted)} 件にかけられます。"
        f"{len(intake.refused)} 件はかけられません（文字コード {intake.encoding}）。"
    )
    if excluded:
        reasons = "、".join(f"{reason} {count}" for reason, count in Counter(one for _, one in excluded).most_common())
        print(f"そのうち {len(excluded)} 件は除外します（{reasons}）。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A campaign as it was asked for, read and checked, but not stored."""

    campaign: NewCampaign
    recipients: tuple[Recipient, ...]
    sources: Mapping[str, str | int]
    """What the audit trail keeps of the files that it came from: names without folders, hashes, counts."""


async def read_order(
    chosen: Settings,
    name: str,
    list_file: Path,
    scenario_file: Path,
    *,
    opened_with: Callable[[], Settings] | None = None,
) -> Order:
    """Read the list and the scenario of a campaign and show what is refused; raise InputError where it can't begin.

    A sealed list is opened with the keys of `opened_with`, of `chosen` unless told.
    """
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise InputError(
            f"催告の名前は、前後に空白のない 1 字から {LONGEST_NAME} 字で、一行で付けてください（例：2026-11-住民税）。"
        )
    intake = read_list(read_opened(list_file, opened_with or (lambda: chosen)), file=str(list_file))
    report = await load_scenario(chosen, scenario_file, columns=intake.columns)
    if report.errors:
        raise Problems(report.errors)
    excluded = excluded_today(chosen, list_file, intake)
    show_intake(list_file, intake, excluded)
    if not intake.accepted:
        raise InputError(f"{list_file} に、かけられる人が一人もいません。")
    campaign = NewCampaign(
        name=name,
        scenario=scenario_files.text_of(scenario_file),
        scenario_file=str(scenario_file),
        created_at=SystemClock(chosen.calling.timezone).now(),
    )
    sources: dict[str, str | int] = {
        "list": list_file.name,
        "list_sha256": hashlib.sha256(read_bytes(list_file)).hexdigest(),
        "rows": intake.rows,
        "accepted": len(intake.accepted),
        "refused": len(intake.refused),
        "excluded": len(excluded),
        "scenario": scenario_file.name,
        "scenario_sha256": hashlib.sha256(campaign.scenario.encode()).hexdigest(),
    }
    return Order(campaign=campaign, recipients=intake.accepted, sources=sources)


async def bring_in(results: SqlResults, order: Order, audit: Audit) -> CampaignRow:
    """Put the import on record and store the campaign; raise NameTaken."""
    name = order.campaign.name
    if any(campaign.name == name for campaign in await results.campaigns()):
        raise NameTaken(name)
    await audit.record(Action.IMPORTED, name, **order.sources)
    return await results.create_campaign(order.campaign, order.recipients)


async def take_up(results: SqlResults, order: Order, audit: Audit) -> CampaignRow:
    """Create the campaign, or return the one that is there if it has the same people and scenario."""
    name = order.campaign.name
    try:
        campaign = await results.campaign(name)
    except NotFound:
        return await bring_in(results, order, audit)
    known = tuple(record.recipient for record in await results.records(campaign.id))
    if campaign.scenario != order.campaign.scenario or known != order.recipients:
        raise InputError(
            f"催告「{name}」は、別の名簿かシナリオですでに作られています。"
            "つづきから始めるには同じファイルを、新しく始めるには別の名前を指定してください。"
        )
    return campaign


async def create(config: Path | None, name: str, list_file: Path, scenario_file: Path) -> int:
    """Create a campaign without dialling."""
    chosen = settings.load(config)
    order = await read_order(chosen, name, list_file, scenario_file)
    async with recorded(chosen) as (results, audit):
        await bring_in(results, order, audit)
    print(f"催告「{name}」を作りました。始めるには ivr campaign start {name}")
    return 0


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
        _print_json(
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
            folder = exports_of(chosen, campaign.id)
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


def _pairs(extra: Sequence[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in extra]
    wrong = [name for name, sign, _ in pairs if not sign]
    if wrong:
        raise InputError(f"--value は「列名=値」の形で書いてください：{'、'.join(wrong)}")
    return {name: value for name, _, value in pairs}


def _problem(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "message": problem.message}


def _print_json(value: object) -> None:
    print(jsonlib.dumps(value, ensure_ascii=False, indent=1))
