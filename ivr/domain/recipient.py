"""A person on a campaign's list."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ivr.domain.phone import national


def plain(text: str) -> str:
    """Return `text` as it is compared: width, case and blanks around it do not count."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def same_person(written: str) -> str:
    """Return a 宛名番号 as it is compared between files: a spreadsheet takes the zeros in front of a number away."""
    text = plain(written)
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text


def missing_columns(wanted: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Return those of `wanted` that a list with `columns` has not."""
    there = {plain(column) for column in columns}
    return [column for column in wanted if plain(column) not in there]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One accepted row of a list.

    `id` is the key back to the collection system (宛名番号) and unique within a campaign. `numbers` are E.164, in the
    order in which they are tried. `columns` holds every column of the row, by its name in the list, for the scenario.
    """

    id: str
    line: int
    kana: str
    numbers: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str | None:
        """Return the value under a heading, of which width, case and blanks do not count; None where there is none."""
        exact = self.columns.get(name)
        if exact is not None:
            return exact
        return next((text for heading, text in self.columns.items() if plain(heading) == plain(name)), None)

    def values(self) -> dict[str, str]:
        """Return what the variables of a scenario stand for; `phone` is the first number, as within Japan."""
        first = national(self.numbers[0]) if self.numbers else ""
        return {**self.columns, "id": self.id, "kana": self.kana, "phone": first}
