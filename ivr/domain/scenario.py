"""What a call says and asks: the steps of a scenario, and what is wrong with them.

A scenario is a graph of named steps. `say` speaks, `ask` speaks a question and waits for a key, `leave` speaks
once the callee's side has fallen silent. `end` is the name of the place where every call is hung up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ivr.domain.sms import Template

END = "end"
SCREENING = "screening"
"""The name of the step that a scenario's `screening:` sentence is."""

MARK_LABELS = {"callback_requested": "折り返し希望"}
"""What marks of the scenarios that come with us are called; an office's own are called what it has called them."""

KEYS = "0123456789*#"
LONGEST_LEAVE = 20.0
"""Seconds. Handset memo recorders take 20 to 30 s, so a longer message is cut by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak `text`, which keys do not interrupt, then go to the step `then`."""

    name: str
    text: str
    then: str = END
    reached: bool = False
    mark: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Put a question up to `times` times and take one key, also while the question is being spoken.

    `wait` is the time for a key after each asking, in seconds. No key at all leads to the step `silence`.
    """

    name: str
    text: str
    keys: Mapping[str, str]
    times: int = 1
    wait: float = 5.0
    silence: str = END
    reached: bool = False
    mark: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Speak `text` whole over a silent line, as for a recording machine; the call ends after it."""

    name: str
    text: str
    mark: str | None = None
    language: str | None = None


Step = Say | Ask | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is said to every recipient of a campaign. `language` is that of steps which name none.

    With `listens` the callee's first words are awaited before the start, else it is spoken at once. A step named
    SCREENING says who calls and why, in one sentence, to whoever answers with a long announcement. `text` is the SMS;
    a scenario with nothing but one has no steps.
    """

    title: str
    start: str
    steps: Mapping[str, Step]
    version: int = 1
    language: str = "ja"
    listens: bool = False
    text: Template | None = None

    @property
    def calls(self) -> bool:
        """Tell whether anybody is called, or texts are all."""
        return bool(self.steps)

    def language_of(self, step: Step) -> str:
        """Return the language that `step` is spoken in, as an ISO 639-1 code."""
        return step.language or self.language

    def unasked(self, name: str) -> tuple[str, ...]:
        """Return the steps from `name` on that a call comes to while nobody presses a key, in order."""
        path: list[str] = []
        while name in self.steps and name not in path:
            path.append(name)
            name = onward(self.steps[name])
        return tuple(path)


NO_CALLS = "このシナリオは SMS だけで、電話のステップがありません。確認は ivr text show でできます。"
"""What staff read who ask for the call of a scenario without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing wrong with the graph: at which step, in which of its fields, and whether it forbids dialling."""

    step: str | None
    part: str
    message: str
    warning: bool = field(default=False)


def targets(step: Step) -> Iterator[tuple[str, str]]:
    """Yield `(field, step name)` for each way out of `step`; `end` is among the names."""
    match step:
        case Say():
            yield "then", step.then
        case Ask():
            for key, target in step.keys.items():
                yield f"keys.{key}", target
            yield "silence", step.silence
        case Leave():
            return
        case _:
            assert_never(step)


def onward(step: Step) -> str:
    """Return where a call goes from `step` while nobody presses a key."""
    match step:
        case Say():
            return step.then
        case Ask():
            return step.silence
        case Leave():
            return END
        case _:
            assert_never(step)


def flaws(scenario: Scenario) -> tuple[Flaw, ...]:
    """Return what is wrong with the graph of `scenario`: dangling names, unreachable steps, nothing reached."""
    if not scenario.calls:
        return ()
    return (*_dangling(scenario), *_unreachable(scenario), *_purposeless(scenario), *_endless(scenario))


def _dangling(scenario: Scenario) -> Iterator[Flaw]:
    if scenario.start not in scenario.steps:
        yield Flaw(
            step=None,
            part="start",
            message=f"start が指す「{scenario.start}」という名前のステップがありません。",
        )
    for name, step in scenario.steps.items():
        for part, target in targets(step):
            if target != END and target not in scenario.steps:
                yield Flaw(
                    step=name,
                    part=part,
                    message=f"ステップ「{name}」の {part} が指す「{target}」という名前のステップがありません。",
                )


def reachable(scenario: Scenario) -> frozenset[str]:
    """Return the names of the steps that a call can come to."""
    seen: set[str] = set()
    todo = [scenario.start, SCREENING]
    while todo:
        name = todo.pop()
        if name in seen or name not in scenario.steps:
            continue
        seen.add(name)
        todo.extend(target for _, target in targets(scenario.steps[name]))
    return frozenset(seen)


def _unreachable(scenario: Scenario) -> Iterator[Flaw]:
    if scenario.start not in scenario.steps:
        return
    for name in scenario.steps.keys() - reachable(scenario):
        yield Flaw(step=name, part="", message=f"ステップ「{name}」には、どのステップからも進めません。")


def _purposeless(scenario: Scenario) -> Iterator[Flaw]:
    if not any(isinstance(step, Say | Ask) and step.reached for step in scenario.steps.values()):
        yield Flaw(
            step=None,
            part="steps",
            message="reached: true のステップがありません。どのステップを聞けば「伝わった」とするかを決めてください。",
        )


def _endless(scenario: Scenario) -> Iterator[Flaw]:
    """Find circles that no key press breaks: a call in one would go round until its time is up."""
    ways = {name: onward(step) for name, step in scenario.steps.items()}
    reported: set[str] = set()
    for name in scenario.steps:
        path: list[str] = []
        at = name
        while at in ways and at not in path:
            path.append(at)
            at = ways[at]
        if at in path and not reported & set(path):
            circle = path[path.index(at) :]
            reported |= set(circle)
            yield Flaw(
                step=circle[0],
                part="",
                message=f"ステップ「{' → '.join([*circle, circle[0]])}」は、誰もキーを押さないと終わりません。",
            )
