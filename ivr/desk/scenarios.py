"""Scenarios: checked, heard, drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ivr import scenario_files, settings
from ivr.campaign.ports import Speech
from ivr.desk.answers import print_json
from ivr.desk.lists import load_list
from ivr.domain.scenario import NO_CALLS, Scenario
from ivr.errors import InputError, NotFound, Problem, Problems, reason
from ivr.parts.voice import telephone_voice
from ivr.settings import Settings
from ivr.speech import unreadable

EXAMPLE = {"kana": "ヤマダ タロウ", "id": "00000001"}


async def load_scenario(chosen: Settings, file: Path, *, columns: Sequence[str] | None) -> scenario_files.Report:
    """Read a scenario and check it with the voice that will speak it."""
    voice = telephone_voice(chosen)
    try:
        return await checked(chosen, voice, scenario_files.text_of(file), str(file), columns=columns)
    finally:
        await voice.close()


async def checked(
    chosen: Settings, voice: Speech, text: str, file: str, *, columns: Sequence[str] | None
) -> scenario_files.Report:
    """Check the scenario in `text` with the voice that will speak it; `file` is its name for messages."""
    lengths: dict[str, float] = {}
    first = scenario_files.check(text, file, columns=columns)
    if first.scenario is not None and not first.errors:
        lengths = await _lengths(voice, first.scenario)
    return await asyncio.to_thread(
        scenario_files.check,
        text,
        file,
        columns=columns,
        domains=chosen.texts.domains,
        unreadable=lambda words, language: unreadable(words, language, engine=chosen.speech.engine),
        seconds=lambda words, language: lengths.get(words, 0.0),
    )


async def _lengths(voice: Speech, scenario: Scenario) -> dict[str, float]:
    """Return how many seconds each text takes, with an example's values."""
    found: dict[str, float] = {}
    for step in scenario.steps.values():
        values = scenario_files.example_values(step.text, EXAMPLE)
        clips = await voice.prepare(step.text, values, language=scenario.language_of(step), scope="check")
        found[step.text] = sum(clip.seconds for clip in clips)
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
        print_json({"errors": [_problem(e) for e in errors], "warnings": [_problem(w) for w in warnings]})
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
    scenario = _of_calls(file)
    name = step or scenario.start
    if name not in scenario.steps:
        raise NotFound(f"ステップ「{name}」はありません。あるのは {'、'.join(scenario.steps)} です。")
    spoken = scenario.steps[name]
    values = scenario_files.example_values(spoken.text, {**EXAMPLE, **pairs(extra), "kana": kana})
    voice = telephone_voice(chosen)
    try:
        seconds = await voice.write_wav(spoken.text, values, out, language=scenario.language_of(spoken))
    except OSError as error:
        raise InputError(f"{out} に書き込めません（{reason(error)}）。") from None
    finally:
        await voice.close()
    print(f"{out} に書き出しました（{seconds:.1f} 秒、ステップ「{name}」）。")
    return 0


def draw(file: Path) -> int:
    """Print the call flow of a scenario as a Mermaid diagram."""
    print(scenario_files.mermaid(_of_calls(file)))
    return 0


def schema() -> int:
    """Print the JSON Schema of scenarios."""
    print_json(scenario_files.json_schema())
    return 0


def pairs(extra: Sequence[str]) -> dict[str, str]:
    """Return what `name=value` says, each; raise InputError for anything else."""
    found = [pair.partition("=") for pair in extra]
    wrong = [name for name, sign, _ in found if not sign]
    if wrong:
        raise InputError(f"--value は「列名=値」の形で書いてください：{'、'.join(wrong)}")
    return {name: value for name, _, value in found}


def _problem(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "message": problem.message}


def _of_calls(file: Path) -> Scenario:
    """Return the scenario of a file; raise InputError where it calls nobody, and as `scenario_files.read` does."""
    scenario = scenario_files.read(file)
    if not scenario.calls:
        raise InputError(NO_CALLS)
    return scenario
