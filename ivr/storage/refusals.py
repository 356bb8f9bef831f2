"""Who wants no more calls or texts, taken over from the database that a restore replaces to the one that it brings.

    whole, of the same trail   the tables become what they were: what was lifted or allowed since the backup stays so
    anything else              what could be read is added: nobody is called who is excluded in either database

Rows go as they are. What they are found by and sealed with are secrets of the key store that no change of keys touches
(`ivr.vault.fields`); an exclusion that does not open with them is not taken.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Column, Connection, LargeBinary, Row, Table, delete, insert, inspect, select, update

from ivr.domain.audit import Entry, moment
from ivr.errors import KeysFailed
from ivr.storage import audit
from ivr.storage.exclusions import TABLE
from ivr.storage.schema import UtcDateTime
from ivr.storage.sealing import Sealing
from ivr.storage.tables import barred_numbers, exclusions

BEGINNING = b'{"refusals":'
"""How a line of them begins."""

Packed = Mapping[str, str | None]
"""A row as JSON can hold it."""


class Unreadable(Exception):
    """A table is not there, or what comes next in it can't be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The rows of both tables; `whole` where nothing of either was out of reach."""

    excluded: tuple[Packed, ...] = ()
    barred: tuple[Packed, ...] = ()
    whole: bool = False

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Return what `written` wrote; ValueError for anything else."""
        try:
            kept = json.loads(line)["refusals"]
            found = cls(excluded=tuple(kept["excluded"]), barred=tuple(kept["barred"]), whole=kept["whole"] is True)
            for table, rows in ((exclusions, found.excluded), (barred_numbers, found.barred)):
                for row in rows:
                    _unpacked(table, row)
        except (KeyError, TypeError, RecursionError):
            raise ValueError("no refusals") from None
        return found

    def joined(self, later: Self) -> Self:
        """Return what was found first with what another look adds: nothing, where the first saw all."""
        if self.whole:
            return self
        excluded = {row["id"]: row for row in self.excluded}
        for row in later.excluded:
            if row["id"] not in excluded or row["lifted_at"] is not None:
                excluded[row["id"]] = row
        barred = {row["number_hash"]: row for row in (*later.barred, *self.barred)}
        return replace(self, excluded=tuple(excluded.values()), barred=tuple(barred.values()))

    def written(self) -> bytes:
        """Return them as a line of JSON."""
        return json.dumps({"refusals": asdict(self)}).encode() + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """How many rows of each were taken; `whole` where the tables are now what they were in the database that went."""

    excluded: int
    barred: int
    whole: bool


def gathered(rows: Callable[[Table], Iterator[Packed]]) -> Refusals:
    """Return what `rows` yields of each table until its end, or until it raises Unreadable."""
    excluded: list[Packed] = []
    barred: list[Packed] = []
    whole = True
    for table, found in ((exclusions, excluded), (barred_numbers, barred)):
        try:
            # Not `extend` with a list: what comes before the damage counts.
            for row in rows(table):
                found.append(row)
        except Unreadable:
            whole = False
    return Refusals(excluded=tuple(excluded), barred=tuple(barred), whole=whole)


def rows_of(connection: Connection, table: Table) -> Iterator[Packed]:
    """Yield the rows of a table one by one as they are read; raise Unreadable."""
    if not inspect(connection).has_table(table.name):
        raise Unreadable
    try:
        for row in connection.execute(select(table)):
            yield _packed(table, row)
    except (ValueError, TypeError):
        # What a damaged file gives for a time.
        raise Unreadable from None


def take_over(connection: Connection, sealing: Sealing, trail: Sequence[Entry], kept: Refusals) -> tuple[int, Carried]:
    """Store the entries by which the trail `trail` goes on from the one here, and what was `kept`; how many entries?"""
    # Asked before the trail is that of the database that went.
    follows = audit.leads_to(connection, trail)
    return audit.carry_over(connection, trail), _carry_over(connection, sealing, kept, follows=follows)


def _carry_over(connection: Connection, sealing: Sealing, kept: Refusals, *, follows: bool) -> Carried:
    """Store what was kept of the database that went.

    `follows` tells that it had gone on from the very state that is restored: else what is missing in it was not lifted.
    """
    opened = {row["id"]: row for row in kept.excluded if _opens(sealing, row)}
    refusing = {row["number_hash"]: row for row in kept.barred}
    whole = follows and kept.whole and len(opened) == len(kept.excluded)
    if whole:
        connection.execute(delete(exclusions))
        connection.execute(delete(barred_numbers))
    here = exclusions.c
    there = {*connection.execute(select(here.id)).scalars()}
    standing = {*connection.execute(select(here.id).where(here.lifted_at.is_(None))).scalars()}
    barred = {*connection.execute(select(barred_numbers.c.number_hash)).scalars()}
    _insert(connection, exclusions, [row for key, row in opened.items() if key not in there])
    _insert(connection, barred_numbers, [row for key, row in refusing.items() if key not in barred])
    for key, row in opened.items():
        if row["lifted_at"] is not None and key in standing:
            connection.execute(update(exclusions).where(here.id == key).values(_unpacked(exclusions, row)))
    return Carried(excluded=len(opened), barred=len(refusing), whole=whole)


def _insert(connection: Connection, table: Table, rows: list[Packed]) -> None:
    if rows:
        connection.execute(insert(table), [_unpacked(table, row) for row in rows])


def _opens(sealing: Sealing, row: Packed) -> bool:
    values = _unpacked(exclusions, row)
    try:
        sealing.fields.open_own(TABLE, values["id"], values["sealed"])
    except KeysFailed:
        return False
    return True


def _packed(table: Table, row: Row[Any]) -> Packed:
    return {column.name: _in_json(column, row._mapping[column]) for column in table.columns}


def _in_json(column: Column[Any], value: object) -> str | None:
    match value:
        case None if column.nullable:
            return None
        case bytes() if isinstance(column.type, LargeBinary):
            return base64.b64encode(value).decode("ascii")
        case datetime() if isinstance(column.type, UtcDateTime):
            return moment(value)
        case str() if not isinstance(column.type, LargeBinary | UtcDateTime):
            return value
    raise Unreadable


def _unpacked(table: Table, row: Packed) -> dict[str, Any]:
    """Return the values of a row; KeyError, TypeError or ValueError where it is none."""
    return {column.name: _out_of_json(column, row[column.name]) for column in table.columns}


def _out_of_json(column: Column[Any], value: str | None) -> object:
    if value is None and column.nullable:
        return None
    if not isinstance(value, str):
        raise TypeError("no text")
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value, validate=True)
    return datetime.fromisoformat(value) if isinstance(column.type, UtcDateTime) else value
