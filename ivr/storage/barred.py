"""Numbers that are to be sent no texts: of who has refused them, and those that the network says are nobody's."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select

from ivr.storage.sealing import Sealing
from ivr.storage.tables import barred_numbers

NO_NUMBER = "no_number"
"""Why a number is barred of which the network says that it is nobody's."""

GIVEN_AGAIN = timedelta(days=180)
"""How long a number that was nobody's is taken for that when people are called; numbers are given to others in time."""


def among(connection: Connection, sealing: Sealing, numbers: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return those of `numbers` (E.164) that have refused texts, and those that are nobody's."""
    dead = _among(connection, sealing, numbers, barred_numbers.c.reason == NO_NUMBER)
    return _among(connection, sealing, numbers) - dead, dead


def nobodys(connection: Connection, sealing: Sealing, numbers: Collection[str], now: datetime) -> frozenset[str]:
    """Return those of `numbers` that were found to be nobody's of late, when a text was sent."""
    return _among(
        connection, sealing, numbers, barred_numbers.c.reason == NO_NUMBER, barred_numbers.c.at > now - GIVEN_AGAIN
    )


def _among(
    connection: Connection, sealing: Sealing, numbers: Collection[str], *where: ColumnElement[bool]
) -> frozenset[str]:
    by_hash = {sealing.number_hash(number): number for number in numbers}
    if not by_hash:
        return frozenset()
    query = select(barred_numbers.c.number_hash).where(barred_numbers.c.number_hash.in_([*by_hash]), *where)
    return frozenset(by_hash[found] for found in connection.execute(query).scalars())


def holds(connection: Connection, number_hash: str) -> bool:
    """Tell whether a number is barred."""
    return bool(connection.execute(select(exists().where(barred_numbers.c.number_hash == number_hash))).scalar())


def bar(connection: Connection, number_hash: str, reason: str, at: datetime) -> None:
    """Bar a number; what is known of one that is barred already stays."""
    if number_hash and not holds(connection, number_hash):
        connection.execute(insert(barred_numbers).values(number_hash=number_hash, reason=reason, at=at))


def unbar(connection: Connection, number_hash: str) -> bool:
    """Let a number have texts again; tell whether it was barred."""
    return connection.execute(delete(barred_numbers).where(barred_numbers.c.number_hash == number_hash)).rowcount == 1
