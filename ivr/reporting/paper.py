"""What 日報 and 月報 say, in order: of this one description the page, the workbook, the PDF and the terminal are made.

Pure. Nothing is formatted here but names: a cell is a number, a share (a float), a day, a text, or nothing (None).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ivr.domain.era import fiscal_year, japanese_date
from ivr.domain.outcome_class import OutcomeClass
from ivr.reporting.heat_map import HeatMap, Reach
from ivr.reporting.percent import percent
from ivr.reporting.period import Line, PeriodReport
from ivr.reporting.sheets import Cell, Value
from ivr.reporting.timeline import Step, Unit

COUNTED = ("発信", "応答", "本人確認", "応答率", "済んだ人")
CLASSES = tuple(group.value for group in OutcomeClass)
PROVEN = (OutcomeClass.CONFIRMED, OutcomeClass.MACHINE)
"""Classes of which something proves that the message arrived."""

SIGNED_BY = ("課長", "係長", "担当")
"""Who signs it on paper, by the boxes that are left for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Who made it, of which department (empty where that is not known), and when, in the office's time."""

    by: str
    department: str
    at: datetime

    @property
    def moment(self) -> str:
        """Return when it was made, as people read it."""
        return f"{japanese_date(self.at.date())} {self.at:%H:%M}"

    @property
    def said(self) -> str:
        """Return who made it and when, in a line."""
        return "　".join(word for word in (f"作成：{self.moment}", self.department, self.by) if word)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands out, its unit, and what it is a share of."""

    label: str
    value: int
    unit: str
    share: float | None = None
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table. The first column names the rows; `bars` are a length from 0 to 1 for each row, or none at all."""

    key: str
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    bars: tuple[float, ...] = ()
    bar: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A report as it is laid out. Without campaigns there is `nothing` to tell, in a sentence, and no section."""

    title: str
    year: str
    made: Made
    unfinished: str
    figures: tuple[Figure, ...]
    parts: tuple[tuple[OutcomeClass, int], ...]
    sections: tuple[Section, ...]
    heat: HeatMap
    nothing: str


def paper(report: PeriodReport, made: Made) -> Paper:
    """Return how a report is laid out for who `made` it."""
    told = bool(report.lines)
    return Paper(
        title=report.title,
        year=fiscal_year(report.of),
        made=made,
        unfinished=f"途中の数字です（{made.at:%H:%M} 現在）" if _unfinished(report, made.at.date()) else "",
        figures=_figures(report.total) if told else (),
        parts=tuple(report.total.classes.items()),
        sections=_sections(report) if told else (),
        heat=report.heat,
        nothing="" if told else f"この{'日' if report.unit is Unit.HOUR else '月'}は、電話も SMS もありません。",
    )


def shown(cell: Cell) -> str:
    """Return a cell as people read it."""
    match cell:
        case None:
            return "－"
        case date():
            return japanese_date(cell, weekday=True)
        case float():
            return percent(cell)
        case int():
            return f"{cell:,}"
        case _:
            return cell


def counted(reach: Reach, settled: int) -> tuple[Value, ...]:
    """Return the cells under `COUNTED`."""
    return reach.dials, reach.answered, reach.confirmed, reach.rate, settled


def by_class(done: Line | Step) -> tuple[int, ...]:
    """Return the cells under `CLASSES`."""
    return tuple(done.classes.get(group, 0) for group in OutcomeClass)


def when(step: Step, unit: Unit) -> Cell:
    """Return what a step is called."""
    return f"{step.at.hour} 時台" if unit is Unit.HOUR else step.at.date()


def _unfinished(report: PeriodReport, today: date) -> bool:
    if report.unit is Unit.HOUR:
        return report.of == today
    return (report.of.year, report.of.month) == (today.year, today.month)


def _figures(total: Line) -> tuple[Figure, ...]:
    reach, proven = total.reach, sum(total.classes.get(group, 0) for group in PROVEN)
    return (
        Figure("発信", reach.dials, "回"),
        Figure("応答", reach.answered, "回", reach.rate, "発信の"),
        Figure("本人確認", reach.confirmed, "回", reach.confirmed / reach.dials if reach.dials else None, "発信の"),
        Figure("済んだ人", total.settled, "人"),
        Figure("裏付けあり", proven, "人", proven / total.settled if total.settled else None, "済んだ人の"),
        Figure("SMS", total.texts, "通"),
    )


def _sections(report: PeriodReport) -> tuple[Section, ...]:
    hourly, total = report.unit is Unit.HOUR, report.total
    each, steps = ("時間", "時間ごと") if hourly else ("日", "日ごと")
    most = max((step.settled for step in report.steps), default=0)
    proofs = "」と「".join(group.value for group in PROVEN)

    def lines(cells: Callable[[Line], Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
        return tuple(_row(line.label, cells(line)) for line in report.lines)

    def of_steps(cells: Callable[[Step], Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
        return tuple(_row(when(step, report.unit), cells(step)) for step in report.steps)

    def reached(line: Line) -> Sequence[Cell]:
        return *counted(line.reach, line.settled), line.texts

    return (
        Section(
            key="campaigns",
            title="催告ごと",
            headings=("催告", *COUNTED, "SMS"),
            rows=lines(reached),
            total=_row(total.label, reached(total)),
        ),
        Section(
            key="classes",
            title="済んだ人の結果",
            headings=("催告", *CLASSES),
            rows=lines(by_class),
            total=_row(total.label, by_class(total)),
            note=f"伝言が届いた裏付けがあるのは、「{proofs}」だけです。",
        ),
        Section(
            key="steps",
            title=steps,
            headings=(each, *COUNTED),
            rows=of_steps(lambda step: counted(step.reach, step.settled)),
            bars=tuple(step.settled / most if most else 0.0 for step in report.steps),
            bar="済んだ人",
        ),
        Section(
            key="step-classes",
            title=f"{steps}の、済んだ人の結果",
            headings=(each, *CLASSES),
            rows=of_steps(by_class),
        ),
    )


def _row(label: Cell, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return label, *cells
