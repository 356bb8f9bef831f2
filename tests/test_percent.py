"""A share reads the same wherever it stands."""

from __future__ import annotations

import pytest

from ivr.reporting.paper import shown
from ivr.reporting.percent import percent

SHARES = [(3, 48, "6.3%"), (1, 80, "1.3%"), (23, 2000, "1.2%"), (27, 48, "56.3%"), (1, 3, "33.3%"), (5, 5, "100.0%")]


@pytest.mark.parametrize(("number", "total", "said"), SHARES)
def test_a_half_is_rounded_up_as_a_spreadsheet_and_a_browser_do(number: int, total: int, said: str) -> None:
    assert percent(number / total) == said
    assert shown(number / total) == said
