"""Decide what a live call does next.

Pure: no clock, no I/O. Everything that moves a call from one step to the next is here. A state says what is to be
done now, the driver does it and reports one event, and the event leads to the next state:

    Speaking   play the step's text        ->  Spoken, Pressed (questions only)
    Waiting    wait for a key              ->  Pressed, Silence
    Leaving    speak over a silent line    ->  Left, NotLeft, Pressed
    Over       hang up                     ->  (nothing)

and HungUp, TimeUp and Broken may come in any state but Over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from ivr.domain.scenario import END, Ask, Leave, Say, Scenario

EXTRA_ASKINGS = 1
"""A wrong key proves that somebody is there, so the question is put once more than `times` allows."""


class EndedBy(StrEnum):
    """Who or what ended a call."""

    ENGINE = "engine"
    CALLEE = "callee"
    TIME = "time"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Speaking:
    """Play the text of `step`; for a question, the `asked`-th time (from 1), any key interrupts."""

    step: str
    asked: int = 1
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Wait for a key after the `asked`-th asking of `step`."""

    step: str
    asked: int
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Leaving:
    """Speak `step` over a silent line; the keys of the step `question` stay live meanwhile."""

    step: str
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Over:
    """Hang up; nothing follows."""

    by: EndedBy
    reason: str = ""


Live = Speaking | Waiting | Leaving
State = Live | Over


@dataclass(frozen=True, slots=True)
class Spoken:
    """The text was played to its end, which took `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Pressed:
    """The callee pressed `key` after `seconds` of the text (0 where none was being played)."""

    key: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """The time for a key ran out."""


@dataclass(frozen=True, slots=True)
class Left:
    """The message was spoken from start to end over a silent line, at the `restarts`-th new start (from 0)."""

    seconds: float
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class NotLeft:
    """The line never stayed silent for long enough; `seconds` of the message is the longest piece spoken."""

    seconds: float
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class HungUp:
    """The callee hung up after `seconds` of the text that was being played, at the `restarts`-th new start."""

    seconds: float = 0.0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The call reached its limit after `seconds` of the text that was being played."""

    seconds: float = 0.0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """We could not go on; `reason` names no person."""

    reason: str
    seconds: float = 0.0


Event = Spoken | Pressed | Silence | Left | NotLeft | HungUp | TimeUp | Broken


@dataclass(frozen=True, slots=True)
class KeyPress:
    """`key` was pressed at `step`; `confirms` when it led to what the campaign is for."""

    step: str
    key: str
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """`seconds` of the text of `step` were played to the callee; `whole` when to its end."""

    step: str
    seconds: float
    whole: bool
    reached: bool = False


