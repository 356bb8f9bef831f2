"""Everything that is wrong, or doubtful, with a scenario file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from ivr import yaml_source
from ivr.domain.scenario import LONGEST_LEAVE, SCREENING, Ask, Flaw, Leave, Say, Scenario, Step, flaws
from ivr.domain.template import variables
from ivr.domain.wording import disclosures
from ivr.errors import IvrError, Problem, Problems
from ivr.scenario_files.reading import Reader
from ivr.scenario_files.texts import check_text
from ivr.yaml_source import Document, Where, suggestion

LONGEST_SPEECH = 60.0
"""Seconds of one step; nobody listens for longer without a word of their own."""

ALWAYS_KNOWN = ("kana", "id", "phone")
"""Variables that every list has, whatever its columns are called."""

_EDGES = ("start", "then", "silence", "keys.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `check` found; `scenario` is None if there are errors. Both are in the order of lines."""

    scenario: Scenario | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def read(path: Path) -> Scenario:
    """Return the scenario in a file; raise NotFound, or Problems with every error."""
    return parse(*yaml_source.read_text(path))


def parse(text: str, file: str) -> Scenario:
    """Return the scenario in `text`; raise Problems with every error. `file` is its name for messages."""
    report = check(text, file)
    if report.scenario is None:
        raise Problems(report.errors)
    return report.scenario


def check(
    text: str,
    file: str,
    *,
    columns: Collection[str] | None = None,
    unreadable: Callable[[str, str], Sequence[str]] | None = None,
    seconds: Callable[[str, str], float] | None = None,
    domains: Collection[str] | None = None,
) -> Report:
    """Return all that is wrong with the scenario in `text`. `file` is its name for messages.

    `columns` are those of the list that it will be used with. The voice is asked through two functions of a text (with
    its variables, as in the file) and a language: `unreadable` returns the words that it can't speak, `seconds` how
    long the text takes. They may raise IvrError, which becomes an error of the step. `domains` are the municipality's
    own, the only ones that the link of a text (SMS) may lead to.
    """
    errors: list[Problem] = []
    warnings: list[Problem] = []
    try:
        document = yaml_source.load(text, file, problems=errors)
    except Problems as fatal:
        return Report(scenario=None, errors=fatal.problems, warnings=())
    reader = Reader(document, errors)
    scenario = reader.scenario()
    if scenario is not None:
        found = [flaw for flaw in flaws(scenario) if reader.graph_known or flaw.part.startswith(_EDGES)]
        if not found and not errors:
            found += disclosures(scenario)
        for flaw in found:
            (warnings if flaw.warning else errors).append(_problem(document, flaw))
        if columns is not None:
            errors += _missing_variables(document, scenario, {*ALWAYS_KNOWN, *columns})
        if scenario.text is not None and scenario.text.body:
            check_text(document, scenario.text, columns, domains, errors, warnings)
        for step in scenario.steps.values():
            if step.text:
                try:
                    _ask_voice(document, scenario, step, unreadable, seconds, errors, warnings)
                except IvrError as error:
                    errors.append(document.problem(_where(step), str(error)))
    return Report(
        scenario=None if errors else scenario, errors=tuple(sorted(set(errors))), warnings=tuple(sorted(warnings))
    )


def text_of(path: Path) -> str:
    """Return the text of a scenario file, as `check` and `parse` want it; raise NotFound or Problems."""
    return yaml_source.read_text(path)[0]


def example_values(text: str, known: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every variable of `text`: the known one, else the variable's own name."""
    return {name: known.get(name, name) for name in variables(text)}


def _ask_voice(
    document: Document,
    scenario: Scenario,
    step: Step,
    unreadable: Callable[[str, str], Sequence[str]] | None,
    seconds: Callable[[str, str], float] | None,
    errors: list[Problem],
    warnings: list[Problem],
) -> None:
    language = scenario.language_of(step)
    if unreadable and (words := unreadable(step.text, language)):
        errors.append(
            document.problem(
                _where(step), f"音声で読めない文字があります: {'、'.join(words)}。かなに直すか、言い換えてください。"
            )
        )
        return
    if seconds is None:
        return
    length = seconds(step.text, language)
    if isinstance(step, Leave) and length > LONGEST_LEAVE:
        message = f"留守番電話の文章が {length:.0f} 秒あります。{LONGEST_LEAVE:.0f} 秒を超えると、切る機種があります。"
        warnings.append(document.problem(_where(step), message))
    elif length > LONGEST_SPEECH:
        message = f"文章が {length:.0f} 秒あります。{LONGEST_SPEECH:.0f} 秒までに縮めるか、ステップを分けてください。"
        warnings.append(document.problem(_where(step), message))


def _missing_variables(document: Document, scenario: Scenario, known: Collection[str]) -> Iterator[Problem]:
    for step in scenario.steps.values():
        for name in variables(step.text):
            if name not in known:
                hint = suggestion(name, known) or f"使えるのは {'、'.join(sorted(known))} です。"
                yield document.problem(_where(step), f"名簿に「{name}」という列がありません。{hint}")


def _problem(document: Document, flaw: Flaw) -> Problem:
    part = tuple(flaw.part.split(".", 1)) if flaw.part else ()
    where: Where = ("steps", flaw.step, *part) if flaw.step is not None else part
    if flaw.step == SCREENING:
        where = (SCREENING,)
    hint = ""
    if flaw.part.startswith(_EDGES):
        value = document.value
        for key in where:
            value = value.get(str(key)) if isinstance(value, dict) else None
        steps = document.value.get("steps") if isinstance(document.value, dict) else None
        hint = suggestion(str(value), (*steps, "end") if isinstance(steps, dict) else ())
    return document.problem(where, flaw.message + hint)


def _where(step: Step) -> Where:
    """Return where the text of `step` stands."""
    if step.name == SCREENING:
        return (SCREENING,)
    match step:
        case Say():
            return "steps", step.name, "say"
        case Ask():
            return "steps", step.name, "ask"
        case Leave():
            return "steps", step.name, "leave"
        case _:
            assert_never(step)
