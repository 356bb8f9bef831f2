"""SQLite and PostgreSQL behind one face: run some statements in a transaction, beside the event loop.

SQLite: one connection that writes and a few that read, each in the thread that aiosqlite gives it. A whole
transaction is handed to that thread at once; SQLAlchemy's own aiosqlite dialect goes there and back several times
for each statement, at 0.1 ms of CPU a time, which is more than a call may cost.
PostgreSQL: SQLAlchemy's asyncpg dialect.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, cast

import aiosqlite
from sqlalchemy import URL, Connection, StaticPool, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError

from ivr.errors import InputError
from ivr.storage.writer import Work

T = TypeVar("T")

READERS = 3
"""Of which one is always left to calls (`ivr.storage.figure_results`)."""

CLEAN = 3
"""The first schema in which nobody is named openly. Kept in the database once its free pages are as clean."""

CLEANING_S = 3600.0
"""For a database of any size, once."""

CONNECT_S = 10.0
_CLEANED = f"clean since {CLEAN:04}"
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


class Database(Protocol):
    """Where the tables are. Raises what the driver raises. `shared` where engines of several machines may use it."""

    shared: bool

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one unchanging view of the data."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction. The caller sees to it that there is one at a time."""
        ...

    async def clean(self) -> None:
        """Rid the files of what schemas before `CLEAN` left open in them, unless that was done."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


async def connect(url: str, patience: float) -> Database:
    """Connect to the database at `url`; a statement waits `patience` seconds at most for others' locks.

    Raises InputError for a URL that we have no driver for.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InputError(f"database の値「{url}」は、データベースの URL ではありません。") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return await SqliteFile.open(Path(parsed.database), patience)
        case "postgresql":
            return Postgres(parsed, patience)
        case other:
            raise InputError(
                f"database に {other} の「{parsed.database or ''}」は使えません。"
                "sqlite+aiosqlite:///ファイル名 か postgresql+asyncpg://… を指定してください。"
            )


class _Seat:
    """One SQLite connection in a thread of its own."""

    def __init__(self, file: Path, patience: float, *, writes: bool) -> None:
        self._file = file
        self._patience = patience
        self._writes = writes
        self._thread = aiosqlite.Connection(self._open, iter_chunk_size=64)
        # Otherwise a process that ends without closing us never ends. Set so by SQLAlchemy's dialect as well.
        self._thread._thread.daemon = True

    async def open(self) -> Self:
        try:
            await self._thread
        except Exception:
            # aiosqlite has told its thread to stop and does not wait for it; the loop must outlive its last word.
            await asyncio.to_thread(self._thread._thread.join, CONNECT_S)
            raise
        return self

    async def run(self, work: Work[T]) -> T:
        # aiosqlite's way into its thread; cancelling the wait does not stop what runs there. The thread keeps what it
        # was given until it is given something else: `work`, which may hold 200,000 people, is taken out of it.
        return cast(T, await self._thread._execute(self._transact, [work]))  # type: ignore[no-untyped-call]

    async def idle(self) -> None:
        """Return once the thread has done all that it was given, or is closed."""
        with suppress(ValueError):
            await self._thread._execute(lambda: None)  # type: ignore[no-untyped-call]

    async def clean(self) -> None:
        await self._thread._execute(self._clean)  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        await self._thread._execute(self._connection.close)  # type: ignore[no-untyped-call]
        await self._thread.close()

    def _open(self) -> sqlite3.Connection:
        if not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
        raw = sqlite3.connect(self._file, timeout=self._patience, isolation_level=None)
        with ExitStack() as undo:
            undo.callback(raw.close)
            for pragma in self._pragmas():
                raw.execute(f"PRAGMA {pragma}")
            self._connection = _on(raw)
            undo.pop_all()
        self._raw = raw
        return raw

    def _pragmas(self) -> tuple[str, ...]:
        if not self._writes:
            return ("query_only = ON",)
        return (
            "journal_mode = WAL",
            "journal_size_limit = 67108864",
            "foreign_keys = ON",
            # NORMAL loses the last commits when the power goes, and who was just dialled would be dialled again.
            # The price is one fsync a commit, shared by all who wait for it.
            "synchronous = FULL",
            # What is deleted or replaced is overwritten in the file.
            "secure_delete = ON",
        )

    def _transact(self, given: list[Work[T]]) -> T:
        work = given.pop()
        # IMMEDIATE: what reads first and then writes can't be turned away half-way for another process's sake.
        self._raw.execute("BEGIN IMMEDIATE" if self._writes else "BEGIN")
        with self._connection.begin():
            return work(self._connection)

    def _clean(self) -> None:
        if self._raw.execute("PRAGMA user_version").fetchone()[0] >= CLEAN:
            return
        try:
            self._raw.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                # Somebody else is at work: whoever opens the file next does it.
                return
            raise
        busy, *_ = self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            self._raw.execute(f"PRAGMA user_version = {CLEAN}")


