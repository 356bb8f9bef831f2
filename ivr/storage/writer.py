"""Group commit: many writes, one transaction, one wait for the disk.

What comes while a commit is under way waits and is committed together after it. A lone write waits for nobody, unless
it says that it has time. The task that commits lives as long as there is something to commit.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

Work = Callable[[Connection], T]
"""Statements to run in a transaction begun and committed around them. Run again after a rollback, maybe."""

Transact = Callable[[Work[None]], Awaitable[None]]
"""Runs a work in one write transaction: committed when it returns, rolled back when it raises."""

LARGEST_BATCH = 128


class _Write(Generic[T]):
    """One caller's work and what came of it."""

    def __init__(self, work: Work[T], leisure: float) -> None:
        self.work = work
        self.asked = time.perf_counter()
        self.leisure = leisure
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure: Exception | None = None
        self.values: list[T] = []

    def run(self, connection: Connection) -> None:
        self.values = [self.work(connection)]

    def took(self, began: float) -> float:
        """Return the seconds that it has waited against its will, in a batch that began at `began`."""
        return time.perf_counter() - max(self.asked, min(self.asked + self.leisure, began))

    def result(self) -> T:
        if self.failure is not None:
            raise self.failure
        return self.values[0]


class Writer:
    """Orders the writes of this process.

    `on_write` is told the seconds that each took, from asking to committed, less the time that it had.
    """

    def __init__(self, transact: Transact, on_write: Callable[[float], None]) -> None:
        self._transact = transact
        self._on_write = on_write
        self._queue: deque[_Write[object]] = deque()
        self._committer: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def write(self, work: Work[T], *, leisure: float = 0.0) -> T:
        """Return what `work` returned, once it is on disk; raise what it raised, with nothing of it stored.

        For `leisure` seconds it waits for another write to be committed with; the order stays that of asking. A
        caller that is cancelled no longer learns the result; what it asked for is done all the same.
        """
        write = _Write(work, leisure)
        self._queue.append(write)  # type: ignore[arg-type]
        if not leisure:
            self._hurry.set()
        if self._committer is None:
            self._committer = asyncio.ensure_future(self._commit_all())
        await write.settled
        return write.result()

    async def finish(self) -> None:
        """Return once everything asked for is written, a cancelled caller's too."""
        self._hurry.set()
        if self._committer is not None:
            await asyncio.shield(self._committer)

    async def _commit_all(self) -> None:
        try:
            while self._queue:
                await self._leisure_over()
                batch = self._next_batch()
                if all(write.leisure for write in self._queue):
                    self._hurry.clear()
                await self._commit(batch)
        finally:
            self._committer = None

    async def _leisure_over(self) -> None:
        """Return when somebody is in a hurry, or the first in the queue has waited for as long as it may."""
        first = self._queue[0]
        left = first.asked + first.leisure - time.perf_counter()
        timer = asyncio.get_running_loop().call_later(max(0.0, left), self._hurry.set)
        try:
            await self._hurry.wait()
        finally:
            timer.cancel()

    def _next_batch(self) -> list[_Write[object]]:
        return [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_BATCH))]

    async def _commit(self, batch: list[_Write[object]]) -> None:
        began = time.perf_counter()
        worked = False

        def run(connection: Connection) -> None:
            nonlocal worked
            for write in batch:
                write.run(connection)
            worked = True

        try:
            await self._transact(run)
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised at the caller's
            if len(batch) > 1 and not worked:
                # Rolled back, and one of them is to blame: each goes alone, and fails alone.
                for write in batch:
                    await self._commit([write])
                return
            # The commit itself failed, or the only work did. Not tried again: it may be on disk.
            for write in batch:
                write.failure = error
        for write in batch:
            if not write.settled.done():  # cancelled with its caller
                write.settled.set_result(None)
            self._on_write(write.took(began))
