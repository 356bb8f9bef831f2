"""What comes back from a provider, whatever it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr.openid.exchange import moment


@pytest.mark.parametrize(
    "told",
    [
        "",
        "x",
        "Thu, 01 Jan 1970 00:00:00 +99999999999999999999",
        f"Thu, 01 Jan {'9' * 30} 00:00:00 GMT",
        "Thu, 01 Jan 1970",
    ],
)
def test_a_date_that_is_none_tells_no_time(told: str) -> None:
    assert moment(told) is None


def test_a_date_tells_the_time() -> None:
    assert moment("Sat, 28 Nov 2026 06:00:00 GMT") == datetime(2026, 11, 28, 6, tzinfo=UTC)
