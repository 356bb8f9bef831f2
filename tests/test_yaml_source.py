"""YAML is read strictly: no value is a surprise, and every mistake is told with its line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr import yaml_source
from ivr.errors import NotFound, Problem, Problems


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        yaml_source.load(text, "a.yaml")
    except Problems as error:
        return error.problems
    return ()


def only_problem(text: str) -> Problem:
    with pytest.raises(Problems) as raised:
        yaml_source.load(text, "a.yaml")
    assert len(raised.value.problems) == 1, str(raised.value)
    return raised.value.problems[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("09:00", "09:00"),
        ("24:00", "24:00"),
        ("2026-12-29", "2026-12-29"),
        ("0312345678", "0312345678"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("1e5", "1e5"),
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-3", -3),
        ("2.50", 2.5),
        ("'5'", "5"),
        ('"true"', "true"),
        ("9" * 5000, "9" * 5000),
        ("<<", "<<"),
    ],
)
def test_only_null_truth_values_and_plain_numbers_are_not_text(text: str, value: object) -> None:
    assert yaml_source.load(f"a: {text}\n", "a.yaml").value == {"a": value}


def test_keys_are_text_whatever_they_look_like() -> None:
    document = yaml_source.load("on: a\nyes: b\n1: c\n09:00: d\ntrue: e\n0123: f\n", "a.yaml")
    assert document.value == {"on": "a", "yes": "b", "1": "c", "09:00": "d", "true": "e", "0123": "f"}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n"])
def test_an_empty_document_is_null(text: str) -> None:
    assert yaml_source.load(text, "a.yaml").value is None


def test_every_part_has_the_line_of_its_key_or_item() -> None:
    document = yaml_source.load(
        "# first\nsteps:\n  a:\n    say: >\n      one\n      two\n  b: [x,\n      y]\n", "a.yaml"
    )
    lines = {
        ("steps",): 2,
        ("steps", "a"): 3,
        ("steps", "a", "say"): 4,
        ("steps", "b"): 7,
        ("steps", "b", 0): 7,
        ("steps", "b", 1): 8,
    }
    assert {path: document.line_of(path) for path in lines} == lines


def test_a_part_that_is_missing_has_the_line_of_what_is_around_it() -> None:
    document = yaml_source.load("a: 1\nb:\n  c: 2\n", "a.yaml")
    assert document.line_of(("b", "nothing", "here")) == 2
    assert document.line_of(("nothing",)) == 1
    assert str(document.problem(("b", "c"), "だめ")) == "a.yaml:3: だめ"


def test_windows_line_ends_and_a_bom_are_read() -> None:
    text = yaml_source.decode(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "a.yaml")
    document = yaml_source.load(text, "a.yaml")
    assert document.value == {"a": 1, "b": 2}
    assert document.line_of(("b",)) == 2


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "「a」が二度書かれています（最初は 1 行目）"),
        ("a:\n  keys: {x: 1, x: 2}\n", 2, "「x」が二度"),
        ('a: 1\n"a": 2\n', 2, "二度"),
        ("a: &x 1\n", 1, "使い回しは使えません"),
        ("a: 1\nb: *x\n", 2, "使い回しは使えません"),
        ("a: !!python/object/apply:os.system [x]\n", 1, "タグは使えません"),
        ("a: 1\n---\nb: 2\n", 2, "二つ目の文書"),
        ("a:\n\tb: 1\n", 2, "タブは使えません"),
        ("a:\n  b: 1\n  \tc: 1\n", 3, "タブは使えません"),
        ("a:\n　b: 1\n", 2, "全角の空白は使えません"),
        ("a: 1\nb: x\0y\n", 2, "NUL 文字"),
        ('a: 1\nb: "x\\0y"\n', 2, "NUL 文字"),
        ("a: \x1b[31m\n", 1, "制御文字（U+001B）"),
        ("a: x\u2028y\nb: 1\n", 1, "制御文字（U+2028）"),
        ("a: x\x85y\nb: 1\n", 1, "制御文字（U+0085）"),
        ('a: 1\n"x\\ud800": 2\n', 2, "制御文字（U+D800）"),
        ("keys: {#: notice}\nb: 1\n", 1, '"#" と引用符で囲んで'),
        ('a: 1\nkeys: {"1": a, #: notice}\n', 2, '"#" と引用符で囲んで'),
        ("a: 1\nkeys: {*: notice}\n", 2, '"*" と引用符で囲んで'),
        ("keys:\n  : notice\n", 2, '"#" と引用符で囲んで'),
        ("keys:\n  ~: notice\n", 2, "項目の名前がありません"),
        ("? [a]\n: b\n", 1, "項目の名前は文字で"),
        ("a: 1\nsay: {kana}様です\n", 2, "「{」で始まる文章は、引用符"),
        ("a: 1\nsay: こちらは: 区役所\n", 2, "「: 」を含む文章は引用符で"),
        ("a: 1\nsay：こちら\nb: 1\n", 2, "「：」が全角です"),
        ("a:b\nc: 1\n", 1, "「:」の後に半角の空白"),
        ('a: 1\nb: "x\nc: 1\n', 2, "引用符が閉じていません"),
        ("a: 1\nb: [1,2\nc: 2\n", 2, "「]」の閉じ忘れ"),
        ("a:\n  b: 1\n c: 2\n", 3, "字下げがそろっていません"),
        ("a: @x\n", 1, "引用符で囲まなければならない"),
        ("[" * 5000, 1, "入れ子が深すぎます"),
        ("a: " + "x" * (1 << 20), 0, "ファイルが大きすぎます"),
    ],
)
def test_each_mistake_is_told_with_its_line(text: str, line: int, said: str) -> None:
    problem = only_problem(text)
    assert (problem.file, problem.line) == ("a.yaml", line)
    assert said in problem.message


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "使い回し" in only_problem(bomb).message


def test_duplicate_keys_are_all_told_at_once() -> None:
    with pytest.raises(Problems) as raised:
        yaml_source.load("a: 1\na: 2\nb: {x: 1, x: 2}\nb: 3\n", "a.yaml")
    assert [problem.line for problem in raised.value.problems] == [2, 3, 4]


def test_a_caller_may_collect_what_does_not_keep_the_rest_from_being_read() -> None:
    problems: list[Problem] = []
    document = yaml_source.load("a: 1\na: 2\nb: 3\n", "a.yaml", problems=problems)
    assert document.value == {"a": 1, "b": 3}
    assert [problem.line for problem in problems] == [2]


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        ("a: 1\nb: 区役所\n".encode("cp932"), 2, "Shift_JIS（CP932）のようです"),
        (b"a: 1\nb: \xff\xfd\x00\n", 2, "UTF-8 として読めない文字"),
        ("a: 1\n".encode("utf-16"), 1, "UTF-16"),
        (b"#" * ((1 << 20) + 1), 0, "大きすぎます"),
    ],
)
def test_bytes_that_are_no_utf_8_are_told_with_their_line(data: bytes, line: int, said: str) -> None:
    with pytest.raises(Problems) as raised:
        yaml_source.decode(data, "a.yaml")
    (problem,) = raised.value.problems
    assert problem.line == line
    assert said in problem.message


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 区役所\n", encoding="utf-8")
    assert yaml_source.read(file).value == {"a": "区役所"}


@pytest.mark.parametrize("name", ["nothing.yaml", "."])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound, match="ファイル"):
        yaml_source.read(tmp_path / name)


@given(st.text(max_size=200) | st.text(alphabet='ab:{}[]#*&!-"\n\t \0', max_size=60))
def test_any_text_gives_a_document_or_problems_with_lines_that_exist(text: str) -> None:
    last = len(text.splitlines()) + 1
    assert all(0 <= problem.line <= last for problem in problems_of(text))


@given(st.binary(max_size=100))
def test_any_bytes_are_text_or_a_problem(data: bytes) -> None:
    with contextlib.suppress(Problems):
        assert isinstance(yaml_source.decode(data, "a.yaml"), str)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500ms", 0.5),
        ("5s", 5.0),
        ("1.5s", 1.5),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("2d", 172800.0),
        ("0s", 0.0),
        ("5", None),
        ("5 s", None),
        ("-5s", None),
        ("s", None),
        ("５s", None),
        ("5s\n", None),
        ("1e3s", None),
        ("", None),
    ],
)
def test_durations_carry_their_unit(text: str, value: float | None) -> None:
    assert yaml_source.seconds(text) == value


def test_a_near_word_is_suggested_and_a_far_one_is_not() -> None:
    assert "「silence」" in yaml_source.suggestion("silense", ["say", "silence"])
    assert "「silence」" in yaml_source.suggestion("Silence", ["say", "silence"])
    assert yaml_source.suggestion("xyz", ["say", "silence"]) == ""


def test_no_message_repeats_a_character_that_can_not_be_shown() -> None:
    found: list[Problem] = []
    read = yaml_source.load(r'{"a\ud800": "b\a"}', "x.yaml", problems=found)
    assert read.value == {"a\ufffd": "b\ufffd"}
    assert len(found) == 2
