"""Outcomes in the classes that a report keeps apart, so that no total claims more than was proved."""

from __future__ import annotations

from enum import Enum
from typing import assert_never

from ivr.domain.outcome import Outcome


class OutcomeClass(Enum):
    """What can be said of a person, strongest first; the value is what staff read."""

    CONFIRMED = "本人が確認（キー入力）"
    MACHINE = "留守番電話に録音（発信音あり）"
    UNPROVEN = "確認できず"
    NOT_REACHED = "つながらず"
    OUR_FAULT = "こちら側の事情"
    CANCELLED = "取消"


def class_of(outcome: Outcome, *, proven: bool) -> OutcomeClass:
    """Return the class of an outcome; `proven` where a beep says that a machine recorded the message.

    A message played over a silent line may have been heard by nobody, or by a person who kept silent.
    """
    match outcome:
        case Outcome.CONFIRMED | Outcome.CONFIRMED_PARTIAL:
            return OutcomeClass.CONFIRMED
        case Outcome.VOICEMAIL:
            return OutcomeClass.MACHINE if proven else OutcomeClass.UNPROVEN
        case Outcome.HUNG_UP | Outcome.UNCONFIRMED | Outcome.VOICEMAIL_PARTIAL | Outcome.UNKNOWN:
            return OutcomeClass.UNPROVEN
        case (
            Outcome.BUSY
            | Outcome.NO_ANSWER
            | Outcome.REJECTED
            | Outcome.UNREACHABLE
            | Outcome.INVALID_NUMBER
            | Outcome.SCREENED
        ):
            return OutcomeClass.NOT_REACHED
        case Outcome.NETWORK_CONGESTION | Outcome.FAILED:
            return OutcomeClass.OUR_FAULT
        case Outcome.CANCELLED:
            return OutcomeClass.CANCELLED
        case _:
            assert_never(outcome)


def outcomes_of(group: OutcomeClass) -> tuple[tuple[Outcome, bool], ...]:
    """Return the outcomes of a class, each without and with a beep where that makes no difference."""
    return tuple(
        (outcome, proven)
        for outcome in Outcome
        for proven in (False, True)
        if class_of(outcome, proven=proven) is group
    )
