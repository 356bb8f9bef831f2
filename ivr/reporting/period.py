"""日報 and 月報: what was done on a day, or in a month, for each campaign and for all together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ivr.campaign.figures import Dials, Period
from ivr.domain.era import japanese_date, japanese_year
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass, class_of
from ivr.reporting.figures_json import hours_json, reach_json, step_json
from ivr.reporting.heat_map import NOTHING, HeatMap, Reach, heat_map, reach
from ivr.reporting.timeline import Step, Unit, timeline

ALL = "合計"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A campaign in a period, or all: ended dials, people who were settled, by class, and texts handed over."""

    label: str
    reach: Reach
    settled: int
    classes: Mapping[OutcomeClass, int]
    texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """The day, or the month of the day, that `of` is: a line for each campaign, one for all, and its hours or days.

    A day has no heat map: it is its hours.
    """

    of: date
    title: str
    lines: tuple[Line, ...]
    total: Line
    steps: tuple[Step, ...]
    unit: Unit
    heat: HeatMap


@dataclass(frozen=True, slots=True)
class _Together:
    quarters: Mapping[tuple[datetime, Outcome], Dials]
    settled: Mapping[tuple[datetime, Outcome | None, bool], int]


def day(of: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the moments at which a day begins and ends in `zone`."""
    return _midnight(of, zone), _midnight(of + timedelta(days=1), zone)


def month(of: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the moments at which the month of a day begins and ends in `zone`."""
    first = of.replace(day=1)
    return _midnight(first, zone), _midnight((first + timedelta(days=31)).replace(day=1), zone)


def period_title(of: date, unit: Unit) -> str:
    """Return what a report is called."""
    if unit is Unit.HOUR:
        return f"日報　{japanese_date(of, weekday=True)}"
    return f"月報　{japanese_year(of)}{of.month}月"


def period_report(of: date, periods: Sequence[Period], *, zone: ZoneInfo, unit: Unit) -> PeriodReport:
    """Return what is reported of `periods`, each a campaign in the day or month of `of`."""
    together = _together(periods)
    texts = sum(sum(period.texts.values()) for period in periods)
    return PeriodReport(
        of=of,
        title=period_title(of, unit),
        lines=tuple(_line(period.campaign.name, period, sum(period.texts.values())) for period in periods),
        total=_line(ALL, together, texts),
        steps=timeline(together, zone=zone, unit=unit),
        unit=unit,
        heat=heat_map(together.quarters if unit is Unit.DAY else {}, zone=zone),
    )


def period_json(report: PeriodReport) -> dict[str, Any]:
    """Return a report, ready for JSON."""
    return {
        "title": report.title,
        "campaigns": [{"campaign": line.label, **_line_json(line)} for line in report.lines],
        "total": _line_json(report.total),
        report.unit.value: [step_json(step) for step in report.steps],
        **({"hours": hours_json(report.heat)} if report.unit is Unit.DAY else {}),
    }


def _midnight(of: date, zone: ZoneInfo) -> datetime:
    return datetime(of.year, of.month, of.day, tzinfo=zone).astimezone(UTC)


def _line(label: str, done: Period | _Together, texts: int) -> Line:
    classes: Counter[OutcomeClass] = Counter()
    for (_, outcome, proven), number in done.settled.items():
        if outcome is not None:
            classes[class_of(outcome, proven=proven)] += number
    return Line(
        label=label,
        reach=sum((reach(outcome, dials) for (_, outcome), dials in done.quarters.items()), NOTHING),
        settled=sum(done.settled.values()),
        classes={group: classes[group] for group in OutcomeClass if classes[group]},
        texts=texts,
    )


def _together(periods: Sequence[Period]) -> _Together:
    quarters: dict[tuple[datetime, Outcome], Dials] = {}
    settled: defaultdict[tuple[datetime, Outcome | None, bool], int] = defaultdict(int)
    for period in periods:
        for place, dials in period.quarters.items():
            quarters[place] = quarters[place] + dials if place in quarters else dials
        for standing, number in period.settled.items():
            settled[standing] += number
    return _Together(quarters, settled)


def _line_json(line: Line) -> dict[str, object]:
    return {
        **reach_json(line.reach),
        "settled": line.settled,
        "classes": {group.name.lower(): number for group, number in line.classes.items()},
        "texts": line.texts,
    }
