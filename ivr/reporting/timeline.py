"""How a campaign went on: dials and settled people by hour or by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import accumulate
from typing import Protocol
from zoneinfo import ZoneInfo

from ivr.campaign.figures import Dials
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass, class_of
from ivr.reporting.heat_map import NOTHING, Reach, reach


class Unit(Enum):
    """How much time a step is."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An hour or a day from `at` on: its ended dials, and the people who were settled in it, by class.

    `done` are all people who were settled by its end. Who was settled without an outcome (a text alone) is in `settled`
    and in no class.
    """

    at: datetime
    reach: Reach
    settled: int
    classes: Mapping[OutcomeClass, int]
    done: int


class Counted(Protocol):
    """What a timeline is made of: a campaign's figures, or those of a period."""

    @property
    def quarters(self) -> Mapping[tuple[datetime, Outcome], Dials]:
        """Return dials by the quarter of an hour in which they began, and outcome."""
        ...

    @property
    def settled(self) -> Mapping[tuple[datetime, Outcome | None, bool], int]:
        """Return settled people by quarter of an hour, outcome and whether a beep proves it."""
        ...


def timeline(figures: Counted, *, zone: ZoneInfo, unit: Unit) -> tuple[Step, ...]:
    """Return the steps in which something happened, oldest first; hours and days are those of `zone`."""
    reached: defaultdict[datetime, Reach] = defaultdict(Reach)
    for (at, outcome), dials in figures.quarters.items():
        reached[_begin(at, zone, unit)] += reach(outcome, dials)
    people: defaultdict[datetime, int] = defaultdict(int)
    classes: defaultdict[datetime, defaultdict[OutcomeClass, int]] = defaultdict(lambda: defaultdict(int))
    for (at, ended, proven), number in figures.settled.items():
        step = _begin(at, zone, unit)
        people[step] += number
        if ended is not None:
            classes[step][class_of(ended, proven=proven)] += number
    steps = sorted({*reached, *people})  # of UTC: an hour that a clock shows twice is two
    done = accumulate(people[step] for step in steps)
    return tuple(
        Step(
            at=step.astimezone(zone),
            reach=reached.get(step, NOTHING),
            settled=people[step],
            classes={group: classes[step][group] for group in OutcomeClass if classes[step][group]},
            done=so_far,
        )
        for step, so_far in zip(steps, done, strict=True)
    )


def _begin(at: datetime, zone: ZoneInfo, unit: Unit) -> datetime:
    there = at.astimezone(zone)
    if unit is Unit.HOUR:
        return (at - timedelta(minutes=there.minute)).astimezone(UTC)
    return there.replace(hour=0, minute=0, fold=0).astimezone(UTC)
