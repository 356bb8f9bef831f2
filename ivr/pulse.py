"""Whether the event loop turns: how late its timers ring. So long every call, every key press waits at the worst."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

EVERY = 0.5
"""Seconds between two beats."""

STILL = 5.0
"""Seconds late from which the loop counts as having stood still: by then a callee has hung up."""

REMEMBERED = 300.0
"""Seconds for which a standstill is told."""


class Pulse:
    """Beats inside one event loop. `on_beat` is told the seconds by which each beat is late.

    A standstill counts while there are `calls`: to read its own code at the start holds nobody up.
    """

    def __init__(self, on_beat: Callable[[float], None], *, calls: Callable[[], int]) -> None:
        self._on_beat = on_beat
        self._calls = calls
        self._still_at = -math.inf
        self._now = asyncio.get_running_loop().time

    @property
    def steady(self) -> bool:
        """Tell whether the loop has not stood still lately, in the midst of calls."""
        return self._now() - self._still_at > REMEMBERED

    async def run(self) -> None:
        """Beat, for ever."""
        while True:
            due = self._now() + EVERY
            await asyncio.sleep(EVERY)
            late = max(0.0, self._now() - due)
            self._on_beat(late)
            if late >= STILL and (calls := self._calls()):
                self._still_at = self._now()
                log.warning("stood_still", seconds=round(late, 1), calls=calls)
