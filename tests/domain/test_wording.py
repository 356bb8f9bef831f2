"""Nothing of tax or arrears is said before the callee has confirmed; the office's own name may be."""

from __future__ import annotations

import pytest

from ivr.domain.scenario import Ask, Leave, Say, Scenario, Step
from ivr.domain.wording import before_confirmation, disclosures, telling


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("こちらは目黒区役所税務課です。大切なお知らせを送付しました。", ()),
        ("○○市役所納税課です。", ()),
        ("市民税課、収税課、税務署、県税事務所、納税推進室、都税総合事務センターです。", ()),
        ("This is the tax division of Meguro City Office.", ()),
        ("这里是目黑区政府税务课。", ()),
        ("住民税のお知らせを税務課から", ("税",)),
        ("滞納対策課です。", ("滞納",)),
        ("税金の納付が確認できません。", ("税", "納付")),
        ("国民健康保険料の督促状です。", ("保険料", "督促")),
        ("差押えと差し押さえ、催告", ("差押", "差し押", "催告")),
        ("Your tax is overdue.", ("tax", "overdue")),
        ("taxi", ()),
        ("세금", ("세금",)),
        ("折り返しお電話ください。", ()),
    ],
)
def test_telling_words_are_found_and_names_of_offices_are_not(text: str, words: tuple[str, ...]) -> None:
    assert telling(text) == words


def scenario(**steps: Step) -> Scenario:
    return Scenario(title="x", start="a", steps=steps)


def say(name: str, then: str = "end", *, reached: bool = False) -> Say:
    return Say(name=name, text="税金", then=then, reached=reached)


def ask(name: str, silence: str = "end", **keys: str) -> Ask:
    return Ask(
        name=name, text="税金", keys={key.removeprefix("k"): target for key, target in keys.items()}, silence=silence
    )


def test_only_a_key_that_leads_straight_to_the_message_opens_it() -> None:
    found = scenario(
        a=ask("a", "machine", k1="intro", k9="other"),
        intro=say("intro", "told"),
        told=say("told", "after", reached=True),
        after=say("after"),
        other=ask("other", k1="told", k2="more"),
        more=say("more"),
        machine=Leave(name="machine", text="税金"),
    )
    assert before_confirmation(found) == ("a", "other", "more", "machine")
    assert [(flaw.step, flaw.part, flaw.warning) for flaw in disclosures(found)] == [
        ("a", "ask", True),
        ("other", "ask", True),
        ("more", "say", True),
        ("machine", "leave", True),
    ]


def test_a_message_that_is_spoken_at_once_is_spoken_unconfirmed() -> None:
    assert before_confirmation(scenario(a=say("a", "b", reached=True), b=say("b"))) == ("a", "b")


def test_a_step_that_can_be_come_to_both_ways_counts_as_unconfirmed() -> None:
    found = scenario(a=ask("a", "b", k1="b"), b=say("b", reached=True))
    assert before_confirmation(found) == ("a", "b")
