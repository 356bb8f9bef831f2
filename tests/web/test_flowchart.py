"""A call flow drawn: every step and way is there, nothing lies over anything else or outside, whatever the graph."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr import scenario_files
from ivr.domain.scenario import END, Ask, Leave, Say, Scenario, Step
from ivr.web.scenarios.flow import drawn
from ivr.web.scenarios.flowchart import BOX, MOST_STEPS, PAD, Drawing
from ivr.web.scenarios.lettering import HANGING, wide, wrapped

SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


def chart(scenario: Scenario) -> Drawing:
    found = drawn(scenario)
    assert found is not None
    return found


def overlap(drawing: Drawing) -> list[tuple[str, str]]:
    return [
        (one.name or one.label, other.name or other.label)
        for one, other in combinations(drawing.boxes, 2)
        if one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    ]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Any graph of steps, sound or not, with circles and steps that lead to themselves."""
    names = [f"s{at}" for at in range(draw(st.integers(1, 12)))]
    target = st.sampled_from([*names, END])
    text = st.text(
        st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="{}"), min_size=1, max_size=80
    )
    steps: dict[str, Step] = {}
    for name in names:
        kind = draw(st.sampled_from("sal"))
        if kind == "s":
            steps[name] = Say(name=name, text=draw(text), then=draw(target), reached=draw(st.booleans()))
        elif kind == "a":
            keys = draw(st.dictionaries(st.sampled_from("0123456789*#"), target, min_size=1, max_size=12))
            steps[name] = Ask(name=name, text=draw(text), keys=keys, silence=draw(target), times=2, mark="m" * 40)
        else:
            steps[name] = Leave(name=name, text=draw(text))
    return Scenario(title="x", start=names[0], steps=steps)


@settings(max_examples=60)
@given(scenarios())
def test_boxes_lie_apart_and_everything_is_on_the_drawing(scenario: Scenario) -> None:
    found = chart(scenario)
    steps = [box for box in found.boxes if box.number]
    assert [box.number for box in steps] == list(range(1, len(scenario.steps) + 1))
    assert overlap(found) == []
    for box in found.boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= found.width
        assert box.y + box.height <= found.height
    for way in found.ways:
        numbers = [float(one) for one in re.findall(r"-?\d+\.\d", way.path)]
        assert min(numbers) >= 0
        assert max(numbers) <= max(found.width, found.height)


@settings(max_examples=60)
@given(scenarios())
def test_each_way_is_drawn_once_and_keys_that_lead_alike_are_one(scenario: Scenario) -> None:
    ways = chart(scenario).ways
    asks = [step for step in scenario.steps.values() if isinstance(step, Ask)]
    assert sum(way.kind == "key" for way in ways) == sum(len(set(step.keys.values())) for step in asks)
    assert sum(way.kind == "silence" for way in ways) == len(asks)
    assert len(ways) == 1 + sum(way.kind in ("key", "silence") for way in ways) + len(scenario.steps) - len(asks)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_scenarios_that_come_with_us_fit_a_screen(file: Path) -> None:
    found = chart(scenario_files.read(file))
    assert overlap(found) == []
    assert found.width <= 1_400
    assert {box.label for box in found.boxes} >= {"電話に出る", "たずねる", "電話を切る"}


def test_what_leads_back_up_is_drawn_from_below() -> None:
    steps = {
        "a": Say(name="a", text="あ", then="b"),
        "b": Ask(name="b", text="い", keys={"1": "a"}),
    }
    found = chart(Scenario(title="x", start="a", steps=steps))
    (back,) = (way for way in found.ways if way.kind == "key")
    first, last = (float(re.findall(end, back.path)[0]) for end in (r"^M\S+ (\d+\.\d)", r"(\d+\.\d)$"))
    assert first > last
    assert back.label == "1"


def test_a_flow_that_is_too_large_is_not_drawn() -> None:
    names = [f"s{at}" for at in range(MOST_STEPS + 1)]
    steps: dict[str, Step] = {
        name: Say(name=name, text="あ", then=after) for name, after in zip(names, [*names[1:], END], strict=True)
    }
    assert drawn(Scenario(title="x", start="s0", steps=steps)) is None
    assert drawn(Scenario(title="x", start=END, steps={})) is None
    assert drawn(None) is None


@given(st.text(max_size=300))
def test_a_text_is_cut_to_its_box(text: str) -> None:
    lines = wrapped(text, BOX - 2 * PAD)
    assert len(lines) <= 3
    assert all(wide(line.rstrip(HANGING)) <= BOX - 2 * PAD for line in lines)


def test_words_of_letters_stay_whole_and_no_line_begins_with_a_full_stop() -> None:
    assert wrapped("We have sent you an important notice.", 200.0) == ("We have sent you an", "important notice.")
    assert wrapped("あ" * 10 + "。い", 140.0) == ("あ" * 10 + "。", "い")
