"""A scenario file is read whole: every mistake at once, each with its line; doubts are warnings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tts
from ivr import scenario_files
from ivr.domain.scenario import Ask, Leave, Say, Scenario
from ivr.errors import NotFound, Problems, SpeechFailed
from ivr.scenario_files import Report, check, json_schema
from ivr.scenario_files.fields import SCENARIO, STEPS

ROOT = Path(__file__).parent.parent
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))

GOOD = """\
version: 1
title: ご案内
start: confirm
steps:
  confirm:
    ask: 目黒区役所税務課です。{kana}様ですか。
    times: 2
    wait: 4s
    keys: {"#": notice}
    silence: machine
  notice:
    say: 大切なお知らせです。
    reached: true
    then: end
  machine:
    leave: 大切なお知らせです。
"""


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) >= 1, old
    return GOOD.replace(old, new, 1)


def found(text: str) -> list[tuple[int, str]]:
    return [(one.line, one.message) for one in check(text, "a.yaml").errors]


def test_every_field_of_a_file_reaches_the_scenario() -> None:
    text = """
version: 1
title: ご案内
language: ja
start: confirm
opening: listen
screening: 税務課です。
steps:
  confirm: {ask: 何番ですか。, times: 3, wait: 1500ms, keys: {"#": notice, 1: end}, silence: machine, mark: asked,
            language: en, reached: false}
  notice: {say: お知らせです。, reached: true, then: 2nd, mark: told}
  2nd: {ask: もう一度。, keys: {"*": notice}}
  machine: {leave: お知らせです。, mark: left, language: zh}
"""
    assert scenario_files.parse(text, "a.yaml") == Scenario(
        title="ご案内",
        start="confirm",
        language="ja",
        steps={
            "confirm": Ask(
                name="confirm",
                text="何番ですか。",
                keys={"#": "notice", "1": "end"},
                times=3,
                wait=1.5,
                silence="machine",
                mark="asked",
                language="en",
            ),
            "notice": Say(name="notice", text="お知らせです。", then="2nd", reached=True, mark="told"),
            "2nd": Ask(name="2nd", text="もう一度。", keys={"*": "notice"}, times=1, wait=5.0, silence="end"),
            "machine": Leave(name="machine", text="お知らせです。", mark="left", language="zh"),
            "screening": Say(name="screening", text="税務課です。", then="confirm"),
        },
        listens=True,
    )


@pytest.mark.parametrize(
    ("start", "opening", "listens"),
    [
        ("confirm", "", True),
        ("confirm", "opening: at_once", False),
        ("notice", "", False),
        ("notice", "opening: listen", True),
    ],
)
def test_a_question_awaits_the_first_words_and_a_statement_does_not(start: str, opening: str, listens: bool) -> None:
    text = f"""
version: 1
title: ご案内
start: {start}
{opening}
steps:
  notice: {{say: お知らせです。, reached: true, then: confirm}}
  confirm: {{ask: 何番ですか。, keys: {{"#": notice}}}}
