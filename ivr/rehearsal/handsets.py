"""What a handset, and the centre on its behalf, does with a text. Pure: no clock, no I/O.

A habit says how one number takes texts. From it and from which submission it is comes a reaction: what the centre
answers, and which receipts and words follow. A text of several parts is as many submissions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import assert_never

from ivr.domain.text import TextState


class Manner(StrEnum):
    """The names of the habits, as handset files have them."""

    DELIVERED = "delivered"
    LATE = "late"
    OUT_OF_RANGE_THEN_DELIVERED = "out_of_range_then_delivered"
    OUT_OF_RANGE = "out_of_range"
    REFUSED = "refused"
    NO_NUMBER = "no_number"
    FAILED = "failed"
    NO_RECEIPT = "no_receipt"
    RECEIPT_TWICE = "receipt_twice"
    RECEIPT_BEFORE_ANSWER = "receipt_before_answer"
    RECEIPT_WRONG_FIRST = "receipt_wrong_first"
    RECEIPT_WRONG_LAST = "receipt_wrong_last"
    THROTTLED = "throttled"
    DISCONNECTS = "disconnects"
    DISCONNECTS_BEFORE = "disconnects_before"
    SLOW = "slow"
    ANSWERS = "answers"


class Status(IntEnum):
    """The command_status of an answer (SMPP 3.4, 5.1.3); TAKEN alone means that the centre has the message."""

    TAKEN = 0x00
    NO_SUCH_NUMBER = 0x0B
    WRONG_PASSWORD = 0x0E
    THROTTLED = 0x58


class Stat(StrEnum):
    """The `stat` of a receipt (SMPP 3.4, appendix B); `code` is its message_state (5.2.28)."""

    ENROUTE = "ENROUTE"
    DELIVRD = "DELIVRD"
    EXPIRED = "EXPIRED"
    UNDELIV = "UNDELIV"
    REJECTD = "REJECTD"

    @property
    def code(self) -> int:
        """Return the message_state that says the same."""
        return _CODES[self]


_CODES: Mapping[Stat, int] = {
    Stat.ENROUTE: 1,
    Stat.DELIVRD: 2,
    Stat.EXPIRED: 3,
    Stat.UNDELIV: 5,
    Stat.REJECTD: 8,
}

USUAL: Mapping[Manner, tuple[float, int, TextState]] = {
    # manner: seconds, times, and what a text comes to; where a habit does not say otherwise
    Manner.DELIVERED: (0.0, 1, TextState.DELIVERED),
    Manner.LATE: (5.0, 1, TextState.DELIVERED),
    Manner.OUT_OF_RANGE_THEN_DELIVERED: (3.0, 1, TextState.DELIVERED),
    Manner.OUT_OF_RANGE: (1.0, 1, TextState.OUT_OF_RANGE),
    Manner.REFUSED: (0.0, 1, TextState.REFUSED),
    Manner.NO_NUMBER: (0.0, 1, TextState.NO_NUMBER),
    Manner.FAILED: (0.0, 1, TextState.FAILED),
    Manner.NO_RECEIPT: (0.0, 1, TextState.SENT),
    Manner.RECEIPT_TWICE: (0.0, 2, TextState.DELIVERED),
    Manner.RECEIPT_BEFORE_ANSWER: (0.0, 1, TextState.DELIVERED),
    Manner.RECEIPT_WRONG_FIRST: (0.5, 1, TextState.DELIVERED),
    Manner.RECEIPT_WRONG_LAST: (0.5, 1, TextState.DELIVERED),
    Manner.THROTTLED: (0.0, 2, TextState.DELIVERED),
    Manner.DISCONNECTS: (0.0, 1, TextState.UNKNOWN),
    Manner.DISCONNECTS_BEFORE: (0.0, 1, TextState.UNKNOWN),
    Manner.SLOW: (3.0, 1, TextState.DELIVERED),
    Manner.ANSWERS: (1.0, 1, TextState.DELIVERED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How a number takes texts.

    `after` is in seconds: until a receipt (of several, between two), until the answer of `slow`, until `body` is
    written back by `answers`. `times` is how often a receipt comes, or how many submissions to the number meet
    `throttled`, `disconnects` and `disconnects_before` before the next are taken like any other.
    """

    manner: Manner = Manner.DELIVERED
    after: float = 0.0
    times: int = 1
    body: str = ""
    expected: frozenset[TextState] = frozenset({TextState.DELIVERED})
    """What may rightly be known of a text in the end; of one that met the habit, where it ends after `times`."""


