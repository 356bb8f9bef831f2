"""When people can be reached: dials, answers and confirmations by weekday and hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.campaign.figures import Dials
from ivr.domain.outcome import Outcome

WEEKDAYS = ("月", "火", "水", "木", "金", "土", "日")
"""From Monday on, as Python counts them."""

CONFIRMED = (Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL)

LEVELS = 5
"""Shades of a heat map, each a fifth of the dials answered."""

FEW = 10
"""Dials below which a share says little."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Ended dials, those that were answered (by whomever or whatever), and those in which the person confirmed."""

    dials: int = 0
    answered: int = 0
    confirmed: int = 0

    @property
    def rate(self) -> float | None:
        """Return the share of dials that were answered, None where there was none."""
        return self.answered / self.dials if self.dials else None

    @property
    def level(self) -> int:
        """Return the shade of a heat map that stands for the rate, from 1 on; 0 is without dials."""
        return 0 if self.rate is None else min(int(self.rate * LEVELS), LEVELS - 1) + 1

    @property
    def few(self) -> bool:
        """Tell whether the rate says little."""
        return 0 < self.dials < FEW

    def __add__(self, other: Reach) -> Reach:
        """Return both together."""
        return Reach(self.dials + other.dials, self.answered + other.answered, self.confirmed + other.confirmed)


NOTHING = Reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Reach by weekday (0 is Monday) and hour of the day; a place without dials is not in `places`."""

    places: Mapping[tuple[int, int], Reach]

    @property
    def hours(self) -> range:
        """Return the hours from the first to the last with dials."""
        hours = [hour for _, hour in self.places]
        return range(min(hours), max(hours) + 1) if hours else range(0)

    @property
    def weekdays(self) -> tuple[int, ...]:
        """Return the working days, and whichever other day has dials."""
        dialled = {weekday for weekday, _ in self.places}
        return tuple(weekday for weekday in range(7) if weekday < 5 or weekday in dialled) if dialled else ()

    def at(self, weekday: int, hour: int) -> Reach:
        """Return what there is at a place."""
        return self.places.get((weekday, hour), NOTHING)


def reach(outcome: Outcome, dials: Dials) -> Reach:
    """Return dials that ended with `outcome`, as reach."""
    return Reach(dials.number, dials.answered, dials.number if outcome in CONFIRMED else 0)


def heat_map(quarters: Mapping[tuple[datetime, Outcome], Dials], *, zone: ZoneInfo) -> HeatMap:
    """Return the heat map of dials by quarter of an hour; weekdays and hours are those of `zone`."""
    places: defaultdict[tuple[int, int], Reach] = defaultdict(Reach)
    for (at, outcome), dials in quarters.items():
        there = at.astimezone(zone)
        places[there.weekday(), there.hour] += reach(outcome, dials)
    return HeatMap(places=dict(sorted(places.items())))
