"""Texts with variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.template import filled, fixed, variables


def test_variables_are_replaced_and_doubled_braces_stand_for_one() -> None:
    text = "{office}です。{ kana }様、{{注意}} {office}"
    assert variables(text) == ("office", "kana")
    assert filled(text, {"office": "税務課", "kana": "ヤマダ"}) == "税務課です。ヤマダ様、{注意} 税務課"
    assert fixed(text) == "です。様、{注意} "


def test_a_variable_without_a_value_is_no_text() -> None:
    with pytest.raises(KeyError):
        filled("{kana}", {})


@given(st.text())
def test_a_value_is_text_whatever_is_in_it(value: str) -> None:
    assert filled("[{kana}]", {"kana": value}) == f"[{value}]"
