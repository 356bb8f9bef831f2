"""The part of the results store that pages are made from: the port `FiguresStore`, on SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TypeVar

from ivr.campaign.figures import (
    CHANGES,
    EVERYBODY,
    PAGE,
    Changes,
    Chosen,
    Figures,
    Glance,
    OpenLine,
    Order,
    People,
    Period,
)
from ivr.campaign.records import RecipientRecord
from ivr.storage import changes, figures, glances, people
from ivr.storage.databases import READERS
from ivr.storage.lending import Store
from ivr.storage.writer import Work

T = TypeVar("T")


class SqlFigures:
    """`ivr.campaign.figures.FiguresStore` in a database; every method raises StoreFailed where that refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sealing = store.sealing
        # However many pages are asked for, calls find a reader free.
        self._turns = asyncio.Semaphore(READERS - 1)

    async def people(
        self,
        campaign_id: str,
        chosen: Chosen = EVERYBODY,
        *,
        order: Order = Order.LIST,
        after: str | None = None,
        before: str | None = None,
        limit: int = PAGE,
    ) -> People:
        """Return a page of people, the one behind `after` or before `before`; InputError where that is of no page.

        Before the second page is the first, whole.
        """
        return await self._read(
            lambda connection: people.page(connection, self._sealing, campaign_id, chosen, order, after, before, limit)
        )

    async def how_many(self, campaign_id: str, chosen: Chosen = EVERYBODY) -> int:
        """Return how many people are chosen."""
        return await self._read(lambda connection: people.how_many(connection, campaign_id, chosen))

    async def key_of(self, campaign_id: str, recipient_id: str) -> str:
        """Return the key of the person with exactly this 宛名番号; NotFound."""
        return await self._read(lambda connection: people.key_of(connection, self._sealing, campaign_id, recipient_id))

    async def history(self, campaign_id: str, key: str) -> RecipientRecord:
        """Return a person with every attempt and text; NotFound."""
        return await self._read(lambda connection: people.history(connection, self._sealing, campaign_id, key))

    async def batch(
        self, campaign_id: str, *, after: str | None, limit: int
    ) -> tuple[tuple[RecipientRecord, ...], str | None]:
        """Return some people with every attempt and text, in the order of the list, and what asks for the next."""
        return await self._read(lambda connection: people.batch(connection, self._sealing, campaign_id, after, limit))

    async def reasons(self, campaign_id: str) -> Mapping[str, int]:
        """Return how many people are excluded for which reason, the most frequent first."""
        return await self._read(lambda connection: people.reasons(connection, self._sealing, campaign_id))

    async def figures(self, campaign_id: str) -> Figures:
        """Return a campaign counted."""
        return await self._read(lambda connection: figures.figures(connection, campaign_id))

    async def period(self, start: datetime, end: datetime) -> tuple[Period, ...]:
        """Return what was done from `start` until before `end` for each campaign for which anything was."""
        return await self._read(lambda connection: figures.period(connection, start, end))

    async def lines(self) -> tuple[OpenLine, ...]:
        """Return the calls under way, of every engine, in the order in which they began."""
        return await self._read(figures.lines)

    async def now(self) -> str:
        """Return the cursor behind which is what will be stored from now on."""
        return await self._read(changes.now)

    async def changes(self, cursor: str, limit: int = CHANGES) -> Changes:
        """Return what was stored since `cursor`, in the order of its numbers; each change is told once."""
        return await self._read(lambda connection: changes.since(connection, cursor, limit))

    async def glance(
        self, cursor: str | None, *, joined: Collection[str], watched: Collection[str], anew: Collection[str]
    ) -> Glance:
        """Return what changed since the cursors, and the dials of `anew` and of what of `watched` has moved."""
        return await self._read(lambda connection: glances.glance(connection, cursor, joined, watched, anew))

    async def _read(self, work: Work[T]) -> T:
        async with self._turns:
            return await self._store.read(work)
