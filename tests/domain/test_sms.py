"""How long a text is, how it is cut, what carriers do not show, and where a link may lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.sms import PART, SINGLE, leads_to, odd_characters, parts, units

sendable = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


def test_seventy_characters_are_one_message_and_one_more_makes_two() -> None:
    assert len(parts("あ" * 70)) == 1
    assert [len(part) for part in parts("あ" * 71)] == [67, 4]
    assert [len(part) for part in parts("あ" * 134)] == [67, 67]
    assert units("改行\nも一字") == 6


@given(sendable)
def test_the_parts_are_the_text_and_no_character_is_cut(text: str) -> None:
    found = parts(text)
    assert "".join(found) == text
    assert all(units(part) <= (SINGLE if len(found) == 1 else PART) for part in found)


def test_a_character_of_two_units_is_not_torn() -> None:
    assert [units(part) for part in parts("あ" * 66 + "𠮷" + "い" * 10)] == [66, 12]


@pytest.mark.parametrize(
    ("character", "instead"),
    [
        ("①", "1"),
        ("㈱", "(株)"),
        ("髙", "高"),
        ("﨑", "崎"),
        ("𠮷", "吉"),
        ("～", "〜"),
        ("ｱ", "ア"),
        ("😀", ""),
        ("\u200b", ""),
    ],
)
def test_what_a_carrier_may_not_show_is_told_with_what_to_write_instead(character: str, instead: str) -> None:
    (odd,) = odd_characters(f"お知らせ{character}{character}です")
    assert (odd.character, odd.instead) == (character, instead)


def test_what_every_carrier_shows_is_not_told() -> None:
    assert odd_characters("目黒区役所税務課です。\n山田太郎様へ、〜（03-5722-0000） ABC! ア　Ⅰ"[:-2]) == ()


OURS = ("city.meguro.tokyo.jp",)


@pytest.mark.parametrize(
    "url",
    ["https://city.meguro.tokyo.jp", "https://www.city.meguro.tokyo.jp/zei/?a=1#b", "https://city.meguro.tokyo.jp/~a"],
)
def test_a_link_leads_to_the_municipality(url: str) -> None:
    assert leads_to(url, OURS)


@pytest.mark.parametrize(
    "url",
    [
        "http://www.city.meguro.tokyo.jp/",
        "https://bit.ly/abc",
        "https://city.meguro.tokyo.jp.example.com/",
        "https://evilcity.meguro.tokyo.jp/",
        "https://city.meguro.tokyo.jp@example.com/",
        "https://city.meguro.tokyo.jp:8443/",
        "https://ｃity.meguro.tokyo.jp/",
        "https://city.meguro.tokyo.jp/ です",
        "https://city.meguro.tokyo.jp/\n",
    ],
)
def test_a_link_to_anywhere_else_is_refused(url: str) -> None:
    assert not leads_to(url, OURS)
