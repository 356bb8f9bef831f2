"""The lines of the trunk as lamps: a call keeps its lamp for as long as it lasts. Pure.

    f free    d dialling    r ringing    t talking    o another campaign's

Which call of which person a lamp stands for is not told.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

from pydantic import BaseModel, Field

from ivr.campaign.figures import OpenLine
from ivr.domain.attempt import AttemptState

FREE, DIALLING, RINGING, TALKING, OTHER = "fdrto"

MOST_LAMPS = 400
"""More are told in numbers alone."""


class Lines(BaseModel):
    """The lines of the trunk: how many, what they do for who is shown, and a letter for each."""

    all: int
    free: int
    dialling: int
    ringing: int
    talking: int
    others: int = Field(description="In use for campaigns that are not shown here.")
    lamps: str = Field(description="f free, d dialling, r ringing, t talking, o another's; empty where there are many.")


class Places:
    """Which lamp each call under way has."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._free: list[int] = []
        self._next = 0

    def put(self, lines: Sequence[OpenLine]) -> dict[int, OpenLine]:
        """Return the calls under way by lamp; those that are over have given theirs back."""
        there = {line.attempt for line in lines}
        for attempt in self._at.keys() - there:
            heapq.heappush(self._free, self._at.pop(attempt))
        for line in lines:
            if line.attempt not in self._at:
                if self._free:
                    self._at[line.attempt] = heapq.heappop(self._free)
                else:
                    self._at[line.attempt] = self._next
                    self._next += 1
        return {self._at[line.attempt]: line for line in lines}


def lines_of(calls: dict[int, OpenLine], campaigns: Collection[str], ringing: Collection[str], most: int) -> Lines:
    """Return the lines as those see them who see `campaigns`; there are `most` of them, or as many as are in use."""
    letters = [FREE] * max(most, max(calls, default=-1) + 1)
    for place, call in calls.items():
        letters[place] = _letter(call, ringing) if call.campaign in campaigns else OTHER
    lamps = "".join(letters)
    return Lines(
        all=len(lamps),
        free=lamps.count(FREE),
        dialling=lamps.count(DIALLING),
        ringing=lamps.count(RINGING),
        talking=lamps.count(TALKING),
        others=lamps.count(OTHER),
        lamps=lamps if len(lamps) <= MOST_LAMPS else "",
    )


def _letter(call: OpenLine, ringing: Collection[str]) -> str:
    if call.state is AttemptState.ANSWERED:
        return TALKING
    return RINGING if call.attempt in ringing else DIALLING
