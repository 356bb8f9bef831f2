"""People are kept to the end of a month."""

from datetime import date

import pytest

from ivr.domain.retention import erased_from


@pytest.mark.parametrize(
    ("last", "months", "day"),
    [
        (date(2026, 11, 1), 2, date(2027, 2, 1)),
        (date(2026, 11, 30), 2, date(2027, 2, 1)),
        (date(2026, 12, 31), 0, date(2027, 1, 1)),
        (date(2026, 9, 30), 2, date(2026, 12, 1)),
        (date(2026, 10, 15), 1, date(2026, 12, 1)),
        (date(2026, 1, 1), 24, date(2028, 2, 1)),
    ],
)
def test_a_campaign_goes_on_the_first_after_the_end_of_its_last_month(last: date, months: int, day: date) -> None:
    assert erased_from(last, months) == day
