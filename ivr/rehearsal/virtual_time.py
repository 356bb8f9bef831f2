"""Time that passes only when nothing is left to do: two weeks of a campaign in a minute.

An event loop whose clock stands still while there is work, and jumps to the next timer when all of it waits. Nothing in
it may wait for a thread, a socket or another process: such a wait would be over before it has begun.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")


class NothingWillHappen(RuntimeError):
    """Everything waits, and nothing will ever come: in real time, that would be for ever."""


class _Jumping(selectors.SelectSelector):
    """Never waits; what it would have waited, the clock is put forward by."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, at once."""
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise NothingWillHappen("everything waits for something that will never come")
            self._jump(max(timeout, 0.0))
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; threads' work is done at once, in its own thread."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_Jumping(self._jump))
        # The real clock's nanosecond is lost in the sum after some months, and a timer would never be due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the seconds since the beginning of this time."""
        return self._virtual

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Do it now."""  # The base class declares a generic that mypy can't match.
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            done.set_exception(error)
        return done

    def _jump(self, seconds: float) -> None:
        self._virtual += seconds


class VirtualClock:
    """`ivr.campaign.ports.Clock` in the loop's time, which began at `begin`."""

    def __init__(self, begin: datetime, zone: ZoneInfo) -> None:
        self._begin = begin.astimezone(UTC)
        self._zone = zone

    def now(self) -> datetime:
        """Return the time of day."""
        return (self._begin + timedelta(seconds=self.monotonic())).astimezone(self._zone)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` comes to, in virtual time; NothingWillHappen where it would wait for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
