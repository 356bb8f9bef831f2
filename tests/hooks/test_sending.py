"""Systems are told of what happened: once, in order, again until they take it, at the cost of nothing else."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from ivr.domain.account import Department
from ivr.domain.audit import Action
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.webhook import EventKind, Off, Webhook, written_secret
from ivr.errors import InputError, NotFound
from ivr.hooks import sending
from ivr.parts.keys import key_store
from ivr.settings import STAFF_CALL
from ivr.storage import SqlResults, changes, webhook_feed
from tests.hooks.desks import KEY, Desk, until
from tests.hooks.receiver import hangs, raw, receiving, status
from tests.storage.filling import MINUTE, NOON, attempt


async def test_a_system_is_told_of_calls_people_and_campaigns_and_of_nobodys_name(desk: Desk) -> None:
    async with receiving() as receiver:
        webhook = await desk.webhook(receiver)
        row = await desk.campaign()
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
            heard, later = Outcome.CONFIRMED, NOON + 5 * MINUTE
            await attempt(desk.store, row, heard, recipient="00000001", at=later, settled=heard)
            await desk.store.exclude(row.id, "00000002", Exclusion(reason="納付済", source=Source.STAFF), at=NOON)
            await desk.store.move_campaign(row.id, expected=["created"], state="running")
            await desk.store.move_campaign(row.id, expected=["running"], state="done")
            await until(lambda: len(receiver.events) >= 5 and len(desk.counted.tried) == len(receiver.messages))
    told = [
        (one["kind"], one.get("person"), one.get("outcome"), one.get("try", one.get("tries")))
        for one in receiver.events
    ]
    assert told == [
        ("call.ended", "00000001", "busy", 1),
        ("call.ended", "00000001", "confirmed", 2),
        ("person.settled", "00000001", "confirmed", 2),
        ("person.settled", "00000002", "cancelled", 0),
        ("campaign.ended", None, None, None),
    ]
    first, last = receiver.events[1], receiver.events[-1]
    assert (first["evidence"], first["proven"]) == ("本人が確認（キー入力）", False)
    assert datetime.fromisoformat(first["at"]) == (NOON + 6 * MINUTE).replace(microsecond=123_000)
    assert (last["state"], last["campaign"]) == ("done", {"id": row.id, "name": "住民税"})
    assert len({one["id"] for one in receiver.events}) == 5
    for message in receiver.messages:
        assert message.proven_by(written_secret(KEY))
        assert b"+81" not in message.body
        assert "ヤマダ" not in message.body.decode()
        assert b"+81" not in str(message.headers).encode()
    found = await desk.store.webhooks.one(webhook.id)
    assert (found.answer, found.failures, found.taken_at) == ("受け取りました（204）", 0, desk.clock.now())
    assert set(desk.counted.tried) == {"taken"}


async def test_a_system_is_told_what_it_wants_of_its_department(desk: Desk) -> None:
    other = Department(id="e" * 32, name="国保年金課")
    await desk.store.accounts.add_department(other, NOON)
    async with receiving() as receiver:
        await desk.webhook(receiver, outcomes=frozenset({Outcome.CONFIRMED}), kinds=frozenset({EventKind.CALL_ENDED}))
        mine, foreign = await desk.campaign(), await desk.campaign("国保", department=other.id)
        nobodys = await desk.campaign("だれのでもない", department=None)
        test_call = await desk.campaign("試し", rules=STAFF_CALL)
        async with desk.sending():
            await attempt(desk.store, foreign, Outcome.CONFIRMED, recipient="00000001")
            await attempt(desk.store, nobodys, Outcome.CONFIRMED, recipient="00000001")
            await attempt(desk.store, test_call, Outcome.CONFIRMED, recipient="00000001")
            await attempt(desk.store, mine, Outcome.BUSY, recipient="00000001", settled=Outcome.BUSY)
            await desk.store.move_campaign(mine.id, expected=["created"], state="done")
            await attempt(desk.store, mine, Outcome.CONFIRMED, recipient="00000002", settled=Outcome.CONFIRMED)
            await until(lambda: bool(receiver.events))
            await asyncio.sleep(0.1)
    assert [(one["kind"], one["person"], one["outcome"]) for one in receiver.events] == [
        ("call.ended", "00000002", "confirmed")
    ]


async def test_what_was_before_a_system_was_registered_is_not_told(desk: Desk) -> None:
    row = await desk.campaign()
    await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
    async with receiving() as receiver:
        await desk.webhook(receiver)
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000002")
            await until(lambda: bool(receiver.events))
    assert [one["person"] for one in receiver.events] == ["00000002"]


async def test_many_are_told_together_in_their_order(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.storage.webhooks.MOST_EVENTS", 10)
    monkeypatch.setattr(webhook_feed, "MOST", 7)
    async with receiving() as receiver:
        await desk.webhook(receiver, kinds=frozenset({EventKind.CALL_ENDED}))
        row = await desk.campaign(number=23)
        for n in range(1, 24):
            await attempt(desk.store, row, Outcome.BUSY, recipient=f"{n:08}")
        async with desk.sending():
            await until(lambda: len(receiver.events) >= 23)
    assert [one["person"] for one in receiver.events] == [f"{n:08}" for n in range(1, 24)]
    assert [len(message.events) for message in receiver.messages] == [10, 10, 3]
    assert receiver.connections == 1


async def test_who_does_not_take_a_message_gets_the_same_one_again(desk: Desk) -> None:
    async with receiving(status(500), raw(b""), status(503), status(200)) as receiver:
        webhook = await desk.webhook(receiver, kinds=frozenset({EventKind.CALL_ENDED}))
        row = await desk.campaign()
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
            for failures, pause in ((1, 5), (2, 30), (3, 120)):
                await until(lambda failures=failures: failed(desk, webhook, failures))  # type: ignore[misc]
                if failures < 3:
                    await attempt(desk.store, row, Outcome.BUSY, recipient=f"0000000{failures + 1}")
                found = await desk.store.webhooks.one(webhook.id)
                assert found.next_at == desk.clock.now() + timedelta(seconds=pause)
                seen = len(receiver.messages)
                await asyncio.sleep(0.08)
                assert len(receiver.messages) == seen, "it waits"
                desk.clock.forward(seconds=pause)
            await until(lambda: len(desk.counted.tried) >= 5)
    first, *again, last = receiver.messages
    assert {one.headers["webhook-id"] for one in again} == {first.headers["webhook-id"]}
    assert {one.body for one in again} == {first.body}
    assert len({one.headers["webhook-timestamp"] for one in receiver.messages}) == 4
    assert all(one.proven_by(written_secret(KEY)) for one in receiver.messages)
    assert [one["person"] for one in last.events] == ["00000002", "00000003"], "what came meanwhile comes after"
    assert desk.counted.tried == ["failed", "failed", "failed", "taken", "taken"]


async def failed(desk: Desk, webhook: Webhook, failures: int) -> bool:
    return (await desk.store.webhooks.one(webhook.id)).failures >= failures


async def test_one_that_hangs_keeps_no_other_waiting(desk: Desk) -> None:
    async with receiving(hangs) as stuck, receiving() as quick:
        await desk.webhook(stuck, "止まった相手")
        await desk.webhook(quick, "速い相手")
        row = await desk.campaign()
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
            await until(lambda: bool(quick.events) and bool(stuck.messages))
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000002")
            await until(lambda: len(quick.events) >= 2)
            assert len(stuck.messages) == 1


async def test_who_wants_no_more_is_switched_off_loudly(desk: Desk) -> None:
    async with receiving(status(410)) as receiver:
        webhook = await desk.webhook(receiver)
        row = await desk.campaign()
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
            await until(lambda: is_off(desk, webhook, Off.GONE))
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000002")
            await until(lambda: on_record(desk))
    entries = [one async for one in desk.audit.entries() if one.action == Action.WEBHOOK_GAVE_UP]
    assert desk.counted.tried == ["failed", "switched_off"]
    assert [(one.subject, one.details) for one in entries] == [("収納", '{"why":"gone"}')]
    assert (await desk.store.webhooks.waiting())[webhook.id].events == 1, "what waited is kept for whoever mends it"


async def on_record(desk: Desk) -> bool:
    return bool([one async for one in desk.audit.entries() if one.action == Action.WEBHOOK_GAVE_UP])


async def test_after_three_days_it_is_given_up_and_goes_on_when_somebody_has_mended_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(status(500)) as receiver:
        webhook = await desk.webhook(receiver, kinds=frozenset({EventKind.CALL_ENDED}))
        row = await desk.campaign()
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
            await until(lambda: failed(desk, webhook, 1))
            desk.clock.forward(days=3)
            await until(lambda: failed(desk, webhook, 2))
            assert not await is_off(desk, webhook, Off.GIVEN_UP), "an engine that was off has not tried"
            monkeypatch.setattr(sending, "LEAST_FAILURES", 3)
            desk.clock.forward(days=1)
            await until(lambda: is_off(desk, webhook, Off.GIVEN_UP))
            desk.clock.forward(days=1)
            tries = len(receiver.messages)
            await asyncio.sleep(0.1)
            assert len(receiver.messages) == tries == 3
            receiver.answers = [status(200)]
            await desk.store.webhooks.switch_on(webhook.id)
            await until(lambda: len(receiver.messages) >= 4)
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000003")
            await until(lambda: len(receiver.messages) >= 5)
    assert [one["person"] for one in receiver.messages[3].events] == ["00000001"]
    assert [one["person"] for one in receiver.messages[4].events] == ["00000003"]


async def is_off(desk: Desk, webhook: Webhook, why: Off) -> bool:
    return (await desk.store.webhooks.one(webhook.id)).off is why


async def test_an_engine_that_is_killed_in_mid_message_tells_the_same_again(desk: Desk) -> None:
    async with receiving(hangs, status(200)) as receiver:
        await desk.webhook(receiver)
        row = await desk.campaign()
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
            await until(lambda: bool(receiver.messages))
        await attempt(desk.store, row, Outcome.BUSY, recipient="00000002")
        await desk.store.join("engine", "here")
        async with desk.sending():
            await until(lambda: len(receiver.messages) >= 3)
    cut, again, then = receiver.messages
    assert (cut.headers["webhook-id"], cut.body) == (again.headers["webhook-id"], again.body)
    assert [one["person"] for one in then.events] == ["00000002"]


async def test_two_engines_tell_everything_once(desk: Desk) -> None:
    with key_store(desk.chosen) as keys:
        async with await SqlResults.open(desk.chosen.database_url(), keys) as other:
            await other.join("other", "there")
            async with receiving() as receiver:
                await desk.webhook(receiver, kinds=frozenset({EventKind.CALL_ENDED}))
                row = await desk.campaign(number=40)
                async with desk.sending(), desk.sending(other):
                    for n in range(1, 41):
                        store = other if n % 2 else desk.store
                        await attempt(store, row, Outcome.BUSY, recipient=f"{n:08}")
                    await until(lambda: len(receiver.events) >= 40)
                    await asyncio.sleep(0.1)
    assert [one["person"] for one in receiver.events] == [f"{n:08}" for n in range(1, 41)]


async def test_an_engine_that_lost_its_lease_writes_and_sends_nothing(desk: Desk) -> None:
    async with receiving() as receiver:
        webhook = await desk.webhook(receiver)
        row = await desk.campaign()
        await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
        with key_store(desk.chosen) as keys:
            async with await SqlResults.open(desk.chosen.database_url(), keys) as other:
                await other.join("other", "there")
                assert await desk.store.webhooks.hold(timedelta(0))
                look = await desk.store.webhooks.look()
                assert await other.webhooks.hold(timedelta(minutes=1))
                assert not await desk.store.webhooks.hold(timedelta(minutes=1))
                assert not await desk.store.webhooks.collect(look, [], NOON)
                assert await desk.store.webhooks.begin(webhook.id, NOON, timedelta(0)) is None
                async with desk.sending():
                    await asyncio.sleep(0.1)
    assert receiver.messages == []


async def test_what_waits_goes_with_its_campaign_and_is_counted(desk: Desk) -> None:
    async with receiving(status(500), status(200)) as receiver:
        webhook = await desk.webhook(receiver, kinds=frozenset({EventKind.CALL_ENDED}))
        gone, stays = await desk.campaign("消す"), await desk.campaign("残す")
        async with desk.sending():
            await attempt(desk.store, gone, Outcome.BUSY, recipient="00000001")
            await until(lambda: failed(desk, webhook, 1))
            await attempt(desk.store, stays, Outcome.BUSY, recipient="00000002")
            await until(lambda: waiting(desk, webhook, 2))
            await desk.store.begin_erasing(gone, {}, {})
            desk.clock.forward(minutes=1)
            await until(lambda: len(receiver.messages) >= 2)
    assert [one["person"] for one in receiver.messages[1].events] == ["00000002"]
    assert (await desk.store.webhooks.one(webhook.id)).dropped == 1


async def waiting(desk: Desk, webhook: Webhook, events: int) -> bool:
    found = (await desk.store.webhooks.waiting()).get(webhook.id)
    return found is not None and found.events == events


async def test_trouble_is_contained_and_what_was_meant_is_told_after_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[str] = []
    look = webhook_feed.look

    def breaks(connection: Any) -> Any:
        if len(broken) < 2:
            broken.append("x")
            raise ZeroDivisionError if len(broken) == 1 else InputError("なぜか")
        return look(connection)

    monkeypatch.setattr(webhook_feed, "look", breaks)
    async with receiving() as receiver:
        await desk.webhook(receiver)
        row = await desk.campaign()
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
            await until(lambda: bool(receiver.events))
    assert len(broken) == 2


async def test_changes_are_kept_until_they_are_collected_but_not_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT", 2)
    monkeypatch.setattr(changes, "HELD", 8)
    async with receiving() as receiver:
        webhook = await desk.webhook(receiver, kinds=frozenset({EventKind.CALL_ENDED}))
        row = await desk.campaign(number=30)
        for n in range(1, 7):
            await attempt(desk.store, row, Outcome.BUSY, recipient=f"{n:08}")
            await desk.store.renew()
        async with desk.sending():
            await until(lambda: len(receiver.events) >= 6)
        assert (await desk.store.webhooks.one(webhook.id)).missed_at is None
        for n in range(7, 20):
            await attempt(desk.store, row, Outcome.BUSY, recipient=f"{n:08}")
            await desk.store.renew()
        async with desk.sending():
            await until(lambda: missed(desk, webhook))
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000020")
            await until(lambda: receiver.events[-1]["person"] == "00000020")


async def missed(desk: Desk, webhook: Webhook) -> bool:
    return (await desk.store.webhooks.one(webhook.id)).missed_at is not None


async def test_a_webhook_that_is_removed_or_off_is_told_nothing(desk: Desk) -> None:
    async with receiving() as receiver:
        off, removed = await desk.webhook(receiver, "止める"), await desk.webhook(receiver, "消す")
        row = await desk.campaign()
        await desk.store.webhooks.switch_off(off.id, Off.BY_HAND, NOON)
        assert await desk.store.webhooks.remove(removed.id) == 0
        async with desk.sending():
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000001")
            await asyncio.sleep(0.1)
            await desk.store.webhooks.switch_on(off.id)
            await attempt(desk.store, row, Outcome.BUSY, recipient="00000002")
            await until(lambda: bool(receiver.events))
    assert [one["person"] for one in receiver.events] == ["00000002"], "what was meanwhile is not told later"
    with pytest.raises(NotFound):
        await desk.store.webhooks.one(removed.id)


async def test_a_secret_that_was_changed_proves_for_a_day_with_the_one_before(desk: Desk) -> None:
    async with receiving() as receiver:
        webhook = await desk.webhook(receiver)
    store, new = desk.store.webhooks, bytes(32)
    await store.rotate(webhook.id, new, NOON)
    assert await store.keys(webhook.id, NOON + timedelta(hours=23)) == (new, KEY)
    assert await store.keys(webhook.id, NOON + timedelta(hours=25)) == (new,)
