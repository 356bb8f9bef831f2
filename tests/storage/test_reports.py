"""What the store tells for reports, and how it writes, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ivr.campaign.records import NewCampaign
from ivr.domain.attempt import AttemptState, Ending, Intent, TimedKey
from ivr.domain.call import KeyPress
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.errors import StoreFailed
from ivr.storage import SqlResults
from tests.keys import keys
from tests.storage.cluster import Cluster
from tests.storage.filling import MINUTE, NOON, attempt, campaign, intent, people


class TestReports:
    async def test_messages_with_a_beep_are_counted(self, store: SqlResults) -> None:
        row = await campaign(store, 3)
        beep, left = {"proof": "beep"}, Outcome.VOICEMAIL
        await attempt(store, row, left, recipient="00000001", due_at=NOON, evidence=beep)
        await attempt(store, row, left, recipient="00000001", settled=left, evidence=beep)
        await attempt(store, row, left, recipient="00000002", settled=left, evidence={"steps": []})
        await attempt(store, row, left, recipient="00000003", due_at=NOON, evidence=beep)
        await attempt(store, row, Outcome.CONFIRMED, recipient="00000003", settled=Outcome.CONFIRMED)
        assert (await store.counts(row.id)).proven == 1

    async def test_counts_tell_states_outcomes_attempts_and_the_next_due(self, store: SqlResults) -> None:
        row = await campaign(store, 4)
        await attempt(store, row, Outcome.CONFIRMED, recipient="00000001", settled=Outcome.CONFIRMED)
        await attempt(store, row, Outcome.BUSY, recipient="00000002", due_at=NOON + 5 * MINUTE)
        await store.intend(intent(row, "00000003"))
        await store.postpone(row.id, "00000004", NOON + 2 * MINUTE)
        counts = await store.counts(row.id)
        assert counts.states == {"waiting": 2, "calling": 1, "settled": 1}
        assert counts.outcomes == {Outcome.CONFIRMED: 1}
        assert counts.attempts == 3
        assert counts.next_due == NOON + 2 * MINUTE

    async def test_who_was_never_put_off_is_due_since_the_campaign_began(self, store: SqlResults) -> None:
        row = await campaign(store, 2)
        await store.postpone(row.id, "00000001", NOON + MINUTE)
        assert (await store.counts(row.id)).next_due == NOON

    async def test_nobody_is_due_where_nobody_waits(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        await attempt(store, row, Outcome.CONFIRMED, settled=Outcome.CONFIRMED)
        assert (await store.counts(row.id)).next_due is None

    async def test_records_hold_everything_that_an_ending_told(self, store: SqlResults) -> None:
        row = await campaign(store, 2)
        dial = intent(row)
        await store.intend(dial)
        ending = Ending(
            outcome=Outcome.CONFIRMED,
            at=NOON + MINUTE,
            dialled_at=NOON,
            answered_at=NOON + MINUTE / 6,
            sip=200,
            q850=16,
            heard_s=6.52,
            restarts=2,
            keys=(
                TimedKey(press=KeyPress("confirm", "5"), at=NOON + MINUTE / 4),
                TimedKey(press=KeyPress("confirm", "#", confirms=True), at=NOON + MINUTE / 3),
            ),
            marks=("callback_requested",),
            evidence={"ended_by": "callee", "steps": [{"step": "confirm", "whole": True, "seconds": 6.52}]},
        )
        await store.end(dial.id, ending, settled=Outcome.CONFIRMED, due_at=None)
        record, untouched = await store.records(row.id)
        assert record.recipient == people(1)[0]
        assert (record.state, record.outcome, record.marks) == (
            "settled",
            Outcome.CONFIRMED,
            ("callback_requested",),
        )
        (stored,) = record.attempts
        assert (stored.id, stored.number, stored.state) == (dial.id, dial.number, AttemptState.ENDED)
        assert (stored.intended_at, stored.dialled_at) == (NOON, NOON)
        assert (stored.answered_at, stored.ended_at) == (NOON + MINUTE / 6, NOON + MINUTE)
        assert (stored.sip, stored.q850, stored.heard_s, stored.restarts) == (200, 16, 6.52, 2)
        assert [(key.step, key.key, key.at) for key in stored.keys] == [
            ("confirm", "5", NOON + MINUTE / 4),
            ("confirm", "#", NOON + MINUTE / 3),
        ]
        assert stored.evidence == ending.evidence
        assert (untouched.state, untouched.attempts, untouched.marks) == ("waiting", (), ())

    async def test_the_time_of_the_answer_outlives_an_ending_that_does_not_know_it(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        dial = intent(row)
        await store.intend(dial)
        await store.advance(dial.id, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=NOON + MINUTE)
        lost = Ending(outcome=Outcome.UNKNOWN, at=NOON + 9 * MINUTE)
        await store.end(dial.id, lost, settled=Outcome.UNKNOWN, due_at=None)
        (record,) = await store.records(row.id)
        assert record.attempts[0].answered_at == NOON + MINUTE

    async def test_marks_of_all_attempts_are_gathered_each_once(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        await attempt(store, row, Outcome.HUNG_UP, marks=["a", "b"])
        await attempt(store, row, Outcome.HUNG_UP, at=NOON + MINUTE, marks=["b", "c"])
        (record,) = await store.records(row.id)
        assert record.marks == ("a", "b", "c")
        assert [one.intended_at for one in record.attempts] == [NOON, NOON + MINUTE]


class TestWriting:
    async def test_writes_that_come_together_fail_one_by_one(self, store: SqlResults) -> None:
        row = await campaign(store, 3)
        twin = intent(row, "00000001")
        other = Intent(id=twin.id, campaign=row.id, recipient="00000002", number="+81312345678", at=NOON)
        results = await asyncio.gather(
            store.intend(twin),
            store.intend(other),
            store.intend(intent(row, "00000003")),
            return_exceptions=True,
        )
        assert results[0] is True
        assert isinstance(results[1], StoreFailed)
        assert results[2] is True
        assert [one.state for one in await store.records(row.id)] == ["calling", "waiting", "calling"]

    async def test_a_write_is_done_even_if_its_caller_is_cancelled(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await store.intend(intent(row))
        await store.move_campaign(row.id, expected=["created"], state="running")
        assert len(await store.open_attempts()) == 1

    async def test_the_import_of_a_list_lets_the_loop_go_on_every_few_people(self, postgres: Cluster) -> None:
        at_once, most = 0, 0

        class People(list[Recipient]):
            def __iter__(self) -> Iterator[Recipient]:
                nonlocal at_once
                for one in super().__iter__():
                    at_once += 1
                    yield one

        async def look() -> None:
            nonlocal at_once, most
            while True:
                most, at_once = max(most, at_once), 0
                await asyncio.sleep(0)

        listed = People(people(1000))
        async with await SqlResults.open(await postgres.new_database(), keys()) as store:
            looking = asyncio.ensure_future(look())
            await store.create_campaign(
                NewCampaign(name="住民税", scenario="", scenario_file="", created_at=NOON), listed
            )
            looking.cancel()
        assert 0 < most <= 250

    async def test_every_write_is_measured(self, url: str) -> None:
        seconds: list[float] = []
        async with await SqlResults.open(url, keys(), on_write=seconds.append) as store:
            row = await campaign(store, 2)
            await asyncio.gather(*(store.settle(row.id, f"0000000{n}", Outcome.CANCELLED) for n in (1, 2)))
        assert len(seconds) == 3
        assert all(0 < one < 30 for one in seconds)

    async def test_what_is_stored_is_there_when_the_store_is_opened_again(self, url: str) -> None:
        async with await SqlResults.open(url, keys()) as store:
            row = await campaign(store, 2)
            await store.intend(intent(row))
        async with await SqlResults.open(url, keys()) as store:
            assert await store.campaign(row.name) == row
            assert len(await store.open_attempts()) == 1

    async def test_a_list_of_ten_thousand_is_stored_and_served(self, store: SqlResults) -> None:
        row = await campaign(store, 10_000)
        assert (await store.counts(row.id)).states["waiting"] == 10_000
        page = await store.due(row.id, NOON, 100, after=9_000)
        assert [one.recipient.line for one in page] == list(range(9_002, 9_102))
        assert len(await store.records(row.id)) == 10_000
