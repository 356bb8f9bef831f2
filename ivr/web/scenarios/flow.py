"""A call flow in words: each step with what it says and what leads on, as pages show it beside the drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.domain.scenario import END, MARK_LABELS, SCREENING, Ask, Leave, Say, Scenario, Step
from ivr.domain.sms import OFFICE, OFFICE_PHONE, URL
from ivr.domain.template import filled, variables
from ivr.errors import NotFound
from ivr.settings import Settings
from ivr.web.scenarios import flowchart

STANDS_FOR = {"kana": "お名前", "id": "宛名番号", "phone": "電話番号"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One step of a call, as the page shows it: `ways` are what leads on, and where."""

    number: int
    name: str
    kind: str
    text: str
    note: str
    ways: tuple[tuple[str, str, int], ...]


def flow(scenario: Scenario) -> list[Shown]:
    """Return the steps of a scenario in the order of its file."""
    numbers = {name: number for number, name in enumerate(scenario.steps)}
    return [_shown(numbers, step, scenario.start) for step in scenario.steps.values()]


def _shown(numbers: dict[str, int], step: Step, start: str) -> Shown:
    ways: list[tuple[str, str]] = []
    note = ""
    if isinstance(step, Say):
        kind = "話す"
        ways = [("話し終えたら", step.then)]
    elif isinstance(step, Ask):
        kind = "たずねる"
        ways = [(f"「{key}」が押されたら", target) for key, target in step.keys.items()]
        ways.append((f"{step.times} 回たずねて、何も押されなければ", step.silence))
    else:
        kind = "静かになってから最後まで話す（留守番電話など）"
        ways = [("話し終えたら", END)]
    if not isinstance(step, Leave) and step.reached:
        note = "ここまで聞けば「伝わった」とします。"
    if step.name == SCREENING:
        kind = "長い案内で出られたときに話す"
    elif step.name == start:
        kind = f"最初に{kind}"
    if step.mark:
        note += f"結果に「{MARK_LABELS.get(step.mark, step.mark)}」の印を付けます。"
    return Shown(
        number=numbers[step.name],
        name=step.name,
        kind=kind,
        text=readable(step.text),
        note=note,
        ways=tuple((when, target, numbers.get(target, -1)) for when, target in ways),
    )


def drawn(scenario: Scenario | None) -> flowchart.Drawing | None:
    """Return the call flow drawn, None where there is none or it is too large. For a thread."""
    if scenario is None:
        return None
    return flowchart.draw(scenario, {name: readable(step.text) for name, step in scenario.steps.items()})


def step_at(scenario: Scenario, number: int) -> Step:
    """Return a step by its place, from 0; NotFound."""
    steps = list(scenario.steps.values())
    if not 0 <= number < len(steps):
        raise NotFound("その文章はありません。")
    return steps[number]


def readable(text: str, known: Mapping[str, str] = STANDS_FOR) -> str:
    """Return a text with what its variables stand for in their place."""
    names = {name: f"〔{known.get(name, name)}〕" for name in variables(text)}
    return filled(text, names)


def sms(chosen: Settings, scenario: Scenario) -> str:
    """Return the text (SMS) of a scenario as it goes out, but for what is each one's own."""
    if scenario.text is None:
        return ""
    own = {
        OFFICE: chosen.texts.office or "役所と課の名前",
        OFFICE_PHONE: chosen.texts.office_phone or "電話番号",
        URL: scenario.text.url,
    }
    names = {name: own.get(name) or f"〔{STANDS_FOR.get(name, name)}〕" for name in variables(scenario.text.body)}
    return filled(scenario.text.body, names)
