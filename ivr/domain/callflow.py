"""Decide what a live call does next.

Pure: no clock, no I/O. Everything that moves a call from one step to the next is here. A state says what is to be
done now, the driver does it and reports one event, and the event leads to the next state; `domain/call.py` has the
words for all of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from ivr.domain.call import (
    Broken,
    Came,
    EndedBy,
    Event,
    Fact,
    Heard,
    Heeded,
    Holding,
    HungUp,
    KeyPress,
    Leaving,
    Left,
    Live,
    Mark,
    MessageLeft,
    Nobody,
    NobodyCame,
    NotLeft,
    Opened,
    Opening,
    Over,
    Pressed,
    Silence,
    Sounded,
    Speaking,
    Spoken,
    State,
    TalkedOver,
    TimeUp,
    Waiting,
    Words,
)
from ivr.domain.scenario import END, KEYS, SCREENING, Ask, Leave, Say, Scenario
from ivr.domain.signs import NO_SIGNS, Sign, Signs

EXTRA_ASKINGS = 1
"""A wrong key proves that somebody is there, so the question is put once more than `times` allows."""


ANSWERED_BACK = 1.2
"""Seconds of voice shortly before a hang-up from which on it was a closing sentence and no word of a person's."""


def begin(scenario: Scenario) -> tuple[State, tuple[Fact, ...]]:
    """Return where a call starts when the callee has answered, and what that proves."""
    if scenario.listens:
        return Opening(scenario.start), ()
    return _enter(scenario, scenario.start, question=None)


def decide(scenario: Scenario, at: Live, event: Event) -> tuple[State, tuple[Fact, ...]]:
    """Return where `event` takes the call, and what it proves.

    An event that the state does not wait for (a `Left` while a question is put) is a fault of the driver and ends
    the call; so the function is total and every call ends.
    """
    match event:
        case HungUp():
            nobody = _nobody_came(at, event.spoke)
            return Over(EndedBy.CALLEE), (*_cut(scenario, at, event.seconds, event.restarts), *nobody)
        case TimeUp():
            nobody = _nobody_came(at)
            return Over(EndedBy.TIME), (*_cut(scenario, at, event.seconds, event.restarts), *nobody)
        case Broken():
            by = EndedBy.LOST if event.lost else EndedBy.FAULT
            return Over(by, event.reason), _cut(scenario, at, event.seconds, 0)
        case Sounded():
            state, facts = _sounded(scenario, at, event.sign)
            return state, (*_cut(scenario, at, event.seconds, event.restarts), Heeded(event.sign), *facts)
        case TalkedOver() | Opened() | Came() | Nobody() | Spoken() | Pressed() | Silence() | Left() | NotLeft():
            pass
        case _:
            assert_never(event)
    step = scenario.steps[at.step]
    match at, step, event:
        case Opening(), _, Opened():
            words = max(at.words, event.words)
            introduces = words > Words.PLAIN and not at.again and SCREENING in scenario.steps
            name = SCREENING if introduces else step.name
            state, facts = _enter(scenario, name, question=None, words=words)
            return replace(state, yielded=at.yielded) if isinstance(state, Speaking) else state, facts
        case Holding(), _, Came():
            return Opening(step.name, again=True), ()
        case Holding(), _, Nobody():
            return Over(EndedBy.ENGINE), (NobodyCame(),)
        case Speaking(), _, TalkedOver(seconds) if yields(scenario, at):
            return Opening(scenario.start, yielded=True, words=at.words), _cut(scenario, at, seconds, 0)
        case Speaking(), Say(), Spoken(seconds):
            state, facts = _enter(scenario, step.then, question=None, words=at.words)
            return state, (Heard(step.name, seconds, whole=True, reached=step.reached), *facts)
        case Speaking(), Ask(), Spoken(seconds):
            heard = Heard(step.name, seconds, whole=True, reached=step.reached)
            return Waiting(step.name, at.asked, at.wrong, at.words), (heard,)
        case Speaking(), Ask(), Pressed(key, seconds):
            state, facts = _pressed(scenario, step, key, at.asked, at.wrong)
            return state, (Heard(step.name, seconds, whole=False, reached=step.reached), *facts)
        case Waiting(), Ask(), Pressed(key):
            return _pressed(scenario, step, key, at.asked, at.wrong)
        case Waiting(), Ask(), Silence():
            times = 1 if at.words is Words.RECITED else step.times
            if at.asked - min(at.wrong, EXTRA_ASKINGS) < times:
                return Speaking(step.name, at.asked + 1, at.wrong, at.words), ()
            return _enter(scenario, step.silence, question=step.name, words=at.words)
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
            return KEYS if isinstance(scenario.steps[at.step], Ask) else ""
        case Leaving():
            question = scenario.steps[at.question] if at.question else None
            return "".join(question.keys) if isinstance(question, Ask) else ""
        case Opening() | Holding():
            return ""
        case _:
            assert_never(at)


