"""People and numbers that staff have excluded from every campaign: found by keyed hashes, told by what is sealed.

Asked with who is due, and once more in the transaction that stores the intent to dial: what is entered counts from the
next dial on, whichever engine makes it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    text,
    update,
)

from ivr.domain.entered import EnteredExclusion
from ivr.domain.exclusion import Entry, Exclusions, Source
from ivr.domain.recipient import Recipient, same_person
from ivr.errors import KeyDestroyed
from ivr.storage.lending import Store
from ivr.storage.schema import UtcDateTime
from ivr.storage.sealing import TEXTS, Sealing
from ivr.storage.tables import attempts, barred_numbers, campaigns, exclusions, texts

_LOCK = 5_717_220_003
"""As that of `ivr.storage.migrations`."""

TABLE = "exclusions"

A_PAGE = 50

ELSEWHERE = "ほかの部署の登録（理由は表示しません）"
"""What a campaign is told in place of the reason that another department has written."""

IN_FORCE = exists().where(
    exclusions.c.lifted_at.is_(None),
    or_(exclusions.c.person_hash == bindparam("excluded"), exclusions.c.number_hash == bindparam("number")),
    or_(exclusions.c.ends_at.is_(None), exclusions.c.ends_at > bindparam("moment", type_=UtcDateTime)),
)
"""That staff have excluded the person `excluded` (as `person_hash`) or the `number` (hashed), in force at `moment`."""

_HOLDS = select(IN_FORCE)


def attend(connection: Connection) -> None:
    """Let nobody be excluded until this transaction is over: before it asks, and before it waits for any row.

    On PostgreSQL a statement that has waited for a row does not see what was stored meanwhile. SQLite has one writer.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK})