@dataclass(frozen=True, slots=True)
class MessageLeft:
    """`seconds` of a `leave` step were spoken over a silent line; `whole` when all of it."""

    step: str
    seconds: float
    whole: bool
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A step with `mark: tag` was come to."""

    tag: str


Fact = KeyPress | Heard | MessageLeft | Mark


def begin(scenario: Scenario) -> tuple[State, tuple[Fact, ...]]:
    """Return where a call starts when the callee has answered, and what that proves."""
    return _enter(scenario, scenario.start, question=None)


def decide(scenario: Scenario, at: Live, event: Event) -> tuple[State, tuple[Fact, ...]]:
    """Return where `event` takes the call, and what it proves.

    An event that the state does not wait for (a `Left` while a question is put) is a fault of the driver and ends
    the call; so the function is total and every call ends.
    """
    match event:
        case HungUp():
            return Over(EndedBy.CALLEE), _cut(scenario, at, event.seconds, event.restarts)
        case TimeUp():
            return Over(EndedBy.TIME), _cut(scenario, at, event.seconds, event.restarts)
        case Broken():
            return Over(EndedBy.FAULT, event.reason), _cut(scenario, at, event.seconds, 0)
        case Spoken() | Pressed() | Silence() | Left() | NotLeft():
            pass
        case _:
            assert_never(event)
    step = scenario.steps[at.step]
    match at, step, event:
        case Speaking(), Say(), Spoken(seconds):
            state, facts = _enter(scenario, step.then, question=None)
            return state, (Heard(step.name, seconds, whole=True, reached=step.reached), *facts)
        case Speaking(), Ask(), Spoken(seconds):
            heard = Heard(step.name, seconds, whole=True, reached=step.reached)
            return Waiting(step.name, at.asked, at.wrong), (heard,)
        case Speaking(), Ask(), Pressed(key, seconds):
            state, facts = _pressed(scenario, step, key, at.asked, at.wrong)
            return state, (Heard(step.name, seconds, whole=False, reached=step.reached), *facts)
        case Waiting(), Ask(), Pressed(key):
            return _pressed(scenario, step, key, at.asked, at.wrong)
        case Waiting(), Ask(), Silence():
            if at.asked - min(at.wrong, EXTRA_ASKINGS) < step.times:
                return Speaking(step.name, at.asked + 1, at.wrong), ()
            return _enter(scenario, step.silence, question=step.name)
        case Leaving(), Leave(), Left(seconds, restarts):
            return Over(EndedBy.ENGINE), (MessageLeft(step.name, seconds, whole=True, restarts=restarts),)
        case Leaving(), Leave(), NotLeft(seconds, restarts):
            return Over(EndedBy.ENGINE), (MessageLeft(step.name, seconds, whole=False, restarts=restarts),)
        case Leaving(question=str(name)), Leave(), Pressed(key, seconds):
            question = scenario.steps[name]
            cut = MessageLeft(step.name, seconds, whole=False)
            if isinstance(question, Ask) and key in question.keys:
                state, facts = _pressed(scenario, question, key, question.times, 0)
                return state, (cut, *facts)
            return at, (KeyPress(step.name, key),)
        case _:
            return Over(EndedBy.FAULT, f"{type(event).__name__} in {type(at).__name__}"), ()


def live_keys(scenario: Scenario, at: Live) -> str:
    """Return the keys that interrupt what is being played in `at`: every key in a question, none in a message."""
    match at:
        case Speaking() | Waiting():
            return "0123456789*#" if isinstance(scenario.steps[at.step], Ask) else ""
        case Leaving():
            question = scenario.steps[at.question] if at.question else None
            return "".join(question.keys) if isinstance(question, Ask) else ""
        case _:
            assert_never(at)


def confirms(scenario: Scenario, target: str) -> bool:
    """Tell whether a key leading to `target` leads straight, with no further question, to a `reached` step."""
    seen: set[str] = set()
    while target != END and target not in seen:
        seen.add(target)
        step = scenario.steps[target]
        if isinstance(step, Say | Ask) and step.reached:
            return True
        if not isinstance(step, Say):
            return False
        target = step.then
    return False


def _enter(scenario: Scenario, name: str, *, question: str | None) -> tuple[State, tuple[Fact, ...]]:
    if name == END:
        return Over(EndedBy.ENGINE), ()
    step = scenario.steps[name]
    marks = (Mark(step.mark),) if step.mark else ()
    match step:
        case Say() | Ask():
            return Speaking(name), marks
        case Leave():
            return Leaving(name, question), marks
        case _:
            assert_never(step)


def _pressed(scenario: Scenario, step: Ask, key: str, asked: int, wrong: int) -> tuple[State, tuple[Fact, ...]]:
    if key in step.keys:
        target = step.keys[key]
        state, facts = _enter(scenario, target, question=step.name)
        return state, (KeyPress(step.name, key, confirms=confirms(scenario, target)), *facts)
    if asked < step.times + EXTRA_ASKINGS:
        return Speaking(step.name, asked + 1, wrong + 1), (KeyPress(step.name, key),)
    state, facts = _enter(scenario, step.silence, question=step.name)
    return state, (KeyPress(step.name, key), *facts)


def _cut(scenario: Scenario, at: Live, seconds: float, restarts: int) -> tuple[Fact, ...]:
    step = scenario.steps[at.step]
    match at:
        case Waiting():
            return ()
        case Speaking():
            reached = isinstance(step, Say | Ask) and step.reached
            return (Heard(step.name, seconds, whole=False, reached=reached),)
        case Leaving():
            return (MessageLeft(step.name, seconds, whole=False, restarts=restarts),)
        case _:
            assert_never(at)
