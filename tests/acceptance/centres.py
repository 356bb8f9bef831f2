"""Simulated centres of texts (SMS) beside the commands that staff type."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ivr.rehearsal.http_centre import HttpCentre
from ivr.rehearsal.sms_centre import SmsCentre

Centre = TypeVar("Centre", SmsCentre, HttpCentre)


@contextmanager
def serving(made: Callable[[], Centre]) -> Iterator[Centre]:
    """A centre that serves while inside; what it took may be looked at from outside."""
    started: list[Centre] = []
    up, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with made() as running:
            started.append(running)
            up.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert up.wait(10)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
        loop.close()