@dataclass(frozen=True, slots=True)
class Told:
    """One receipt: `after` so many seconds since what came before it; not `final` where the centre still tries."""

    stat: Stat
    after: float = 0.0
    err: str = "000"
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What becomes of one submission.

    With the status TAKEN the centre has the message, also where it `hangs_up` instead of answering. `early` comes
    before the answer, `receipts` after it, `reply` once the whole text is there, `reply_after` seconds later.
    """

    status: Status = Status.TAKEN
    taken: bool = True
    hangs_up: bool = False
    answer_after: float = 0.0
    early: tuple[Told, ...] = ()
    receipts: tuple[Told, ...] = ()
    reply: str = ""
    reply_after: float = 0.0


def habit(
    manner: Manner | str,
    *,
    after: float | None = None,
    times: int | None = None,
    body: str = "停止",
    expected: TextState | None = None,
) -> Habit:
    """Return a habit with what is usual for it where nothing is said."""
    manner = Manner(manner)
    seconds, count, state = USUAL[manner]
    return Habit(
        manner=manner,
        after=seconds if after is None else after,
        times=count if times is None else times,
        body=body if manner is Manner.ANSWERS else "",
        expected=frozenset({expected or state}),
    )


def answers(body: str) -> Habit:
    """Return the habit of who gets a text and writes `body` back."""
    return habit(Manner.ANSWERS, body=body)


DELIVERED = habit(Manner.DELIVERED)


def reaction(one: Habit, submission: int) -> Reaction:
    """Return what becomes of the `submission`-th submission to a number, from 1; of those that reach the handset.

    What the centre turns down for a reason of its own, since it is throttled itself, is none of them.
    """
    arrived, after = Told(Stat.DELIVRD), one.after
    undelivered = Told(Stat.UNDELIV)
    match one.manner:
        case Manner.DELIVERED | Manner.LATE:
            return Reaction(receipts=(Told(Stat.DELIVRD, after),))
        case Manner.OUT_OF_RANGE_THEN_DELIVERED:
            trying = Told(Stat.ENROUTE, final=False)
            return Reaction(receipts=(trying, Told(Stat.EXPIRED, after, "011"), Told(Stat.DELIVRD, after)))
        case Manner.OUT_OF_RANGE:
            return Reaction(receipts=(Told(Stat.EXPIRED, after, "011"),))
        case Manner.REFUSED:
            return Reaction(receipts=(Told(Stat.REJECTD, after, "069"),))
        case Manner.NO_NUMBER:
            return Reaction(status=Status.NO_SUCH_NUMBER, taken=False)
        case Manner.FAILED:
            return Reaction(receipts=(Told(Stat.UNDELIV, after),))
        case Manner.NO_RECEIPT:
            return Reaction()
        case Manner.RECEIPT_TWICE:
            return Reaction(receipts=(arrived, *(Told(Stat.DELIVRD, after),) * (one.times - 1)))
        case Manner.RECEIPT_BEFORE_ANSWER:
            return Reaction(early=(arrived,))
        case Manner.RECEIPT_WRONG_FIRST:
            return Reaction(receipts=(undelivered, Told(Stat.DELIVRD, after)))
        case Manner.RECEIPT_WRONG_LAST:
            return Reaction(receipts=(arrived, Told(Stat.UNDELIV, after)))
        case Manner.THROTTLED if submission <= one.times:
            return Reaction(status=Status.THROTTLED, taken=False)
        case Manner.DISCONNECTS if submission <= one.times:
            return Reaction(hangs_up=True, receipts=(Told(Stat.DELIVRD, after),))
        case Manner.DISCONNECTS_BEFORE if submission <= one.times:
            return Reaction(taken=False, hangs_up=True)
        case Manner.THROTTLED | Manner.DISCONNECTS | Manner.DISCONNECTS_BEFORE:
            return Reaction(receipts=(Told(Stat.DELIVRD, after),))
        case Manner.SLOW:
            return Reaction(answer_after=after, receipts=(arrived,))
        case Manner.ANSWERS:
            return Reaction(receipts=(arrived,), reply=one.body, reply_after=after)
        case _:
            assert_never(one.manner)
