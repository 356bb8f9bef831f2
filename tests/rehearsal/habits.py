"""What comes of a text by the habit of its handset, whichever centre has taken it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ivr.domain.text import TextState
from ivr.rehearsal.handsets import Habit, Manner, habit
from tests.messaging.centres import PHONE

ROOT = Path(__file__).parents[2]
HANDSET = "0" + PHONE[3:]
TOLD: Mapping[Manner, tuple[TextState, ...]] = {
    Manner.DELIVERED: (TextState.DELIVERED,),
    Manner.LATE: (TextState.DELIVERED,),
    Manner.OUT_OF_RANGE_THEN_DELIVERED: (TextState.SENT, TextState.OUT_OF_RANGE, TextState.DELIVERED),
    Manner.OUT_OF_RANGE: (TextState.OUT_OF_RANGE,),
    Manner.REFUSED: (TextState.REFUSED,),
    Manner.FAILED: (TextState.FAILED,),
    Manner.NO_RECEIPT: (),
    Manner.RECEIPT_TWICE: (TextState.DELIVERED, TextState.DELIVERED),
    Manner.RECEIPT_BEFORE_ANSWER: (TextState.DELIVERED,),
    Manner.RECEIPT_WRONG_FIRST: (TextState.FAILED, TextState.DELIVERED),
    Manner.RECEIPT_WRONG_LAST: (TextState.DELIVERED, TextState.FAILED),
    Manner.SLOW: (TextState.DELIVERED,),
    Manner.ANSWERS: (TextState.DELIVERED,),
}
"""What is told of the texts that are taken and answered."""


def soon(manner: Manner | str) -> Habit:
    """A habit that keeps nobody waiting."""
    return habit(manner, after=0.02)
