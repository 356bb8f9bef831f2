"""Is the database there, does it take what is written, how is its schema, and which engines share it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from ivr.storage import engines, migrations, tables
from ivr.storage.lending import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRow:
    """An engine that has joined: `silent` for so long by the database's clock; `here`: it is the one that asks."""

    id: str
    host: str
    joined_at: datetime
    seen_at: datetime
    silent: timedelta
    here: bool


async def schema(store: Store) -> str | None:
    """Return the schema of the database, after a read and a write of nothing; raise StoreFailed."""
    found = await store.read(migrations.version)
    await store.write(lambda connection: None)
    return found


async def joined(store: Store) -> tuple[EngineRow, ...]:
    """Return every engine that has ever joined, who was heard last first; raise StoreFailed."""

    def work(connection: Connection) -> tuple[EngineRow, ...]:
        now = engines.time(connection)
        rows = connection.execute(select(tables.engines).order_by(tables.engines.c.seen_at.desc()))
        return tuple(
            EngineRow(
                id=row.id,
                host=row.host,
                joined_at=row.joined_at,
                seen_at=row.seen_at,
                silent=now - row.seen_at,
                here=row.id == store.member.engine,
            )
            for row in rows
        )

    return await store.read(work)


HEAD = migrations.HEAD
"""The schema that this engine works with."""
