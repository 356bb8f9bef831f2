"""What becomes of people without a call: they wait longer, or are settled, excluded or not.

A change of a state names the state that it expects. Where the head of a household is settled before anybody heard
anything, the next of it waits for the call.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from ivr.campaign.figures import ChangeKind
from ivr.domain.exclusion import Exclusion, Source, ends_with, shared_with
from ivr.domain.outcome import Outcome
from ivr.errors import NotFound
from ivr.storage import changes, tallying
from ivr.storage.engines import time
from ivr.storage.queries import past
from ivr.storage.sealing import Sealing
from ivr.storage.tables import recipients


def postpone(connection: Connection, sealing: Sealing, campaign_id: str, recipient_id: str, due_at: datetime) -> None:
    """Let a waiting person wait longer."""
    connection.execute(
        update(recipients)
        .where(
            recipients.c.campaign_id == campaign_id,
            recipients.c.id == sealing.key(campaign_id, recipient_id),
            recipients.c.state == "waiting",
        )
        .values(due_at=due_at)
    )


def settle(
    connection: Connection,
    sealing: Sealing,
    campaign_id: str,
    recipient_id: str,
    outcome: Outcome,
    excluded: Exclusion | None,
    at: datetime | None = None,
) -> None:
    """Settle a waiting person, now by the database's time where `at` tells no other."""
    row = connection.execute(_row(sealing, campaign_id, recipient_id).with_for_update()).first()
    if row is None or row.state != "waiting":
        return
    _change(connection, sealing, row, excluded, _over(outcome, at or time(connection)))
    _hand_on(connection, sealing, row, outcome)


def exclude(
    connection: Connection,
    sealing: Sealing,
    campaign_id: str,
    recipient_id: str,
    exclusion: Exclusion,
    at: datetime | None = None,
) -> str:
    """Store that a person is not called or texted any more, settle who waits; return the state before; NotFound."""
    row = connection.execute(_row(sealing, campaign_id, recipient_id).with_for_update()).first()
    if row is None:
        raise NotFound(f"宛名番号「{recipient_id}」の人は、この催告にいません。")
    state: str = row.state
    if state == "waiting":
        outcome = ends_with(past(connection, sealing, campaign_id, recipient_id))
        _change(connection, sealing, row, exclusion, _over(outcome, at or time(connection)))
        _hand_on(connection, sealing, row, outcome)
    elif state == "calling" or not _is_excluded(sealing, row):
        # Who is on a call is not called again; who is settled may still have been due a text.
        _change(connection, sealing, row, exclusion, {})
    return state


def _over(outcome: Outcome, at: datetime) -> dict[str, Any]:
    return {"state": "settled", "outcome": outcome.value, "due_at": None, **tallying.settled(at)}


def _is_excluded(sealing: Sealing, row: Row[Any]) -> bool:
    """Tell whether it is known why somebody is not to be called at all; by a household they are, on a call for all."""
    _, why = sealing.recipient(row)
    return why is not None and why.source is not Source.HOUSEHOLD


def _hand_on(connection: Connection, sealing: Sealing, head: Row[Any], outcome: Outcome) -> None:
    """Let the next of a household wait for the call that its `head`, of whom nobody heard anything, no longer gets."""
    if head.household is None or outcome is not Outcome.CANCELLED:
        return
    members = connection.execute(
        select(recipients)
        .where(
            recipients.c.campaign_id == head.campaign_id,
            recipients.c.household == head.household,
            recipients.c.state == "settled",
            recipients.c.id != head.id,
        )
        .order_by(recipients.c.rank)
        .with_for_update()
    ).all()
    line: int | None = None
    for row in members:
        person, why = sealing.recipient(row)
        if why is None or why.source is not Source.HOUSEHOLD:
            continue
        if line is None:
            line = row.line
            waits = {"state": "waiting", "outcome": None, **tallying.settled(None)}
            values = {**waits, **sealing.person(row.campaign_id, person)}
        else:
            values = sealing.person(row.campaign_id, person, shared_with(line))
        _change(connection, sealing, row, None, values)


def _row(sealing: Sealing, campaign_id: str, recipient_id: str) -> Select[Any]:
    key = sealing.key(campaign_id, recipient_id)
    return select(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.id == key)


def _change(
    connection: Connection, sealing: Sealing, row: Row[Any], excluded: Exclusion | None, values: dict[str, Any]
) -> None:
    if excluded is not None:
        person, _ = sealing.recipient(row)
        values = {**values, **sealing.person(row.campaign_id, person, excluded)}
    connection.execute(
        update(recipients).where(recipients.c.campaign_id == row.campaign_id, recipients.c.id == row.id).values(values)
    )
    changes.note(connection, ChangeKind.PERSON, row.campaign_id, row.id)
