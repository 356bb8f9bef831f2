"""The lines of the trunk, shared by every campaign, and the pace at which calls begin."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ivr.campaign.ports import Clock
from ivr.campaign.trunk_watch import TrunkWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`lines` calls at once, `calls_per_second` begun, `call` seconds each at most."""

    lines: int
    calls_per_second: float
    call: float


class Lines:
    """Hands out lines one by one, no faster than the trunk allows."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        """Start with every line free."""
        self.limits = limits
        self.trunk = TrunkWatch(clock)
        self._free = asyncio.Semaphore(limits.lines)
        self._interval = 1.0 / limits.calls_per_second
        self._clock = clock
        self._next = 0.0

    async def reserve(self) -> None:
        """Wait for a free line and for the pace; the caller must `release`."""
        await self._free.acquire()
        try:
            now = self._clock.monotonic()
            slot = max(now, self._next)
            self._next = slot + self._interval
            if slot > now:
                await self._clock.sleep(slot - now)
        except asyncio.CancelledError:
            self._free.release()
            raise

    def release(self) -> None:
        """Give a line back."""
        self._free.release()
