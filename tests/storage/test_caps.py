"""What the caps count: the dials of a number and of a person, whichever campaign they are of."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, text

from ivr.domain.attempt import Elsewhere
from ivr.domain.calling_rules import Ceiling, Of
from ivr.domain.outcome import Outcome
from ivr.storage import SqlResults, databases, migrations
from tests.keys import keys
from tests.storage.filling import MINUTE, NOON, attempt, campaign, intent
from tests.storage.old_schema import BEFORE_FIGURES

WHO, OTHER = "00000001", "00000002"
MOBILE, HOME = "+819012345678", "+81357220000"
SINCE = NOON - timedelta(hours=12)
LATER = NOON + timedelta(hours=1)


async def test_the_dials_of_other_campaigns_come_with_who_is_due(store: SqlResults) -> None:
    other, row = await campaign(store, 1, "国保"), await campaign(store, 2)
    await attempt(store, other, Outcome.BUSY)
    mine, neighbour = await store.due(row.id, LATER, 10, counted=SINCE)
    assert mine.elsewhere == (Elsewhere(number=MOBILE, at=NOON, same_person=True, outcome=Outcome.BUSY),)
    assert neighbour.elsewhere == (Elsewhere(number=MOBILE, at=NOON, same_person=False, outcome=Outcome.BUSY),)
    assert [due.elsewhere for due in await store.due(row.id, LATER, 10)] == [(), ()]
    assert [due.elsewhere for due in await store.due(row.id, LATER, 10, counted=LATER)] == [(), ()]


async def test_a_dial_of_another_number_of_the_same_person_counts_for_the_person_alone(store: SqlResults) -> None:
    other, row = await campaign(store, 2, "国保"), await campaign(store, 2)
    await attempt(store, other, Outcome.BUSY, recipient=OTHER)
    mine, neighbour = await store.due(row.id, LATER, 10, counted=SINCE)
    assert mine.elsewhere == ()
    assert neighbour.elsewhere == (Elsewhere(number=None, at=NOON, same_person=True, outcome=Outcome.BUSY),)


async def test_the_own_row_is_the_past_and_not_elsewhere(store: SqlResults) -> None:
    row = await campaign(store, 2)
    await attempt(store, row, Outcome.BUSY)
    mine, neighbour = await store.due(row.id, LATER, 10, counted=SINCE)
    assert (len(mine.past), mine.elsewhere) == (1, ())
    assert neighbour.elsewhere == (Elsewhere(number=MOBILE, at=NOON, same_person=False, outcome=Outcome.BUSY),)


async def test_a_call_that_goes_on_is_a_dial_too(store: SqlResults) -> None:
    other, row = await campaign(store, 1, "国保"), await campaign(store, 1)
    assert await store.intend(intent(other))
    (mine,) = await store.due(row.id, LATER, 10, counted=SINCE)
    assert [dial.outcome for dial in mine.elsewhere] == [None]


async def test_no_intent_is_stored_above_a_ceiling_whatever_was_known_before(store: SqlResults) -> None:
    other, row = await campaign(store, 2, "国保"), await campaign(store, 2)
    await attempt(store, other, Outcome.BUSY)
    for of in Of:
        assert not await store.intend(intent(row, at=LATER), [Ceiling(of=of, times=1, since=SINCE)])
    assert (await store.counts(row.id)).states["waiting"] == 2
    number = Ceiling(of=Of.NUMBER, times=1, since=SINCE)
    assert await store.intend(intent(row, OTHER, LATER), [number]), "another number"
    assert await store.intend(intent(row, at=LATER), [Ceiling(of=Of.NUMBER, times=2, since=SINCE)])


async def test_a_ceiling_counts_from_its_time_on(store: SqlResults) -> None:
    other, row = await campaign(store, 1, "国保"), await campaign(store, 1)
    await attempt(store, other, Outcome.BUSY)
    assert await store.intend(intent(row, at=LATER), [Ceiling(of=Of.NUMBER, times=1, since=NOON + MINUTE)])


async def test_dials_from_before_there_were_caps_count(url: str) -> None:
    async with await SqlResults.open(url, keys()) as store:
        other, row = await campaign(store, 1, "国保"), await campaign(store, 1)
        await attempt(store, other, Outcome.BUSY)
    database = await databases.connect(url, 5)
    try:
        await database.write(_back_to_the_schema_before)
    finally:
        await database.close()
    async with await SqlResults.open(url, keys()) as store:
        (mine,) = await store.due(row.id, LATER, 10, counted=SINCE)
    assert [dial.same_person for dial in mine.elsewhere] == [True]


def _back_to_the_schema_before(connection: Connection) -> None:
    for statement in (
        *BEFORE_FIGURES,
        "DROP INDEX ix_attempts_number",
        "DROP INDEX ix_attempts_person",
        "ALTER TABLE attempts DROP COLUMN person_hash",
        "DROP INDEX ix_recipients_due",
        "ALTER TABLE recipients DROP COLUMN rank",
        "CREATE INDEX ix_recipients_due ON recipients (campaign_id, state, line, due_at)",
        "DROP INDEX ix_recipients_household",
        "ALTER TABLE recipients DROP COLUMN household",
        "ALTER TABLE campaigns DROP COLUMN created_by",
        "ALTER TABLE campaigns DROP COLUMN approved_by",
        *(f"DROP TABLE {table}" for table in ("text_parts", "texts", "early_receipts", "barred_numbers")),
        "ALTER TABLE statistics DROP COLUMN texts",
        "UPDATE alembic_version SET version_num = '0006'",
    ):
        connection.execute(text(statement))
    assert migrations.version(connection) == "0006"
