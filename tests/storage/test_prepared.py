"""A prepared statement, on both databases, beside SQLAlchemy's own way of running it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
    update,
)

from ivr.storage import databases
from ivr.storage.prepared import Prepared
from ivr.storage.schema import UtcDateTime

metadata = MetaData()

things = Table(
    "things",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text),
    Column("state", String),
    Column("at", UtcDateTime),
    Column("seconds", Float),
    Column("true", Boolean),
    Column("shape", JSON),
)

NOON = datetime(2026, 11, 25, 12, tzinfo=timezone(timedelta(hours=9)))

ROWS: tuple[dict[str, Any], ...] = (
    {"id": 1, "name": "ヤマダ '%s' :x ?", "at": NOON, "seconds": 6.5, "true": True, "shape": {"聞こえた": [1, None]}},
    {"id": 2, "name": None, "at": None, "seconds": None, "true": False, "shape": []},
)

COLUMNS = tuple(ROWS[0])

INSERT = insert(things).values(state="new")
RENAME = (
    update(things)
    .where(things.c.state == "new", things.c.id >= bindparam("least"))
    .values(name=func.coalesce(bindparam("called", type_=Text()), things.c.name), at=bindparam("moment"))
)


@pytest.fixture
async def database(url: str) -> AsyncIterator[databases.Database]:
    """A database with one empty table."""
    opened = await databases.connect(url, 5.0)
    await opened.write(metadata.create_all)
    yield opened
    await opened.close()


def _stored(connection: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(select(things).order_by(things.c.id))]


async def test_what_it_stores_is_what_sqlalchemy_stores(database: databases.Database) -> None:
    def by_sqlalchemy(connection: Connection) -> None:
        connection.execute(INSERT, list(ROWS))
        connection.execute(RENAME, {"least": 2, "called": "スズキ", "moment": NOON})

    def by_us(connection: Connection) -> None:
        connection.execute(things.delete())
        Prepared(INSERT, COLUMNS).run_each(connection, ROWS)
        Prepared(RENAME).run(connection, {"least": 2, "called": "スズキ", "moment": NOON})

    await database.write(by_sqlalchemy)
    theirs = await database.read(_stored)
    await database.write(by_us)
    assert await database.read(_stored) == theirs
    assert theirs[0][:4] == (1, ROWS[0]["name"], "new", NOON)


async def test_it_tells_how_many_rows_it_changed(database: databases.Database) -> None:
    def work(connection: Connection) -> list[int]:
        put, rename = Prepared(INSERT, COLUMNS), Prepared(RENAME)
        counted = [put.run(connection, row) for row in ROWS]
        return counted + [rename.run(connection, {"least": n, "called": None, "moment": NOON}) for n in (1, 2, 3)]

    assert await database.write(work) == [1, 1, 2, 1, 0]


async def test_a_value_is_refused_as_its_type_refuses_it(database: databases.Database) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="without a zone"):
        await database.write(lambda connection: Prepared(INSERT, COLUMNS).run(connection, {**ROWS[0], "at": naive}))


async def test_a_value_that_is_missing_is_not_taken_for_null(database: databases.Database) -> None:
    with pytest.raises(KeyError, match="moment"):
        await database.write(lambda connection: Prepared(RENAME).run(connection, {"least": 1, "called": None}))


async def test_it_returns_the_row_that_it_changed_as_sqlalchemy_returns_it(database: databases.Database) -> None:
    changed = update(things).where(things.c.id == bindparam("one")).values(state="old")
    told = changed.returning(things.c.name, things.c.at, things.c.true, things.c.seconds)

    def work(connection: Connection) -> list[tuple[Any, ...] | None]:
        Prepared(INSERT, COLUMNS).run_each(connection, ROWS)
        one = Prepared(told)
        return [one.fetch(connection, {"one": number}) for number in (1, 2, 3)]

    named = [(row["name"], row["at"], row["true"], row["seconds"]) for row in ROWS]
    assert await database.write(work) == [*named, None]
    assert [row[2] for row in await database.read(_stored)] == ["old", "old"]
