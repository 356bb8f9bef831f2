"""Copies of the whole database, consistent while others write, and the way back.

SQLite: its own online backup. PostgreSQL: `pg_dump` and `pg_restore`. Either way the copy holds what the database
holds: who people are is sealed, and no key is in it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, MetaData, NullPool, Table, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from ivr.domain.audit import Entry
from ivr.errors import InputError, StoreFailed, reason
from ivr.storage import audit, refusals
from ivr.storage.databases import CONNECT_S, Postgres
from ivr.storage.failures import translated
from ivr.storage.refusals import Packed, Refusals, Unreadable

SQLITE, POSTGRES = b"SQLite format 3\0", b"PGDMP"
"""How a copy of each begins."""

PAGES = 1000
"""Of SQLite copied at a time; between two of them others may write."""


DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)
"""What SQLite says of a file that is the reason for a restore."""


async def backup(url: str, target: Path) -> None:
    """Write a copy of the database at `url` to `target`, whole or not at all; raise StoreFailed or InputError."""
    parsed = make_url(url)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if parsed.get_backend_name() == "sqlite":
            await asyncio.to_thread(_copy, Path(parsed.database or ""), temporary)
        else:
            await _program("pg_dump", parsed, "--format=custom", "--no-owner", f"--file={temporary}")
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{target} に書き込めません（{reason(error)}）。") from None
    finally:
        temporary.unlink(missing_ok=True)


async def restore(url: str, source: Path, *, aside: Path) -> None:
    """Put the copy `source` in the place of the database at `url`, which nobody may have open and which goes `aside`.

    Raises InputError where it is no copy of that kind of database, and StoreFailed; the database is as it was then.
    """
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if not _head(source).startswith(SQLITE if sqlite else POSTGRES):
        raise InputError(f"{source} は、{'SQLite' if sqlite else 'PostgreSQL'} のバックアップではありません。")
    if sqlite:
        await asyncio.to_thread(_put_back, source, Path(parsed.database or ""), aside)
    else:
        await backup(url, aside)
        try:
            await _fill(parsed, source)
        except StoreFailed:
            await _fill(parsed, aside)
            raise


async def outliving(url: str) -> tuple[tuple[Entry, ...], Refusals]:
    """Return what outlives the database at `url`, of any schema or none, unchanged: trail, and who refuses calls.

    Of a damaged file, what comes before the damage. Raises StoreFailed where it can't be read for another reason.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with translated():
            return await asyncio.to_thread(_outliving_file, Path(parsed.database or ""))
    postgres = Postgres(parsed, CONNECT_S)
    try:
        with translated():
            return await postgres.read(
                lambda connection: (
                    tuple(audit.every(connection)),
                    refusals.gathered(partial(refusals.rows_of, connection)),
                )
            )
    finally:
        await postgres.close()


def _outliving_file(file: Path) -> tuple[tuple[Entry, ...], Refusals]:
    if not file.exists():
        return (), Refusals()
    place = f"{file.absolute().as_uri()}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(place, uri=True), poolclass=NullPool)
    return tuple(_trail_of_file(engine)), refusals.gathered(partial(_rows_of_file, engine))


def _trail_of_file(engine: Engine) -> Iterator[Entry]:
    with suppress(Unreadable), _damage_told(), engine.connect() as connection:
        yield from audit.every(connection)


def _rows_of_file(engine: Engine, table: Table) -> Iterator[Packed]:
    with _damage_told(), engine.connect() as connection:
        yield from refusals.rows_of(connection, table)


@contextmanager
def _damage_told() -> Iterator[None]:
    """Raise Unreadable in place of what SQLite says of a damaged file."""
    try:
        yield
    except DBAPIError as error:
        # What is no text in a column of texts comes without a code.
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is not None and code & 0xFF not in DAMAGE:
            raise
        raise Unreadable from None


async def _fill(url: URL, source: Path) -> None:
    """Empty a PostgreSQL database, of tables that the copy does not know too, and fill it from the copy."""
    postgres = Postgres(url, CONNECT_S)
    try:
        with translated():
            await postgres.write(_drop_all)
    finally:
        await postgres.close()
    options = ("--single-transaction", "--exit-on-error", "--no-owner", f"--dbname={url.database}")
    await _program("pg_restore", url, *options, str(source))


def _drop_all(connection: Connection) -> None:
    found = MetaData()
    found.reflect(connection)
    found.drop_all(connection)
    # What keeps the audit trail's entries belongs to no table.
    connection.execute(text("DROP FUNCTION IF EXISTS audit_refuses()"))


def sealed_campaigns(source: Path) -> frozenset[str]:
    """Return the ids of the campaigns in a copy of SQLite which want a key; of PostgreSQL's it can't be told: none."""
    if not _head(source).startswith(SQLITE):
        return frozenset()
    with translated(), closing(sqlite3.connect(f"file:{source}?mode=ro&immutable=1", uri=True)) as copy:
        if not copy.execute("SELECT 1 FROM pragma_table_info('recipients') WHERE name = 'sealed'").fetchone():
            return frozenset()
        return frozenset(id_ for (id_,) in copy.execute("SELECT id FROM campaigns"))


def _head(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise InputError(f"{source} を読めません（{reason(error)}）。") from None


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise InputError(f"データベース {source} がまだありません。")
    with translated():
        with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(target)) as copy:
            database.backup(copy, pages=PAGES)
            # One file, which needs no log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
            _see_sound(copy)
        _settle(target)


def _put_back(source: Path, database: Path, aside: Path) -> None:
    temporary = database.with_name(f"{database.name}.restoring")
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(0o600)
        with translated(), closing(sqlite3.connect(temporary)) as copy:
            _see_sound(copy)
        _settle(temporary)
        # As it is, with the log that belongs to it: it may be damaged, and be why it is replaced.
        for beside in ("-wal", "-shm", ""):
            part = database.with_name(database.name + beside)
            if part.exists():
                part.replace(aside.with_name(aside.name + beside))
        temporary.replace(database)
        _settle(database.parent)
    except OSError as error:
        raise StoreFailed(f"データベース {database} を戻せません（{reason(error)}）。") from None
    finally:
        for beside in ("", "-wal", "-shm", "-journal"):
            temporary.with_name(temporary.name + beside).unlink(missing_ok=True)


def _see_sound(copy: sqlite3.Connection) -> None:
    if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("malformed")
    copy.execute("SELECT version_num FROM alembic_version").fetchone()


def _settle(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _program(name: str, url: URL, *arguments: str) -> None:
    program = shutil.which(name)
    if program is None:
        raise InputError(f"{name} がありません。PostgreSQL のクライアント（postgresql-client）を入れてください。")
    host = url.host or url.query.get("host")
    environment = {
        "PGHOST": host if isinstance(host, str) else None,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password) if url.password else None,
        "PGDATABASE": url.database,
    }
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        env={**os.environ, **{key: value for key, value in environment.items() if value}},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        # What it says may quote rows.
        stderr=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        raise StoreFailed(
            f"{name} が失敗しました（終了コード {process.returncode}）。"
            "データベースに接続できるか、サーバーと同じ版のクライアントかを確かめてください。"
        )
