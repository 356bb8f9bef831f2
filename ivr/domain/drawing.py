"""A scenario as a diagram, in Mermaid's language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from ivr.domain.scenario import END, SCREENING, Ask, Leave, Say, Scenario, Step

LONGEST_LABEL = 90
"""Characters of a step's text that are shown."""


def mermaid(scenario: Scenario) -> str:
    """Return the call flow of `scenario` as a Mermaid flowchart; its graph must have no dangling names."""
    ids = {name: f"s{number}" for number, name in enumerate(scenario.steps)} | {END: "hangup"}
    lines = ["flowchart TD", f'    answer(["電話に出る"]) --> {ids[scenario.start]}']
    if SCREENING in ids:
        lines.append(f'    answer -->|"長い案内が流れる"| {ids[SCREENING]}')
    lines += (f"    {ids[name]}{_box(step)}" for name, step in scenario.steps.items())
    lines.append('    hangup(["電話を切る"])')
    for name, step in scenario.steps.items():
        for label, target in _ways(step):
            arrow = f'-->|"{_escaped(label)}"|' if label else "-->"
            lines.append(f"    {ids[name]} {arrow} {ids[target]}")
    lines += (
        f"    class {ids[name]} reached"
        for name, step in scenario.steps.items()
        if isinstance(step, Say | Ask) and step.reached
    )
    lines.append("    classDef reached stroke-width:3px")
    return "\n".join(lines) + "\n"


def _box(step: Step) -> str:
    text = step.text if len(step.text) <= LONGEST_LABEL else step.text[:LONGEST_LABEL] + "…"
    mark = f"<br/>印: {_escaped(step.mark)}" if step.mark else ""
    label = f'"<b>{_escaped(step.name)}</b><br/>{_escaped(text)}{mark}"'
    match step:
        case Say():
            return f"[{label}]"
        case Ask():
            return f"{{{{{label}}}}}"
        case Leave():
            return f"[/{label}/]"
        case _:
            assert_never(step)


def _ways(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the label and the target of each way out of `step`."""
    match step:
        case Say():
            yield "", step.then
        case Ask():
            yield from step.keys.items()
            yield f"{step.times} 回尋ねて無応答", step.silence
        case Leave():
            yield "", END
        case _:
            assert_never(step)


def _escaped(text: str) -> str:
    """Return `text` on one line, with what Mermaid or HTML would take for its own as Mermaid's entities."""
    line = " ".join(text.split())
    return "".join(f"#{ord(character)};" if character in '#&"<>`\\;{}[]|' else character for character in line)
