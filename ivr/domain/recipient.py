"""A person on a campaign's list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.domain.phone import national


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

    def values(self) -> dict[str, str]:
        """Return what the variables of a scenario stand for; `phone` is the first number, as within Japan."""
        first = national(self.numbers[0]) if self.numbers else ""
        return {**self.columns, "id": self.id, "kana": self.kana, "phone": first}
