"""Counts of ended attempts, kept in the transaction that ends each, so that nobody has to count a million of them.

    kind      place                                           what      number            answered, proven
    quarter   quarter of an hour in which it began, UTC       outcome   ended attempts    of them
    try       which attempt of its person it was              outcome   ended attempts    of them
    key       step                                            key       key presses       0

A row belongs to the engine that ended the attempts: two engines that end calls at the same moment never wait for each
other's row, nor for each other's in turn. What they count is the sum over engines. Attempts end once and never go but
with their whole campaign, so that nothing is ever taken off a tally.

Marks are kept beside them, each once a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from ivr.domain.attempt import Ending
from ivr.storage.prepared import Prepared
from ivr.storage.tables import marks, tallies

QUARTER_S = 900

QUARTER = "%Y-%m-%dT%H"
"""How the place of a quarter begins; its minute, a multiple of 15, follows a colon."""


class Kind(StrEnum):
    """What a tally counts by."""

    QUARTER = "quarter"
    TRY = "try"
    KEY = "key"


def _adding(insert: Any) -> Prepared:
    statement = insert(tallies)
    new = statement.excluded
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=list(tallies.primary_key.columns),
            set_={name: tallies.c[name] + new[name] for name in ("number", "answered", "proven")},
        ),
        [column.name for column in tallies.c],
    )


def _keeping(insert: Any) -> Prepared:
    return Prepared(insert(marks).on_conflict_do_nothing(), [column.name for column in marks.c])


_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_ADD = {name: _adding(insert) for name, insert in _INSERTS.items()}
_MARK = {name: _keeping(insert) for name, insert in _INSERTS.items()}


def count(
    connection: Connection,
    campaign_id: str,
    ending: Ending,
    *,
    engine: str,
    began: datetime,
    answered: bool,
    proven: bool,
    ordinal: int,
) -> None:
    """Count an attempt that ends in this transaction: the `ordinal`-th of its person."""
    dial = {"what": ending.outcome.value, "number": 1, "answered": int(answered), "proven": int(proven)}
    rows = [
        {"kind": Kind.QUARTER.value, "place": quarter(began), **dial},
        {"kind": Kind.TRY.value, "place": str(ordinal), **dial},
    ]
    presses = Counter((key.press.step, key.press.key) for key in ending.keys)
    rows += [
        {"kind": Kind.KEY.value, "place": step, "what": key, "number": number, "answered": 0, "proven": 0}
        for (step, key), number in presses.items()
    ]
    _ADD[connection.dialect.name].run_each(
        connection, [{"campaign_id": campaign_id, "engine": engine, **row} for row in rows]
    )


def keep_marks(connection: Connection, campaign_id: str, recipient_key: str, tags: Iterable[str]) -> None:
    """Keep each mark of a person once."""
    rows = [{"campaign_id": campaign_id, "mark": tag, "recipient_id": recipient_key} for tag in tags]
    if rows:
        _MARK[connection.dialect.name].run_each(connection, rows)


def quarter(moment: datetime) -> str:
    """Return the place of the quarter of an hour that `moment` is in."""
    moment = moment.astimezone(UTC)
    return f"{moment.strftime(QUARTER)}:{moment.minute // 15 * 15:02}"


def settled(at: datetime | None) -> dict[str, Any]:
    """Return the part of a person's row that tells when they were settled, None: they are not (any more)."""
    return {"settled_at": at, "settled_in": None if at is None else int(at.timestamp()) // QUARTER_S}


def settled_in(quarters: int | None) -> datetime | None:
    """Return when the quarter of an hour began in which somebody was settled."""
    return None if quarters is None else datetime.fromtimestamp(quarters * QUARTER_S, UTC)


def moment_of(place: str) -> datetime:
    """Return when the quarter at `place` began."""
    return datetime.fromisoformat(f"{place}:00+00:00")
