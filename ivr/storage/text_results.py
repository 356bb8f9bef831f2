"""The part of the results store that keeps texts (SMS): the port `Texts`, on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ivr.campaign.text_records import Orphan, OutstandingPart, TextCounts, TextDue, TextIntent, TextsAsked
from ivr.campaign.texting import Receipt
from ivr.domain.calling_rules import Ceiling
from ivr.domain.text import TextState
from ivr.storage import barred, text_queries, texts
from ivr.storage.lending import Store


class SqlTexts:
    """`ivr.campaign.text_records.Texts` in a database; every method raises StoreFailed where that refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sealing = store.sealing

    async def due(
        self, asked: TextsAsked, limit: int, *, after: int = 0, now: datetime | None = None
    ) -> tuple[TextDue, ...]:
        """Return people without a text to whom one may be due, in their order, from the first rank after `after`.

        With what staff have entered about them that is in force at `now`; without it, or was ever.
        """
        return await self._store.read(
            lambda connection: text_queries.due(connection, self._sealing, asked, limit, after, now)
        )

    async def intend(self, intent: TextIntent, ceilings: Sequence[Ceiling] = ()) -> bool | None:
        """Store that a text is about to be handed over; see the port."""
        member = self._store.member
        return await self._store.write(
            lambda connection: texts.intend(connection, self._sealing, intent, member, ceilings)
        )

    async def withhold(self, intent: TextIntent, reason: str) -> None:
        """Store why somebody is sent no text, unless they have one; `number` and `body` do not count."""
        member = self._store.member
        await self._store.write(lambda connection: texts.withhold(connection, self._sealing, intent, member, reason))

    async def taken(self, text: str, references: Sequence[str], at: datetime) -> TextState | None:
        """Store that the network has a text, and its names of the parts; return the state, None where it was known."""
        return await self._store.write(lambda connection: texts.taken(connection, text, references, at))

    async def ended(
        self, text: str, state: TextState, at: datetime, *, why: str = "", references: Sequence[str] = ()
    ) -> bool:
        """Store how a text ended that the network did not take, or of which it may have more than `references`."""
        return await self._store.write(lambda connection: texts.ended(connection, text, state, at, why, references))

    async def withdraw(self, text: str) -> None:
        """Take an intent back: the network has certainly not taken the text, and the person is due as before."""
        await self._store.write(lambda connection: texts.withdraw(connection, text))

    async def receipt(self, receipt: Receipt, at: datetime) -> TextState | None:
        """Store what the network tells; return what state the text has come to, None where it was there already."""
        return await self._store.write(lambda connection: texts.receipt(connection, receipt, at))

    async def orphans(self, lease: timedelta) -> tuple[Orphan, ...]:
        """Return the texts that engines left half handed over: in an earlier life, or silent for `lease`."""
        member = self._store.member
        return await self._store.read(lambda connection: texts.orphans(connection, member, lease))

    async def outstanding(
        self, since: datetime, limit: int, *, after: OutstandingPart | None = None
    ) -> tuple[OutstandingPart, ...]:
        """Return the first parts taken since `since` of which nothing final is known, oldest first, behind `after`."""
        return await self._store.read(lambda connection: text_queries.outstanding(connection, since, limit, after))

    async def heard(self, references: Sequence[str]) -> Mapping[str, TextState]:
        """Return what was told of parts that are of no text here, by the network's names of them; else sent."""
        return await self._store.read(lambda connection: text_queries.heard(connection, references))

    async def bar(self, number: str, reason: str, at: datetime) -> None:
        """Send `number` (E.164) no texts from now on."""
        await self._store.write(
            lambda connection: barred.bar(connection, self._sealing.number_hash(number), reason, at)
        )

    async def unbar(self, number: str) -> bool:
        """Let `number` be sent texts again; False where it was not barred."""
        return await self._store.write(lambda connection: barred.unbar(connection, self._sealing.number_hash(number)))

    async def counts(
        self, asked: TextsAsked, ceilings: Sequence[Ceiling] = (), *, among: int | None = None
    ) -> TextCounts:
        """Return the texts of a campaign in numbers; of who is due, how many have reached one of `ceilings`.

        Of the first `among` of them alone where that is given: each has to be opened.
        """

        def count(connection: Connection) -> TextCounts:
            found = text_queries.counts(connection, asked)
            asks = bool(found.due and ceilings)
            capped = text_queries.capped(connection, self._sealing, asked, ceilings, among) if asks else 0
            return replace(found, capped=capped)

        return await self._store.read(count)
