"""The call flow as a Mermaid diagram: every step, every way, and nothing that Mermaid would misread."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from ivr.domain.drawing import mermaid
from ivr.domain.scenario import Ask, Leave, Say, Scenario

SCENARIO = Scenario(
    title="x",
    start="confirm",
    steps={
        "confirm": Ask(name="confirm", text="{kana}様ですか。", keys={"#": "notice"}, times=2, silence="machine"),
        "notice": Say(name="notice", text="お知らせです。", reached=True, mark="told"),
        "machine": Leave(name="machine", text="お知らせです。"),
    },
)


def test_every_step_and_every_way_is_drawn() -> None:
    assert mermaid(SCENARIO) == (
        "flowchart TD\n"
        '    answer(["電話に出る"]) --> s0\n'
        '    s0{{"<b>confirm</b><br/>#123;kana#125;様ですか。"}}\n'
        '    s1["<b>notice</b><br/>お知らせです。<br/>印: told"]\n'
        '    s2[/"<b>machine</b><br/>お知らせです。"/]\n'
        '    hangup(["電話を切る"])\n'
        '    s0 -->|"#35;"| s1\n'
        '    s0 -->|"2 回尋ねて無応答"| s2\n'
        "    s1 --> hangup\n"
        "    s2 --> hangup\n"
        "    class s1 reached\n"
        "    classDef reached stroke-width:3px\n"
    )


@given(st.text(min_size=1, max_size=120), st.text(min_size=1, max_size=20))
def test_no_text_breaks_out_of_its_label(text: str, name: str) -> None:
    assume(name != "screening")  # a step of that name is called by no other step
    steps = {name: Say(name=name, text=text, reached=True)}
    lines = mermaid(Scenario(title="x", start=name, steps=steps)).split("\n")
    box = lines[2]
    assert len(lines) == 8
    assert box.startswith('    s0["<b>')
    assert box.endswith('"]')
    label = box.removeprefix('    s0["').removesuffix('"]').replace("<b>", "").replace("</b>", "").replace("<br/>", "")
    assert not set(label) & set('"<>[]{}|`\\')
