"""Words of a page for what a program says of itself."""

from __future__ import annotations

import pytest

from ivr.web.staff.account import browser_named
from ivr.web.trail.page import in_words

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0"


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/150.0.0.0", "Edge 150（Windows）"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36", "Chrome 150（Linux）"),
        ("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140（Windows）"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604.1",
            "Safari 18（iPhone）",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_a_browser_is_called_as_people_call_it(told: str, named: str) -> None:
    assert browser_named(told) == named


def test_details_of_the_trail_are_told_in_words_and_what_nobody_knows_as_it_is() -> None:
    details = {"roles": "clerk approver", "by": "password", "list_sha256": "0123456789abcdef" * 4, "tone": 3}
    assert in_words(details) == [
        ("役割", "担当者・承認者"),
        ("手段", "パスワード"),
        ("名簿の指紋", "0123456789abcdef…"),
        ("tone", "3"),
    ]


def test_what_is_done_with_exclusions_and_files_is_told_in_words() -> None:
    assert in_words({"by": "number"}) == [("手段", "電話番号")]
    assert in_words({"about": "both", "names": "hidden", "version": 3}) == [
        ("何で", "宛名番号と電話番号"),
        ("氏名", "伏せた"),
        ("版", "3"),
    ]
