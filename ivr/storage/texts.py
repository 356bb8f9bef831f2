"""What changes the store of texts (SMS). A change names the states that it expects, and tells whether it was so.

    nothing ── intend ── queued ── taken ── sent ── receipt … ── delivered
       │                   ├────── ended ── refused, no_number, failed, unknown
       │                   └────── withdraw ── nothing
       └───── withhold ── cancelled

What the network tells only ever moves a part towards the better proven (`ivr.domain.text.after`), and the parts make
the text. Its state stands in the person's row as well (`recipients.texted`), by which people are counted and found.
So a receipt may come before the answer, after the text was given up as unknown, or ten times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, insert, or_, select, update

from ivr.campaign.figures import ChangeKind
from ivr.campaign.text_records import Orphan, TextIntent
from ivr.campaign.texting import Receipt
from ivr.domain.calling_rules import Ceiling
from ivr.domain.text import TextState, after, of_parts
from ivr.storage import barred, caps, changes, exclusions, tallying
from ivr.storage.engines import Member, time
from ivr.storage.sealing import Sealing
from ivr.storage.tables import HANDING_OVER, early_receipts, engines, recipients, text_parts, texts

KEEP_EARLY = timedelta(days=7)
"""How long what was told of a text that nobody knows is kept: longer than any network tries to deliver one."""

MAY_BE_TOLD = timedelta(days=14)
"""How old a text may be of which something is told; centres give the same names again, some day."""


def intend(
    connection: Connection, sealing: Sealing, intent: TextIntent, member: Member, ceilings: Sequence[Ceiling]
) -> bool | None:
    """Store the intent of `member` to hand a text over; see `ivr.campaign.text_records.Texts.intend`."""
    exclusions.attend(connection)
    if not _free(connection, sealing, intent) or not _lives(connection, member):
        return False
    if barred.holds(connection, sealing.number_hash(intent.number)):
        return False
    if exclusions.hold(connection, sealing, intent.recipient, intent.number, intent.at):
        return False
    if caps.reached(connection, sealing, intent, ceilings, texts):
        return None
    _insert(connection, intent, sealing.text(intent), TextState.QUEUED, member)
    return True


def withhold(connection: Connection, sealing: Sealing, intent: TextIntent, member: Member, reason: str) -> None:
    """Store why there is no text, unless there is one."""
    if _free(connection, sealing, intent, excluded_too=True):
        _insert(connection, intent, sealing.text(intent, reason), TextState.CANCELLED, member)
        _settle(connection, intent.id, intent.at)


def _free(connection: Connection, sealing: Sealing, intent: TextIntent, *, excluded_too: bool = False) -> bool:
    """Tell whether a person may be sent a text, and keep it so until this transaction is over."""
    key = sealing.key(intent.campaign, intent.recipient)
    person = select(recipients).where(recipients.c.campaign_id == intent.campaign, recipients.c.id == key)
    row = connection.execute(person.with_for_update()).first()
    if row is None or row.state == "calling":
        return False
    if not excluded_too and sealing.recipient(row)[1] is not None:
        return False
    return row.texted is None


def _lives(connection: Connection, member: Member) -> bool:
    """Tell whether nobody has buried `member`, who may be nobody in particular."""
    if not member.engine:
        return True
    alive = exists().where(engines.c.id == member.engine, engines.c.epoch == member.epoch)
    return bool(connection.execute(select(alive)).scalar())


def _insert(
    connection: Connection, intent: TextIntent, sealed: Mapping[str, Any], state: TextState, member: Member
) -> None:
    connection.execute(
        insert(texts).values(
            id=intent.id,
            campaign_id=intent.campaign,
            state=state.value,
            intended_at=intent.at,
            ended_at=intent.at if state.final else None,
            parts=0,
            why="",
            alone=intent.alone,
            engine=member.engine,
            epoch=member.epoch,
            **sealed,
        )
    )
    _stand(connection, intent.campaign, sealed["recipient_id"], state)


def taken(connection: Connection, text: str, references: Sequence[str], at: datetime) -> TextState | None:
    """Store that the network has a text; also one that was given up as unknown meanwhile."""
    row = _locked(connection, text)
    if row is None or row.state not in (TextState.QUEUED, TextState.UNKNOWN):
        return None
    connection.execute(delete(text_parts).where(text_parts.c.text_id == text))
    parts = [_early(connection, reference) for reference in references]
    state = after(TextState.SENT, of_parts(parts)) if parts else TextState.SENT
    _put_parts(connection, text, references, parts)
    _change(connection, row, state, at, sent_at=at, parts=len(references), why="")
    _settle(connection, text, at)
    return state


def ended(
    connection: Connection, text: str, state: TextState, at: datetime, why: str, references: Sequence[str]
) -> bool:
    """Store how a text ended of which the network has nothing, or nobody knows whether it has the whole."""
    row = _locked(connection, text)
    if row is None or row.state != TextState.QUEUED:
        return False
    _put_parts(connection, text, references, [_early(connection, reference) for reference in references])
    _change(connection, row, state, at, parts=len(references), why=why)
    _settle(connection, text, at)
    return True


def withdraw(connection: Connection, text: str) -> None:
    """Forget an intent."""
    queued = delete(texts).where(texts.c.id == text, texts.c.state == TextState.QUEUED.value)
    for row in connection.execute(queued.returning(texts.c.campaign_id, texts.c.recipient_id)).all():
        _stand(connection, row.campaign_id, row.recipient_id, None)


def receipt(connection: Connection, told: Receipt, at: datetime) -> TextState | None:
    """Store what is told of a part; of several texts that had the same name, the last one is meant."""
    part = connection.execute(
        select(text_parts)
        .join(texts)
        .where(text_parts.c.reference == told.reference, texts.c.intended_at > at - MAY_BE_TOLD)
        .order_by(texts.c.intended_at.desc())
        .limit(1)
    ).first()
    if part is None:
        _keep(connection, told, at)
        return None
    row = _locked(connection, part.text_id)
    if row is None:
        return None
    rows = connection.execute(select(text_parts).where(text_parts.c.text_id == row.id)).all()
    states = {one.ordinal: TextState(one.state) for one in rows}
    states[part.ordinal] = after(states[part.ordinal], told.state)
    connection.execute(
        update(text_parts)
        .where(text_parts.c.text_id == row.id, text_parts.c.ordinal == part.ordinal)
        .values(state=states[part.ordinal].value)
    )
    state = of_parts(states.values())
    if row.sent_at is None and (state is TextState.DELIVERED or not state.final):
        # Of a text of which the network may not have every part, those that it has prove nothing good.
        state = TextState.UNKNOWN
    if state == row.state:
        return None
    why = f"err {told.err}" if told.err and state is not TextState.DELIVERED else ""
    _change(connection, row, state, at, why=why)
    return state


def orphans(connection: Connection, member: Member, lease: timedelta) -> tuple[Orphan, ...]:
    """Return the texts whose engine is in another life now, or has not said for `lease` that it lives."""
    living = engines.c.epoch == texts.c.epoch
    silent = engines.c.seen_at < time(connection) - lease
    query = (
        select(texts.c.id, texts.c.intended_at, texts.c.engine)
        .select_from(texts.outerjoin(engines, and_(engines.c.id == texts.c.engine, living)))
        .where(HANDING_OVER, texts.c.engine != "", or_(engines.c.id.is_(None), silent))
        .order_by(texts.c.id)
    )
    return tuple(
        Orphan(id=row.id, at=row.intended_at, ours=row.engine == member.engine) for row in connection.execute(query)
    )


def _locked(connection: Connection, text: str) -> Row[Any] | None:
    """Return a text, which nobody else changes in this transaction, nor before it the row of its person."""
    both = recipients.join(texts)
    return connection.execute(select(texts).select_from(both).where(texts.c.id == text).with_for_update()).first()


def _change(connection: Connection, row: Row[Any], state: TextState, at: datetime, **values: object) -> None:
    """Put a text into a state; a number that is nobody's is sent nothing more."""
    ended_at = (row.ended_at or at) if state.final else None
    connection.execute(update(texts).where(texts.c.id == row.id).values(state=state.value, ended_at=ended_at, **values))
    _stand(connection, row.campaign_id, row.recipient_id, state)
    if state is TextState.NO_NUMBER:
        barred.bar(connection, row.number_hash, barred.NO_NUMBER, at)


