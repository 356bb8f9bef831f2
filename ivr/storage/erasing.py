"""Erasing a campaign: what is counted before, and rows that go a few at a time, so that others' calls go on.

A campaign in state `erasing` is never dialled again. Whoever finds one goes on with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from ivr.campaign.figures import ChangeKind
from ivr.campaign.records import CampaignRow
from ivr.domain.outcome import Outcome
from ivr.errors import InputError
from ivr.storage import changes, queries, text_queries, webhook_feed
from ivr.storage.tables import OPEN, attempts, campaigns, key_presses, recipients, statistics, texts

ERASING = "erasing"

BATCH = 500
"""People whose rows go in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What stays of a campaign: counts, and no person.

    `held` is what there was to erase, by kind; `ordered` is who wanted it erased, and why.
    """

    campaign: str
    name: str
    created_at: datetime
    last_call_at: datetime | None
    outcomes: Mapping[str, int]
    held: Mapping[str, int]
    ordered: Mapping[str, str]
    texts: Mapping[str, int]


def begin(
    connection: Connection,
    campaign: CampaignRow,
    files: Mapping[str, int],
    ordered: Mapping[str, str],
    *,
    in_any_state: bool,
) -> Statistics:
    """Keep a campaign's counts and mark it; the second time, return what was kept the first time.

    Raises InputError where it is being dialled, unless `in_any_state`.
    """
    known = connection.execute(select(statistics).where(statistics.c.id == campaign.id)).first()
    if known is None:
        if not in_any_state:
            _see_at_rest(connection, campaign)
        counts = queries.counts(connection, campaign.id)
        dials = attempts.c.campaign_id == campaign.id
        keys = select(func.count()).select_from(key_presses.join(attempts)).where(dials)
        last = select(func.max(attempts.c.intended_at)).where(dials)
        sent = text_queries.states(connection, campaign.id)
        connection.execute(
            insert(statistics).values(
                id=campaign.id,
                name=campaign.name,
                created_at=campaign.created_at,
                last_call_at=connection.execute(last).scalar(),
                outcomes=_named(counts.outcomes),
                held={
                    "recipients": sum(counts.states.values()),
                    "attempts": counts.attempts,
                    "key_presses": connection.execute(keys).scalar_one(),
                    "texts": sum(sent.values()),
                    **files,
                },
                ordered=dict(ordered),
                texts=sent,
            )
        )
        connection.execute(update(campaigns).where(campaigns.c.id == campaign.id).values(state=ERASING))
        changes.note(connection, ChangeKind.CAMPAIGN, campaign.id, campaign.id)
        webhook_feed.drop(connection, campaign.id)
        known = connection.execute(select(statistics).where(statistics.c.id == campaign.id)).one()
    return Statistics(
        campaign=known.id,
        name=known.name,
        created_at=known.created_at,
        last_call_at=known.last_call_at,
        outcomes=known.outcomes,
        held=known.held,
        ordered=known.ordered,
        texts=known.texts,
    )


def some_rows(connection: Connection, campaign_id: str) -> int:
    """Delete some people of a campaign with their attempts and keys; return how many, 0 where nobody is left."""
    some = select(recipients.c.id).where(recipients.c.campaign_id == campaign_id).limit(BATCH)
    ids = list(connection.execute(some).scalars())
    if ids:
        connection.execute(delete(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.id.in_(ids)))
    return len(ids)


def finish(connection: Connection, campaign_id: str, now: datetime) -> None:
    """Delete the campaign itself, of which nothing else is left."""
    webhook_feed.drop(connection, campaign_id)
    connection.execute(delete(campaigns).where(campaigns.c.id == campaign_id))
    connection.execute(update(statistics).where(statistics.c.id == campaign_id).values(erased_at=now))


def last_days(connection: Connection) -> Mapping[str, datetime]:
    """Return when each campaign was last at work: its last call or text, or its creation."""
    found = {row.id: row.created_at for row in connection.execute(select(campaigns.c.id, campaigns.c.created_at))}
    for table in (attempts, texts):
        of_each = select(table.c.campaign_id, func.max(table.c.intended_at).label("last")).group_by(table.c.campaign_id)
        for row in connection.execute(of_each):
            found[row.campaign_id] = max(found[row.campaign_id], row.last)
    return found


def _see_at_rest(connection: Connection, campaign: CampaignRow) -> None:
    state = connection.execute(
        select(campaigns.c.state).where(campaigns.c.id == campaign.id).with_for_update()
    ).scalar()
    open_ = select(func.count()).select_from(attempts).where(attempts.c.campaign_id == campaign.id, OPEN)
    if state == "running" or connection.execute(open_).scalar_one():
        raise InputError(
            f"催告「{campaign.name}」は実行中か、通話が終わっていないので、消去できません。"
            f"ivr campaign stop {campaign.name} で打ち切り、通話や SMS の送信が終わってからお試しください。"
        )


def _named(outcomes: Mapping[Outcome, int]) -> dict[str, int]:
    return {outcome.value: count for outcome, count in outcomes.items()}
