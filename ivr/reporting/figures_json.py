"""Figures of a campaign, ready for JSON: a contract like the results. Fields may be added, none renamed.

Weekdays are named as settings name them, hours are those of the office, moments ISO 8601 with its offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ivr.campaign.figures import Figures
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass
from ivr.reporting.heat_map import HeatMap, Reach, heat_map
from ivr.reporting.timeline import Step, Unit, timeline
from ivr.reporting.tries import tries

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def figures_json(figures: Figures, *, zone: ZoneInfo) -> dict[str, Any]:
    """Return what a page of figures shows of a campaign, in the hours of `zone`."""
    return {
        "hours": hours_json(heat_map(figures.quarters, zone=zone)),
        "tries": [
            {"try": one.ordinal, **reach_json(one.reach), "outcomes": _outcomes(one.classes)}
            for one in tries(figures.tries)
        ],
        "keys": [{"step": step, "key": key, "presses": presses} for (step, key), presses in figures.keys.items()],
        "progress": {
            unit.value: [step_json(step) for step in timeline(figures, zone=zone, unit=unit)] for unit in Unit
        },
        "texts": {state.value: number for state, number in figures.texts.items()},
        "marks": dict(figures.marks),
    }


def hours_json(found: HeatMap) -> list[dict[str, object]]:
    """Return a heat map, ready for JSON."""
    return [
        {"weekday": DAYS[weekday], "hour": hour, **reach_json(reach)} for (weekday, hour), reach in found.places.items()
    ]


def reach_json(reach: Reach) -> dict[str, int]:
    """Return reach, ready for JSON."""
    return {"dials": reach.dials, "answered": reach.answered, "confirmed": reach.confirmed}


def _outcomes(classes: Mapping[OutcomeClass, Mapping[Outcome, int]]) -> dict[str, dict[str, int]]:
    return {
        group.name.lower(): {outcome.value: number for outcome, number in found.items()}
        for group, found in classes.items()
    }


def step_json(step: Step) -> dict[str, object]:
    """Return an hour or a day, ready for JSON."""
    return {
        "at": step.at.isoformat(timespec="minutes"),
        **reach_json(step.reach),
        "settled": step.settled,
        "classes": {group.name.lower(): number for group, number in step.classes.items()},
        "done": step.done,
    }
