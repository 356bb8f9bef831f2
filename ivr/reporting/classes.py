"""The outcomes of a campaign, grouped by class as reports show them."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass, class_of


def by_class(outcomes: Mapping[Outcome, int], proven: int) -> dict[OutcomeClass, dict[Outcome, int]]:
    """Return the outcomes that occurred, grouped and in the order in which reports show them.

    `proven` of the people with a message on a machine have a beep for it.
    """
    unproven = {**outcomes, Outcome.VOICEMAIL: outcomes.get(Outcome.VOICEMAIL, 0) - proven}
    grouped: dict[OutcomeClass, dict[Outcome, int]] = {group: {} for group in OutcomeClass}
    if proven:
        grouped[OutcomeClass.MACHINE][Outcome.VOICEMAIL] = proven
    for one in Outcome:
        if number := unproven.get(one, 0):
            grouped[class_of(one, proven=False)][one] = number
    return {group: found for group, found in grouped.items() if found}


__all__ = ["OutcomeClass", "by_class", "class_of"]
