"""Those who rang back: marked at the last call to their number, or kept as callers of a month."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, tuple_, update

from ivr.campaign.figures import ChangeKind
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.storage import changes, tallying
from ivr.storage.engines import time
from ivr.storage.sealing import Sealing
from ivr.storage.tables import attempts, recipients

CALLED_BACK, REQUESTED = "called_back", "callback_requested"
"""Marks of an attempt; the second is the one that scenarios give as well."""

UNKNOWN_CALLER = Exclusion(reason="着信で折り返しを希望", source=Source.STAFF)
"""Why a caller of whom we know nothing but the number is not dialled by itself."""


def mark(
    connection: Connection, sealing: Sealing, number: str, since: datetime, wanted: bool, wait_until: datetime
) -> bool:
    """Mark the last call to `number` since `since`, and let who waits there wait; False where there was none."""
    dialled = (attempts.c.number_hash == sealing.number_hash(number), attempts.c.intended_at >= since)
    last = connection.execute(
        select(attempts.c.id, attempts.c.marks, attempts.c.campaign_id, attempts.c.recipient_id)
        .where(*dialled, attempts.c.state == "ended")
        .order_by(attempts.c.intended_at.desc(), attempts.c.id.desc())
        .limit(1)
        .with_for_update()
    ).first()
    if last is None:
        return False
    marks = [*dict.fromkeys((*last.marks, CALLED_BACK, *((REQUESTED,) if wanted else ())))]
    connection.execute(update(attempts).where(attempts.c.id == last.id).values(marks=marks))
    tallying.keep_marks(connection, last.campaign_id, last.recipient_id, marks)
    changes.note(connection, ChangeKind.PERSON, last.campaign_id, last.recipient_id)
    people = select(attempts.c.campaign_id, attempts.c.recipient_id).where(*dialled)
    connection.execute(
        update(recipients)
        .where(
            tuple_(recipients.c.campaign_id, recipients.c.id).in_(people),
            recipients.c.state == "waiting",
            or_(recipients.c.due_at.is_(None), recipients.c.due_at < wait_until),
        )
        .values(due_at=wait_until)
    )
    return True


def add_caller(connection: Connection, sealing: Sealing, campaign_id: str, person: Recipient) -> None:
    """Keep a caller; who has asked before is kept once."""
    row = sealing.person(campaign_id, person, UNKNOWN_CALLER)
    here = recipients.c.campaign_id == campaign_id
    if connection.execute(select(recipients.c.id).where(here, recipients.c.id == row["id"])).first() is not None:
        return
    line = connection.execute(select(func.coalesce(func.max(recipients.c.line), 0)).where(here)).scalar_one() + 1
    connection.execute(
        insert(recipients).values(
            campaign_id=campaign_id,
            line=line,
            rank=line,
            state="settled",
            outcome=Outcome.CANCELLED.value,
            **tallying.settled(time(connection)),
            **row,
        )
    )
    changes.note(connection, ChangeKind.PERSON, campaign_id, row["id"])
