"""What the first dial to each person came to, the second, and so on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.campaign.figures import Dials
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass
from ivr.reporting.classes import by_class
from ivr.reporting.heat_map import NOTHING, Reach, reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """All ended dials that were their person's `ordinal`-th, and their outcomes by class."""

    ordinal: int
    reach: Reach
    classes: Mapping[OutcomeClass, Mapping[Outcome, int]]

    @property
    def label(self) -> str:
        """Return how staff call it."""
        return f"{self.ordinal} 回目"


def tries(counted: Mapping[tuple[int, Outcome], Dials]) -> tuple[Try, ...]:
    """Return the tries in their order."""
    outcomes: defaultdict[int, dict[Outcome, Dials]] = defaultdict(dict)
    for (ordinal, outcome), dials in counted.items():
        outcomes[ordinal][outcome] = dials
    return tuple(
        Try(
            ordinal=ordinal,
            reach=sum((reach(outcome, dials) for outcome, dials in found.items()), NOTHING),
            classes=by_class(
                {outcome: dials.number for outcome, dials in found.items()},
                sum(dials.proven for dials in found.values()),
            ),
        )
        for ordinal, found in sorted(outcomes.items())
    )
