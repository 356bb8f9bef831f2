"""Outcomes in the classes that a report keeps apart, so that no total claims more than was proved."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import assert_never

from ivr.domain.outcome import Outcome


class OutcomeClass(Enum):
    """What can be said of a person, strongest first; the value is what staff read."""

    CONFIRMED = "本人が確認（キー入力）"
    MACHINE = "留守番電話に録音"
    UNPROVEN = "応答したが本人確認なし"
    NOT_REACHED = "つながらず"
    OUR_FAULT = "こちら側の事情"
    CANCELLED = "取消"


def class_of(outcome: Outcome) -> OutcomeClass:
    """Return the class of an outcome."""
    match outcome:
        case Outcome.CONFIRMED | Outcome.CONFIRMED_PARTIAL:
            return OutcomeClass.CONFIRMED
        case Outcome.VOICEMAIL:
            return OutcomeClass.MACHINE
        case Outcome.HUNG_UP | Outcome.UNCONFIRMED | Outcome.VOICEMAIL_PARTIAL | Outcome.SCREENED:
            return OutcomeClass.UNPROVEN
        case Outcome.BUSY | Outcome.NO_ANSWER | Outcome.REJECTED | Outcome.UNREACHABLE | Outcome.INVALID_NUMBER:
            return OutcomeClass.NOT_REACHED
        case Outcome.NETWORK_CONGESTION | Outcome.FAILED | Outcome.UNKNOWN:
            return OutcomeClass.OUR_FAULT
        case Outcome.CANCELLED:
            return OutcomeClass.CANCELLED
        case _:
            assert_never(outcome)


def by_class(outcomes: Mapping[Outcome, int]) -> dict[OutcomeClass, dict[Outcome, int]]:
    """Return the outcomes that occurred, grouped and in the order in which reports show them."""
    return {
        group: found
        for group in OutcomeClass
        if (found := {one: outcomes[one] for one in Outcome if outcomes.get(one) and class_of(one) is group})
    }