def _alone(connection: Connection) -> None:
    """Wait for whatever has asked who is excluded and is not stored yet."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def hold(connection: Connection, sealing: Sealing, person: str, number: str, now: datetime) -> bool:
    """Tell whether staff have excluded a person or an E.164 number, in force at `now`."""
    asked = {"excluded": person_hash(sealing, person), "number": sealing.number_hash(number), "moment": now}
    return bool(connection.execute(_HOLDS, asked).scalar())


def about(
    connection: Connection, sealing: Sealing, campaign: str, people: Collection[Recipient], now: datetime | None
) -> Mapping[str, Exclusions]:
    """Return what is in force at `now` (None: whatever was not lifted) about those of `people` whom it concerns.

    It is kept with the people of the campaign: the reason only where its own department has written it.
    """
    persons = {person_hash(sealing, one.id): same_person(one.id) for one in people}
    numbers = {sealing.number_hash(number): number for one in people for number in one.numbers}
    if not persons:
        return {}
    here = exclusions.c
    concerned = or_(here.person_hash.in_([*persons]), here.number_hash.in_([*numbers]))
    query = select(exclusions).where(concerned, _in_force(now)).order_by(here.entered_at, here.id)
    by_person: dict[str, list[Entry]] = {}
    by_number: dict[str, list[Entry]] = {}
    rows = connection.execute(query).all()
    if not rows:
        return {}
    own = connection.execute(select(campaigns.c.department_id).where(campaigns.c.id == campaign)).scalar()
    for row in rows:
        reason = _opened(sealing, row)[2] if row.department_id == own else ELSEWHERE
        entry = Entry(reason=reason, source=Source.STAFF)
        if row.person_hash in persons:
            by_person.setdefault(persons[row.person_hash], []).append(entry)
        if row.number_hash in numbers:
            by_number.setdefault(numbers[row.number_hash], []).append(entry)
    known = Exclusions(people=by_person, numbers=by_number)
    concerns = [one for one in people if same_person(one.id) in by_person or by_number.keys() & set(one.numbers)]
    return {one.id: known for one in concerns}


def person_hash(sealing: Sealing, person: str) -> str:
    """Return what the exclusions of a 宛名番号 are found by, however its zeros are written."""
    return sealing.fields.hash("excluded", same_person(person))


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """A number that is sent no texts: why, since when, and of whom it is, where a text that is still there tells."""

    reason: str
    at: datetime
    number: str = field(default="", repr=False)
    person: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """Somebody (宛名番号) who was dialled, by which campaign and when."""

    campaign: str
    person: str = field(repr=False)
    at: datetime


class SqlExclusions:
    """What staff have entered, on SQLite or PostgreSQL; every method raises StoreFailed where the database refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sealing = store.sealing

    async def add(self, entered: EnteredExclusion) -> EnteredExclusion:
        """Store an exclusion; return it, or one of the same department that says the same for as long already.

        What another department has entered does not count: that one lifts it, and knows nothing of this wish.
        """

        def work(connection: Connection) -> EnteredExclusion:
            _alone(connection)
            values = self._values(entered)
            same = select(exclusions).where(
                exclusions.c.person_hash.is_not_distinct_from(values["person_hash"]),
                exclusions.c.number_hash.is_not_distinct_from(values["number_hash"]),
                exclusions.c.department_id == entered.department,
                _in_force(entered.entered_at),
            )
            for row in connection.execute(same):
                if row.ends_at is None or (entered.ends_at is not None and row.ends_at >= entered.ends_at):
                    return self._exclusion(row)
            connection.execute(insert(exclusions).values(values))
            return entered

        return await self._store.write(work)

    async def lift(self, exclusion: str, *, by: str, why: str, now: datetime) -> bool:
        """End one from `now` on; False where it was lifted before, or is not there. Whom it named is forgotten."""

        def work(connection: Connection) -> bool:
            query = select(exclusions).where(exclusions.c.id == exclusion, exclusions.c.lifted_at.is_(None))
            row = connection.execute(query.with_for_update()).first()
            if row is None:
                return False
            sealed = self._sealed(exclusion, "", "", _opened(self._sealing, row)[2], why)
            connection.execute(
                update(exclusions)
                .where(exclusions.c.id == exclusion)
                .values(lifted_at=now, lifted_by=by, sealed=sealed)
            )
            return True

        return await self._store.write(work)

    async def one(self, exclusion: str) -> EnteredExclusion | None:
        """Return one by its id."""

        def work(connection: Connection) -> EnteredExclusion | None:
            row = connection.execute(select(exclusions).where(exclusions.c.id == exclusion)).first()
            return self._exclusion(row) if row is not None else None

        return await self._store.read(work)

    async def standing(
        self, now: datetime, *, department: str | None = None, after: int = 0
    ) -> tuple[tuple[EnteredExclusion, ...], int]:
        """Return a page of those in force (of a department), the newest first, behind the first `after`; how many?"""
        here = exclusions.c
        chosen = [_in_force(now), *([here.department_id == department] if department is not None else [])]
        query = select(exclusions).where(*chosen).order_by(here.entered_at.desc(), here.id)

        def work(connection: Connection) -> tuple[tuple[EnteredExclusion, ...], int]:
            number = connection.execute(select(func.count()).select_from(exclusions).where(*chosen)).scalar_one()
            rows = connection.execute(query.offset(after).limit(A_PAGE))
            return tuple(self._exclusion(row) for row in rows), number

        return await self._store.read(work)

    async def over(self, now: datetime, *, department: str | None = None, limit: int) -> tuple[EnteredExclusion, ...]:
        """Return those lifted or ended (of a department), the newest first."""
        here = exclusions.c
        query = select(exclusions).where(or_(here.lifted_at.is_not(None), here.ends_at <= now))
        if department is not None:
            query = query.where(here.department_id == department)
        query = query.order_by(func.coalesce(here.lifted_at, here.ends_at).desc(), here.id).limit(limit)
        return await self._store.read(
            lambda connection: tuple(self._exclusion(row) for row in connection.execute(query))
        )

    async def forget(self, before: datetime) -> int:
        """Delete those that were lifted, or ended, before a moment; return how many."""
        gone = delete(exclusions).where(func.coalesce(exclusions.c.lifted_at, exclusions.c.ends_at) < before)
        return await self._store.write(lambda connection: connection.execute(gone).rowcount)

    async def found(self, person: str, number: str) -> tuple[EnteredExclusion, ...]:
        """Return those about a 宛名番号 or an E.164 number (either may be ""), over or not, the newest first."""
        here = exclusions.c
        asked = []
        if person:
            asked.append(here.person_hash == person_hash(self._sealing, person))
        if number:
            asked.append(here.number_hash == self._sealing.number_hash(number))
        query = select(exclusions).where(or_(*asked)).order_by(here.entered_at.desc(), here.id).limit(A_PAGE)
        return await self._store.read(
            lambda connection: tuple(self._exclusion(row) for row in connection.execute(query)) if asked else ()
        )

    async def dialled(self, number: str, campaigns: Collection[str], limit: int) -> tuple[Dialled, ...]:
        """Return who was dialled at a number (E.164) by one of `campaigns`, the latest dial first."""
        here = attempts.c
        query = (
            select(here.id, here.campaign_id, here.sealed, here.intended_at)
            .where(here.number_hash == self._sealing.number_hash(number), here.campaign_id.in_([*campaigns]))
            .order_by(here.intended_at.desc())
            .limit(limit)
        )

        def work(connection: Connection) -> tuple[Dialled, ...]:
            return tuple(
                Dialled(
                    campaign=row.campaign_id,
                    person=self._sealing.dialled(row.campaign_id, row.id, row.sealed)[0],
                    at=row.intended_at,
                )
                for row in connection.execute(query)
            )

        return await self._store.read(work) if campaigns else ()

    async def refuses_texts(self, number: str) -> tuple[str, datetime] | None:
        """Return why a number (E.164) is sent no texts and since when, None where it is."""
        query = select(barred_numbers).where(barred_numbers.c.number_hash == self._sealing.number_hash(number))
        row = await self._store.read(lambda connection: connection.execute(query).first())
        return (row.reason, row.at) if row is not None else None

    async def opt_outs(self, campaigns: Collection[str] | None, limit: int) -> tuple[tuple[OptOut, ...], int]:
        """Return who is sent no texts, the newest first, of those who were sent one in `campaigns` (None: all of them).

        And how many numbers there are in all. Of a number whose texts are erased only that it is there can be told.
        """
        here, sent = barred_numbers.c, texts.c
        of_number = [sent.number_hash == here.number_hash]
        if campaigns is not None:
            of_number.append(sent.campaign_id.in_([*campaigns]) if campaigns else null().is_not(None))
        newest = select(func.max(sent.id)).where(*of_number).correlate(barred_numbers).scalar_subquery()
        query = (
            select(here.reason, here.at, sent.id, sent.campaign_id, sent.sealed)
            .select_from(barred_numbers.outerjoin(texts, and_(sent.number_hash == here.number_hash, sent.id == newest)))
            .order_by(here.at.desc(), here.number_hash)
            .limit(limit)
        )
        if campaigns is not None:
            query = query.where(sent.id.is_not(None))

        def work(connection: Connection) -> tuple[tuple[OptOut, ...], int]:
            number = connection.execute(select(func.count()).select_from(barred_numbers)).scalar_one()
            return tuple(self._opt_out(row) for row in connection.execute(query)), number

        return await self._store.read(work)

    def _opt_out(self, row: Row[*tuple[Any, ...]]) -> OptOut:
        if row.id is None:
            return OptOut(reason=row.reason, at=row.at)
        try:
            person, number, *_ = json.loads(self._sealing.fields.open(TEXTS, row.campaign_id, row.id, row.sealed))
        except KeyDestroyed:
            return OptOut(reason=row.reason, at=row.at)
        return OptOut(reason=row.reason, at=row.at, number=number, person=person)

    def _values(self, entered: EnteredExclusion) -> dict[str, Any]:
        return {
            "id": entered.id,
            "person_hash": person_hash(self._sealing, entered.person) if entered.person else None,
            "number_hash": self._sealing.number_hash(entered.number) if entered.number else None,
            "sealed": self._sealed(entered.id, entered.person, entered.number, entered.reason, ""),
            "ends_at": entered.ends_at,
            "department_id": entered.department,
            "entered_at": entered.entered_at,
            "entered_by": entered.entered_by,
        }

    def _sealed(self, exclusion: str, *content: str) -> bytes:
        return self._sealing.fields.seal_own(TABLE, exclusion, json.dumps(content, ensure_ascii=False).encode())

    def _exclusion(self, row: Row[Any]) -> EnteredExclusion:
        person, number, reason, why = _opened(self._sealing, row)
        return EnteredExclusion(
            id=row.id,
            person=person,
            number=number,
            reason=reason,
            department=row.department_id,
            entered_at=row.entered_at,
            entered_by=row.entered_by,
            ends_at=row.ends_at,
            lifted_at=row.lifted_at,
            lifted_by=row.lifted_by or "",
            lifted_why=why,
        )


def _in_force(now: datetime | None) -> ColumnElement[bool]:
    here = exclusions.c
    if now is None:
        return here.lifted_at.is_(None)
    return and_(here.lifted_at.is_(None), or_(here.ends_at.is_(None), here.ends_at > now))


def _opened(sealing: Sealing, row: Row[Any]) -> tuple[str, str, str, str]:
    person, number, reason, why = json.loads(sealing.fields.open_own(TABLE, row.id, row.sealed))
    return person, number, reason, why
