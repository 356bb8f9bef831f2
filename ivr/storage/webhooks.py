"""Webhooks and what waits to be told: registered by staff, told by the engine that holds the feed.

Their secrets are sealed under a key that is of no campaign. What is being told is fixed before it is sent (`upto`), so
that a message that is tried again, also after a crash, is the same under the same id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, literal, select, update

from ivr.domain.outcome import Outcome
from ivr.domain.webhook import MOST_EVENTS, MOST_WEBHOOKS, OVERLAP, EventKind, Happened, Off, Webhook, rests
from ivr.errors import InputError, KeyDestroyed, NotFound
from ivr.storage import webhook_feed
from ivr.storage.console_tables import deliveries, departments, webhooks
from ivr.storage.lending import Store
from ivr.storage.tables import campaigns, recipients
from ivr.storage.webhook_feed import Look

WEBHOOKS = "webhooks"
"""The table, as the secrets are bound to it."""

_WEBHOOKS = select(webhooks, departments.c.name.label("department_name")).join_from(webhooks, departments)

MISSING = "その通知先はありません。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits to be told: how many events, and when the oldest of them happened."""

    events: int = 0
    oldest: datetime | None = None


NOTHING = Waiting()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An event that is about to be told: what of it, in which campaign, and about whom, by 宛名番号 ("": nobody)."""

    event: str
    kind: str
    at: datetime
    campaign: str
    campaign_name: str
    person: str
    content: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one message tells: the events up to a number, those `gone` with their campaign left out."""

    upto: int
    events: tuple[Pending, ...]
    gone: int


