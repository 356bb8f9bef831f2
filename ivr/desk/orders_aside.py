"""The order of a campaign made out of a long list in a process of its own, and handed over some people at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar, cast

from ivr.aside import SHORT, pieces
from ivr.desk.orders import Order
from ivr.domain.recipient import Recipient

PEOPLE = 100
"""People who are handed over at a time: to take them over holds calls up for a millisecond."""

T = TypeVar("T")

Make = Callable[..., tuple[Order, T]]


async def made_aside(data: bytes, make: Make[T], *given: object) -> tuple[Order, T]:
    """Return what `make(data, *given)` does, an order and what else there is to tell; raises as it does."""
    if len(data) <= SHORT:
        return await asyncio.to_thread(make, data, *given)
    recipients: list[Recipient] = []
    households: dict[str, tuple[Recipient, ...]] = {}
    async with aclosing(pieces(_in_morsels, make, (data, *given))) as found:
        order, told = await anext(found)
        async for some, sharing in found:
            recipients += some
            households.update(sharing)
    return replace(order, recipients=tuple(recipients), households=households), cast(T, told)


async def _in_morsels(make: Make[T], given: tuple[object, ...]) -> AsyncIterator[tuple[Any, Any]]:
    order, told = make(*given)
    yield replace(order, recipients=(), households={}), told
    for some in _morsels(order.recipients):
        yield some, ()
    for sharing in _morsels(tuple(order.households.items())):
        yield (), sharing


def _morsels(all_: Sequence[T]) -> Iterator[Sequence[T]]:
    return (all_[start : start + PEOPLE] for start in range(0, len(all_), PEOPLE))
