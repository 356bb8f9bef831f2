"""Figures of a campaign on a terminal: when people answer, what each try came to, which keys were pressed."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr.campaign.figures import Figures
from ivr.reporting.heat_map import WEEKDAYS, HeatMap, Reach
from ivr.reporting.percent import percent
from ivr.reporting.tries import Try

SHADES = ("bright_black", "blue", "cyan", "green", "bold green")
"""Of a share of answered dials, in steps of a fifth."""


def show_heat_map(found: HeatMap, console: Console) -> None:
    """Print the share of answered dials by hour and weekday, and how many dials; nothing where there are none."""
    if not found.places:
        return
    table = _table("応答率（発信数）", "", *(WEEKDAYS[weekday] for weekday in found.weekdays))
    for hour in found.hours:
        table.add_row(f"{hour} 時", *(_share(found.at(weekday, hour)) for weekday in found.weekdays))
    console.print(table)


def show_tries(found: tuple[Try, ...], console: Console) -> None:
    """Print what each try came to; nothing where nobody was dialled."""
    if not found:
        return
    table = _table("何回目の発信か", "", "発信", "応答", "本人確認", "応答率")
    for one in found:
        reach = one.reach
        table.add_row(one.label, str(reach.dials), str(reach.answered), str(reach.confirmed), percent(reach.rate or 0))
    console.print(table)


def key_lines(figures: Figures) -> Iterator[str]:
    """Yield a line for each step in which keys were pressed."""
    steps: dict[str, list[str]] = {}
    for (step, key), presses in figures.keys.items():
        steps.setdefault(step, []).append(f"{key} {presses} 回")
    for step, keys in steps.items():
        yield f"{step}：" + "、".join(keys)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if place else "left", no_wrap=True)
    return table


def _share(reach: Reach) -> Text:
    if reach.rate is None:
        return Text("－", style="bright_black")
    shade = SHADES[min(int(reach.rate * len(SHADES)), len(SHADES) - 1)]
    return Text(f"{percent(reach.rate, 0)} ({reach.dials})", style=shade)
