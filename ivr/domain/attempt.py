"""The life of one dial: a table of state x event -> state.

    INTENDED   stored; the order is about to go, or has gone, to the PBX
    ANSWERED   the callee's side answered; the call flow runs
    ENDED      the channel is gone and the outcome is known, or known to be unknown

Nothing follows what the table does not lead to: `advance` raises, and the store's `UPDATE ... WHERE state = :expected`
finds no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ivr.domain.call import KeyPress
from ivr.domain.outcome import Outcome


class AttemptState(StrEnum):
    """Where an attempt is."""

    INTENDED = "intended"
    ANSWERED = "answered"
    ENDED = "ended"


class AttemptEvent(StrEnum):
    """What can happen to an attempt."""

    ANSWERED = "answered"
    HUNG_UP = "hung_up"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    LOST = "lost"


_S = AttemptState
_E = AttemptEvent

TABLE: Mapping[AttemptState, Mapping[AttemptEvent, AttemptState]] = {
    _S.INTENDED: {
        _E.ANSWERED: _S.ANSWERED,
        _E.HUNG_UP: _S.ENDED,
        _E.REFUSED: _S.ENDED,
        _E.CANCELLED: _S.ENDED,
        _E.LOST: _S.ENDED,
    },
    _S.ANSWERED: {
        _E.HUNG_UP: _S.ENDED,
        _E.CANCELLED: _S.ENDED,
        _E.LOST: _S.ENDED,
    },
    _S.ENDED: {},
}


class ImpossibleEvent(Exception):
    """An attempt met an event that its state does not know: a defect of ours."""


def advance(state: AttemptState, event: AttemptEvent) -> AttemptState:
    """Return the state that `event` leads to; raise ImpossibleEvent where the table has no such way."""
    try:
        return TABLE[state][event]
    except KeyError:
        raise ImpossibleEvent(f"{event.value} in {state.value}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One dial as decided, before it is made. `id` becomes the id of the PBX's channel; `number` is E.164."""

    id: str
    campaign: str
    recipient: str
    number: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedKey:
    """A key press and when it came."""

    press: KeyPress
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one attempt ended. `sip` and `q850` are null where the network said nothing."""

    outcome: Outcome
    at: datetime
    dialled_at: datetime | None = None
    answered_at: datetime | None = None
    sip: int | None = None
    q850: int | None = None
    heard_s: float = 0.0
    restarts: int = 0
    keys: tuple[TimedKey, ...] = ()
    marks: tuple[str, ...] = ()
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the rules of calling need to know of an earlier attempt."""

    number: str
    at: datetime
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A dial that the caps count beside a person's own past in this campaign.

    By another campaign, or of somebody else. `number` is None where it is none of the person's numbers; `same_person`
    tells whether it was the person who was dialled, `outcome` how it ended, None while it goes on.
    """

    number: str | None
    at: datetime
    same_person: bool
    outcome: Outcome | None = None
