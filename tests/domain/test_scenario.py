"""What is wrong with the graph of a scenario is found, and nothing that is right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.scenario import END, Ask, Leave, Say, Scenario, Step, flaws, reachable, targets


def say(name: str, then: str = END, *, reached: bool = False) -> Say:
    return Say(name=name, text="x", then=then, reached=reached)


def ask(name: str, keys: dict[str, str] | None = None, silence: str = END, *, reached: bool = False) -> Ask:
    return Ask(name=name, text="x", keys=keys or {"1": END}, silence=silence, reached=reached)


def leave(name: str) -> Leave:
    return Leave(name=name, text="x")


def scenario(start: str, *steps: Step) -> Scenario:
    return Scenario(title="x", start=start, steps={step.name: step for step in steps})


def found(start: str, *steps: Step) -> list[tuple[str | None, str]]:
    return [(flaw.step, flaw.part) for flaw in flaws(scenario(start, *steps))]


@pytest.mark.parametrize(
    "steps",
    [
        (say("a", reached=True),),
        (ask("a", {"#": "b"}, "c"), say("b", reached=True), leave("c")),
        (ask("a", {"#": "b", "1": "a"}), say("b", reached=True)),
        (ask("a", {"#": "b"}), say("b", "c", reached=True), ask("c", {"1": "b"})),
        (ask("a", reached=True),),
    ],
)
def test_a_sound_graph_has_no_flaws(steps: tuple[Step, ...]) -> None:
    assert found("a", *steps) == []


@pytest.mark.parametrize(
    ("start", "steps", "expected"),
    [
        ("z", (say("a", reached=True),), [(None, "start")]),
        ("a", (say("a", "z", reached=True),), [("a", "then")]),
        ("a", (ask("a", {"#": "z"}, reached=True),), [("a", "keys.#")]),
        ("a", (ask("a", {"#": "y", "*": "z"}, reached=True),), [("a", "keys.#"), ("a", "keys.*")]),
        ("a", (ask("a", silence="z", reached=True),), [("a", "silence")]),
        ("a", (say("a", reached=True), say("b")), [("b", "")]),
        ("a", (say("a", reached=True), say("b", "c"), say("c", "b")), [("b", ""), ("c", ""), ("b", "")]),
        ("a", (say("a"),), [(None, "steps")]),
        ("a", (leave("a"),), [(None, "steps")]),
        ("a", (say("a", "a", reached=True),), [("a", "")]),
        ("a", (say("a", "b", reached=True), say("b", "a")), [("a", "")]),
        ("a", (ask("a", {"1": "b"}, "a"), say("b", reached=True)), [("a", "")]),
        ("a", (say("a", "b", reached=True), say("b", "c"), ask("c", {"1": "a"}, "b")), [("b", "")]),
    ],
)
def test_each_flaw_is_found_where_it_is(
    start: str, steps: tuple[Step, ...], expected: list[tuple[str | None, str]]
) -> None:
    assert sorted(found(start, *steps), key=str) == sorted(expected, key=str)


def test_a_circle_is_told_once_with_its_way() -> None:
    (flaw,) = flaws(scenario("a", say("a", "b", reached=True), say("b", "c"), say("c", "b")))
    assert "b → c → b" in flaw.message


def test_the_end_is_no_step_that_could_be_missing() -> None:
    assert list(targets(say("a"))) == [("then", END)]
    assert found("a", say("a", END, reached=True)) == []


def test_a_step_speaks_the_language_of_the_scenario_unless_it_names_its_own() -> None:
    steps = {"a": Say(name="a", text="x"), "b": Say(name="b", text="x", language="en")}
    both = Scenario(title="x", start="a", steps=steps, language="zh")
    assert [both.language_of(step) for step in steps.values()] == ["zh", "en"]


NAMES = ("a", "b", "c", "d")
name = st.sampled_from((*NAMES, END, "missing"))
step = st.one_of(
    st.builds(say, st.just(""), name, reached=st.booleans()),
    st.builds(ask, st.just(""), st.dictionaries(st.sampled_from("019*#"), name, min_size=1, max_size=3), name),
    st.builds(leave, st.just("")),
)


@given(st.dictionaries(st.sampled_from(NAMES), step, min_size=1), name)
def test_flaws_agree_with_a_walk_through_the_graph(steps: dict[str, Step], start: str) -> None:
    graph = Scenario(title="x", start=start, steps=steps)
    told = {(flaw.step, flaw.part) for flaw in flaws(graph)}
    dangling = {
        (key, part)
        for key, one in steps.items()
        for part, target in targets(one)
        if target not in steps and target != END
    }
    assert dangling == {(key, part) for key, part in told if part not in ("", "start", "steps")}
    assert ((None, "start") in told) == (start not in steps)
    seen: set[str] = set()
    edge = {start} & set(steps)
    while edge:
        seen |= edge
        edge = {target for key in edge for _, target in targets(steps[key])} & set(steps) - seen
    assert reachable(graph) == seen
    if start in steps:
        assert {key for key in steps if key not in seen} <= {key for key, part in told if part == ""}
