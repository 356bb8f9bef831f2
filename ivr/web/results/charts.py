"""The geometry of charts: numbers in, places on a drawing out. Pure; templates/charts.html draws them.

Every chart is readable without colour: what a mark stands for is written on it or beside it, or shown by a pattern. A
drawing is WIDE units wide, of which one is a pixel where there is room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.reporting import HeatMap, Step, Try
from ivr.reporting.heat_map import WEEKDAYS
from ivr.reporting.percent import percent

WIDE = 720
HEADING, LEFT = 28, 34
"""Of a heat map: above and left of its places."""

TALL, ROW = 40, 48
"""Of a place of a heat map, and of a row of bars."""

NAMED, BAR = 88, 360
"""Where bars begin, and how long the longest is."""

PLOT = (64, 12, WIDE - 16, 212)
"""Left, top, right and bottom of what is drawn over time."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a strip; `label` is empty where there is no room for it."""

    kind: str
    x: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a heat map: `level` 0 is without dials."""

    x: float
    y: float
    width: float
    level: int
    text: str
    told: str
    few: bool


@dataclass(frozen=True, slots=True)
class HeatChart:
    """A heat map: its hours and weekdays with where they are written, and its places."""

    height: int
    hours: Sequence[tuple[float, int]]
    weekdays: Sequence[tuple[float, str]]
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class BarRow:
    """A bar and what is in it: lengths from the left, the longest first, each with its kind."""

    y: int
    label: str
    parts: Sequence[tuple[str, float]]
    told: str


@dataclass(frozen=True, slots=True)
class Course:
    """Something that grows over time: its line, what is below it, and the ticks of both axes."""

    line: str
    area: str
    points: Sequence[tuple[float, float]]
    up: Sequence[tuple[float, int]]
    along: Sequence[tuple[float, str]]


def strip(parts: Sequence[tuple[str, int]]) -> tuple[Segment, ...]:
    """Return how `parts` (kind, number) share the whole width; those that are nothing are left out."""
    total = sum(number for _, number in parts)
    found, x = [], 0.0
    for kind, number in parts:
        if number:
            width = WIDE * number / total
            label = percent(number / total, 0) if width >= 44 else ""
            found.append(Segment(kind, round(x, 2), round(width, 2), label))
            x += width
    return tuple(found)


def heat(found: HeatMap) -> HeatChart | None:
    """Return the heat map drawn, None where nobody was dialled."""
    if not found.places:
        return None
    wide = min(64.0, (WIDE - LEFT) / len(found.hours))
    places = []
    for row, weekday in enumerate(found.weekdays):
        for column, hour in enumerate(found.hours):
            reach = found.at(weekday, hour)
            x, y = round(LEFT + column * wide, 2), HEADING + row * TALL
            name = f"{WEEKDAYS[weekday]}曜 {hour} 時台"
            if reach.rate is None:
                places.append(Place(x, y, wide, 0, "", f"{name}：発信なし", few=False))
                continue
            text = f"{reach.rate * 100:.0f}" + ("%" if wide >= 40 else "")
            told = f"{name}：発信 {reach.dials:,}、応答 {reach.answered:,}（{percent(reach.rate)}）"
            places.append(Place(x, y, wide, reach.level, text, told, few=reach.few))
    return HeatChart(
        height=HEADING + TALL * len(found.weekdays) + 4,
        hours=[(round(LEFT + (at + 0.5) * wide, 2), hour) for at, hour in enumerate(found.hours)],
        weekdays=[(HEADING + (at + 0.5) * TALL, WEEKDAYS[day]) for at, day in enumerate(found.weekdays)],
        places=places,
    )


def of_tries(found: Sequence[Try]) -> tuple[BarRow, ...]:
    """Return a row for each try: its dials, the answered of them, and the confirmed of those."""
    most = max((one.reach.dials for one in found), default=0)
    return tuple(
        BarRow(
            y=at * ROW,
            label=one.label,
            parts=[
                ("dials", _length(one.reach.dials, most)),
                ("answered", _length(one.reach.answered, most)),
                ("confirmed", _length(one.reach.confirmed, most)),
            ],
            told=f"{one.reach.dials:,} 回中 {one.reach.answered:,} 応答（{percent(one.reach.rate or 0)}）",
        )
        for at, one in enumerate(found)
    )


def of_numbers(found: Mapping[str, int], unit: str) -> tuple[BarRow, ...]:
    """Return a row for each thing that was counted."""
    most = max(found.values(), default=0)
    return tuple(
        BarRow(y=at * ROW, label=label, parts=[("answered", _length(number, most))], told=f"{number:,} {unit}")
        for at, (label, number) in enumerate(found.items())
    )


def over_time(steps: Sequence[Step], people: int, *, hourly: bool) -> Course | None:
    """Return how many people were done over time, None where nobody was."""
    if not steps or not steps[-1].done:
        return None
    left, top, right, bottom = PLOT
    most = max(people, steps[-1].done)
    first, last = steps[0].at, steps[-1].at
    spell = (last - first).total_seconds()

    def x(at: datetime) -> float:
        return round(left + 12 + (right - left - 24) * ((at - first).total_seconds() / spell if spell else 0.5), 1)

    def y(done: float) -> float:
        return round(bottom - (bottom - top) * done / most, 1)

    points = [(x(step.at), y(step.done)) for step in steps]
    line = " ".join(f"{at},{up}" for at, up in points)
    area = f"{points[0][0]},{bottom} {line} {points[-1][0]},{bottom}"
    every = max(1, -(-len(steps) // 7))
    named = [*steps[::every]]
    written = "%-m/%-d %-H時" if hourly else "%-m/%-d"
    return Course(
        line=line,
        area=area,
        points=points if len(points) <= 40 else points[-1:],
        up=[(y(number), number) for number in sorted({round(most * part / 4) for part in range(5)})],
        along=[(x(step.at), f"{step.at:{written}}") for step in named],
    )


def _length(number: int, most: int) -> float:
    return round(BAR * number / most, 1) if most else 0.0
