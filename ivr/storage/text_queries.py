"""What is asked of the store of texts (SMS). Each function is one question, and sees one moment of the data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from ivr.campaign.text_news import BY_STAFF, OPT_OUT
from ivr.campaign.text_records import OutstandingPart, TextCounts, TextDue, TextRecord, TextsAsked
from ivr.domain.calling_rules import Ceiling, Of
from ivr.domain.exclusion import NONE_ENTERED
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.domain.text import after as known_after
from ivr.domain.texting_rules import mobile
from ivr.storage import barred, caps, exclusions
from ivr.storage.queries import past_of, with_attempts
from ivr.storage.sealing import Sealing
from ivr.storage.tables import (
    COUNTED,
    TEXTED,
    TEXTED_NUMBERS,
    attempts,
    barred_numbers,
    early_receipts,
    recipients,
    text_parts,
    texts,
)

BATCH = 1000
"""People looked at together, where all are."""


def due(
    connection: Connection, sealing: Sealing, asked: TextsAsked, limit: int, after: int, now: datetime | None
) -> tuple[TextDue, ...]:
    """Return people without a text to whom one may be due, with their ended dials, from rank `after` + 1 on."""
    people = _people(asked).where(recipients.c.rank > after).order_by(recipients.c.rank).limit(limit)
    found = []
    for _, of_person in groupby(connection.execute(with_attempts(people)), key=lambda row: (row.rank, row.id)):
        person, *more = of_person
        recipient, excluded = sealing.recipient(person)
        dials = (row for row in (person, *more) if row.attempt is not None)
        past = tuple(
            past_of(sealing, asked.campaign, row.attempt, row.dialled, row.intended_at, row.ended_with) for row in dials
        )
        outcome = Outcome(person.outcome) if person.outcome else None
        found.append((recipient, person.rank, outcome, past, excluded))
    numbers = {number for recipient, *_ in found for number in recipient.numbers}
    refused, nobodys = barred.among(connection, sealing, numbers)
    entered = exclusions.about(connection, sealing, asked.campaign, [recipient for recipient, *_ in found], now)
    return tuple(
        TextDue(
            recipient=recipient,
            rank=rank,
            outcome=outcome,
            past=past,
            refused=refused.intersection(recipient.numbers),
            nobodys=nobodys.intersection(recipient.numbers),
            excluded=excluded,
            entered=entered.get(recipient.id, NONE_ENTERED),
        )
        for recipient, rank, outcome, past, excluded in found
    )


def _people(asked: TextsAsked) -> Select[Any]:
    untexted = recipients.c.texted.is_(None)
    return select(recipients).where(recipients.c.campaign_id == asked.campaign, _may_be_due(asked), untexted)


def _may_be_due(asked: TextsAsked) -> ColumnElement[bool]:
    waiting = recipients.c.state == "waiting"
    if asked.alone:
        return waiting
    after = [outcome.value for outcome in asked.after]
    settled = and_(recipients.c.state == "settled", recipients.c.outcome.in_(after)) if after else false()
    if asked.tries is None:
        return settled
    dials = (
        select(func.count())
        .where(
            attempts.c.campaign_id == recipients.c.campaign_id,
            attempts.c.recipient_id == recipients.c.id,
            attempts.c.state == "ended",
            attempts.c.outcome.in_(after),
        )
        .scalar_subquery()
    )
    # So many dials, of whatever end, are told by the row: those of hardly anybody else have to be counted.
    return or_(settled, and_(waiting, recipients.c.tries >= asked.tries, dials >= asked.tries))


def outstanding(
    connection: Connection, since: datetime, limit: int, after: OutstandingPart | None
) -> tuple[OutstandingPart, ...]:
    """Return the first parts sent since `since` of which nothing final is known, oldest first, behind `after`."""
    pending = [state.value for state in TextState if not state.final]
    sent_at, part = texts.c.sent_at, text_parts.c
    query = (
        select(sent_at, part.text_id, part.ordinal, part.reference)
        .join_from(text_parts, texts)
        .where(sent_at >= since, part.state.in_(pending))
        .order_by(sent_at, part.text_id, part.ordinal)
        .limit(limit)
    )
    if after is not None and after.sent_at >= since:
        behind = or_(part.text_id > after.text, and_(part.text_id == after.text, part.ordinal > after.ordinal))
        query = query.where(sent_at >= after.sent_at, or_(sent_at > after.sent_at, behind))
    return tuple(
        OutstandingPart(sent_at=row.sent_at, text=row.text_id, ordinal=row.ordinal, reference=row.reference)
        for row in connection.execute(query)
    )


def heard(connection: Connection, references: Collection[str]) -> dict[str, TextState]:
    """Return what was told of parts that are of no text here, by the network's names of them."""
    found = dict.fromkeys(references, TextState.SENT)
    query = select(early_receipts).where(early_receipts.c.reference.in_([*references]))
    for row in connection.execute(query):
        found[row.reference] = known_after(found[row.reference], TextState(row.state))
    return found