"""
    assert scenario_files.parse(text, "a.yaml").listens is listens


def test_the_scenario_of_the_design_has_no_errors_and_no_warnings() -> None:
    assert check(GOOD, "a.yaml") == Report(scenario=scenario_files.parse(GOOD, "a.yaml"), errors=(), warnings=())


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("version: 1", "version: 2", 1, "version は 1"),
        ("version: 1", "version: true", 1, "version は 1"),
        ("version: 1\n", "", 1, "「version」（この書き方の版）がありません"),
        ("title: ご案内", "title:", 2, "「title」の文章が空です"),
        ("title: ご案内", "title: 3", 2, '引用符（" "）で囲んでください'),
        ("title: ご案内", "titel: ご案内", 2, "「titel」という項目はありません。「title」の間違い"),
        ("start: confirm", "start: confrm", 3, "「confrm」という名前のステップがありません。「confirm」の間違い"),
        ("start: confirm", "start: confirm\nopening: later", 4, "opening は listen か at_once"),
        ("start: confirm", "start: confirm\nscreening:", 4, "「screening」の文章が空です"),
        ("steps:", "steps:\n  screening: {say: はい。}", 5, "「screening」はステップの名前には使えません"),
        ("start: confirm", "start: [confirm]", 3, "ステップの名前を一つ"),
        ("start: confirm\n", "", 1, "「start」（最初のステップ）がありません"),
        ("start: confirm", "start: confirm\nlanguage: jp", 4, "「ja」の間違い"),
        ("start: confirm", "start: confirm\nlanguage: 日本語", 4, "「ja」の間違い"),
        ("start: confirm", "start: confirm\ntitle: x", 4, "「title」が二度"),
        ("  notice:\n", "  machine:\n", 15, "「machine」が二度"),
        ("    times: 2", "    times: 2\n    times: 3", 8, "「times」が二度"),
        ("times: 2", "times: 0", 7, "1 から 5"),
        ("times: 2", "times: 6", 7, "1 から 5"),
        ("times: 2", "times: 二回", 7, "1 から 5"),
        ("times: 2", "times: true", 7, "1 から 5"),
        ("times: 2", "time: 2", 7, "「times」の間違い"),
        ("times: 2", "then: notice", 7, "ask のステップに「then」は書けません。進み先は keys と silence"),
        ("wait: 4s", "wait: 4", 8, "単位を付けて"),
        ("wait: 4s", "wait: 500ms", 8, "1s から 30s"),
        ("wait: 4s", "wait: 1m", 8, "1s から 30s"),
        ("wait: 4s", "wait: [4s]", 8, "単位を付けて"),
        (
            'keys: {"#": notice}',
            'keys: {"#": notise}',
            9,
            "「notise」という名前のステップがありません。「notice」の間違い",
        ),
        ('keys: {"#": notice}', 'keys: {"#": }', 9, "ステップの名前を一つ"),
        ('keys: {"#": notice}', 'keys: {"#": notice, ＃: machine}', 9, "半角の「#」"),
        ('keys: {"#": notice}', 'keys: {"#": notice, "12": machine}', 9, "「12」というキーはありません"),
        ('keys: {"#": notice}', 'keys: {"#": notice, A: machine}', 9, "「A」というキーはありません"),
        ('keys: {"#": notice}', "keys:\n      #: notice", 9, "引用符のない # は、そこから後ろがコメント"),
        ('keys: {"#": notice}', "keys: {#: notice}", 9, '"#" と引用符で囲んで'),
        ('keys: {"#": notice}', "keys: [notice]", 9, "の形でキーと進み先"),
        ('keys: {"#": notice}', "keys: {}", 9, "の形でキーと進み先"),
        ('    keys: {"#": notice}\n', "", 5, "「keys」（押されたキーごとの次のステップ）がありません"),
        ("silence: machine", "silence: machin", 10, "「machin」という名前のステップがありません。「machine」の間違い"),
        ("then: end", "then: ent", 14, "「ent」という名前のステップがありません。「end」の間違い"),
        ("then: end", "then:", 14, "ステップの名前を一つ"),
        ("then: end", "then: end\n    wait: 3s", 15, "say のステップに「wait」は書けません。ask の項目です"),
        ("reached: true", "reached: yes", 13, "true か false"),
        ("    reached: true\n", "", 4, "reached: true のステップがありません"),
        ("say: 大切なお知らせです。", 'say: ""', 12, "「say」の文章が空です"),
        ("say: 大切なお知らせです。", 'say: "  "', 12, "「say」の文章が空です"),
        ("say: 大切なお知らせです。", "say: {kana}", 12, "「{」で始まる文章は、引用符"),
        ("say: 大切なお知らせです。", "say: {kana}様", 12, "「{」で始まる文章は、引用符"),
        ("say: 大切なお知らせです。", "say: {a様", 12, "「}」の閉じ忘れ"),
        ("say: 大切なお知らせです。", "say: お知らせ{a様", 12, "対になっていません"),
        ("say: 大切なお知らせです。", "say: お知らせ}", 12, "対になっていません"),
        ("say: 大切なお知らせです。", "say: お知らせ{ }", 12, "変数の名前がありません"),
        ("say: 大切なお知らせです。", "say: ｛期別｝のお知らせ", 12, "括弧が全角です。変数なら半角で「{期別}」"),
        ("say: 大切なお知らせです。", f"say: {'あ' * 1001}", 12, "長すぎます（1001 字。上限 1000 字）"),
        ("say: 大切なお知らせです。", "say: [a]", 12, "文章を書いてください"),
        ("say: 大切なお知らせです。", 'say: "あ\\0い"', 12, "NUL 文字"),
        ("say: 大切なお知らせです。", "say：大切", 12, "「：」が全角です"),
        ("say: 大切なお知らせです。", "say: あ\n    ask: い", 11, "say と ask があります"),
        ("say: 大切なお知らせです。", "saay: あ", 11, "say、ask、leave のどれもありません。「say」の間違い"),
        ("    leave: 大切なお知らせです。\n", "", 15, "say、ask、leave のどれかを一段下げて"),
        ("    leave: 大切なお知らせです。", "    大切なお知らせです。", 15, "say、ask、leave のどれかを一段下げて"),
        ("leave: 大切なお知らせです。", "leave: あ\n    then: end", 17, "leave の後は電話を切る"),
        ("leave: 大切なお知らせです。", "leave: あ\n    reached: true", 17, "「伝わった」とはしません"),
        ("leave: 大切なお知らせです。", "leave: あ\n    mark: a b", 17, "mark には"),
        ("leave: 大切なお知らせです。", "leave: あ\n    language: xx", 17, "ISO 639-1"),
        ("leave: 大切なお知らせです。", "leave: あ\n  end: {say: い}", 17, "ステップの名前には使えません"),
        ("leave: 大切なお知らせです。", "leave: あ\n  other: {say: い}", 17, "どのステップからも進めません"),
        ("leave: 大切なお知らせです。", "leave: あ\n  a b: {say: い}", 17, "40 字まで"),
        ("then: end", "then: notice", 11, "誰もキーを押さないと終わりません"),
    ],
)
def test_each_mistake_is_told_with_its_line(old: str, new: str, line: int, said: str) -> None:
    report = check(changed(old, new), "a.yaml")
    assert report.scenario is None
    assert [one for one in report.errors if one.line == line and said in one.message], report.errors
    assert all(one.file == "a.yaml" for one in report.errors)


def test_a_misspelt_field_does_not_also_make_its_steps_unreachable() -> None:
    assert found(changed("silence: machine", "silense: machine")) == [
        (10, "「silense」という項目はありません。「silence」の間違いではありませんか。")
    ]


def test_a_broken_step_does_not_also_make_the_steps_behind_it_unreachable() -> None:
    assert [line for line, _ in found(changed("ask: 目黒区役所税務課です。{kana}様ですか。", "x: 1"))] == [5]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "「項目名: 値」の形"),
        ("- a\n", 1, "「項目名: 値」の形"),
        ("こんにちは\n", 1, "「項目名: 値」の形"),
        ("version: 1\ntitle: a\nstart: a\nsteps:\n", 4, "ステップを一段下げて"),
        ("version: 1\ntitle: a\nstart: a\nsteps: [a]\n", 4, "ステップを一段下げて"),
        ("version: 1\ntitle: a\nstart: a\n", 1, "「steps」（ステップ）がありません"),
    ],
)
def test_what_is_no_scenario_at_all_is_told(text: str, line: int, said: str) -> None:
    assert [one for one in found(text) if one[0] == line and said in one[1]]


def test_every_mistake_is_told_at_once_in_the_order_of_lines() -> None:
    text = (
        GOOD.replace("version: 1", "version: 3")
        .replace("times: 2", "times: 9")
        .replace("wait: 4s", "wait: 4")
        .replace("times: 9", "times: 9\n    times: 9")
        .replace("then: end", "then: x")
    )
    assert [line for line, _ in found(text)] == [1, 7, 8, 9, 15]


def test_a_variable_must_be_a_column_of_the_list() -> None:
    text = changed("大切なお知らせです。", "お知らせ、{期別}の{ 期別 }{id}{phone}、{{税額}}は{きべつ}")
    (error,) = check(text, "a.yaml", columns=["期別", "宛名番号"]).errors
    assert (error.line, error.message) == (
        12,
        "名簿に「きべつ」という列がありません。使えるのは id、kana、phone、宛名番号、期別 です。",
    )
    (near,) = check(GOOD.replace("{kana}", "{kanna}"), "a.yaml", columns=[]).errors
    assert near.message == "名簿に「kanna」という列がありません。「kana」の間違いではありませんか。"
    assert check(text, "a.yaml").errors == ()


def test_a_text_that_the_voice_cannot_read_is_an_error() -> None:
    def unreadable(text: str, language: str) -> list[str]:
        assert language == "ja"
        return ["㋿", "😀"] if "知らせ" in text else []

    errors = check(GOOD, "a.yaml", unreadable=unreadable).errors
    assert [(one.line, one.message) for one in errors] == [
        (12, "音声で読めない文字があります: ㋿、😀。かなに直すか、言い換えてください。"),
        (16, "音声で読めない文字があります: ㋿、😀。かなに直すか、言い換えてください。"),
    ]


def test_what_the_voice_itself_has_to_say_is_an_error_of_the_step() -> None:
    def seconds(_text: str, language: str) -> float:
        if language == "xh":
            raise SpeechFailed("その言語の声がありません。")
        return 3.0

    (error,) = check(changed("leave: 大切な", "language: xh\n    leave: 大切な"), "a.yaml", seconds=seconds).errors
    assert (error.line, error.message) == (17, "その言語の声がありません。")


def test_a_message_for_machines_over_20_seconds_and_a_text_over_60_are_warnings() -> None:
    lengths = {"目黒区": 60.4, "大切な": 20.4}
    report = check(GOOD, "a.yaml", seconds=lambda text, _: lengths[text[:3]])
    assert report.scenario is not None
    assert [(one.line, one.message[:19]) for one in report.warnings] == [
        (6, "文章が 60 秒あります。60 秒まで"),
        (16, "留守番電話の文章が 20 秒あります。"),
    ]
    assert check(GOOD, "a.yaml", seconds=lambda _text, _language: 20.0).warnings == ()


def test_words_of_tax_before_the_confirmation_are_warnings() -> None:
    text = GOOD.replace("{kana}様ですか。", "住民税の件で、{kana}様ですか。").replace("leave: 大切な", "leave: 滞納の")
    report = check(text.replace("say: 大切な", "say: 住民税の滞納の"), "a.yaml")
    assert report.scenario is not None
    assert [one.line for one in report.warnings] == [6, 16]
    assert "「税」" in report.warnings[0].message
    assert "「滞納」" in report.warnings[1].message


def test_parse_raises_every_error_and_ignores_warnings() -> None:
    with pytest.raises(Problems) as raised:
        scenario_files.parse(changed("times: 2", "times: 9").replace("wait: 4s", "wait: 4"), "a.yaml")
    assert [one.line for one in raised.value.problems] == [7, 8]
    assert scenario_files.parse(GOOD.replace("leave: 大切な", "leave: 滞納の"), "a.yaml").title == "ご案内"


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert scenario_files.read(file).start == "confirm"
    assert scenario_files.text_of(file) == GOOD
    with pytest.raises(NotFound, match=r"nothing\.yaml"):
        scenario_files.read(tmp_path / "nothing.yaml")


def test_every_variable_of_a_text_gets_an_example() -> None:
    values = scenario_files.example_values("{kana}様、{ 期別 }の{{x}}、{kana}", {"kana": "ヤマダ", "id": "1"})
    assert values == {"kana": "ヤマダ", "期別": "期別"}


@given(st.data())
def test_any_damage_gives_a_scenario_or_errors_and_nothing_else(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD)))
    length = data.draw(st.integers(0, 12))
    dirt = data.draw(st.text(alphabet='ab:{}[]#*"- \n\t12', max_size=8) | st.text(max_size=4))
    text = GOOD[:at] + dirt + GOOD[at + length :]
    report = check(text, "a.yaml", columns=[], unreadable=lambda _text, _language: [], seconds=lambda _t, _l: 1.0)
    assert (report.scenario is None) == bool(report.errors)
    assert all(0 <= one.line <= len(text.splitlines()) + 1 for one in report.errors)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_scenario_has_no_errors_and_no_warnings(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    report = check(
        text,
        file.name,
        columns=[],
        unreadable=lambda text, language: tts.unreadable(text, language=language),
        seconds=lambda text, _language: len(text) / 5,
    )
    assert (report.errors, report.warnings) == ((), ())
    assert text.startswith("# yaml-language-server: $schema=scenario.schema.json\n")


def test_the_scenarios_of_the_brief_are_shipped() -> None:
    assert {file.name for file in SHIPPED} >= {"reminder.yaml", "short.yaml", "multilingual.yaml"}
    languages = {
        scenario.language_of(step)
        for scenario in (scenario_files.read(ROOT / "scenarios/multilingual.yaml"),)
        for step in scenario.steps.values()
    }
    assert languages == {"ja", "en", "zh"}


def test_no_shipped_scenario_asks_for_money_or_accounts() -> None:
    for file in SHIPPED:
        for step in scenario_files.read(file).steps.values():
            assert not re.search("振り?込|お支払|ATM|現金|手数料|キャッシュカード", step.text)


def test_the_committed_json_schema_is_up_to_date() -> None:
    committed = json.loads((ROOT / "scenarios/scenario.schema.json").read_text(encoding="utf-8"))
    assert committed == json_schema()


def test_every_field_is_documented_for_engineers_and_for_staff() -> None:
    fields = {*SCENARIO, *(name for kind in STEPS.values() for name in kind)}
    for file in ("docs/scenarios.md", "docs/ja/シナリオ.md"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert {name for name in fields if f"`{name}`" not in text} == set()


def test_the_examples_of_the_documents_have_no_errors() -> None:
    examples = [
        example
        for file in ("docs/scenarios.md", "docs/ja/シナリオ.md")
        for example in re.findall(r"```yaml\n(version: .*?)```", (ROOT / file).read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert len(examples) >= 2
    for example in examples:
        report = check(example, "example.yaml")
        assert (report.errors, report.warnings) == ((), ())


def test_a_missing_start_is_the_only_mistake_that_is_told() -> None:
    ((_, message),) = found(changed("start: confirm\n", ""))
    assert "start" in message
    assert "end" not in message
