"""What has to be stored whatever happens: written until it holds, though whoever waits for it is told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ivr.campaign.course import PATIENCE
from ivr.campaign.ports import Clock
from ivr.errors import StoreFailed


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work`, which has to be done whatever happens: a cancellation waits for it, a second one gives it up."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.shield(task)
        raise


async def until_it_holds(
    write: Callable[[], Coroutine[Any, Any, object]], clock: Clock, refused: Callable[[], object]
) -> None:
    """Write until the store takes it: nothing that is known is given up while the engine lives. Tell each refusal."""
    while True:
        try:
            await write()
        except StoreFailed:
            refused()
            await clock.sleep(PATIENCE)
        else:
            return
