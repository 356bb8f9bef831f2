"""What can go wrong under the store: each time one sentence for staff, nothing half-written, and no person named."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.attempt import Intent
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.errors import InputError, StoreFailed
from ivr.storage import SqlResults, migrations
from ivr.storage.databases import READERS, SqliteFile
from ivr.vault import KeyStore
from tests.keys import MASTER, keys
from tests.storage.cluster import Cluster

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
Anybody = Callable[[], contextlib.AbstractContextManager[Path]]


def url_of(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def recipient(n: int, filler: str = "") -> Recipient:
    return Recipient(id=str(n), line=n, kana="ヤマダ", numbers=("+819012345678",), columns={"備考": filler})


async def campaign(store: SqlResults, people: list[Recipient], name: str = "a") -> CampaignRow:
    new = NewCampaign(name=name, scenario="", scenario_file="", created_at=NOW)
    return await store.create_campaign(new, people)


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def modes(folder: Path) -> dict[str, int]:
    """Return who may do what with each file."""
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root; a limit on the size of files is tested too")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True).returncode:
        pytest.skip("this container may not mount")
    yield disk
    subprocess.run(["umount", disk], check=True)


class TestOpening:
    async def test_the_folder_is_made_and_the_file_is_the_owners_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "a" / "b" / "ivr.db"
        async with await SqlResults.open(url_of(file), keys()) as store:
            await campaign(store, [recipient(1)])
            assert modes(file.parent) == {"ivr.db": 0o600, "ivr.db-wal": 0o600, "ivr.db-shm": 0o600}

    async def test_nothing_but_the_file_is_left_when_it_is_closed(self, tmp_path: Path) -> None:
        async with await SqlResults.open(url_of(tmp_path / "ivr.db"), keys()) as store:
            await campaign(store, [recipient(1)])
        assert [path.name for path in tmp_path.iterdir()] == ["ivr.db"]

    @pytest.mark.parametrize("url", ["mysql://localhost/ivr", "sqlite+aiosqlite://", "sqlite://", "ivr.db", "", "://"])
    async def test_a_url_of_another_kind_is_the_persons_error(self, url: str) -> None:
        with pytest.raises(InputError, match="database"):
            await SqlResults.open(url, keys())

    async def test_a_password_in_the_url_is_not_repeated(self) -> None:
        with pytest.raises(InputError) as error:
            await SqlResults.open("mysql://ivr:himitsu@localhost/ivr", keys())
        assert "himitsu" not in str(error.value)

    async def test_a_file_that_is_no_database_is_refused_and_kept(self, tmp_path: Path) -> None:
        file = tmp_path / "ivr.db"
        file.write_bytes(b"not a database, but somebody's letter\n" * 100)
        with pytest.raises(StoreFailed, match=r"壊れているか.*SQLITE_NOTADB"):
            await SqlResults.open(url_of(file), keys())
        assert file.read_bytes().startswith(b"not a database")

    async def test_a_folder_in_place_of_the_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(StoreFailed, match="開けません"):
            await SqlResults.open(url_of(tmp_path), keys())

    async def test_a_file_in_place_of_the_folder_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "var").touch()
        with pytest.raises(StoreFailed, match="開けません"):
            await SqlResults.open(url_of(tmp_path / "var" / "ivr.db"), keys())

    async def test_a_folder_that_we_may_not_write_to_is_told(self, as_anybody: Anybody) -> None:
        with as_anybody() as folder:
            theirs = KeyStore.open(folder / "keys", MASTER)
            folder.chmod(0o500)
            with pytest.raises(StoreFailed, match="権限"):
                await SqlResults.open(url_of(folder / "ivr.db"), theirs)

    async def test_a_file_that_we_may_only_read_is_told(self, as_anybody: Anybody) -> None:
        with as_anybody() as folder:
            theirs = KeyStore.open(folder / "keys", MASTER)
            async with await SqlResults.open(url_of(folder / "ivr.db"), theirs):
                pass
            (folder / "ivr.db").chmod(0o400)
            with pytest.raises(StoreFailed, match="権限"):
                async with await SqlResults.open(url_of(folder / "ivr.db"), theirs) as store:
                    await campaign(store, [recipient(1)])

    async def test_four_engines_at_once_make_one_schema(self, url: str) -> None:
        program = textwrap.dedent(
            f"""
            import asyncio
            from pathlib import Path
            from ivr.storage import SqlResults
            from ivr.vault import KeyStore

            asyncio.run(SqlResults.open({url!r}, KeyStore.open(Path({str(keys().folder)!r}), {MASTER!r})))
            """
        )
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-W", "ignore", "-c", program, stderr=asyncio.subprocess.PIPE
            )
            for _ in range(4)
        ]
        ends = await asyncio.wait_for(asyncio.gather(*(one.communicate() for one in processes)), 60)
        assert [one.returncode for one in processes] == [0] * 4, ends
        async with await SqlResults.open(url, keys()) as store:
            assert await store.campaigns() == ()

    async def test_a_database_of_a_newer_engine_is_refused_and_kept(self, tmp_path: Path) -> None:
        file = tmp_path / "ivr.db"
        async with await SqlResults.open(url_of(file), keys()) as store:
            await campaign(store, [recipient(1)])
        with contextlib.closing(sqlite3.connect(file)) as raw, raw:
            raw.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreFailed, match=rf"版 {migrations.HEAD}.*より新しい版（9999）.*エンジンを新しく"):
            await SqlResults.open(url_of(file), keys())
        with contextlib.closing(sqlite3.connect(file)) as raw:
            assert raw.execute("SELECT count(*) FROM recipients").fetchone() == (1,)


class TestAtWork:
    async def test_a_full_disk_is_told_and_work_goes_on_when_there_is_room(self, tmp_path: Path) -> None:
        async with await SqlResults.open(url_of(tmp_path / "ivr.db"), keys()) as store:
            await campaign(store, [recipient(1)], "before")
            big = [recipient(n, "x" * 2000) for n in range(2000)]
            with largest_file(1_000_000), pytest.raises(StoreFailed, match=r"ディスク.*SQLITE_(IOERR|FULL)"):
                await campaign(store, big, "full")
            await campaign(store, big, "after")
            assert {row.name for row in await store.campaigns()} == {"before", "after"}

    async def test_a_disk_without_room_is_called_full(self, small_disk: Path) -> None:
        async with await SqlResults.open(url_of(small_disk / "ivr.db"), keys()) as store:
            with pytest.raises(StoreFailed, match=r"ディスクに空きがない.*SQLITE_FULL"):
                await campaign(store, [recipient(n, "x" * 2000) for n in range(2000)])
            await campaign(store, [recipient(1)], "small")
            assert [row.name for row in await store.campaigns()] == ["small"]

    async def test_another_process_that_does_not_let_go_is_told_after_a_while(self, tmp_path: Path) -> None:
        file = tmp_path / "ivr.db"
        async with await SqlResults.open(url_of(file), keys(), patience=0.2) as store:
            row = await campaign(store, [recipient(1)])
            with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StoreFailed, match=r"ほかの処理.*SQLITE_BUSY"):
                    await store.settle(row.id, "1", Outcome.CANCELLED)
                assert (await store.counts(row.id)).states["waiting"] == 1
                other.execute("ROLLBACK")
            await store.settle(row.id, "1", Outcome.CANCELLED)
            assert (await store.counts(row.id)).states["settled"] == 1

    async def test_damaged_pages_are_told(self, tmp_path: Path) -> None:
        file = tmp_path / "ivr.db"
        async with await SqlResults.open(url_of(file), keys()) as store:
            row = await campaign(store, [recipient(n, "x" * 500) for n in range(500)])
        with file.open("r+b") as raw:
            # Behind the schema, which is read when the file is opened.
            pages = file.stat().st_size // 4096
            raw.seek(4096 * (pages // 2))
            raw.write(os.urandom(4096 * (pages // 3)))
        async with await SqlResults.open(url_of(file), keys()) as store:
            with pytest.raises(StoreFailed, match=r"壊れている.*SQLITE_CORRUPT"):
                await store.records(row.id)

    async def test_an_error_names_no_person(self, url: str) -> None:
        async with await SqlResults.open(url, keys()) as store:
            row = await campaign(store, [recipient(1), recipient(2)])
            intents = [
                Intent(id="same", campaign=row.id, recipient=str(n), number=f"+81901234567{n}", at=NOW) for n in (1, 2)
            ]
            await store.intend(intents[0])
            with pytest.raises(StoreFailed) as error:
                await store.intend(intents[1])
            assert "8190123456" not in str(error.value)
            assert error.value.__cause__ is None
            assert error.value.__suppress_context__

    async def test_an_intent_outlives_a_kill(self, url: str) -> None:
        program = textwrap.dedent(
            f"""
            import asyncio, os, signal
            from datetime import UTC, datetime
            from pathlib import Path
            from ivr.campaign.ports import NewCampaign
            from ivr.domain.attempt import Intent
            from ivr.domain.recipient import Recipient
            from ivr.storage import SqlResults
            from ivr.vault import KeyStore

            async def main():
                now = datetime(2026, 11, 24, 12, tzinfo=UTC)
                store = await SqlResults.open({url!r}, KeyStore.open(Path({str(keys().folder)!r}), {MASTER!r}))
                new = NewCampaign(name="a", scenario="", scenario_file="", created_at=now)
                row = await store.create_campaign(new, [Recipient(id="1", line=1, kana="", numbers=())])
                assert await store.intend(Intent(id="i", campaign=row.id, recipient="1", number="+81", at=now))
                os.kill(os.getpid(), signal.SIGKILL)

            asyncio.run(main())
            """
        )
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        assert await asyncio.wait_for(process.wait(), 60) == -9
        async with await SqlResults.open(url, keys()) as store:
            assert [attempt.intent.id for attempt in await store.open_attempts()] == ["i"]
            row = await store.campaign("a")
            assert not await store.intend(Intent(id="j", campaign=row.id, recipient="1", number="+81", at=NOW))


class TestPostgres:
    async def test_a_server_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(StoreFailed, match="接続できません"):
            await SqlResults.open(f"postgresql+asyncpg://ivr@/ivr?host={tmp_path}", keys())

    async def test_a_database_that_is_not_there_is_told(self, postgres: Cluster) -> None:
        with pytest.raises(StoreFailed, match=r"設定された名前のデータベースがありません。.*3D000"):
            await SqlResults.open(f"postgresql+asyncpg://ivr@/nothing?host={postgres.folder}", keys())

    async def test_a_user_who_is_not_there_is_told(self, postgres: Cluster) -> None:
        with pytest.raises(StoreFailed, match="ユーザー名とパスワード"):
            await SqlResults.open(f"postgresql+asyncpg://nobody@/postgres?host={postgres.folder}", keys())

    async def test_the_store_recovers_from_a_lost_connection(self, postgres: Cluster) -> None:
        url = await postgres.new_database()
        async with await SqlResults.open(url, keys()) as store:
            row = await campaign(store, [recipient(1)])
            await postgres.cut_off(url)
            await store.settle(row.id, "1", Outcome.CANCELLED)
            assert (await store.counts(row.id)).states["settled"] == 1


async def test_a_reader_whose_read_was_given_up_is_given_to_nobody_before_it_is_done(tmp_path: Path) -> None:
    database = await SqliteFile.open(tmp_path / "ivr.db", 5)
    begun, go_on = threading.Event(), threading.Event()

    def stuck(_connection: Connection) -> None:
        begun.set()
        go_on.wait(30)

    reading = asyncio.ensure_future(database.read(stuck))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with asyncio.timeout(10):
        for _ in range(READERS):
            assert await database.read(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
    assert database._readers.qsize() == READERS - 1
    go_on.set()
    async with asyncio.timeout(10):
        while database._readers.qsize() < READERS:
            await asyncio.sleep(0.001)
    await database.close()
