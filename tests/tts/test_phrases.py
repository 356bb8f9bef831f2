"""Where a template is cut, what is shared, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts import Variable, escape, phrases, variables
from tts.errors import TemplateError
from tts.phrases import CLAUSE_PAUSE, LINE_PAUSE, SENTENCE_PAUSE

CUTS = {
    "": [],
    "はい。": ["はい。"],
    "はい": ["はい"],
    "はい。いいえ。": ["はい。", "いいえ。"],
    "こちらは税務課です。{kana}様ですか。はい？": ["こちらは税務課です。", "{kana}様ですか。", "はい？"],
    "「はい。」と言う。": ["「はい。」", "と言う。"],
    "本当！？　はい。": ["本当！？　", "はい。"],
    "一行目\n二行目\n": ["一行目\n", "二行目\n"],
    "\n\nはい。": ["\n\nはい。"],
    "3.5％です。": ["3.5％です。"],
    "Hello. Is this {kana}? Bye.": ["Hello. ", "Is this {kana}? ", "Bye."],
    "{a.b}です。": ["{a.b}です。"],
    "{納期限?}です。": ["{納期限?}です。"],
    "納付は、{due}まで、お願いします。": ["納付は、{due}まで、お願いします。"],
}


@pytest.mark.parametrize(("template", "sources"), CUTS.items())
def test_a_template_is_cut_after_its_sentences(template: str, sources: list[str]) -> None:
    assert [phrase.source for phrase in phrases(template)] == sources


def test_a_sentence_with_a_variable_stays_whole_and_knows_it() -> None:
    fixed, personal = phrases("こちらは税務課です。{kana}様、{ due }までに、{kana}様。")
    assert fixed.variables == ()
    assert personal.parts == (Variable("kana"), "様、", Variable("due"), "までに、", Variable("kana"), "様。")
    assert personal.variables == ("kana", "due")
    assert variables("{b}です。{a}と{b}。") == ("b", "a")


def test_doubled_braces_are_braces() -> None:
    (phrase,) = phrases("{{波}}括弧{{{kana}}}")
    assert phrase.parts == ("{波}括弧{", Variable("kana"), "}")


@pytest.mark.parametrize(
    ("template", "pause"),
    [
        ("はい。", SENTENCE_PAUSE),
        ("はい？", SENTENCE_PAUSE),
        ("「はい。」", SENTENCE_PAUSE),
        ("はい", SENTENCE_PAUSE),
        ("はい、", CLAUSE_PAUSE),
        ("はい\n", LINE_PAUSE),
        ("はい。\n", LINE_PAUSE),
    ],
)
def test_a_phrase_ends_with_the_pause_of_its_punctuation(template: str, pause: float) -> None:
    assert [phrase.pause for phrase in phrases(template)] == [pause]


@pytest.mark.parametrize(
    ("template", "position"),
    [("{", 0), ("あ}", 1), ("{}", 0), ("あ{ }", 1), ("{a{b}", 0), ("{a}}", 3), ("{{{", 2), ("{a\nb}", 0)],
)
def test_a_malformed_template_is_refused_with_its_place(template: str, position: int) -> None:
    with pytest.raises(TemplateError) as caught:
        phrases(template)
    assert caught.value.position == position


TEMPLATES = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="{}"), max_size=8),
        st.sampled_from(["。", "？", "！", "、", "\n", ". ", "。」", "{kana}", "{ due }", "{納期限。}", "{{", "}}"]),
    )
).map("".join)


@given(TEMPLATES)
def test_the_phrases_joined_are_the_template(template: str) -> None:
    assert "".join(phrase.source for phrase in phrases(template)) == template


@given(TEMPLATES)
def test_no_phrase_is_blank_unless_all_is(template: str) -> None:
    assert all(phrase.source.strip() for phrase in phrases(template)[:-1])


@given(st.text())
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        cut = phrases(text)
    except TemplateError as error:
        wrong = text[error.position]
        assert wrong in "{}"
    else:
        assert "".join(phrase.source for phrase in cut) == text


@given(st.text())
def test_escaped_text_says_itself(text: str) -> None:
    said = "".join(str(part) for phrase in phrases(escape(text)) for part in phrase.parts)
    assert said == text
