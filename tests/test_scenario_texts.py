"""The text (SMS) of a scenario file: what is wrong with it, by line."""

from __future__ import annotations

import json

import pytest

from ivr import scenario_files

CALL = """version: 1
title: 試し
start: a
steps:
  a: {say: お知らせです。, reached: true}
"""
GOOD = "{office}です。{kana}様にお知らせを送付しました。お問い合わせ {office_phone}"
DOMAINS = ("city.meguro.tokyo.jp",)


def checked(text: str, **more: object) -> scenario_files.Report:
    return scenario_files.check(CALL + text, "s.yaml", domains=DOMAINS, **more)  # type: ignore[arg-type]


def test_a_text_is_read_in_either_form() -> None:
    short = checked(f'text: "{GOOD}"\n').scenario
    assert short is not None
    assert short.text is not None
    assert (short.text.body, short.text.url) == (GOOD, "")
    long = checked(f'text:\n  body: "{GOOD} {{url}}"\n  url: https://www.city.meguro.tokyo.jp/zei/\n').scenario
    assert long is not None
    assert long.text is not None
    assert long.text.url == "https://www.city.meguro.tokyo.jp/zei/"
    none = checked("").scenario
    assert none is not None
    assert none.text is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("text: お知らせです。{office}\n", 6, "{office_phone}（お問い合わせの電話番号）を入れて"),
        ("text: お知らせです。{office_phone}\n", 6, "{office}（役所と課の名前）を入れて"),
        (f'text: "{GOOD} {{url}}"\n', 6, "両方書くか"),
        (f'text:\n  body: "{GOOD}"\n  url: https://www.city.meguro.tokyo.jp/\n', 7, "両方書くか"),
        (f'text:\n  body: "{GOOD} {{url}}"\n  url: https://bit.ly/abc\n', 8, "役所のドメイン"),
        (f'text:\n  body: "{GOOD} {{url}}"\n  url: http://www.city.meguro.tokyo.jp/\n', 8, "役所のドメイン"),
        (f'text:\n  body: "{GOOD}"\n  link: a\n', 8, "「link」という項目はありません"),
        ("text:\n  url: https://www.city.meguro.tokyo.jp/\n", 6, "「body」"),
        ("text: 3\n", 6, "文章を書いてください"),
        ("text:\n", 6, "文章が空です"),
        (f'text: "{GOOD}{"あ" * 640}"\n', 6, "SMS の文章が長すぎます"),
        (f'text: "{GOOD}{{"\n', 6, "対になっていません"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, words: str) -> None:
    report = checked(text)
    assert report.scenario is None
    assert [(error.line, words in error.message) for error in report.errors] == [(line, True)], report.errors


def test_a_variable_that_the_list_has_not_is_told() -> None:
    report = checked(f'text: "{GOOD} {{期別}}"\n', columns=["期限"])
    assert ["「期別」という列がありません" in error.message for error in report.errors] == [True]
    assert checked(f'text: "{GOOD} {{期別}}"\n', columns=["期別"]).scenario is not None


def test_odd_characters_and_words_of_tax_are_warned_of() -> None:
    report = checked(f'text: "{GOOD} ①税務課の納付書😀"\n')
    assert report.scenario is not None
    odd, tax = sorted(warning.message for warning in report.warnings)[::-1]
    assert "①（1 と書けます）、😀" in odd
    assert "「納付」" in tax
    assert {warning.line for warning in report.warnings} == {6}


def test_the_schema_knows_both_forms() -> None:
    schema = json.dumps(scenario_files.json_schema()["properties"]["text"], ensure_ascii=False)
    assert "maxLength" in schema
    assert '"body"' in schema


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.com/zei",
        "http://bit.ly/x",
        "bit.ly/abc",
        "www.city.meguro.tokyo.jp",
        "ｈｔｔｐｓ：//evil.example.com",
        "zei@city.meguro.tokyo.jp",
    ],
)
def test_what_a_phone_makes_a_link_of_stands_only_in_url(link: str) -> None:
    (error,) = checked(f'text: "{GOOD} {link} へ"\n').errors
    assert error.line == 6
    assert "{url} とだけ書き" in error.message


@pytest.mark.parametrize("words", ["第1.5期です", "No.5 をご覧ください", "10:30〜12.00", "A.B.様"])
def test_what_is_no_link_is_none(words: str) -> None:
    assert checked(f'text: "{GOOD} {words}"\n').errors == ()