def counts(connection: Connection, asked: TextsAsked) -> TextCounts:
    """Return the texts of a campaign in numbers."""
    here = recipients.c
    walked = (here.state, here.outcome, here.proven, here.texted)
    grouped = (
        select(*walked, func.count().label("number"))
        .where(here.campaign_id == asked.campaign, here.texted.is_not(None))
        .group_by(*walked)
        .with_hint(recipients, f"INDEXED BY {COUNTED}", "sqlite")
    )
    found: defaultdict[Outcome | None, Counter[TextState]] = defaultdict(Counter)
    for row in connection.execute(grouped):
        found[Outcome(row.outcome) if row.outcome else None][TextState(row.texted)] += row.number
    sizes = _sizes(connection, asked.campaign)
    refusals = _refusals(connection, asked.campaign)
    still = _people(asked).with_only_columns(func.count())
    return TextCounts(
        by_outcome=dict(found),
        taken=sum(number for (_, parts), number in sizes.items() if parts),
        parts=sum(parts * number for (_, parts), number in sizes.items()),
        unsure=sizes.get((TextState.UNKNOWN, 0), 0),
        due=connection.execute(still).scalar_one(),
        stopped=refusals.get(OPT_OUT, 0),
        declined=refusals.get(BY_STAFF, 0),
    )


def _sizes(connection: Connection, campaign_id: str) -> dict[tuple[str, int], int]:
    """Return how many texts of a campaign are in each state, in so many parts."""
    here = texts.c
    query = (
        select(here.state, here.parts, func.count().label("number"))
        .where(here.campaign_id == campaign_id)
        .group_by(here.state, here.parts)
        .with_hint(texts, f"INDEXED BY {TEXTED}", "sqlite")
    )
    return {(row.state, row.parts): row.number for row in connection.execute(query)}


def _refusals(connection: Connection, campaign_id: str) -> dict[str, int]:
    """Return of how many texts of a campaign the number has been barred since, by the reason."""
    # From the few numbers to their texts: the other way round it is a walk through all texts.
    here = texts.c
    to_it = (
        select(func.count())
        .where(here.number_hash == barred_numbers.c.number_hash, here.campaign_id == campaign_id, here.parts > 0)
        .with_hint(texts, f"INDEXED BY {TEXTED_NUMBERS}", "sqlite")
        .scalar_subquery()
    )
    query = select(barred_numbers.c.reason, func.sum(to_it).label("number")).group_by(barred_numbers.c.reason)
    return {row.reason: int(row.number) for row in connection.execute(query)}


def capped(
    connection: Connection, sealing: Sealing, asked: TextsAsked, ceilings: Sequence[Ceiling], among: int | None
) -> int:
    """Return how many people to whom a text is due have reached one of `ceilings`, of the first `among` of them."""
    found, looked, after = 0, 0, 0
    size = BATCH if among is None else min(among, BATCH)
    while batch := due(connection, sealing, asked, size, after, None):
        hashes = []
        for one in batch:
            to = mobile(one.recipient.numbers, one.past, one.refused, one.nobodys)
            if to.number:
                hashes.append(
                    {Of.NUMBER: sealing.number_hash(to.number), Of.PERSON: sealing.person_hash(one.recipient.id)}
                )
        full = caps.full(connection, ceilings, texts, hashes)
        found += sum(any(hash_ in full[of] for of, hash_ in one.items()) for one in hashes)
        looked, after = looked + len(batch), batch[-1].rank
        if among is not None and looked >= among:
            break
    return found


def states(connection: Connection, campaign_id: str) -> dict[str, int]:
    """Return how many texts of a campaign are in each state."""
    found: Counter[str] = Counter()
    for (state, _), number in _sizes(connection, campaign_id).items():
        found[state] += number
    return dict(found)


def records(
    connection: Connection, sealing: Sealing, campaign_id: str, only: Collection[str] | None = None
) -> dict[str, TextRecord]:
    """Return the texts of a campaign, or of some people, by the ids of the rows of their people."""
    query = select(texts).where(texts.c.campaign_id == campaign_id)
    if only is not None:
        query = query.where(texts.c.recipient_id.in_(only))
    found = {}
    for row in connection.execute(query):
        number, body, reason = sealing.texted(campaign_id, row.id, row.sealed)
        found[row.recipient_id] = TextRecord(
            id=row.id,
            state=TextState(row.state),
            intended_at=row.intended_at,
            sent_at=row.sent_at,
            ended_at=row.ended_at,
            parts=row.parts,
            number=number,
            body=body,
            why=reason or row.why,
        )
    return found