def _on(raw: sqlite3.Connection) -> Connection:
    engine = create_engine(
        "sqlite://", creator=lambda: raw, poolclass=StaticPool, hide_parameters=True, json_serializer=_JSON
    )
    return engine.connect()


class SqliteMemory:
    """A database of which nothing stays, worked at in the loop's own thread: for time that is not real."""

    shared = False

    def __init__(self) -> None:
        self._raw = sqlite3.connect(":memory:", isolation_level=None)
        self._raw.execute("PRAGMA foreign_keys = ON")
        self._connection = _on(self._raw)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one unchanging view of the data."""
        return self._transact(work)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction."""
        return self._transact(work)

    async def clean(self) -> None:
        """Nothing was ever left open in it."""

    async def close(self) -> None:
        """Let go of it, and with it of everything."""
        self._connection.close()
        self._raw.close()

    def _transact(self, work: Work[T]) -> T:
        self._raw.execute("BEGIN")
        with self._connection.begin():
            return work(self._connection)


class SqliteFile:
    """A database in one file, made with its folder if it is not there, readable by its owner only."""

    shared = False

    def __init__(self, writer: _Seat, readers: asyncio.LifoQueue[_Seat], closing: AsyncExitStack) -> None:
        self._writer = writer
        self._readers = readers
        self._closing = closing
        self._given_up: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, file: Path, patience: float) -> Self:
        """Open `file`."""
        readers: asyncio.LifoQueue[_Seat] = asyncio.LifoQueue()
        async with AsyncExitStack() as undo:
            writer = await _Seat(file, patience, writes=True).open()
            undo.push_async_callback(writer.close)
            for _ in range(READERS):
                reader = await _Seat(file, patience, writes=False).open()
                undo.push_async_callback(reader.close)
                readers.put_nowait(reader)
            closing = undo.pop_all()
        return cls(writer, readers, closing)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one unchanging view of the data."""
        seat, given_up = await self._readers.get(), False
        try:
            return await seat.run(work)
        except asyncio.CancelledError:
            given_up = True
            raise
        finally:
            if given_up:
                # Its thread goes on with the work all the same.
                task = asyncio.ensure_future(self._free_later(seat))
                self._given_up.add(task)
                task.add_done_callback(self._given_up.discard)
            else:
                self._readers.put_nowait(seat)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction."""
        return await self._writer.run(work)

    async def _free_later(self, seat: _Seat) -> None:
        await seat.idle()
        self._readers.put_nowait(seat)

    async def clean(self) -> None:
        """Rewrite the file without its free pages, and empty the log, once."""
        await self._writer.clean()

    async def close(self) -> None:
        """Let go of the file."""
        await self._closing.aclose()


class Postgres:
    """A database of a PostgreSQL server, by asyncpg."""

    shared = True

    def __init__(self, url: URL, patience: float) -> None:
        # Half of what it takes to load SQLAlchemy, and nothing that SQLite needs.
        from sqlalchemy.ext.asyncio import create_async_engine

        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=READERS + 1,
            max_overflow=0,
            pool_timeout=patience,
            pool_pre_ping=True,
            hide_parameters=True,
            json_serializer=_JSON,
            connect_args={
                "timeout": CONNECT_S,
                "command_timeout": 2 * patience,
                "server_settings": {"lock_timeout": str(int(patience * 1000)), "application_name": "ivr"},
            },
        )
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one unchanging view of the data."""
        async with self._reading.begin() as connection:
            return await connection.run_sync(work)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def clean(self) -> None:
        """Rewrite the tables without their dead rows, once."""
        alone = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        async with alone.connect() as connection:
            asked = text("SELECT obj_description('alembic_version'::regclass, 'pg_class')")
            if (await connection.execute(asked)).scalar() == _CLEANED:
                return
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute("VACUUM FULL recipients", timeout=CLEANING_S)
            await raw.execute("VACUUM FULL attempts", timeout=CLEANING_S)
            await connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{_CLEANED}'"))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._engine.dispose()
