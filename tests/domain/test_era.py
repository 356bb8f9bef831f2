"""Dates by era and by fiscal year."""

from datetime import date

import pytest

from ivr.domain.era import fiscal_year, japanese_date, japanese_year


@pytest.mark.parametrize(
    ("day", "written"),
    [
        (date(2026, 11, 28), "令和8年11月28日（土）"),
        (date(2019, 5, 1), "令和元年5月1日（水）"),
        (date(2019, 4, 30), "平成31年4月30日（火）"),
        (date(1989, 1, 8), "平成元年1月8日（日）"),
        (date(1989, 1, 7), "昭和64年1月7日（土）"),
        (date(1920, 1, 1), "1920年1月1日（木）"),
    ],
)
def test_a_date_is_written_by_the_era_that_it_lies_in(day: date, written: str) -> None:
    assert japanese_date(day, weekday=True) == written
    assert written.startswith(japanese_date(day))
    assert written.startswith(japanese_year(day))


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2026, 3, 31), "令和7年度"),
        (date(2026, 4, 1), "令和8年度"),
        (date(2019, 4, 1), "令和元年度"),
        (date(2019, 3, 31), "平成30年度"),
    ],
)
def test_a_fiscal_year_goes_from_april_to_march(day: date, year: str) -> None:
    assert fiscal_year(day) == year
