"""Names are made uniform for the voice, and refused where they cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain import kana
from ivr.errors import InputError


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ヤマダタロウ", "ヤマダタロウ"),
        ("ヤマダ タロウ", "ヤマダ タロウ"),
        ("　ヤマダ　　タロウ ", "ヤマダ タロウ"),
        ("ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ タロウ"),
        ("ﾊﾟｸ ﾁﾞ", "パク ヂ"),
        ("やまだ たろう", "ヤマダ タロウ"),
        ("ゔぃくとる", "ヴィクトル"),
        ("ｼﾞｮｰｼﾞ", "ジョージ"),
        ("ジョ-ジ", "ジョージ"),
        ("ジョ−ジ", "ジョージ"),
        ("マリア・ロペス", "マリア・ロペス"),
        ("マリア ・ ロペス", "マリア・ロペス"),
        ("ﾏﾘｱ･ﾛﾍﾟｽ", "マリア・ロペス"),
        ("グェン・ヴァン ア", "グェン・ヴァン ア"),
        ("ンゴ", "ンゴ"),
        ("か\u3099", "ガ"),
    ],
)
def test_every_way_of_writing_kana_becomes_katakana_with_single_spaces(written: str, name: str) -> None:
    assert kana.name(written) == name


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "カナ氏名がありません"),
        (" 　", "カナ氏名がありません"),
        ("山田太郎", "漢字"),
        ("ヤマダ 太郎", "漢字"),
        ("佐々木", "漢字"),
        ("𠮷田", "漢字"),
        ("Yamada", "英数字"),
        ("ヤマダ2", "英数字"),
        ("ー", "ほかの文字"),
        ("・ヤマダ", "ほかの文字"),
        ("･､･ﾞ･ﾀ", "ほかの文字"),
        ("カ）ヤマダ", "ほかの文字"),
        ("ヤマダ（タロウ）", "ほかの文字"),
        ("ヤマダ、タロウ", "ほかの文字"),
        ("ヤマダ？", "ほかの文字"),
        ("ア" * 61, "長すぎます"),
    ],
)
def test_what_cannot_be_read_as_a_name_is_refused_with_the_reason(written: str, reason: str) -> None:
    with pytest.raises(InputError) as raised:
        kana.name(written)
    assert reason in str(raised.value)


@given(st.text(max_size=70) | st.text(alphabet="アガヴやﾀﾞー-・ 　", max_size=20))
def test_a_uniform_name_stays_as_it_is(text: str) -> None:
    try:
        found = kana.name(text)
    except InputError:
        return
    assert kana.name(found) == found
    assert 1 <= len(found) <= kana.LONGEST
    assert found.strip() == found
