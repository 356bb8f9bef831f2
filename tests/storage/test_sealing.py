"""Who people are can't be read in the database, and nobody's row says anything in another's place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from ivr.domain.outcome import Outcome
from ivr.errors import KeyDestroyed, KeysFailed
from ivr.storage import SqlResults, databases
from ivr.vault import KeyStore
from tests import traces
from tests.keys import MASTER, keys
from tests.storage import filling
from tests.storage.conftest import Cluster
from tests.storage.old_schema import OLD, fill_0001, old_people

TRACES = traces.of_people([("ヤマダ タロウ", "09012345678"), ("ヤマダ タロウ", "0357220000")]) | traces.written(
    ["00000001", "第3期"]
)


async def test_no_name_number_or_column_is_in_the_files_of_the_database(tmp_path: Path) -> None:
    async with await SqlResults.open(f"sqlite+aiosqlite:///{tmp_path}/db/ivr.db", keys()) as store:
        row = await filling.campaign(store)
        await filling.attempt(store, row, Outcome.BUSY)
        people = await store.records(row.id)
        assert people[0].recipient == filling.people(1)[0]
        assert people[0].attempts[0].number == "+819012345678"
        assert (tmp_path / "db" / "ivr.db-wal").stat().st_size
        assert traces.found([tmp_path], TRACES) == []


async def test_a_row_says_nothing_in_anothers_place(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/ivr.db"
    async with await SqlResults.open(url, keys()) as store:
        row = await filling.campaign(store)
        with closing(sqlite3.connect(tmp_path / "ivr.db")) as raw, raw:
            one, two, _ = raw.execute("SELECT id, sealed FROM recipients ORDER BY line").fetchall()
            raw.execute("UPDATE recipients SET sealed = ? WHERE id = ?", (two[1], one[0]))
        with pytest.raises(KeysFailed, match="書き換えられたか壊れた行"):
            await store.records(row.id)


async def test_without_the_key_of_a_campaign_its_rows_are_nobodys(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/ivr.db"
    with KeyStore.open(tmp_path / "keys", MASTER) as own:
        async with await SqlResults.open(url, own) as store:
            row = await filling.campaign(store)
            other = await filling.campaign(store, name="国保")
        own.destroy(row.id)
        async with await SqlResults.open(url, own) as store:
            with pytest.raises(KeyDestroyed):
                await store.records(row.id)
            assert len(await store.records(other.id)) == 3
    async with await SqlResults.open(url, keys()) as store:
        with pytest.raises(KeysFailed, match="鍵の置き場にありません"):
            await store.records(other.id)


async def test_a_campaign_that_is_refused_leaves_no_key(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as own:
        async with await SqlResults.open(f"sqlite+aiosqlite:///{tmp_path}/ivr.db", own) as store:
            await filling.campaign(store)
            with pytest.raises(Exception, match="すでにあります"):
                await filling.campaign(store)
    assert len([*(tmp_path / "keys").rglob("*.key")]) == 1


async def test_a_database_of_the_first_version_holds_the_same_people_sealed(url: str) -> None:
    await fill_0001(url)
    async with await SqlResults.open(url, keys()) as store:
        people = await store.records(OLD)
        assert [person.recipient for person in people] == old_people()
        assert [[attempt.number for attempt in person.attempts] for person in people] == [
            ["+819012345678", "+81357220000"],
            ["+819012345678"],
            [],
        ]
        assert [key.key for key in people[0].attempts[1].keys] == ["#"]
        assert [open_.intent.recipient for open_ in await store.open_attempts()] == ["00000002"]
        dial = filling.intent(await store.campaign("旧"), "00000003")
        assert await store.intend(dial), "and they are dialled on"

    def constrained(connection: Connection) -> None:
        connection.execute(text("UPDATE recipients SET id = 'x' WHERE line = 2"))

    database = await databases.connect(url, 5)
    try:
        with pytest.raises(Exception, match=r"(?i)foreign.?key"):
            await database.write(constrained)
    finally:
        await database.close()


async def test_nothing_open_is_left_in_the_files_of_a_database_of_the_first_version(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/db/ivr.db"
    await fill_0001(url, deleted=200)
    with closing(sqlite3.connect(tmp_path / "db" / "ivr.db")) as raw:
        assert raw.execute("PRAGMA freelist_count").fetchone()[0], "deleted rows lie in free pages"
    assert traces.found([tmp_path], TRACES)
    async with await SqlResults.open(url, keys()) as store:
        assert len(await store.records(OLD)) == 3
        assert traces.found([tmp_path], TRACES) == []


async def test_nothing_open_is_left_in_the_tables_of_postgresql(postgres: Cluster) -> None:
    url = await postgres.new_database()
    await fill_0001(url)

    def pages(connection: Connection) -> bytes:
        connection.execute(text("CHECKPOINT"))
        data = b""
        for table in ("recipients", "attempts"):
            path = connection.execute(text(f"SELECT pg_relation_filepath('{table}')")).scalar_one()
            data += (postgres.folder / "data" / path).read_bytes()
        return data

    async def found() -> list[str]:
        database = await databases.connect(url, 5)
        try:
            data = await database.write(pages)
        finally:
            await database.close()
        return [spelling for trace, spelling in TRACES.items() if trace in data]

    assert await found()
    async with await SqlResults.open(url, keys()):
        assert await found() == []
