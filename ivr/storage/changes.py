"""What changed, numbered as it is stored: whoever shows something asks for what came behind the last number known.

SQLite gives the numbers in the order of the commits. On PostgreSQL a transaction may commit after another whose number
is higher, so that a cursor also names the numbers that were not there yet; one that is not there within `WINDOW`
numbers was rolled back.

    17            everything up to 17 is known
    17-12.15      but for 12 and 15, which may still come
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select

from ivr.campaign.figures import Change, ChangeKind, Changes
from ivr.domain.outcome import Outcome
from ivr.errors import InputError
from ivr.storage.console_tables import webhook_feed
from ivr.storage.prepared import Prepared
from ivr.storage.tables import attempts, campaigns, changes

KEPT = 20_000
"""Changes kept: minutes of a full trunk, for a page that was away."""

HELD = 500_000
"""Changes kept where webhooks are to be told of them and no engine collects them."""

PRUNED = 2_000
"""Most that go at a time: more than are stored between two times."""

WINDOW = 2_000
"""Numbers after which one that is not there will not come: many times what is stored while a transaction may last."""

AWAITED = 500
"""Most numbers that a cursor names."""

_CURSOR = re.compile(r"(\d{1,18})(?:-(\d{1,18}(?:\.\d{1,18}){0,999}))?", re.ASCII)

_NOTE = Prepared(insert(changes).inline(), ("campaign_id", "kind", "subject"))


def note(connection: Connection, kind: ChangeKind, campaign_id: str, subject: str) -> None:
    """Number a change that this transaction stores; people and their texts are named by the key of the person."""
    _NOTE.run(connection, {"campaign_id": campaign_id, "kind": kind.value, "subject": subject})


def prune(connection: Connection) -> None:
    """Let go of the oldest, some at a time."""
    last = select(func.max(changes.c.number)).scalar_subquery()
    known = select(webhook_feed.c.known).scalar_subquery()
    told = or_(changes.c.number <= func.coalesce(known, last), changes.c.number <= last - HELD)
    old = (
        select(changes.c.number)
        .where(changes.c.number <= last - KEPT, told)
        .order_by(changes.c.number)
        .limit(PRUNED)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(changes).where(changes.c.number.in_(old)))


def now(connection: Connection) -> str:
    """Return the cursor behind which is what is stored from now on."""
    last = connection.execute(select(func.max(changes.c.number))).scalar() or 0
    if not _out_of_order(connection):
        return _written(last, set())
    there = connection.execute(select(changes.c.number).where(changes.c.number > last - WINDOW)).scalars()
    return _written(last, _missing(last - WINDOW, set(there), last))


def since(connection: Connection, cursor: str, limit: int) -> Changes:
    """Return what was stored since `cursor`; InputError where that is none."""
    known, _ = _read(cursor)
    last = newest(connection)
    if known > last or known < last - KEPT:
        return Changes(changes=(), cursor=now(connection), whole=False)
    of_attempt = and_(changes.c.kind == ChangeKind.ATTEMPT.value, attempts.c.id == changes.c.subject)
    query = (
        select(
            changes,
            attempts.c.outcome,
            attempts.c.ended_at,
            attempts.c.recipient_id,
            campaigns.c.state,
        )
        .select_from(changes.join(campaigns).outerjoin(attempts, of_attempt))
        .where(behind(cursor))
        .order_by(changes.c.number)
        .limit(limit)
    )
    found = tuple(
        Change(
            number=row.number,
            kind=ChangeKind(row.kind),
            campaign=row.campaign_id,
            subject=row.subject,
            key=row.recipient_id if row.kind == ChangeKind.ATTEMPT else _key(row.kind, row.subject),
            outcome=Outcome(row.outcome) if row.outcome else None,
            ended_at=row.ended_at,
            state=row.state if row.kind == ChangeKind.CAMPAIGN else None,
        )
        for row in connection.execute(query)
    )
    reached = advanced(connection, cursor, {one.number for one in found}, last)
    return Changes(changes=found, cursor=reached, more=len(found) == limit)


def newest(connection: Connection) -> int:
    """Return the number of the newest change, 0 where there is none."""
    return connection.execute(select(func.max(changes.c.number))).scalar() or 0


def behind(cursor: str) -> ColumnElement[bool]:
    """Return what a change behind `cursor` fulfils; InputError where that is none."""
    known, awaited = _read(cursor)
    return or_(changes.c.number > known, changes.c.number.in_(sorted(awaited)))


def known_by(cursor: str) -> int:
    """Return up to which number `cursor` knows everything that was not late; InputError where that is none."""
    return _read(cursor)[0]


def advanced(connection: Connection, cursor: str, numbers: Collection[int], last: int) -> str:
    """Return the cursor behind `numbers`, which were found behind `cursor` while `last` was the newest."""
    known, awaited = _read(cursor)
    reached = max(chain([known], numbers))
    if not _out_of_order(connection):
        return _written(reached, set())
    awaited = (awaited - set(numbers)) | _missing(known, set(numbers), reached)
    return _written(reached, {number for number in awaited if number > last - WINDOW})


def _key(kind: str, subject: str) -> str | None:
    return subject if kind in (ChangeKind.PERSON, ChangeKind.TEXT) else None


def _out_of_order(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _missing(known: int, numbers: set[int], reached: int) -> set[int]:
    return {number for number in range(max(known, reached - WINDOW, 0) + 1, reached) if number not in numbers}


def _written(known: int, awaited: set[int]) -> str:
    newest = sorted(awaited)[-AWAITED:]
    return f"{known}-{'.'.join(map(str, newest))}" if newest else f"{known}"


def _read(cursor: str) -> tuple[int, set[int]]:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InputError("続きの目印が正しくありません。画面を開き直してください。")
    return int(found[1]), {int(number) for number in found[2].split(".")} if found[2] else set()
