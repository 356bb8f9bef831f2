"""The time of this machine, behind the port `Clock`."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, tzinfo


class SystemClock:
    """`ivr.campaign.ports.Clock` on the machine's own clock."""

    def __init__(self, zone: tzinfo) -> None:
        """`zone` is the time zone that the time of day is told in."""
        self._zone = zone

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(self._zone)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
