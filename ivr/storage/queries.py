"""What is asked of the store. Each function is one question, and sees one moment of the data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, Select, and_, bindparam, func, or_, select

from ivr.campaign.records import AttemptRecord, CampaignRow, Counts, Due, KeyRecord, OpenAttempt, RecipientRecord
from ivr.campaign.text_records import TextRecord
from ivr.domain.attempt import AttemptState, Intent, Past
from ivr.domain.exclusion import NONE_ENTERED
from ivr.domain.outcome import Outcome
from ivr.errors import KeyDestroyed, NotFound
from ivr.storage import barred, caps, exclusions
from ivr.storage.sealing import Sealing
from ivr.storage.tables import COUNTED, OPEN, attempts, campaigns, key_presses, recipients, tallies
from ivr.storage.tallying import Kind

RECIPIENT_STATES = ("waiting", "calling", "settled")


def campaign(connection: Connection, name: str) -> CampaignRow:
    """Return a campaign by name; NotFound."""
    row = connection.execute(select(campaigns).where(campaigns.c.name == name)).first()
    if row is None:
        raise NotFound(f"催告「{name}」がありません。")
    return _campaign(row)


def campaign_of(connection: Connection, campaign_id: str) -> CampaignRow:
    """Return a campaign by id; NotFound."""
    row = connection.execute(select(campaigns).where(campaigns.c.id == campaign_id)).first()
    if row is None:
        raise NotFound("その催告がありません。")
    return _campaign(row)


def all_campaigns(connection: Connection, state: str | None) -> tuple[CampaignRow, ...]:
    """Return the campaigns (in `state`), oldest first."""
    query = select(campaigns).order_by(campaigns.c.created_at, campaigns.c.name)
    if state is not None:
        query = query.where(campaigns.c.state == state)
    return tuple(_campaign(row) for row in connection.execute(query))


def due(
    connection: Connection,
    sealing: Sealing,
    campaign_id: str,
    now: datetime,
    limit: int,
    after: int,
    *,
    claimed_by: str | None = None,
    counted: datetime | None = None,
) -> tuple[Due, ...]:
    """Return waiting people due by `now` from rank `after` + 1 on, with their ended attempts.

    With `claimed_by` only those whom that engine has claimed, with `counted` the dials elsewhere since then.

    One statement, so that a person whose call ends meanwhile can't appear without that call. The index on state and
    rank finds the people in order; it holds `due_at` too, so that those who are not due cost next to nothing.
    """
    values = due_values(campaign_id, now, limit, after)
    if claimed_by is None:
        rows = connection.execute(_DUE, values)
    else:
        rows = connection.execute(_DUE_CLAIMED, {**values, "claimer": claimed_by})
    found = []
    for _, of_person in groupby(rows, key=lambda row: (row.rank, row.id)):
        person, *more = of_person
        past = tuple(
            past_of(sealing, campaign_id, row.attempt, row.dialled, row.intended_at, row.ended_with)
            for row in (person, *more)
            if row.attempt is not None
        )
        recipient, excluded = sealing.recipient(person)
        found.append(
            Due(
                campaign=campaign_id,
                recipient=recipient,
                past=past,
                due_at=person.due_at,
                rank=person.rank,
                excluded=excluded,
            )
        )
    nobodys = barred.nobodys(connection, sealing, {number for due in found for number in due.recipient.numbers}, now)
    if nobodys:
        found = [replace(due, nobodys=nobodys.intersection(due.recipient.numbers)) for due in found]
    if entered := exclusions.about(connection, sealing, campaign_id, [due.recipient for due in found], now):
        found = [replace(due, entered=entered.get(due.recipient.id, NONE_ENTERED)) for due in found]
    if counted is None or not found:
        return tuple(found)
    dials = caps.elsewhere(connection, sealing, campaign_id, [due.recipient for due in found], counted)
    return tuple(replace(due, elsewhere=dials.get(due.recipient.id, ())) for due in found)


PEOPLE_DUE = (
    select(recipients)
    .where(
        recipients.c.campaign_id == bindparam("of_campaign"),
        recipients.c.state == "waiting",
        recipients.c.rank > bindparam("after"),
        or_(recipients.c.due_at.is_(None), recipients.c.due_at <= bindparam("now")),
    )
    .order_by(recipients.c.rank)
    .limit(bindparam("most", type_=Integer))
)
"""The rows of `due`, with `due_values`."""


def due_values(campaign_id: str, now: datetime, limit: int, after: int) -> dict[str, object]:
    """Return what `PEOPLE_DUE` is run with."""
    return {"of_campaign": campaign_id, "now": now, "most": limit, "after": after}


def with_attempts(waiting: Select[Any]) -> Select[Any]:
    """Select each of the people once for each of their ended attempts, once where there is none."""
    people = waiting.subquery()
    ended = and_(
        attempts.c.campaign_id == people.c.campaign_id,
        attempts.c.recipient_id == people.c.id,
        attempts.c.state == "ended",
    )
    return (
        select(
            people,
            attempts.c.id.label("attempt"),
            attempts.c.sealed.label("dialled"),
            attempts.c.intended_at,
            attempts.c.outcome.label("ended_with"),
        )
        .select_from(people.outerjoin(attempts, ended))
        .order_by(people.c.rank, people.c.id, attempts.c.intended_at, attempts.c.id)
    )


# Built once: to build them takes ten times as long as to run them.
_DUE = with_attempts(PEOPLE_DUE)
_DUE_CLAIMED = with_attempts(PEOPLE_DUE.where(recipients.c.claimed_by == bindparam("claimer")))


def open_attempts(connection: Connection, sealing: Sealing, engines: Collection[str] | None) -> tuple[OpenAttempt, ...]:
    """Return every attempt (of `engines`) that has not ended, oldest first."""
    query = select(attempts).where(OPEN).order_by(attempts.c.intended_at, attempts.c.id)
    if engines is not None:
        query = query.where(attempts.c.engine.in_(engines))
    found = []
    for row in connection.execute(query):
        try:
            recipient, number = sealing.dialled(row.campaign_id, row.id, row.sealed)
        except KeyDestroyed:
            # A backup from before an erasure was restored, and the engine was started before it was erased again.
            continue
        intent = Intent(id=row.id, campaign=row.campaign_id, recipient=recipient, number=number, at=row.intended_at)
        found.append(OpenAttempt(intent=intent, state=AttemptState(row.state)))
    return tuple(found)


def past(connection: Connection, sealing: Sealing, campaign_id: str, recipient_id: str) -> tuple[Past, ...]:
    """Return the ended attempts of a person, oldest first."""
    query = (
        select(attempts.c.id, attempts.c.sealed, attempts.c.intended_at, attempts.c.outcome)
        .where(
            attempts.c.campaign_id == campaign_id,
            attempts.c.recipient_id == sealing.key(campaign_id, recipient_id),
            attempts.c.state == "ended",
        )
        .order_by(attempts.c.intended_at, attempts.c.id)
    )
    return tuple(past_of(sealing, campaign_id, *row) for row in connection.execute(query))


def counts(connection: Connection, campaign_id: str) -> Counts:
    """Return the campaign in numbers. A person who was never put off is due since the campaign was created."""
    here = recipients.c
    grouped = (
        select(here.state, here.outcome, here.proven, func.count())
        .where(here.campaign_id == campaign_id)
        .group_by(here.state, here.outcome, here.proven)
        .with_hint(recipients, f"INDEXED BY {COUNTED}", "sqlite")
    )
    people = (
        (state, Outcome(outcome) if outcome else None, proven, number)
        for state, outcome, proven, number in connection.execute(grouped)
    )
    ended = select(func.coalesce(func.sum(tallies.c.number), 0)).where(
        tallies.c.campaign_id == campaign_id, tallies.c.kind == Kind.TRY.value
    )
    dials = int(connection.execute(ended).scalar_one()) + open_dials(connection, campaign_id)
    return in_numbers(people, dials, next_due(connection, campaign_id))


def in_numbers(people: Iterable[tuple[str, Outcome | None, bool, int]], dials: int, due_at: datetime | None) -> Counts:
    """Return a campaign in numbers: `people` by state, outcome and whether a beep proves a message, and how many."""
    states = dict.fromkeys(RECIPIENT_STATES, 0)
    outcomes: Counter[Outcome] = Counter()
    proven = 0
    for state, outcome, beep, number in people:
        states[state] += number
        if state == "settled" and outcome is not None:
            outcomes[outcome] += number
            proven += number if beep and outcome is Outcome.VOICEMAIL else 0
    return Counts(states=states, outcomes=dict(outcomes), attempts=dials, next_due=due_at, proven=proven)


def open_dials(connection: Connection, campaign_id: str) -> int:
    """Return how many calls of a campaign are under way."""
    dials = select(func.count()).select_from(attempts).where(attempts.c.campaign_id == campaign_id, OPEN)
    return int(connection.execute(dials).scalar_one())


def next_due(connection: Connection, campaign_id: str) -> datetime | None:
    """Return when the next of those who wait is due; None where nobody waits."""
    query = (
        select(func.min(func.coalesce(recipients.c.due_at, campaigns.c.created_at)))
        .select_from(recipients.join(campaigns))
        .where(recipients.c.campaign_id == campaign_id, recipients.c.state == "waiting")
    )
    found: datetime | None = connection.execute(query).scalar()
    return found


def records(
    connection: Connection,
    sealing: Sealing,
    campaign_id: str,
    texts: Mapping[str, TextRecord],
    only: Collection[str] | None = None,
) -> tuple[RecipientRecord, ...]:
    """Return every person and attempt, in the order of the list, with their `texts` by the ids of their rows.

    With `only` none but the people of those rows.
    """
    keys: defaultdict[str, list[KeyRecord]] = defaultdict(list)
    for row in connection.execute(_keys(campaign_id, only)):
        keys[row.attempt_id].append(KeyRecord(step=row.step, key=row.key, at=row.at))
    dials: defaultdict[str, list[AttemptRecord]] = defaultdict(list)
    marks: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row in connection.execute(_dials(campaign_id, only)):
        dials[row.recipient_id].append(_attempt(sealing, row, tuple(keys.pop(row.id, ()))))
        marks[row.recipient_id].update(dict.fromkeys(row.marks))
    query = (
        select(recipients)
        .where(recipients.c.campaign_id == campaign_id, *_of(recipients.c.id, only))
        .order_by(recipients.c.line, recipients.c.id)
    )
    found = []
    for row in connection.execute(query):
        recipient, excluded = sealing.recipient(row)
        found.append(
            RecipientRecord(
                recipient=recipient,
                state=row.state,
                outcome=Outcome(row.outcome) if row.outcome else None,
                marks=tuple(marks[row.id]),
                due_at=row.due_at,
                attempts=tuple(dials.pop(row.id, ())),
                excluded=excluded,
                text=texts.get(row.id),
            )
        )
    return tuple(found)


def _of(column: ColumnElement[str], only: Collection[str] | None) -> tuple[ColumnElement[bool], ...]:
    return () if only is None else (column.in_(only),)


def _dials(campaign_id: str, only: Collection[str] | None) -> Select[Any]:
    return (
        select(attempts)
        .where(attempts.c.campaign_id == campaign_id, *_of(attempts.c.recipient_id, only))
        .order_by(attempts.c.intended_at, attempts.c.id)
    )


def _keys(campaign_id: str, only: Collection[str] | None) -> Select[Any]:
    return (
        select(key_presses)
        .join(attempts)
        .where(attempts.c.campaign_id == campaign_id, *_of(attempts.c.recipient_id, only))
        .order_by(key_presses.c.attempt_id, key_presses.c.ordinal)
    )


def _campaign(row: Row[Any]) -> CampaignRow:
    return CampaignRow(
        id=row.id,
        name=row.name,
        state=row.state,
        scenario=row.scenario,
        scenario_file=row.scenario_file,
        created_at=row.created_at,
        rules=row.rules,
        sources=row.sources or {},
        created_by=row.created_by,
        approved_by=row.approved_by,
        department=row.department_id,
    )


def past_of(sealing: Sealing, campaign_id: str, attempt: str, sealed: bytes, at: datetime, outcome: str) -> Past:
    _, number = sealing.dialled(campaign_id, attempt, sealed)
    return Past(number=number, at=at, outcome=Outcome(outcome))


def _attempt(sealing: Sealing, row: Row[Any], keys: tuple[KeyRecord, ...]) -> AttemptRecord:
    _, number = sealing.dialled(row.campaign_id, row.id, row.sealed)
    return AttemptRecord(
        id=row.id,
        number=number,
        state=AttemptState(row.state),
        intended_at=row.intended_at,
        dialled_at=row.dialled_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        outcome=Outcome(row.outcome) if row.outcome else None,
        sip=row.sip,
        q850=row.q850,
        heard_s=row.heard_s,
        restarts=row.restarts,
        keys=keys,
        evidence=row.evidence,
    )
