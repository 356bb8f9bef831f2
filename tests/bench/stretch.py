"""By how much CPU time is stretched: the two threads of a core, and everybody's caches, are shared.

A fixed piece of work takes up to twice the CPU time while the other thread of its core is busy. So the same piece is
timed before and while the engine works, and figures of CPU time can be read beside the ratio. Where others keep the
machine busy all the time, even the quickest piece is slow, and the ratio comes out too small.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from types import TracebackType
from typing import Self

PIECE = 30_000
EVERY = 2.0


def piece() -> float:
    """Return the CPU seconds of a fixed piece of work."""
    began = time.process_time()
    found: dict[str, list[int]] = {}
    for number in range(PIECE):
        found[str(number % 1000)] = [number]
    return time.process_time() - began


class Stretch:
    """Times pieces while inside; `ratio` is their median to the quickest of all."""

    def __init__(self) -> None:
        self._before = min(piece() for _ in range(50))
        self._among: list[float] = []

    @property
    def ratio(self) -> float:
        """How many times as long CPU work takes."""
        return statistics.median(self._among) / min(self._before, *self._among) if self._among else 1.0

    async def __aenter__(self) -> Self:
        self._timing = asyncio.ensure_future(self._time())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timing.cancel()

    async def _time(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            self._among.append(piece())
