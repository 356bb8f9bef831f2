"""Dates as Japanese offices write them: by era (令和) and by fiscal year (年度, from April). Pure."""

from __future__ import annotations

from datetime import date

_ERAS = (("令和", date(2019, 5, 1)), ("平成", date(1989, 1, 8)), ("昭和", date(1926, 12, 25)))
"""Names of eras and their first days, the latest first."""

_DAYS = "月火水木金土日"


def _year(era: str, first: date, year: int) -> str:
    number = year - first.year + 1
    return f"{era}{'元' if number == 1 else number}年"


def japanese_year(day: date) -> str:
    """Return the year of `day` by era; by the Christian era before 昭和."""
    return next((_year(era, first, day.year) for era, first in _ERAS if day >= first), f"{day.year}年")


def japanese_date(day: date, *, weekday: bool = False) -> str:
    """Return `day` as 令和8年11月28日, with （土） behind where `weekday` is wanted."""
    written = f"{japanese_year(day)}{day.month}月{day.day}日"
    return f"{written}（{_DAYS[day.weekday()]}）" if weekday else written


def fiscal_year(day: date) -> str:
    """Return the fiscal year that `day` lies in, as 令和8年度: named after the era of its first day, 1 April.

    Of the year in which 令和 began it is 令和元年度 throughout, as the national government decided on 2019-04-01.
    """
    year = day.year if day.month >= 4 else day.year - 1
    return f"{japanese_year(date(year, 5, 1))}度"
