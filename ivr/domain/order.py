"""In which order the people of a list are called, and who shares a telephone. Pure: lists in, lists out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ivr.domain.recipient import Recipient

ERAS = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988, "昭和": 1925, "S": 1925}
"""The year before the first of each era."""

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_DATE = re.compile(r"(令和|平成|昭和|[RHS])?(元|\d{1,4})[年./-](\d{1,2})[月./-](\d{1,2})日?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """A column of the list by which people are called: the smallest or the largest value first."""

    column: str
    largest_first: bool = False


def in_order(people: Sequence[Recipient], keys: Sequence[OrderKey]) -> tuple[Recipient, ...]:
    """Return `people` by the first of `keys`, those alike by the next, else as they came; without a value, last."""
    ordered = list(people)
    for key in reversed(keys):
        worths = {person.id: worth(person.column(key.column) or "") for person in people}
        sign = -1.0 if key.largest_first else 1.0
        ordered.sort(key=lambda person: _place(worths[person.id], sign))
    return tuple(ordered)


def without_worth(people: Sequence[Recipient], key: OrderKey) -> list[int]:
    """Return the lines on which the column says nothing that can be put in order."""
    return [person.line for person in people if worth(person.column(key.column) or "") is None]


def worth(text: str) -> float | None:
    """Return what a number or a date counts for, None for anything else; a date counts as its eight digits."""
    plain = re.sub(r"[\s,円]", "", unicodedata.normalize("NFKC", text))
    if _NUMBER.fullmatch(plain):
        return float(plain)
    if found := _DATE.fullmatch(plain):
        era, year, month, day = found.groups()
        before = ERAS[era.upper()] if era else 0
        return float((before + (1 if year == "元" else int(year))) * 10_000 + int(month) * 100 + int(day))
    return None


def households(
    people: Sequence[Recipient], excluded: Collection[int], first: Callable[[Recipient], str | None]
) -> Mapping[str, tuple[Recipient, ...]]:
    """Return who shares the number that is dialled `first`, by that number: whom one call is for, in their order.

    People on the lines `excluded` are not called, so that nobody is joined to them.
    """
    found: dict[str, list[Recipient]] = {}
    for person in people:
        number = None if person.line in excluded else first(person)
        if number is not None:
            found.setdefault(number, []).append(person)
    return {number: tuple(members) for number, members in found.items() if len(members) > 1}


def _place(value: float | None, sign: float) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else sign * value
