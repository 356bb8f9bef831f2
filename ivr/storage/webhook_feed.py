"""From what changed to what waits to be told: changes are read in their order, what is to be told is kept a row each.

    changes ── look, by one engine at a time ──► collect: rows of `deliveries` and the cursor, in one transaction

One engine holds the feed for a time by the database's clock, and every write of a sender names it: who has lost the
feed writes nothing. A row names nobody: who it is about is opened when it is told.

What is locked is locked in this order, so that two engines never wait for each other: feed, webhook, deliveries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ivr.campaign.figures import ChangeKind
from ivr.domain.outcome import Outcome
from ivr.domain.webhook import Happened
from ivr.storage import changes
from ivr.storage.console_tables import deliveries, webhook_feed, webhooks
from ivr.storage.engines import Member, time
from ivr.storage.tables import attempts, campaigns, recipients
from ivr.storage.tables import changes as numbered

MOST = 100
"""Changes looked at together: what they are made into keeps the loop from calls for a few milliseconds."""

_KEEP = {
    "sqlite": sqlite.insert(deliveries).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(deliveries).on_conflict_do_nothing(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """An attempt that ended."""

    id: str
    outcome: Outcome
    proven: bool
    ordinal: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How somebody was settled, as it is now."""

    outcome: Outcome
    proven: bool
    tries: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Of:
    """The campaign that something changed in."""

    id: str
    department: str | None
    state: str
    rules: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change, with what a webhook may be told of it. `key` is the person's, "" where it is about nobody."""

    number: int
    kind: ChangeKind
    campaign: Of
    key: str
    newest: bool
    dial: Dial | None
    settled: Settled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What changed behind the cursor `before`, and the next cursor. `whole` is False where some of it is gone."""

    before: str
    cursor: str
    changed: tuple[Changed, ...]
    whole: bool
    more: bool


def look(connection: Connection) -> Look:
    """Return what changed since it was last collected, the oldest first."""
    before = connection.execute(select(webhook_feed.c.cursor)).scalar_one()
    last = changes.newest(connection)
    if last - changes.known_by(before) > changes.HELD:
        return Look(before=before, cursor=changes.now(connection), changed=(), whole=False, more=False)
    of_attempt = and_(numbered.c.kind == ChangeKind.ATTEMPT.value, attempts.c.id == numbered.c.subject)
    of_person = and_(
        recipients.c.campaign_id == numbered.c.campaign_id,
        recipients.c.id == func.coalesce(attempts.c.recipient_id, numbered.c.subject),
    )
    asked: Select[Any] = (
        select(
            numbered.c.number,
            numbered.c.kind,
            numbered.c.campaign_id,
            numbered.c.subject,
            attempts.c.outcome,
            attempts.c.proven,
            attempts.c.ordinal,
            attempts.c.ended_at,
            recipients.c.id.label("key"),
            recipients.c.state.label("person_state"),
            recipients.c.outcome.label("person_outcome"),
            recipients.c.proven.label("person_proven"),
            recipients.c.tries,
            recipients.c.settled_at,
        )
        .select_from(numbered.outerjoin(attempts, of_attempt).outerjoin(recipients, of_person))
        .where(changes.behind(before))
        .order_by(numbered.c.number)
        .limit(MOST)
    )
    rows = connection.execute(asked).all()
    known = _campaigns(connection, {row.campaign_id for row in rows})
    moved = {row.campaign_id for row in rows if row.kind == ChangeKind.CAMPAIGN}
    newest = {one: _newest_move(connection, one) for one in moved}
    return Look(
        before=before,
        cursor=changes.advanced(connection, before, {row.number for row in rows}, last),
        changed=tuple(_changed(row, known[row.campaign_id], newest) for row in rows if row.campaign_id in known),
        whole=True,
        more=len(rows) == MOST,
    )


def _campaigns(connection: Connection, ids: set[str]) -> dict[str, Of]:
    rows = connection.execute(
        select(campaigns.c.id, campaigns.c.department_id, campaigns.c.state, campaigns.c.rules).where(
            campaigns.c.id.in_(sorted(ids))
        )
    )
    return {
        row.id: Of(id=row.id, department=row.department_id, state=row.state, rules=dict(row.rules or {}))
        for row in rows
    }


def _newest_move(connection: Connection, campaign_id: str) -> int:
    """Return the last change of a campaign itself: of several, it is the one that led to its state."""
    of_it = and_(numbered.c.campaign_id == campaign_id, numbered.c.kind == ChangeKind.CAMPAIGN.value)
    found: int = connection.execute(select(func.max(numbered.c.number)).where(of_it)).scalar_one()
    return found


def _changed(row: Row[Any], campaign: Of, newest: Mapping[str, int]) -> Changed:
    dial = settled = None
    if row.outcome is not None and row.ended_at is not None:
        dial = Dial(
            id=row.subject, outcome=Outcome(row.outcome), proven=row.proven, ordinal=row.ordinal, at=row.ended_at
        )
    if row.person_state == "settled" and row.person_outcome is not None and row.settled_at is not None:
        settled = Settled(
            outcome=Outcome(row.person_outcome), proven=row.person_proven, tries=row.tries, at=row.settled_at
        )
    return Changed(
        number=row.number,
        kind=ChangeKind(row.kind),
        campaign=campaign,
        key=row.key or "",
        newest=newest.get(row.campaign_id) == row.number,
        dial=dial,
        settled=settled,
    )


def hold(connection: Connection, member: Member, lease: timedelta) -> bool:
    """Let `member` alone collect and send for `lease`; False where another engine does.

    A new life of the same engine takes over at once: its data directory is locked for one process.
    """
    now = time(connection)
    free = or_(webhook_feed.c.engine == member.engine, webhook_feed.c.until.is_(None), webhook_feed.c.until < now)
    held = connection.execute(
        update(webhook_feed).where(free).values(engine=member.engine, epoch=member.epoch, until=now + lease)
    )
    return held.rowcount == 1


def held(connection: Connection, member: Member, spare: timedelta) -> bool:
    """Tell whether `member` holds the feed for `spare` longer, and keep it so for this transaction."""
    row = connection.execute(select(webhook_feed).with_for_update()).one()
    mine: bool = (row.engine, row.epoch) == (member.engine, member.epoch)
    return mine and row.until is not None and row.until > time(connection) + spare


def collect(
    connection: Connection, member: Member, found: Look, events: Sequence[tuple[str, Happened]], now: datetime
) -> bool:
    """Keep `events`, each for the webhook by that id, and what was looked at; False where another engine has."""
    if not held(connection, member, timedelta(0)):
        return False
    moved = connection.execute(
        update(webhook_feed)
        .where(webhook_feed.c.cursor == found.before, webhook_feed.c.known.is_not(None))
        .values(cursor=found.cursor, known=changes.known_by(found.cursor))
    )
    if moved.rowcount != 1:
        return False
    if not found.whole:
        connection.execute(update(webhooks).where(webhooks.c.off.is_(None)).values(missed_at=now))
    there = set(connection.execute(select(webhooks.c.id).where(webhooks.c.off.is_(None))).scalars())
    rows = [
        {
            "webhook_id": webhook,
            "event": one.id,
            "kind": one.kind.value,
            "campaign_id": one.campaign,
            "subject": one.subject,
            "at": one.at,
            "content": dict(one.content),
        }
        for webhook, one in events
        if webhook in there
    ]
    if rows:
        connection.execute(_KEEP[connection.dialect.name], rows)
    return True


def lock(connection: Connection) -> None:
    """Keep whoever collects waiting until this transaction is over."""
    connection.execute(select(webhook_feed.c.id).with_for_update())


def see_needed(connection: Connection) -> None:
    """Begin to collect at this moment where the first webhook is there to be told, and end it with the last."""
    known = connection.execute(select(webhook_feed.c.known).with_for_update()).scalar_one()
    wanted = connection.execute(select(webhooks.c.id).where(webhooks.c.off.is_(None)).limit(1)).first()
    if wanted is None:
        connection.execute(update(webhook_feed).values(known=None))
    elif known is None:
        cursor = changes.now(connection)
        connection.execute(update(webhook_feed).values(cursor=cursor, known=changes.known_by(cursor)))


def drop(connection: Connection, campaign_id: str) -> None:
    """Let go of what waits to be told of a campaign, and count it."""
    of_it = deliveries.c.campaign_id == campaign_id
    waiting = select(deliveries.c.webhook_id, func.count().label("rows")).where(of_it).group_by(deliveries.c.webhook_id)
    for row in connection.execute(waiting.order_by(deliveries.c.webhook_id)).all():
        connection.execute(
            update(webhooks).where(webhooks.c.id == row.webhook_id).values(dropped=webhooks.c.dropped + row.rows)
        )
    connection.execute(delete(deliveries).where(of_it))
