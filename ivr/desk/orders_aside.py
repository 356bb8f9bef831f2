"""The order of a campaign made out of a long list in a process of its own, and handed over some people at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar, cast

from ivr.aside import SHORT, pieces
from ivr.desk.orders import Order
from ivr.domain.recipient import Recipient

PEOPLE = 100
"""People who are handed over at a time: to take them over holds calls up for a millisecond."""

LET_GO = 2_000
"""People who are forgotten at a time."""

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
    return replace(order, recipients=recipients, households=households), cast(T, told)


async def let_go(order: Order) -> None:
    """Forget the people of an order that is stored, some at a time: to forget 200,000 at once holds calls up."""
    people = order.recipients
    while isinstance(people, list) and people:
        del people[-LET_GO:]
        await asyncio.sleep(0)


async def _in_morsels(make: Make[T], given: tuple[object, ...]) -> AsyncGenerator[tuple[Any, Any], None]:
    order, told = make(*given)
    yield replace(order, recipients=(), households={}), told
    for some in _morsels(order.recipients):
        yield some, ()
    for sharing in _morsels(tuple(order.households.items())):
        yield (), sharing


def _morsels(all_: Sequence[T]) -> Iterator[Sequence[T]]:
    return (all_[start : start + PEOPLE] for start in range(0, len(all_), PEOPLE))
