"""The state diagram of docs/machines.md, drawn by asking the call flow itself what follows from what.

python -m tests.domain.call_diagram
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from ivr.domain.call import (
    Broken,
    Came,
    Event,
    HungUp,
    Leaving,
    Left,
    Live,
    Nobody,
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
from ivr.domain.callflow import begin, decide, live_keys, live_signs, yields
from ivr.domain.scenario import SCREENING, Say
from tests.domain.reminder import REMINDER

SCENARIO = replace(
    REMINDER,
    listens=True,
    steps={**REMINDER.steps, SCREENING: Say(name=SCREENING, text="税務課です。", then="confirm")},
)
UNCONFIRMED = ("confirm", "machine", SCREENING)


def drawn() -> str:
    """Return the diagram as Mermaid: what a call can be doing before anybody is known, and what leads on."""
    ways: dict[tuple[str, str], list[str]] = {}
    for at, event, state in _reachable():
        ways.setdefault((_name(at), _name(state)), []).append(_label(event))
    lines = ["stateDiagram-v2", f"    [*] --> {_name(begin(SCENARIO)[0])}"]
    for (one, other), labels in sorted(ways.items()):
        lines.append(f"    {one} --> {other}: {', '.join(sorted(set(labels)))}")
    return "\n".join(lines) + "\n"


def _reachable() -> Iterator[tuple[Live, Event, State]]:
    first, _ = begin(SCENARIO)
    seen, todo = {first}, deque([first])
    while todo:
        at = todo.popleft()
        if isinstance(at, Over) or at.step not in UNCONFIRMED:
            continue
        for event in _events(at):
            state, _ = decide(SCENARIO, at, event)
            yield at, event, state
            if state not in seen:
                seen.add(state)
                todo.append(state)


def _events(at: Live) -> Iterator[Event]:
    """Yield what can happen in `at`."""
    yield from (Sounded(sign) for sign in sorted(live_signs(SCENARIO, at)))
    yield from (Pressed(key) for key in "#1" if key in live_keys(SCENARIO, at))
    if yields(SCENARIO, at):
        yield TalkedOver(0.5)
    match at:
        case Opening():
            yield from (Opened(1.0, words) for words in Words)
        case Speaking():
            yield Spoken(1.0)
        case Waiting():
            yield Silence()
        case Leaving():
            yield from (Left(5.0), NotLeft(1.0))
        case _:
            yield from (Came(), Nobody())
    yield from (HungUp(), TimeUp(), Broken("x"))


def _name(state: State) -> str:
    if isinstance(state, Over):
        return "HangUp"
    if state.step not in UNCONFIRMED:
        return "Confirmed"
    kind = type(state).__name__
    return "Introducing" if isinstance(state, Speaking) and state.step == SCREENING else kind


def _label(event: Event) -> str:
    match event:
        case Sounded(sign):
            return sign.value
        case Pressed(key):
            return "the key that confirms" if key == "#" else "another key"
        case Opened(_, words):
            return {Words.PLAIN: "words over", Words.LONG: "long words over", Words.RECITED: "recited words over"}[
                words
            ]
        case HungUp() | TimeUp() | Broken():
            return "ended"
        case TalkedOver():
            return "they go on"
        case Spoken():
            return "spoken"
        case Silence():
            return "no key"
        case Left() | NotLeft():
            return "left whole, or never silent"
        case Came():
            return "somebody came"
        case Nobody():
            return "nobody came"
        case _:
            raise AssertionError(event)


if __name__ == "__main__":
    print(drawn(), end="")
