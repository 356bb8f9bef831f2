"""How often numbers and people were dialled, or texted, in every campaign: what the caps count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, bindparam, func, select, union

from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import Elsewhere, Intent
from ivr.domain.calling_rules import Ceiling, Of
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.storage.sealing import Sealing
from ivr.storage.tables import attempts


def elsewhere(
    connection: Connection, sealing: Sealing, campaign_id: str, people: Sequence[Recipient], since: datetime
) -> Mapping[str, tuple[Elsewhere, ...]]:
    """Return, by 宛名番号, the dials of their person or numbers since `since` that are not of their own row."""
    numbers = {sealing.number_hash(number): number for person in people for number in person.numbers}
    persons = {sealing.person_hash(person.id): person.id for person in people}
    rows = {sealing.key(campaign_id, person.id): person.id for person in people}
    owners: defaultdict[str | None, set[str]] = defaultdict(set)
    for person in people:
        for number in person.numbers:
            owners[number].add(person.id)
    found: defaultdict[str, list[Elsewhere]] = defaultdict(list)
    for row in connection.execute(_DIALS, {"numbers": [*numbers], "persons": [*persons], "since": since}):
        dialled, who = numbers.get(row.number_hash), persons.get(row.person_hash)
        own = rows.get(row.recipient_id) if row.campaign_id == campaign_id else None
        for owner in (owners[dialled] | ({who} if who else set())) - {own}:
            theirs = dialled if owner in owners[dialled] else None
            ended = Outcome(row.outcome) if row.outcome else None
            found[owner].append(Elsewhere(number=theirs, at=row.intended_at, same_person=owner == who, outcome=ended))
    return {owner: tuple(dials) for owner, dials in found.items()}


def _dials(column: Column[str], name: str) -> Select[Any]:
    return select(
        attempts.c.id,
        attempts.c.campaign_id,
        attempts.c.recipient_id,
        attempts.c.number_hash,
        attempts.c.person_hash,
        attempts.c.intended_at,
        attempts.c.outcome,
    ).where(column.in_(bindparam(name, expanding=True)), attempts.c.intended_at >= bindparam("since"))


_DIALS = union(_dials(attempts.c.number_hash, "numbers"), _dials(attempts.c.person_hash, "persons"))
"""Two questions, so that each has its index."""

_COUNTED = {Of.NUMBER: "number_hash", Of.PERSON: "person_hash"}


def reached(
    connection: Connection,
    sealing: Sealing,
    intent: Intent | TextIntent,
    limits: Sequence[Ceiling],
    table: Table = attempts,
) -> bool:
    """Tell whether a row more in `table` would go over one of `limits`: one question for all; every call asks it."""
    if not limits:
        return False
    values: dict[str, object] = {}
    for place, limit in enumerate(limits):
        values[f"hash{place}"] = _hash(sealing, limit.of, intent)
        values[f"since{place}"] = limit.since
    counts = connection.execute(_counts(table, tuple(limit.of for limit in limits)), values).one()
    return any(count >= limit.times for count, limit in zip(counts, limits, strict=True))


def full(
    connection: Connection, limits: Sequence[Ceiling], table: Table, hashes: Sequence[Mapping[Of, str]]
) -> Mapping[Of, frozenset[str]]:
    """Return those of the hashes of numbers and people of which `table` has as many rows as one of `limits` allows."""
    found: dict[Of, frozenset[str]] = dict.fromkeys(Of, frozenset())
    for limit in limits:
        column = table.c[_COUNTED[limit.of]]
        query = (
            select(column)
            .where(column.in_([one[limit.of] for one in hashes]), table.c.intended_at >= limit.since)
            .group_by(column)
            .having(func.count() >= limit.times)
        )
        found[limit.of] |= {*connection.execute(query).scalars()}
    return found


@cache
def _counts(table: Table, each: tuple[Of, ...]) -> Select[Any]:
    return select(
        *(
            select(func.count())
            .where(
                table.c[_COUNTED[of]] == bindparam(f"hash{place}"),
                table.c.intended_at >= bindparam(f"since{place}"),
            )
            .scalar_subquery()
            for place, of in enumerate(each)
        )
    )


def _hash(sealing: Sealing, of: Of, intent: Intent | TextIntent) -> str:
    return sealing.number_hash(intent.number) if of is Of.NUMBER else sealing.person_hash(intent.recipient)