class SqlWebhooks:
    """Webhooks, on SQLite or PostgreSQL; every method raises StoreFailed where the database refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fields = store.sealing.fields

    async def add(self, webhook: Webhook, key: bytes) -> None:
        """Store a webhook that is told from now on; InputError where there are too many, or one by that name."""
        sealed = self._sealed(webhook.id, key)

        def work(connection: Connection) -> None:
            webhook_feed.lock(connection)
            names = list(connection.execute(select(webhooks.c.name)).scalars())
            if webhook.name in names:
                raise InputError(f"「{webhook.name}」という通知先は、すでにあります。")
            if len(names) >= MOST_WEBHOOKS:
                raise InputError(f"通知先は {MOST_WEBHOOKS} 件までです。使わないものを削除してください。")
            connection.execute(
                insert(webhooks).values(
                    id=webhook.id,
                    name=webhook.name,
                    url=webhook.url,
                    department_id=webhook.department,
                    kinds=sorted(webhook.kinds),
                    outcomes=sorted(webhook.outcomes),
                    sealed=sealed,
                    created_at=webhook.created_at,
                    created_by=webhook.created_by,
                    failures=0,
                    answer="",
                    dropped=0,
                )
            )
            webhook_feed.see_needed(connection)

        await self._store.write(work)

    async def all(self) -> tuple[Webhook, ...]:
        """Return the webhooks, the newest first."""
        query = _WEBHOOKS.order_by(webhooks.c.created_at.desc(), webhooks.c.id)
        return await self._store.read(lambda connection: tuple(_webhook(row) for row in connection.execute(query)))

    async def one(self, webhook_id: str) -> Webhook:
        """Return a webhook by its id; NotFound."""
        query = _WEBHOOKS.where(webhooks.c.id == webhook_id)
        row = await self._store.read(lambda connection: connection.execute(query).first())
        if row is None:
            raise NotFound(MISSING)
        return _webhook(row)

    async def to_be_told(self) -> frozenset[str]:
        """Return the webhooks for whom something waits, however much it is."""
        query = select(webhooks.c.id).where(exists().where(deliveries.c.webhook_id == webhooks.c.id))
        return await self._store.read(lambda connection: frozenset(connection.execute(query).scalars()))

    async def waiting(self) -> Mapping[str, Waiting]:
        """Return what waits to be told, by webhook; those for whom nothing does are left out."""
        query = select(
            deliveries.c.webhook_id, func.count().label("events"), func.min(deliveries.c.number).label("first")
        )
        counted = query.group_by(deliveries.c.webhook_id).subquery()
        rows = select(counted, deliveries.c.at).join_from(counted, deliveries, deliveries.c.number == counted.c.first)

        def work(connection: Connection) -> Mapping[str, Waiting]:
            return {row.webhook_id: Waiting(events=row.events, oldest=row.at) for row in connection.execute(rows)}

        return await self._store.read(work)

    async def keys(self, webhook_id: str, now: datetime) -> tuple[bytes, ...]:
        """Return the secrets that messages are signed with, the newest first; NotFound."""
        query = select(webhooks.c.sealed).where(webhooks.c.id == webhook_id)
        sealed = await self._store.read(lambda connection: connection.execute(query).scalar())
        if sealed is None:
            raise NotFound(MISSING)
        newest, *before = json.loads(self._fields.open_own(WEBHOOKS, webhook_id, sealed))
        holds = [key for key, until in before if now < datetime.fromisoformat(until)]
        return tuple(bytes.fromhex(key) for key in (newest, *holds))

    async def rotate(self, webhook_id: str, key: bytes, now: datetime) -> None:
        """Sign with another secret from now on, and for a while with the one before as well."""
        newest, *_ = await self.keys(webhook_id, now)
        sealed = self._sealed(webhook_id, key, [newest.hex(), (now + OVERLAP).isoformat()])
        await self._change(webhook_id, sealed=sealed)

    async def switch_off(self, webhook_id: str, why: Off, now: datetime) -> bool:
        """Tell a webhook nothing from now on; what waits stays. False where it is off already."""

        def work(connection: Connection) -> bool:
            webhook_feed.lock(connection)
            of_it = (webhooks.c.id == webhook_id, webhooks.c.off.is_(None))
            changed = connection.execute(update(webhooks).where(*of_it).values(off=why.value, off_at=now))
            webhook_feed.see_needed(connection)
            return changed.rowcount == 1

        return await self._store.write(work)

    async def switch_on(self, webhook_id: str) -> None:
        """Tell a webhook what waits and what happens from now on, as if nothing had failed."""

        def work(connection: Connection) -> None:
            webhook_feed.lock(connection)
            afresh = {"off": None, "off_at": None, "failures": 0, "failing_since": None, "next_at": None}
            connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(**afresh, missed_at=None))
            webhook_feed.see_needed(connection)

        await self._store.write(work)

    async def hurry(self, webhook_id: str) -> None:
        """Try again at once what waits for its next try."""
        await self._change(webhook_id, next_at=None)

    async def remove(self, webhook_id: str) -> int:
        """Forget a webhook; return how many events it was not told of."""

        def work(connection: Connection) -> int:
            webhook_feed.lock(connection)
            connection.execute(select(webhooks.c.id).where(webhooks.c.id == webhook_id).with_for_update())
            waited = connection.execute(delete(deliveries).where(deliveries.c.webhook_id == webhook_id)).rowcount
            connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))
            webhook_feed.see_needed(connection)
            return waited

        return await self._store.write(work)

    async def hold(self, lease: timedelta) -> bool:
        """Let this engine alone collect and send for `lease`; False where another does."""
        member = self._store.member
        return await self._store.write(lambda connection: webhook_feed.hold(connection, member, lease))

    async def look(self) -> Look:
        """Return what changed since it was last collected."""
        return await self._store.read(webhook_feed.look)

    async def collect(self, found: Look, events: Sequence[tuple[str, Happened]], now: datetime) -> bool:
        """Keep `events` to be told, each to the webhook by that id; False where another engine has done it."""
        member = self._store.member
        return await self._store.write(lambda connection: webhook_feed.collect(connection, member, found, events, now))

    async def begin(self, webhook_id: str, now: datetime, spare: timedelta) -> Batch | None:
        """Fix what the next message tells, and return it; None where nothing waits.

        None also where the webhook is off or not to be tried yet, or this engine does not hold the feed for `spare`
        longer.
        """
        member, sealing = self._store.member, self._store.sealing

        def fix(connection: Connection) -> tuple[list[Row[Any]], int]:
            of_it = (webhooks.c.id == webhook_id, webhooks.c.off.is_(None))
            row = connection.execute(select(webhooks.c.upto, webhooks.c.next_at).where(*of_it)).first()
            if row is None or rests(row.next_at, now):
                return [], 0
            if not webhook_feed.held(connection, member, spare):
                return [], 0
            waiting = select(deliveries).where(deliveries.c.webhook_id == webhook_id)
            if row.upto is not None:
                waiting = waiting.where(deliveries.c.number <= row.upto)
            found = list(connection.execute(waiting.order_by(deliveries.c.number).limit(MOST_EVENTS)))
            if not found and row.upto is not None:
                # What was to be told went with its campaign.
                connection.execute(update(webhooks).where(*of_it).values(upto=None))
            elif found and row.upto is None:
                connection.execute(update(webhooks).where(*of_it).values(upto=found[-1].number))
            return found, row.upto if row.upto is not None else found[-1].number if found else 0

        found, upto = await self._store.write(fix)
        if not found:
            return None

        def about(connection: Connection) -> tuple[dict[str, str], dict[tuple[str, str], Row[Any]]]:
            ids = sorted({row.campaign_id for row in found})
            named = select(campaigns.c.id, campaigns.c.name).where(
                campaigns.c.id.in_(ids), campaigns.c.state != "erasing"
            )
            names = {row.id: row.name for row in connection.execute(named)}
            keys = sorted({row.subject for row in found if row.subject})
            people = select(recipients).where(recipients.c.campaign_id.in_(ids), recipients.c.id.in_(keys))
            return names, {(row.campaign_id, row.id): row for row in connection.execute(people)}

        names, people = await self._store.read(about)
        events: list[Pending] = []
        for row in found:
            name, whose = names.get(row.campaign_id), people.get((row.campaign_id, row.subject))
            if name is None or (row.subject and whose is None):
                continue
            try:
                person = sealing.recipient(whose)[0].id if whose is not None else ""
            except KeyDestroyed:
                continue
            events.append(
                Pending(
                    event=row.event,
                    kind=row.kind,
                    at=row.at,
                    campaign=row.campaign_id,
                    campaign_name=name,
                    person=person,
                    content=row.content,
                )
            )
        return Batch(upto=upto, events=tuple(events), gone=len(found) - len(events))

    async def taken(self, webhook_id: str, batch: Batch, now: datetime, answer: str) -> None:
        """Store that a message was taken: what it told waits no longer.

        Where another engine has gone on meanwhile, what that one has fixed stays.
        """

        def work(connection: Connection) -> None:
            afresh: dict[str, Any] = {"upto": None}
            if batch.events:
                fine = {"failures": 0, "failing_since": None, "next_at": None, "answer": answer}
                afresh |= {**fine, "tried_at": now, "taken_at": now}
            afresh["dropped"] = webhooks.c.dropped + batch.gone
            connection.execute(update(webhooks).where(*_still(webhook_id, batch)).values(**afresh))
            told = (deliveries.c.webhook_id == webhook_id, deliveries.c.number <= batch.upto)
            connection.execute(delete(deliveries).where(*told))

        await self._store.write(work)

    async def failed(self, webhook_id: str, batch: Batch, now: datetime, answer: str, again: datetime) -> None:
        """Store that a message was not taken, and when it is tried again; not where another engine has gone on."""
        statement = (
            update(webhooks)
            .where(*_still(webhook_id, batch))
            .values(
                failures=webhooks.c.failures + 1,
                failing_since=func.coalesce(webhooks.c.failing_since, literal(now, webhooks.c.failing_since.type)),
                next_at=again,
                tried_at=now,
                answer=answer,
            )
        )
        await self._store.write(lambda connection: connection.execute(statement))

    async def _change(self, webhook_id: str, **values: Any) -> None:
        statement = update(webhooks).where(webhooks.c.id == webhook_id).values(values)
        await self._store.write(lambda connection: connection.execute(statement))

    def _sealed(self, webhook_id: str, key: bytes, *before: list[str]) -> bytes:
        return self._fields.seal_own(WEBHOOKS, webhook_id, json.dumps([key.hex(), *before]).encode())


def _still(webhook_id: str, batch: Batch) -> tuple[ColumnElement[bool], ...]:
    """Return that a webhook is still being told what `batch` tells."""
    return webhooks.c.id == webhook_id, webhooks.c.upto == batch.upto


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        id=row.id,
        name=row.name,
        url=row.url,
        department=row.department_id,
        department_name=row.department_name,
        kinds=frozenset(EventKind(one) for one in row.kinds),
        outcomes=frozenset(Outcome(one) for one in row.outcomes),
        created_at=row.created_at,
        created_by=row.created_by,
        off=Off(row.off) if row.off else None,
        off_at=row.off_at,
        failures=row.failures,
        failing_since=row.failing_since,
        next_at=row.next_at,
        tried_at=row.tried_at,
        taken_at=row.taken_at,
        answer=row.answer,
        dropped=row.dropped,
        missed_at=row.missed_at,
    )
