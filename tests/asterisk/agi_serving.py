"""A FastAGI server on a port of its own, with short limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ivr.asterisk.agi import AgiLimits, AgiServer, AgiSession
from ivr.asterisk.agi_wire import command

NOOP = command("NOOP")


@asynccontextmanager
async def serving(
    handler: Callable[[AgiSession], Awaitable[None]], refused: list[str] | None = None, **limits: float
) -> AsyncIterator[AgiServer]:
    refused = [] if refused is None else refused
    bounds = AgiLimits(**{"environment": 0.2, "closing": 1.0, **limits})  # type: ignore[arg-type]
    async with AgiServer("127.0.0.1", 0, handler, limits=bounds, on_refused=refused.append) as server:
        yield server
