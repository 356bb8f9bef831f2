"""The closing table: who was reached and on what evidence, with bars on a terminal, in plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr.campaign.records import Counts
from ivr.reporting.classes import OutcomeClass, by_class
from ivr.reporting.columns import CALLS
from ivr.reporting.course import Course
from ivr.reporting.percent import percent

BAR = 30
"""Characters of a bar that stands for everybody."""

_COLOURS = {
    OutcomeClass.CONFIRMED: "green",
    OutcomeClass.MACHINE: "cyan",
    OutcomeClass.UNPROVEN: "yellow",
    OutcomeClass.NOT_REACHED: "bright_black",
    OutcomeClass.OUR_FAULT: "red",
    OutcomeClass.CANCELLED: "bright_black",
}


@dataclass(frozen=True, slots=True)
class _Line:
    label: str
    number: int
    share: float
    colour: str
    heads: bool
    """Begins a class, and counts all of it."""


def show_closing(campaign: str, counts: Counts, console: Console, course: Course = CALLS) -> None:
    """Print what has become of the people of `campaign`, each once, by class and outcome."""
    people = sum(counts.states.values())
    title = f"{campaign}: {people} 人、発信 {counts.attempts} 回"
    lines = list(_lines(counts, people, course))
    if console.is_terminal:
        _show_table(title, lines, console)
        return
    console.print(title, soft_wrap=True, markup=False, highlight=False)
    label = max((cell_len(line.label) + (0 if line.heads else 2) for line in lines), default=0)
    number = max((len(str(line.number)) for line in lines), default=0)
    for line in lines:
        indent = "" if line.heads else "  "
        gap = " " * (label - cell_len(line.label) - len(indent))
        text = f"{indent}{line.label}{gap}  {line.number:>{number}}  {percent(line.share):>6}"
        console.print(text, soft_wrap=True, markup=False, highlight=False)


def _show_table(title: str, lines: list[_Line], console: Console) -> None:
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    full, empty = ("#", ".") if console.options.ascii_only else ("█", "░")
    for line in lines:
        length = max(round(line.share * BAR), 1 if line.number else 0)
        bar = Text(full * length, style=line.colour) + Text(empty * (BAR - length), style="bright_black")
        table.add_row(
            Text(line.label if line.heads else f"  {line.label}", style=f"bold {line.colour}" if line.heads else ""),
            Text(str(line.number), style="bold" if line.heads else ""),
            Text(percent(line.share)),
            bar if line.heads else Text(full * length, style=f"dim {line.colour}"),
        )
    console.print(table)


def _lines(counts: Counts, people: int, course: Course) -> Iterator[_Line]:
    def line(label: str, number: int, colour: str, *, heads: bool) -> _Line:
        return _Line(label, number, number / people if people else 0.0, colour, heads)

    for group, found in by_class(counts.outcomes, counts.proven).items():
        yield line(group.value, sum(found.values()), _COLOURS[group], heads=True)
        for outcome, number in found.items():
            yield line(outcome.label, number, _COLOURS[group], heads=False)
    undialled = counts.states.get("settled", 0) - sum(counts.outcomes.values())
    if undialled:
        yield line("発信せず終了", undialled, "bright_black", heads=True)
    for state in ("calling", "waiting"):
        if counts.states.get(state):
            yield line(course.words[state], counts.states[state], "magenta", heads=True)
