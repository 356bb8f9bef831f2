"""Notice a trunk that refuses every call, before the whole list has been burnt on it.

A wrong password, prefix or caller ID, a contract that has lapsed, and an overloaded network look like callees who
refuse: one list of thousands would be settled as 着信拒否 or 欠番 in minutes. Callees differ, a trunk does not: where
IN_A_ROW dials one after the other end with the same status and nobody's telephone has rung, the dialling is held. After
a pause one dial is made to see whether it is over; any other ending than that status lets the dialling go on. Before
that, a network that says it is congested (503 and its like) is dialled more slowly, so that the list outlasts it.
"""

from __future__ import annotations

from ivr.campaign.ports import Clock, Disposition
from ivr.domain.outcome import Outcome, of_network

IN_A_ROW = 10
"""Dials. With one number in five refused alike, more than lists have, this comes by chance once in ten million."""

FIRST_PAUSE = 60.0
LONGEST_PAUSE = 900.0
"""Seconds before a dial is made to see; each pause is twice the last."""

SLOWEST = 32.0
"""Times more slowly than usual, at most."""

Sign = tuple[int | None, int | None, bool]
"""SIP status, Q.850 cause, and whether the PBX did not take the order."""


class TrunkWatch:
    """Shared by every campaign that dials through one trunk."""

    def __init__(self, clock: Clock, pause: float = FIRST_PAUSE) -> None:
        """Trust the trunk; hold the dialling for `pause` seconds at first where it refuses everything."""
        self.slowness = 1.0
        """Times more slowly than usual to dial: doubled by each congestion, halved by each telephone reached."""
        self._clock = clock
        self._first_pause = pause
        self._sign: Sign | None = None
        self._times = 0
        self._pause = 0.0
        self._until = 0.0

    @property
    def status(self) -> int | None:
        """The SIP status with which the trunk refuses everything, None where there is none or it does not."""
        return self._sign[0] if self._sign is not None and self._pause else None

    @property
    def holds(self) -> bool:
        """Tell whether the dialling is held."""
        return bool(self._pause)

    def may_dial(self) -> bool:
        """Tell whether a dial may begin now. While the trunk is held, that is one dial after each pause."""
        if not self._pause:
            return True
        now = self._clock.monotonic()
        if now < self._until:
            return False
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._until = now + self._pause
        return True

    def ended(self, disposition: Disposition) -> None:
        """Take how a dial ended."""
        sign = _sign(disposition)
        if sign is None:
            self.slowness = max(self.slowness / 2, 1.0)
        elif of_network(disposition.sip, disposition.q850, rang=False) is Outcome.NETWORK_CONGESTION:
            self.slowness = min(self.slowness * 2, SLOWEST)
        if sign is None or sign != self._sign:
            self._sign, self._times, self._pause = sign, int(sign is not None), 0.0
            return
        self._times += 1
        if self._times >= IN_A_ROW and not self._pause:
            self._pause = self._first_pause
            self._until = self._clock.monotonic() + self._pause


def _sign(disposition: Disposition) -> Sign | None:
    """Return what is the same for all where the trunk is to blame; None where somebody's telephone was reached."""
    reached = disposition.rang or disposition.progressed or disposition.answered_at is not None
    if reached or disposition.lost:
        return None
    return disposition.sip, disposition.q850, disposition.refused is not None
