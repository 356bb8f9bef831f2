"""Figures, and the table that shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Something measured; `target` None where nothing is promised, else it passes by its `sense`."""

    bench: str
    name: str
    value: float
    unit: str = ""
    target: float | None = None
    sense: Literal["at least", "at most"] = "at most"
    note: str = ""

    @property
    def passes(self) -> bool:
        """Tell whether the target is met, or there is none."""
        if self.target is None:
            return True
        return self.value <= self.target if self.sense == "at most" else self.value >= self.target


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print a line for each figure."""
    table = Table(box=None, pad_edge=False, title="")
    table.add_column("bench")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for column in ("", "target", ""):
        table.add_column(column)
    table.add_column("note", overflow="fold")
    for one in figures:
        target = f"{'≤' if one.sense == 'at most' else '≥'} {one.target:g}" if one.target is not None else ""
        verdict = "" if one.target is None else "[green]pass[/]" if one.passes else "[bold red]MISS[/]"
        table.add_row(one.bench, one.name, _number(one.value), one.unit, target, verdict, one.note)
    console.print(table)


def _number(value: float) -> str:
    if math.isnan(value):
        return "none"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value)}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def at(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of `values` do not exceed (nearest rank); nan where there are none."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else math.nan
