"""What a database says when it refuses, in one sentence for staff.

The database's own words are left out: PostgreSQL quotes the offending row in them, and with it a person's
number. What remains for engineers is the code in brackets: SQLite's result code or PostgreSQL's SQLSTATE.
"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ivr.errors import StoreFailed
from ivr.storage.migrations import HEAD, NewerSchema

_FULL = "ディスクに空きがないため、データベースに書き込めません。空きを作ってください。"
_READ_ONLY = "データベースが読み取り専用になっています。ファイルとフォルダーの権限を確かめてください。"
_LOCKED = "データベースがほかの処理に使われていて、待っても空きませんでした。時間をおいてお試しください。"
_CORRUPT = "データベースが壊れているか、データベースのファイルではありません。バックアップから戻してください。"
_CLOSED = "データベースを開けません。場所と権限を確かめてください。"
_DISK = "データベースのディスクで、読み書きに失敗しました。ディスクの状態を確かめてください。"
_LOGIN = "データベースに入れません。ユーザー名とパスワードを確かめてください。"
_MISSING = "設定された名前のデータベースがありません。作成するか、設定を直してください。"
_AWAY = "データベースに接続できません。動いているか、アドレスが正しいかを確かめてください。"
_OTHER = "データベースの処理に失敗しました。"

_SQLITE: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_IOERR: _DISK,
}

_SQLSTATE: Mapping[str, str] = {
    # PostgreSQL, appendix A; the longest prefix counts.
    "53100": _FULL,
    "53300": "データベースの接続数が上限に達しています。時間をおいてお試しください。",
    "25006": _READ_ONLY,
    "55P03": _LOCKED,
    "57014": _LOCKED,
    "40": _LOCKED,
    "XX001": _CORRUPT,
    "XX002": _CORRUPT,
    "58": _DISK,
    "28": _LOGIN,
    "3D000": _MISSING,
    "08": _AWAY,
    "57P": _AWAY,
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreFailed in place of whatever the database, its driver or the disk raises."""
    try:
        yield
    except NewerSchema as error:
        raise StoreFailed(
            f"データベースは、このエンジン（版 {HEAD}）より新しい版（{error}）で作られています。"
            "エンジンを新しくしてください。"
        ) from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreFailed(_sentence(error)) from None
    except Exception as error:
        # asyncpg's errors come unwrapped while connecting and from a Prepared; it is not imported where SQLite is used.
        if not type(error).__module__.startswith(("asyncpg.", "sqlalchemy.dialects.postgresql.asyncpg")):
            raise
        raise StoreFailed(_sentence(error)) from None


def _sentence(error: Exception) -> str:
    origin: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(origin, "sqlite_errorcode", None)
    if isinstance(code, int):
        return f"{_SQLITE.get(code & 0xFF, _OTHER)}（{getattr(origin, 'sqlite_errorname', code)}）"
    state = getattr(origin, "sqlstate", None)
    if isinstance(state, str):
        found = max((prefix for prefix in _SQLSTATE if state.startswith(prefix)), key=len, default=None)
        return f"{_SQLSTATE[found] if found else _OTHER}（{state}）"
    if isinstance(origin, OSError):
        # FileNotFoundError: a server's socket; the file of SQLite and its folder are made.
        away = isinstance(origin, ConnectionError | TimeoutError | FileNotFoundError | socket.gaierror)
        return f"{_AWAY if away else _CLOSED}（{type(origin).__name__}）"
    return f"{_OTHER}（{type(origin).__name__}）"