def _stand(connection: Connection, campaign_id: str, key: str, state: TextState | None) -> None:
    """Tell in a person's row how their text is, None: there is none."""
    connection.execute(
        update(recipients)
        .where(recipients.c.campaign_id == campaign_id, recipients.c.id == key)
        .values(texted=state.value if state is not None else None)
    )
    changes.note(connection, ChangeKind.TEXT, campaign_id, key)


def _settle(connection: Connection, text: str, at: datetime) -> None:
    """Settle who waited for nothing but this text."""
    waits_for_it = exists().where(
        texts.c.id == text,
        texts.c.alone,
        texts.c.campaign_id == recipients.c.campaign_id,
        texts.c.recipient_id == recipients.c.id,
    )
    connection.execute(
        update(recipients)
        .where(waits_for_it, recipients.c.state == "waiting")
        .values(state="settled", due_at=None, **tallying.settled(at))
    )


def _put_parts(connection: Connection, text: str, references: Sequence[str], states: Sequence[TextState]) -> None:
    if references:
        connection.execute(
            insert(text_parts),
            [
                {"text_id": text, "ordinal": ordinal, "reference": reference, "state": state.value}
                for ordinal, (reference, state) in enumerate(zip(references, states, strict=True))
            ],
        )


def _early(connection: Connection, reference: str) -> TextState:
    """Return the state of a part that the network has just taken, by what was told of it already."""
    state = TextState.SENT
    told = delete(early_receipts).where(early_receipts.c.reference == reference).returning(early_receipts.c.state)
    for one in connection.execute(told).scalars():
        state = after(state, TextState(one))
    return state


def _keep(connection: Connection, told: Receipt, at: datetime) -> None:
    known = and_(early_receipts.c.reference == told.reference, early_receipts.c.state == told.state.value)
    if connection.execute(select(exists().where(known))).scalar():
        return
    connection.execute(delete(early_receipts).where(early_receipts.c.at < at - KEEP_EARLY))
    values = {"reference": told.reference, "state": told.state.value, "err": told.err, "at": at}
    connection.execute(insert(early_receipts).values(values))
