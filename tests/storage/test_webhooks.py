"""What webhooks are told of, on both databases: everything that is stored, once, in order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from ivr.campaign.figures import ChangeKind
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.account import Department
from ivr.domain.outcome import Outcome
from ivr.domain.webhook import EventKind, Happened, Off, Webhook
from ivr.storage import SqlResults, changes
from ivr.storage.webhook_feed import Look
from tests.keys import keys
from tests.storage.cluster import Cluster
from tests.storage.filling import MINUTE, NOON, attempt, people

OFFICE = Department(id="d" * 32, name="税務課")
LEASE, NONE = timedelta(minutes=1), timedelta(0)


async def office(store: SqlResults) -> CampaignRow:
    await store.join("engine", "here")
    await store.accounts.add_department(OFFICE, NOON)
    new = NewCampaign(name="住民税", scenario="", scenario_file="", created_at=NOON, department=OFFICE.id)
    return await store.create_campaign(new, people(9))


async def webhook(store: SqlResults, name: str = "収納") -> Webhook:
    made = Webhook(
        id=uuid4().hex,
        name=name,
        url="http://shuno/",
        department=OFFICE.id,
        department_name=OFFICE.name,
        kinds=frozenset({EventKind.CALL_ENDED}),
        outcomes=frozenset({Outcome.BUSY}),
        created_at=NOON,
        created_by="kacho",
    )
    await store.webhooks.add(made, bytes(32))
    return made


def events(of: Webhook, found: Look) -> list[tuple[str, Happened]]:
    return [
        (
            of.id,
            Happened(
                id=one.dial.id,
                kind=EventKind.CALL_ENDED,
                campaign=one.campaign.id,
                subject=one.key,
                at=one.dial.at,
                content={"outcome": one.dial.outcome.value},
            ),
        )
        for one in found.changed
        if one.dial is not None
    ]


async def collected(store: SqlResults, of: Webhook) -> list[str]:
    found = await store.webhooks.look()
    assert await store.webhooks.collect(found, events(of, found), NOON)
    return [event.id for _, event in events(of, found)]


async def test_what_is_stored_comes_out_as_it_went_in(store: SqlResults) -> None:
    row = await office(store)
    made = await webhook(store)
    assert await store.webhooks.all() == (made,)
    assert await store.webhooks.one(made.id) == made
    assert await store.webhooks.keys(made.id, NOON) == (bytes(32),)
    assert await store.webhooks.hold(LEASE)
    await attempt(store, row, Outcome.BUSY, recipient="00000001")
    await collected(store, made)
    batch = await store.webhooks.begin(made.id, NOON, NONE)
    assert batch is not None
    for failures in (1, 2):
        await store.webhooks.failed(made.id, batch, NOON + failures * MINUTE, "なぜか", NOON + 5 * MINUTE)
        found = await store.webhooks.one(made.id)
        assert (found.failures, found.failing_since, found.next_at) == (failures, NOON + MINUTE, NOON + 5 * MINUTE)
        assert (found.tried_at, found.answer) == (NOON + failures * MINUTE, "なぜか")
    assert await store.webhooks.switch_off(made.id, Off.GONE, NOON)
    assert not await store.webhooks.switch_off(made.id, Off.GIVEN_UP, NOON)
    found = await store.webhooks.one(made.id)
    assert (found.off, found.off_at) == (Off.GONE, NOON)
    await store.webhooks.switch_on(made.id)
    found = await store.webhooks.one(made.id)
    assert (found.off, found.off_at, found.failures, found.failing_since, found.next_at) == (None, None, 0, None, None)


async def test_what_waits_is_told_in_order_and_goes_when_it_is_taken(store: SqlResults) -> None:
    row = await office(store)
    made = await webhook(store)
    assert await store.webhooks.hold(LEASE)
    dials = [await attempt(store, row, Outcome.BUSY, recipient=f"0000000{n}") for n in (1, 2)]
    assert await collected(store, made) == [dial.id for dial in dials]
    assert await collected(store, made) == []
    waiting = (await store.webhooks.waiting())[made.id]
    assert (waiting.events, waiting.oldest) == (2, NOON + MINUTE)
    batch = await store.webhooks.begin(made.id, NOON, NONE)
    assert batch is not None
    assert [(one.event, one.person, one.campaign_name) for one in batch.events] == [
        (dials[0].id, "00000001", "住民税"),
        (dials[1].id, "00000002", "住民税"),
    ]
    assert batch.events[0].content == {"outcome": "busy"}
    await attempt(store, row, Outcome.BUSY, recipient="00000003")
    await collected(store, made)
    assert await store.webhooks.begin(made.id, NOON, NONE) == batch, "what it tells is fixed"
    await store.webhooks.failed(made.id, batch, NOON, "なぜか", NOON + MINUTE)
    assert await store.webhooks.begin(made.id, NOON, NONE) is None, "not before its time"
    assert await store.webhooks.begin(made.id, NOON + MINUTE, NONE) == batch
    await store.webhooks.taken(made.id, batch, NOON, "受け取りました")
    then = await store.webhooks.begin(made.id, NOON, NONE)
    assert then is not None
    assert [one.person for one in then.events] == ["00000003"]
    assert await store.webhooks.remove(made.id) == 1


async def test_an_event_that_comes_twice_waits_once(store: SqlResults) -> None:
    row = await office(store)
    made = await webhook(store)
    assert await store.webhooks.hold(LEASE)
    await attempt(store, row, Outcome.BUSY, recipient="00000001")
    found = await store.webhooks.look()
    told = events(made, found)
    assert await store.webhooks.collect(found, told + told, NOON)
    assert not await store.webhooks.collect(found, told, NOON), "somebody has done it"
    assert (await store.webhooks.waiting())[made.id].events == 1


async def test_one_engine_at_a_time_holds_the_feed(url: str) -> None:
    async with await SqlResults.open(url, keys()) as one, await SqlResults.open(url, keys()) as two:
        await one.join("one", "here")
        await two.join("two", "there")
        assert await one.webhooks.hold(LEASE)
        assert not await two.webhooks.hold(LEASE)
        assert await one.webhooks.hold(LEASE)
        await one.join("one", "here")
        assert await one.webhooks.hold(NONE), "a new life of the same engine"
        assert await two.webhooks.hold(LEASE)
        assert not await one.webhooks.hold(LEASE)


async def test_with_the_last_webhook_changes_are_let_go_of(store: SqlResults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT", 1)
    row = await office(store)
    made = await webhook(store)
    for n in range(1, 5):
        await attempt(store, row, Outcome.BUSY, recipient=f"0000000{n}")
    await store.renew()
    assert len([one for one in (await store.webhooks.look()).changed if one.dial]) == 4
    await store.webhooks.switch_off(made.id, Off.BY_HAND, NOON)
    await store.renew()
    await store.webhooks.switch_on(made.id)
    assert (await store.webhooks.look()).changed == ()


async def test_a_commit_that_is_overtaken_is_told_when_it_comes(postgres: Cluster) -> None:
    url = await postgres.new_database()
    async with await SqlResults.open(url, keys()) as slow, await SqlResults.open(url, keys()) as quick:
        row = await office(quick)
        made = await webhook(quick)
        assert await quick.webhooks.hold(LEASE)
        waits, goes = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def overtaken(connection: Connection) -> None:
            changes.note(connection, ChangeKind.PERSON, row.id, "late")
            loop.call_soon(waits.set)
            await_only(goes.wait())

        async with asyncio.TaskGroup() as group:
            group.create_task(slow.write(overtaken))
            await waits.wait()
            first = await attempt(quick, row, Outcome.BUSY, recipient="00000001")
            assert await collected(quick, made) == [first.id]
            goes.set()
        second = await attempt(quick, row, Outcome.BUSY, recipient="00000002")
        found = await quick.webhooks.look()
        assert [(one.kind, one.dial and one.dial.id) for one in found.changed] == [
            (ChangeKind.PERSON, None),
            (ChangeKind.ATTEMPT, second.id),
        ]


async def test_who_comes_late_with_an_answer_disturbs_nobody_who_went_on(store: SqlResults) -> None:
    row = await office(store)
    made = await webhook(store)
    assert await store.webhooks.hold(LEASE)
    await attempt(store, row, Outcome.BUSY, recipient="00000001")
    await collected(store, made)
    late = await store.webhooks.begin(made.id, NOON, NONE)
    assert late is not None
    await store.webhooks.taken(made.id, late, NOON, "受け取りました")
    await attempt(store, row, Outcome.BUSY, recipient="00000002")
    await collected(store, made)
    batch = await store.webhooks.begin(made.id, NOON, NONE)
    assert batch is not None
    await store.webhooks.taken(made.id, late, NOON, "受け取りました")
    await store.webhooks.failed(made.id, late, NOON, "なぜか", NOON + MINUTE)
    assert (await store.webhooks.one(made.id)).failures == 0
    await attempt(store, row, Outcome.BUSY, recipient="00000003")
    await collected(store, made)
    assert await store.webhooks.begin(made.id, NOON, NONE) == batch, "what it tells stays fixed"


async def test_a_clock_that_was_far_ahead_keeps_nobody_from_being_told_once_it_is_right(store: SqlResults) -> None:
    row = await office(store)
    made = await webhook(store)
    assert await store.webhooks.hold(LEASE)
    await attempt(store, row, Outcome.BUSY, recipient="00000001")
    await collected(store, made)
    batch = await store.webhooks.begin(made.id, NOON, NONE)
    assert batch is not None
    for ahead, due in ((timedelta(hours=7), False), (timedelta(days=400), True)):
        await store.webhooks.failed(made.id, batch, NOON, "なぜか", NOON + ahead)
        assert (await store.webhooks.one(made.id)).due(NOON) is due
        assert (await store.webhooks.begin(made.id, NOON, NONE) == batch) is due
