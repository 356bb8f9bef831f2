"""Figures: what is counted as it happens is what counting everything anew comes to, on both databases."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from ivr.campaign.figures import Dials, Figures
from ivr.campaign.records import CampaignRow, RecipientRecord
from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import AttemptState, Ending, Intent, TimedKey
from ivr.domain.call import KeyPress
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import PROOF, Outcome
from ivr.domain.text import TextState
from ivr.storage import SqlResults, results
from tests.keys import keys
from tests.storage.filling import MINUTE, NOON, attempt, campaign, intent

ROUNDS = 120
PEOPLE = 12


def quarter(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def counted_anew(records: Sequence[RecipientRecord]) -> dict[str, object]:
    """Return what figures have to be, from everything that the store tells of everybody."""
    quarters: dict[object, Dials] = {}
    tries: dict[object, Dials] = {}
    pressed: Counter[tuple[str, str]] = Counter()
    settled: dict[Outcome, int] = defaultdict(int)
    for record in records:
        if record.state == "settled" and record.outcome is not None:
            settled[record.outcome] += 1
        for ordinal, one in enumerate(record.attempts, 1):
            if one.state is not AttemptState.ENDED:
                continue
            proven = one.outcome is Outcome.VOICEMAIL and PROOF in one.evidence
            for place, by in ((quarter(one.dialled_at or one.intended_at), quarters), (ordinal, tries)):
                before = by.get((place, one.outcome), Dials(number=0, answered=0, proven=0))
                by[place, one.outcome] = Dials(
                    number=before.number + 1,
                    answered=before.answered + (one.answered_at is not None),
                    proven=before.proven + proven,
                )
            pressed.update((key.step, key.key) for key in one.keys)
    return {
        "quarters": quarters,
        "tries": tries,
        "keys": dict(pressed),
        "marks": dict(Counter(mark for record in records for mark in record.marks)),
        "settled": dict(settled),
        "people": Counter(record.state for record in records),
        "attempts": sum(len(record.attempts) for record in records),
        "tries of each": {record.recipient.id: len(record.attempts) for record in records},
    }


async def as_counted(store: SqlResults, row: CampaignRow) -> dict[str, object]:
    found: Figures = await store.figures.figures(row.id)
    assert found.counts == await store.counts(row.id)
    settled: Counter[Outcome] = Counter()
    for (_, outcome, _), number in found.settled.items():
        assert outcome is not None
        settled[outcome] += number
    assert dict(settled) == dict(found.counts.outcomes)
    return {
        "quarters": dict(found.quarters),
        "tries": dict(found.tries),
        "keys": dict(found.keys),
        "marks": dict(found.marks),
        "settled": dict(settled),
        "people": +Counter(found.counts.states),
        "attempts": found.counts.attempts,
        "tries of each": {
            one.recipient.id: one.tries for one in (await store.figures.people(row.id, limit=PEOPLE)).rows
        },
    }


class Office:
    """Does at random whatever is done to a campaign, on one of several engines."""

    def __init__(self, stores: Sequence[SqlResults], row: CampaignRow, chance: random.Random) -> None:
        self.stores = stores
        self.row = row
        self.chance = chance
        self.open: list[Intent] = []
        self.now = NOON

    async def step(self) -> None:
        self.now += timedelta(seconds=self.chance.randrange(1200))
        await self.chance.choice(
            [self.dial] * 4 + [self.end] * 5 + [self.answer, self.exclude, self.settle, self.back]
        )()

    @property
    def store(self) -> SqlResults:
        return self.chance.choice(self.stores)

    def person(self) -> str:
        return f"{self.chance.randrange(PEOPLE) + 1:08}"

    async def dial(self) -> None:
        dial = intent(self.row, self.person(), self.now)
        if await self.store.intend(dial):
            self.open.append(dial)

    async def answer(self) -> None:
        if self.open:
            dial = self.chance.choice(self.open)
            states = {"expected": AttemptState.INTENDED, "state": AttemptState.ANSWERED}
            await self.store.advance(dial.id, **states, at=self.now)

    async def end(self) -> None:
        if not self.open:
            return
        dial = self.chance.choice(self.open)
        ended = [Outcome.CONFIRMED, Outcome.VOICEMAIL, Outcome.BUSY, Outcome.UNKNOWN]
        outcome = self.chance.choice(ended)
        ending = Ending(
            outcome=outcome,
            at=self.now,
            dialled_at=self.chance.choice([None, dial.at + MINUTE]),
            answered_at=self.chance.choice([None, self.now]),
            keys=tuple(
                TimedKey(press=KeyPress(self.chance.choice(["confirm", "more"]), key), at=self.now)
                for key in self.chance.choice(["", "#", "155"])
            ),
            marks=tuple(self.chance.sample(["a", "b", "c"], self.chance.randrange(3))),
            evidence=self.chance.choice([{}, {PROOF: "beep"}]),
        )
        settled = self.chance.choice([None, None, outcome])
        # The same end again, as from an engine that was not sure: it counts once.
        for _ in range(self.chance.choice([1, 2])):
            await self.store.end(dial.id, ending, settled=settled, due_at=None)
        self.open.remove(dial)

    async def exclude(self) -> None:
        await self.store.exclude(
            self.row.id, self.person(), Exclusion(reason="納付済", source=Source.STAFF), at=self.now
        )

    async def settle(self) -> None:
        if not self.chance.randrange(4):
            await self.store.settle(self.row.id, self.person(), Outcome.CANCELLED, at=self.now)

    async def back(self) -> None:
        number = intent(self.row, self.person()).number
        wanted = self.chance.choice([True, False])
        await self.store.rang_back(number, since=NOON, wanted=wanted, wait_until=self.now)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_counted_as_it_happens_is_what_counting_anew_comes_to(
    url: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "LEISURE_S", 0.0)
    chance = random.Random(seed)
    async with await SqlResults.open(url, keys()) as one, await SqlResults.open(url, keys()) as other:
        await one.join("here", "a")
        await other.join("there", "b")
        row = await campaign(one, PEOPLE)
        await campaign(other, PEOPLE, "国保")
        office = Office([one, other], row, chance)
        for _ in range(ROUNDS):
            await office.step()
        while not office.open:
            await office.dial()
        found = await as_counted(other, row)
        assert found == counted_anew(await one.records(row.id))
        assert len(found["quarters"]) > 5  # type: ignore[arg-type]


async def test_dials_fall_into_the_quarter_in_which_they_began(store: SqlResults) -> None:
    row = await campaign(store, 3)
    noon = NOON.replace(second=0, microsecond=0)
    for person, minutes in (("00000001", 0), ("00000002", 14), ("00000003", 15)):
        await attempt(store, row, Outcome.BUSY, recipient=person, at=noon + minutes * MINUTE)
    found = await store.figures.figures(row.id)
    assert {at: dials.number for (at, _), dials in found.quarters.items()} == {noon: 2, noon + 15 * MINUTE: 1}


async def test_people_are_settled_in_a_quarter_whatever_settles_them(store: SqlResults) -> None:
    row = await campaign(store, 3)
    noon = NOON.replace(second=0, microsecond=0)
    await attempt(store, row, Outcome.CONFIRMED, recipient="00000001", at=noon, settled=Outcome.CONFIRMED)
    await store.settle(row.id, "00000002", Outcome.FAILED, at=noon + 16 * MINUTE)
    paid = Exclusion(reason="納付済", source=Source.STAFF)
    await store.exclude(row.id, "00000003", paid, at=noon + 61 * MINUTE)
    assert (await store.figures.figures(row.id)).settled == {
        (noon, Outcome.CONFIRMED, False): 1,
        (noon + 15 * MINUTE, Outcome.FAILED, False): 1,
        (noon + 60 * MINUTE, Outcome.CANCELLED, False): 1,
    }


async def test_a_period_tells_what_was_done_in_it_for_each_campaign(store: SqlResults) -> None:
    noon = NOON.replace(minute=0, second=0, microsecond=0)
    row, other = await campaign(store, 3), await campaign(store, 1, "国保")
    await campaign(store, 1, "何もしない")
    await attempt(store, row, Outcome.BUSY, recipient="00000001", at=noon - MINUTE)
    await attempt(store, row, Outcome.BUSY, recipient="00000001", at=noon)
    await attempt(store, row, Outcome.CONFIRMED, recipient="00000002", at=noon + 58 * MINUTE, settled=Outcome.CONFIRMED)
    await attempt(store, row, Outcome.BUSY, recipient="00000001", at=noon + 60 * MINUTE)
    await store.settle(row.id, "00000003", Outcome.FAILED, at=noon + 60 * MINUTE)
    text = TextIntent(id="t", campaign=other.id, recipient="00000001", at=noon, number="+819012345678", body="a")
    assert await store.texts.intend(text)
    await store.texts.taken("t", ["1"], noon)
    mine, texted = await store.figures.period(noon, noon + 60 * MINUTE)
    assert mine.campaign.name == row.name
    assert {outcome: dials.number for (_, outcome), dials in mine.quarters.items()} == {
        Outcome.BUSY: 1, Outcome.CONFIRMED: 1,
    }  # fmt: skip
    assert mine.settled == {(noon + 45 * MINUTE, Outcome.CONFIRMED, False): 1}
    assert (texted.campaign.name, texted.quarters, texted.texts) == ("国保", {}, {TextState.SENT: 1})
    assert await store.figures.period(noon - 600 * MINUTE, noon - 500 * MINUTE) == ()


async def test_the_tallies_go_with_their_campaign(store: SqlResults) -> None:
    row, other = await campaign(store, 2), await campaign(store, 2, "国保")
    for of in (row, other):
        await attempt(store, of, Outcome.CONFIRMED, recipient="00000002", settled=Outcome.CONFIRMED, marks=["a"])
    await store.begin_erasing(row, {}, {})
    await store.erase_rows(row.id)
    await store.finish_erasing(row.id, NOON)
    gone, left = await store.figures.figures(row.id), await store.figures.figures(other.id)
    assert (gone.tries, gone.quarters, gone.marks, gone.counts.attempts) == ({}, {}, {}, 0)
    assert (len(left.tries), left.marks, left.counts.attempts) == (1, {"a": 1}, 1)


async def test_calls_under_way_are_told_until_they_end(store: SqlResults) -> None:
    row = await campaign(store, 3)
    await store.join("engine", "here")
    first, second = intent(row, "00000001"), intent(row, "00000002", NOON + MINUTE)
    for dial in (first, second):
        assert await store.intend(dial)
    answered = NOON + 2 * MINUTE
    await store.advance(first.id, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=answered)
    one, two = await store.figures.lines()
    assert (one.attempt, one.campaign, one.begun_at, one.answered_at) == (first.id, row.id, NOON, answered)
    assert (one.engine, one.key) == ("engine", await store.figures.key_of(row.id, "00000001"))
    assert (two.attempt, two.state, two.answered_at) == (second.id, AttemptState.INTENDED, None)
    await store.end(first.id, Ending(outcome=Outcome.HUNG_UP, at=NOON), settled=None, due_at=None)
    assert [line.attempt for line in await store.figures.lines()] == [second.id]


async def test_pages_leave_a_reader_to_calls(store: SqlResults) -> None:
    row = await campaign(store, 1)
    freed = threading.Event()

    def hangs(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            freed.wait(20)
        else:
            connection.exec_driver_sql("SELECT pg_sleep(0.3)")

    pages = [asyncio.ensure_future(store.figures._read(hangs)) for _ in range(9)]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert len(await store.due(row.id, NOON, 1)) == 1
        assert not pages[-1].done()
    finally:
        freed.set()
        await asyncio.gather(*pages)
