"""The audit trail in the database: entries are added and read, nothing else; triggers refuse the rest.

Whoever may write to the database can drop the triggers. They keep honest mistakes off; what finds the others is the
chain (`ivr.domain.audit`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, inspect, select, text

from ivr.domain.audit import GENESIS, Act, Action, Entry, Head, beyond, follow
from ivr.storage.tables import audit

_LOCK = 5_717_220_001
"""As in `ivr.storage.migrations`: any number that no other program uses."""

_COLUMNS = [audit.c[field.name] for field in fields(Entry)]
_FROM_THE_END = select(*_COLUMNS).order_by(audit.c.number.desc()).limit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAsked:
    """Which entries are asked for: from the moment `since` on (ISO 8601 in UTC), about the campaign `subject`."""

    since: str | None = None
    subject: str | None = None


EVERYTHING = AuditAsked()


def append(connection: Connection, act: Act, key: bytes, head: Head) -> Entry:
    """Add the entry of `act` behind the last one.

    `head` is what was kept of the end before this. Where the trail does not reach it, its end was cut off: the new
    entry comes behind `head` all the same, and what was cut off stays a gap for ever.
    """
    # SQLite: the transaction holds the write lock already. PostgreSQL: until the end of the transaction.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = last(connection)
    end = Head.of(found) if found else GENESIS
    entry = follow(end if end.number >= head.number else head, act, key)
    connection.execute(insert(audit), asdict(entry))
    return entry


def carry_over(connection: Connection, kept: Sequence[Entry]) -> int:
    """Add, as they are, the entries by which the trail `kept` goes on from the last one here; return how many."""
    found = last(connection)
    if more := beyond(kept, Head.of(found) if found else GENESIS):
        connection.execute(insert(audit), [asdict(entry) for entry in more])
    return len(more)


def leads_to(connection: Connection, kept: Sequence[Entry]) -> bool:
    """Tell whether the trail `kept` is the one here, or goes on from it."""
    found = last(connection)
    return bool(kept) if found is None else Head.of(found) in map(Head.of, kept)


def every(connection: Connection) -> Iterator[Entry]:
    """Yield the entries in order of numbers, one by one as they are read; none where the schema has no trail yet."""
    if inspect(connection).has_table(audit.name):
        for row in connection.execute(select(*_COLUMNS).where(audit.c.number > 0).order_by(audit.c.number)):
            yield _entry(row)


def last(connection: Connection) -> Entry | None:
    """Return the last entry."""
    return _last(connection, _FROM_THE_END)


def last_of(connection: Connection, action: Action, where: str) -> Entry | None:
    """Return the last entry of `action` from `where`."""
    return _last(connection, _FROM_THE_END.where(audit.c.action == action.value, audit.c.where == where))


def entries(connection: Connection, after: int, limit: int, asked: AuditAsked) -> tuple[Entry, ...]:
    """Return entries in order of numbers, from the one behind number `after` on."""
    query = select(*_COLUMNS).where(audit.c.number > after).order_by(audit.c.number).limit(limit)
    return tuple(_entry(row) for row in connection.execute(_asked(query, asked)))


def newest(connection: Connection, before: int, limit: int, asked: AuditAsked) -> tuple[Entry, ...]:
    """Return entries, the newest first, from the one before number `before` on."""
    query = select(*_COLUMNS).where(audit.c.number < before).order_by(audit.c.number.desc()).limit(limit)
    return tuple(_entry(row) for row in connection.execute(_asked(query, asked)))


def _asked(query: Select[Any], asked: AuditAsked) -> Select[Any]:
    if asked.since is not None:
        query = query.where(audit.c.at >= asked.since)
    if asked.subject is not None:
        query = query.where(audit.c.subject == asked.subject)
    return query


def _last(connection: Connection, asked: Select[Any]) -> Entry | None:
    row = connection.execute(asked).first()
    return _entry(row) if row is not None else None


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return Entry(**row._mapping)
