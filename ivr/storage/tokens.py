"""Tokens of systems that ask the API: found by a keyed hash, never told again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ivr.domain.token import Scope, Token
from ivr.errors import InputError, NotFound
from ivr.storage.console_tables import departments, tokens
from ivr.storage.lending import Store

_TOKENS = select(tokens, departments.c.name.label("department_name")).join_from(tokens, departments)


class SqlTokens:
    """Tokens, on SQLite or PostgreSQL; every method raises StoreFailed where the database refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fields = store.sealing.fields

    async def add(self, token: Token, secret: str) -> None:
        """Store a token that `secret` proves; InputError where one by that name still holds."""
        hashed = self._fields.hash("token", secret)

        def work(connection: Connection) -> None:
            same = select(tokens).where(tokens.c.name == token.name, tokens.c.revoked_at.is_(None))
            if any(row.expires_at > token.created_at for row in connection.execute(same)):
                raise InputError(f"「{token.name}」の鍵は、すでにあります。失効させてから作り直してください。")
            values = {
                "id": token.id,
                "name": token.name,
                "department_id": token.department,
                "scopes": sorted(token.scopes),
                "hash": hashed,
                "created_at": token.created_at,
                "created_by": token.created_by,
                "expires_at": token.expires_at,
            }
            connection.execute(insert(tokens).values(values))

        await self._store.write(work)

    async def all(self) -> tuple[Token, ...]:
        """Return the tokens, the newest first."""
        query = _TOKENS.order_by(tokens.c.created_at.desc(), tokens.c.id)
        return await self._store.read(lambda connection: tuple(_token(row) for row in connection.execute(query)))

    async def one(self, token_id: str) -> Token:
        """Return a token by its id; NotFound."""
        query = _TOKENS.where(tokens.c.id == token_id)
        row = await self._store.read(lambda connection: connection.execute(query).first())
        if row is None:
            raise NotFound("その鍵はありません。")
        return _token(row)

    async def proven(self, secret: str) -> Token | None:
        """Return the token that `secret` proves, whether it still holds or not; None where it proves none."""
        query = _TOKENS.where(tokens.c.hash == self._fields.hash("token", secret))
        row = await self._store.read(lambda connection: connection.execute(query).first())
        return _token(row) if row is not None else None

    async def use(self, token_id: str, now: datetime) -> None:
        """Store when a token was used last."""
        await self._change(token_id, used_at=now)

    async def revoke(self, token_id: str, now: datetime) -> None:
        """Let a token hold no longer."""
        await self._change(token_id, revoked_at=now)

    async def _change(self, token_id: str, **values: datetime) -> None:
        statement = update(tokens).where(tokens.c.id == token_id).values(values)
        await self._store.write(lambda connection: connection.execute(statement))


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        department=row.department_id,
        department_name=row.department_name,
        scopes=frozenset(Scope(one) for one in row.scopes),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
