"""The contract of `ivr.campaign.ports.Results`, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
from datetime import UTC

import pytest

from ivr.campaign.ports import Results
from ivr.campaign.records import NewCampaign
from ivr.domain.attempt import AttemptState, Ending, Past, TimedKey
from ivr.domain.call import KeyPress
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.errors import InputError, NotFound, StoreFailed
from ivr.storage import SqlResults
from tests.storage.filling import MINUTE, NOON, attempt, campaign, intent, people


async def test_a_store_is_what_the_port_asks_for(store: SqlResults) -> None:
    port: Results = store
    assert await port.campaigns() == ()


class TestCampaigns:
    async def test_a_campaign_comes_back_as_it_was_created(self, store: SqlResults) -> None:
        created = await campaign(store)
        assert created.state == "created"
        assert created.rules == {"total": 3, "windows": [{"days": ["mon"]}]}
        assert await store.campaign("住民税") == created

    async def test_times_come_back_as_the_same_moment_with_a_zone(self, store: SqlResults) -> None:
        await campaign(store)
        at = (await store.campaign("住民税")).created_at
        assert at == NOON
        assert at.tzinfo is UTC

    async def test_a_time_without_a_zone_is_refused(self, store: SqlResults) -> None:
        naive = NewCampaign(name="x", scenario="", scenario_file="", created_at=NOON.replace(tzinfo=None))
        with pytest.raises(StoreFailed):
            await store.create_campaign(naive, ())

    async def test_a_name_that_is_taken_is_the_persons_error_and_stores_nothing(self, store: SqlResults) -> None:
        first = await campaign(store, 1)
        with pytest.raises(InputError, match="「住民税」は、すでにあります"):
            await campaign(store, 2)
        assert await store.campaigns() == (first,)
        assert (await store.counts(first.id)).states["waiting"] == 1

    async def test_the_same_person_twice_is_the_persons_error_and_stores_nothing(self, store: SqlResults) -> None:
        new = NewCampaign(name="x", scenario="", scenario_file="", created_at=NOON)
        with pytest.raises(InputError) as error:
            await store.create_campaign(new, [*people(2), *people(1)])
        assert "00000001" not in str(error.value)
        assert await store.campaigns() == ()

    async def test_an_unknown_name_is_not_found(self, store: SqlResults) -> None:
        with pytest.raises(NotFound, match="「nai」がありません"):
            await store.campaign("nai")

    async def test_campaigns_are_listed_oldest_first_and_by_state(self, store: SqlResults) -> None:
        one, two = await campaign(store, 1, "one"), await campaign(store, 1, "two")
        await store.move_campaign(two.id, expected=["created"], state="running")
        assert [row.name for row in await store.campaigns()] == ["one", "two"]
        assert [row.name for row in await store.campaigns(state="running")] == ["two"]
        assert [row.id for row in await store.campaigns(state="created")] == [one.id]

    async def test_a_campaign_moves_only_from_an_expected_state(self, store: SqlResults) -> None:
        row = await campaign(store)
        assert await store.move_campaign(row.id, expected=["created", "paused"], state="running")
        assert not await store.move_campaign(row.id, expected=["created", "paused"], state="stopped")
        assert (await store.campaign(row.name)).state == "running"


class TestDue:
    async def test_everybody_is_due_in_the_order_of_the_list(self, store: SqlResults) -> None:
        row = await campaign(store, 5)
        due = await store.due(row.id, NOON, 10)
        assert [one.recipient for one in due] == people(5)
        assert {(one.campaign, one.past, one.due_at) for one in due} == {(row.id, (), None)}

    async def test_people_are_due_in_the_order_in_which_they_were_given_and_on_record_by_line(
        self, store: SqlResults
    ) -> None:
        new = NewCampaign(name="x", scenario="", scenario_file="", created_at=NOON)
        row = await store.create_campaign(new, people(3)[::-1])
        assert [one.recipient.line for one in await store.due(row.id, NOON, 10)] == [4, 3, 2]
        assert [record.recipient.line for record in await store.records(row.id)] == [2, 3, 4]

    async def test_of_a_household_one_is_due_and_the_next_where_that_one_is_not_called(self, store: SqlResults) -> None:
        new = NewCampaign(name="x", scenario="", scenario_file="", created_at=NOON)
        first, second, third, _ = everybody = people(4)
        row = await store.create_campaign(new, everybody, {"+81357220000": (first, second, third)})

        async def standing() -> list[tuple[str, str | None]]:
            return [(one.state, one.excluded and one.excluded.reason) for one in await store.records(row.id)]

        joined = ("settled", "同じ電話番号の 2 行目の人にかけます")
        assert [one.recipient.line for one in await store.due(row.id, NOON, 10)] == [2, 5]
        assert await standing() == [("waiting", None), joined, joined, ("waiting", None)]
        assert (await store.counts(row.id)).outcomes == {Outcome.CANCELLED: 2}

        paid = Exclusion(reason="納付済", source=Source.COLLECTION)
        await store.settle(row.id, first.id, Outcome.CANCELLED, excluded=paid)
        assert await standing() == [
            ("settled", "納付済"),
            ("waiting", None),
            ("settled", "同じ電話番号の 3 行目の人にかけます"),
            ("waiting", None),
        ]
        await store.settle(row.id, second.id, Outcome.NO_ANSWER)
        assert [one.recipient.line for one in await store.due(row.id, NOON, 10)] == [5], "somebody's number rang"

    async def test_who_is_no_household_has_nobody_called_instead(self, store: SqlResults) -> None:
        row = await campaign(store, 2)
        await store.exclude(row.id, people(1)[0].id, Exclusion(reason="納付済", source=Source.STAFF))
        assert [one.recipient.line for one in await store.due(row.id, NOON, 10)] == [3]

    async def test_columns_keep_their_order(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        (one,) = await store.due(row.id, NOON, 1)
        assert list(one.recipient.columns) == ["宛名番号", "期別", "b", "a"]

    async def test_pages_follow_each_other_by_rank(self, store: SqlResults) -> None:
        row = await campaign(store, 5)
        first = await store.due(row.id, NOON, 2)
        rest = await store.due(row.id, NOON, 10, after=first[-1].rank)
        assert [one.recipient.line for one in (*first, *rest)] == [2, 3, 4, 5, 6]

    async def test_the_limit_counts_people_not_their_attempts(self, store: SqlResults) -> None:
        row = await campaign(store, 3)
        for n in range(3):
            await attempt(store, row, Outcome.BUSY, at=NOON + n * MINUTE)
        due = await store.due(row.id, NOON + 9 * MINUTE, 2)
        assert [len(one.past) for one in due] == [3, 0]

    async def test_who_is_postponed_is_due_from_that_moment_on(self, store: SqlResults) -> None:
        row = await campaign(store, 2)
        await store.postpone(row.id, "00000001", NOON + MINUTE)
        assert [one.recipient.line for one in await store.due(row.id, NOON, 9)] == [3]
        late = await store.due(row.id, NOON + MINUTE, 9)
        assert [(one.recipient.line, one.due_at) for one in late] == [(2, NOON + MINUTE), (3, None)]

    async def test_who_is_being_called_or_settled_is_not_due(self, store: SqlResults) -> None:
        row = await campaign(store, 3)
        await store.intend(intent(row, "00000001"))
        await store.settle(row.id, "00000002", Outcome.CANCELLED)
        assert [one.recipient.id for one in await store.due(row.id, NOON, 9)] == ["00000003"]

    async def test_other_campaigns_people_are_not_due(self, store: SqlResults) -> None:
        one, two = await campaign(store, 1, "one"), await campaign(store, 2, "two")
        assert len(await store.due(one.id, NOON, 9)) == 1
        assert len(await store.due(two.id, NOON, 9)) == 2

    async def test_past_attempts_come_oldest_first(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        await attempt(store, row, Outcome.BUSY, at=NOON)
        await attempt(store, row, Outcome.NO_ANSWER, at=NOON + 5 * MINUTE)
        expected = (
            Past(number="+819012345678", at=NOON, outcome=Outcome.BUSY),
            Past(number="+819012345678", at=NOON + 5 * MINUTE, outcome=Outcome.NO_ANSWER),
        )
        (one,) = await store.due(row.id, NOON, 1)
        assert one.past == expected
        assert await store.past(row.id, "00000001") == expected


class TestAttempts:
    async def test_an_intent_takes_the_person_off_the_waiting(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        dial = intent(row)
        assert await store.intend(dial)
        (one,) = await store.open_attempts()
        assert (one.intent, one.state) == (dial, AttemptState.INTENDED)
        assert (await store.counts(row.id)).states == {"waiting": 0, "calling": 1, "settled": 0}

    async def test_a_person_who_does_not_wait_is_not_dialled(self, store: SqlResults) -> None:
        row = await campaign(store, 2)
        await store.intend(intent(row))
        await store.settle(row.id, "00000002", Outcome.CANCELLED)
        assert not await store.intend(intent(row))
        assert not await store.intend(intent(row, "00000002"))
        assert not await store.intend(intent(row, "nobody"))
        assert len(await store.open_attempts()) == 1

    async def test_of_many_at_once_one_gets_the_person(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        won = await asyncio.gather(*(store.intend(intent(row)) for _ in range(20)))
        assert sorted(won) == [False] * 19 + [True]
        assert len(await store.open_attempts()) == 1

    async def test_an_attempt_advances_only_from_the_expected_state(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        dial = intent(row)
        await store.intend(dial)
        step = {"expected": AttemptState.INTENDED, "state": AttemptState.ANSWERED, "at": NOON + MINUTE}
        assert await store.advance(dial.id, **step)
        assert not await store.advance(dial.id, **step)
        (one,) = await store.open_attempts()
        assert one.state is AttemptState.ANSWERED

    async def test_an_ended_attempt_does_not_advance(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        dial = await attempt(store, row, Outcome.BUSY)
        assert not await store.advance(dial.id, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=NOON)

    async def test_open_attempts_of_all_campaigns_come_oldest_first(self, store: SqlResults) -> None:
        one, two = await campaign(store, 1, "one"), await campaign(store, 1, "two")
        later, sooner = intent(one, at=NOON + MINUTE), intent(two, at=NOON, number="+81357220000")
        await store.intend(later)
        await store.intend(sooner)
        assert [attempt.intent for attempt in await store.open_attempts()] == [sooner, later]

    async def test_an_ending_settles_the_person(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        await attempt(store, row, Outcome.CONFIRMED, settled=Outcome.CONFIRMED)
        assert await store.open_attempts() == ()
        counts = await store.counts(row.id)
        assert counts.states == {"waiting": 0, "calling": 0, "settled": 1}
        assert counts.outcomes == {Outcome.CONFIRMED: 1}

    async def test_an_ending_lets_the_person_wait_for_another_try(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        await attempt(store, row, Outcome.BUSY, due_at=NOON + 5 * MINUTE)
        assert await store.due(row.id, NOON + 4 * MINUTE, 1) == ()
        assert len(await store.due(row.id, NOON + 5 * MINUTE, 1)) == 1
        assert await store.intend(intent(row, at=NOON + 5 * MINUTE))

    async def test_an_attempt_ends_once(self, store: SqlResults) -> None:
        row = await campaign(store, 1)
        dial = await attempt(store, row, Outcome.BUSY, due_at=NOON)
        again = Ending(outcome=Outcome.CONFIRMED, at=NOON, keys=(TimedKey(press=KeyPress("ask", "#"), at=NOON),))
        assert not await store.end(dial.id, again, settled=Outcome.CONFIRMED, due_at=None)
        assert not await store.end("unknown", again, settled=Outcome.CONFIRMED, due_at=None)
        (record,) = await store.records(row.id)
        assert (record.state, record.outcome, record.attempts[0].outcome) == ("waiting", None, Outcome.BUSY)
        assert record.attempts[0].keys == ()

    async def test_settling_touches_only_who_waits(self, store: SqlResults) -> None:
        row = await campaign(store, 2)
        await store.intend(intent(row))
        await store.settle(row.id, "00000001", Outcome.CANCELLED)
        await store.postpone(row.id, "00000001", NOON)
        await store.settle(row.id, "00000002", Outcome.CANCELLED)
        await store.postpone(row.id, "00000002", NOON)
        first, second = await store.records(row.id)
        assert (first.state, first.outcome, first.due_at) == ("calling", None, None)
        assert (second.state, second.outcome, second.due_at) == ("settled", Outcome.CANCELLED, None)
