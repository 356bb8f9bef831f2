"""What has come to a simulated centre, for whoever waits for it, whatever the centre speaks."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from ivr.rehearsal.taken import TakenText


class Arrivals(ABC):
    """A centre that runs as long as what is in `_running`, and stirs those who wait whenever something happens."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._running = AsyncExitStack()

    async def __aexit__(self, *raised: object) -> bool | None:
        return await self._running.__aexit__(*raised)  # type: ignore[arg-type]  # what `async with` passes

    @property
    @abstractmethod
    def taken(self) -> tuple[TakenText, ...]:
        """Return every text that was taken, whether or not the client was told so, in order."""

    def count_by_number(self) -> Mapping[str, int]:
        """Return how many texts were taken for each number, in E.164."""
        return Counter(text.number for text in self.taken)

    async def until(self, true: Callable[[], bool], *, within: float) -> None:
        """Return once `true()`, looked at whenever something happens; TimeoutError after `within` seconds."""
        async with asyncio.timeout(within):
            while not true():
                await self._changed.wait()

    def _stir(self) -> None:
        """Wake everybody who waits for something to happen."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
