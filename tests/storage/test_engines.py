"""Several engines on one store: none dials for another, and what a dead one has left open is accounted for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from ivr.campaign.reconcile import take_over
from ivr.domain.attempt import Ending
from ivr.domain.outcome import Outcome
from ivr.storage import SqlResults
from tests.campaign.fakes import SystemClock
from tests.keys import keys
from tests.storage.filling import MINUTE, NOON, campaign, intent

AT_ONCE, LONG = timedelta(0), timedelta(hours=1)


@pytest.fixture
async def pair(url: str) -> AsyncIterator[tuple[SqlResults, SqlResults]]:
    """Two engines with the same store."""
    async with AsyncExitStack() as stack:
        shared = keys()
        first = await stack.enter_async_context(await SqlResults.open(url, shared))
        second = await stack.enter_async_context(await SqlResults.open(url, shared))
        await first.join("first", "host-1")
        await second.join("second", "host-2")
        yield first, second


async def test_an_engine_that_lives_is_not_buried(pair: tuple[SqlResults, SqlResults]) -> None:
    first, second = pair
    row = await campaign(first, 1)
    assert await first.intend(intent(row))
    assert await second.bury(LONG) == ()
    assert await first.renew()


async def test_an_engine_without_open_calls_is_left_in_peace(pair: tuple[SqlResults, SqlResults]) -> None:
    first, second = pair
    await campaign(first, 1)
    assert await second.bury(AT_ONCE) == ()
    assert await first.renew()


async def test_who_buries_an_engine_ends_its_calls_and_it_dials_no_more(pair: tuple[SqlResults, SqlResults]) -> None:
    first, second = pair
    row = await campaign(first, 3)
    dial, theirs = intent(row), intent(row, "00000002")
    assert await first.intend(dial)
    assert await second.intend(theirs)
    (left,) = await second.bury(AT_ONCE)
    assert left.intent == dial
    assert not await first.renew(), "it learns that it was buried"
    assert not await first.intend(intent(row, "00000003")), "what it still intends finds no place"
    await first.join("first", "host-1")
    assert await first.intend(intent(row, "00000003")), "a new life begins"


async def test_calls_that_were_taken_over_end_unknown_and_the_late_ending_is_not_stored(
    pair: tuple[SqlResults, SqlResults], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    row = await campaign(first, 1)
    dial = intent(row)
    assert await first.intend(dial)
    monkeypatch.setattr("ivr.campaign.reconcile.LEASE", AT_ONCE)
    assert await take_over(second, SystemClock()) == 1
    late = Ending(outcome=Outcome.CONFIRMED, at=NOON)
    assert not await first.end(dial.id, late, settled=Outcome.CONFIRMED, due_at=None)
    (person,) = await second.records(row.id)
    assert (person.state, person.outcome) == ("settled", Outcome.UNKNOWN)
    assert await take_over(second, SystemClock()) == 0


async def test_a_taker_that_dies_on_the_way_leaves_the_rest_to_the_next(pair: tuple[SqlResults, SqlResults]) -> None:
    first, second = pair
    row = await campaign(first, 1)
    assert await first.intend(intent(row))
    assert len(await second.bury(AT_ONCE)) == 1
    assert len(await second.bury(AT_ONCE)) == 1, "nobody has ended it yet"


async def test_an_engine_that_starts_again_finds_its_own_calls_and_those_of_nobody(
    pair: tuple[SqlResults, SqlResults], url: str
) -> None:
    first, second = pair
    row = await campaign(first, 3)
    mine, theirs, nobodys = intent(row), intent(row, "00000002"), intent(row, "00000003")
    async with await SqlResults.open(url, keys()) as unnamed:
        assert await unnamed.intend(nobodys)
    assert await first.intend(mine)
    assert await second.intend(theirs)
    await first.join("first", "host-1")
    assert {attempt.intent.id for attempt in await first.left_open()} == {mine.id, nobodys.id}
    assert len(await first.open_attempts()) == 3


async def test_people_whom_one_engine_prepares_are_not_prepared_by_another(
    pair: tuple[SqlResults, SqlResults], url: str
) -> None:
    first, second = pair
    row = await campaign(first, 50)

    async def taken(store: SqlResults) -> set[str]:
        return {one.recipient.id for one in await store.due(row.id, NOON, 20)}

    one, other = await asyncio.gather(taken(first), taken(second))
    assert len(one) == len(other) == 20
    # A file is for the engine of one machine: nothing is claimed there.
    assert one.isdisjoint(other) is url.startswith("postgresql")
    assert await taken(first) == one, "they stay whose they are"


async def test_of_two_engines_one_gets_the_person(pair: tuple[SqlResults, SqlResults]) -> None:
    row = await campaign(pair[0], 20)
    dials = [store.intend(intent(row, f"{number:08}", at=NOON + MINUTE)) for number in range(1, 21) for store in pair]
    won = await asyncio.gather(*dials)
    assert sum(won) == 20
    assert len(await pair[0].open_attempts()) == 20


async def test_a_number_is_on_one_call_at_a_time_whatever_campaign_it_is_in(
    pair: tuple[SqlResults, SqlResults],
) -> None:
    first, second = pair
    one, other = await campaign(first, 1, "one"), await campaign(second, 1, "two")
    dial, same = (intent(row, number="+81357220000") for row in (one, other))
    won = await asyncio.gather(first.intend(dial), second.intend(same), return_exceptions=True)
    assert [result for result in won if result is True] == [True]
    assert len(await first.open_attempts()) == 1
    (open_,) = await first.open_attempts()
    await first.end(open_.intent.id, Ending(outcome=Outcome.BUSY, at=NOON), settled=Outcome.BUSY, due_at=None)
    assert await (second.intend(same) if open_.intent == dial else first.intend(dial))


async def test_where_lines_are_counted_together_no_engine_begins_a_call_beyond_them(
    pair: tuple[SqlResults, SqlResults],
) -> None:
    row = await campaign(pair[0], 20)
    for number, engine in enumerate(pair):
        await engine.join(f"engine-{number}", "host", most=3)
    dials = [intent(row, f"{number + 1:08}", number=f"+81357220{number:03}") for number in range(20)]
    begun = await asyncio.gather(*(pair[number % 2].intend(dial) for number, dial in enumerate(dials)))
    assert begun.count(True) == 3
    over = next(dial for dial, one in zip(dials, begun, strict=True) if one)
    waiting = next(dial for dial, one in zip(dials, begun, strict=True) if not one)
    await pair[0].end(over.id, Ending(outcome=Outcome.BUSY, at=NOON + MINUTE), settled=Outcome.BUSY, due_at=None)
    assert await pair[1].intend(waiting)