def live_signs(scenario: Scenario, at: Live) -> Signs:
    """Return the signs that turn the call in `at`: none once a key was pressed that leads away from the start.

    A beep turns it only where there is a message to leave, and not a second time.
    """
    if isinstance(at, Holding):
        return frozenset({Sign.BUSY, Sign.SPECIAL})
    if at.step not in _before_any_key(scenario):
        return NO_SIGNS
    signs = {Sign.RINGBACK, Sign.BUSY, Sign.FAX, Sign.SPECIAL}
    if not isinstance(at, Leaving) and _machine(scenario, at.step):
        signs.add(Sign.BEEP)
    return frozenset(signs)


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


def yields(scenario: Scenario, at: Live) -> bool:
    """Tell whether we stop for somebody who goes on as we begin: once, and only with our first words."""
    first = isinstance(at, Speaking) and at.asked == 1 and not at.yielded
    return first and scenario.listens and at.step in (SCREENING, scenario.start)


def _before_any_key(scenario: Scenario) -> tuple[str, ...]:
    return (SCREENING, *scenario.unasked(scenario.start))


def _machine(scenario: Scenario, name: str) -> str | None:
    """Return the step that leaves the message where nobody presses a key from `name` on."""
    last = scenario.unasked(name)[-1]
    return last if isinstance(scenario.steps[last], Leave) else None


def _sounded(scenario: Scenario, at: Live, sign: Sign) -> tuple[State, tuple[Fact, ...]]:
    """Return where a sign takes the call."""
    match sign:
        case Sign.RINGBACK:
            return Holding(scenario.start), ()
        case Sign.BEEP if machine := _machine(scenario, at.step):
            path = (at.step, *scenario.unasked(at.step))
            question = next((name for name in path if isinstance(scenario.steps[name], Ask)), None)
            return _enter(scenario, machine, question=question)
        case Sign.BUSY:
            return Over(EndedBy.CALLEE, sign.value), ()
        case _:
            return Over(EndedBy.ENGINE, sign.value), ()


def _nobody_came(at: Live, spoke: float = 0.0) -> tuple[Fact, ...]:
    """A call that ended while it rang was taken by no person.

    Nor was one that ended with a closing sentence, after it had rung or begun with long words.
    """
    match at:
        case Holding():
            device = True
        case Opening():
            device = at.again and spoke >= ANSWERED_BACK
        case Speaking() | Waiting() | Leaving():
            device = at.words > Words.PLAIN and spoke >= ANSWERED_BACK
        case _:
            assert_never(at)
    return (NobodyCame(),) if device else ()


def _enter(
    scenario: Scenario, name: str, *, question: str | None, words: Words = Words.PLAIN
) -> tuple[State, tuple[Fact, ...]]:
    if name == END:
        return Over(EndedBy.ENGINE), ()
    step = scenario.steps[name]
    marks = (Mark(step.mark),) if step.mark else ()
    match step:
        case Say() | Ask():
            return Speaking(name, words=words), marks
        case Leave():
            return Leaving(name, question, words), marks
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
        case Opening() | Waiting() | Holding():
            return ()
        case Speaking():
            reached = isinstance(step, Say | Ask) and step.reached
            return (Heard(step.name, seconds, whole=False, reached=reached),)
        case Leaving():
            return (MessageLeft(step.name, seconds, whole=False, restarts=restarts),)
        case _:
            assert_never(at)
