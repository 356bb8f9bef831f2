"""Texts in the store: once a person, never sent again by a doubt, and receipts that may come any time, in any order."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ivr.campaign.records import CampaignRow
from ivr.campaign.text_news import BY_STAFF, OPT_OUT
from ivr.campaign.text_records import Orphan, TextIntent, TextsAsked
from ivr.campaign.texting import Receipt
from ivr.domain.calling_rules import Ceiling, Of
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState, after, of_parts
from ivr.storage import SqlResults
from tests import traces
from tests.keys import keys
from tests.storage import filling

WHO = "00000001"
NUMBER = "+819012345678"
BODY = "市役所です。大切なお知らせを送付しました。"
LEASE = timedelta(seconds=16)

_ids = itertools.count(1)


@pytest.fixture
async def store(store: SqlResults) -> AsyncIterator[SqlResults]:
    """An open store; after each test the state of a text stands in its person's row, and none where there is none."""
    yield store
    here = "texts.campaign_id = recipients.campaign_id AND texts.recipient_id = recipients.id"
    query = text(f"SELECT texted, texts.state FROM recipients LEFT JOIN texts ON {here}")
    assert all(told == is_ for told, is_ in await store.read(lambda connection: connection.execute(query).all()))


def asked(row: CampaignRow, *, tries: int | None = None, alone: bool = False) -> TextsAsked:
    return TextsAsked(campaign=row.id, after=(Outcome.NO_ANSWER, Outcome.BUSY), tries=tries, alone=alone)


def intent(row: CampaignRow, who: str = WHO, number: str = NUMBER, *, alone: bool = False) -> TextIntent:
    return TextIntent(
        id=f"t{next(_ids)}", campaign=row.id, recipient=who, at=filling.NOON, number=number, body=BODY, alone=alone
    )


def told(reference: str, state: TextState, err: str = "") -> Receipt:
    return Receipt(reference=reference, state=state, err=err)


async def state_of(store: SqlResults, row: CampaignRow, place: int = 0) -> TextState | None:
    found = (await store.records(row.id))[place].text
    return found.state if found else None


async def test_who_was_not_reached_is_due_until_there_is_a_text(store: SqlResults) -> None:
    row = await filling.campaign(store)
    assert await store.texts.due(asked(row), 10) == ()
    await filling.attempt(store, row, Outcome.NO_ANSWER, settled=Outcome.NO_ANSWER)
    (due,) = await store.texts.due(asked(row), 10)
    assert (due.recipient.id, due.outcome, [one.outcome for one in due.past]) == (
        WHO,
        Outcome.NO_ANSWER,
        [Outcome.NO_ANSWER],
    )
    assert (await store.texts.counts(asked(row))).due == 1
    assert await store.texts.intend(intent(row))
    assert await store.texts.due(asked(row), 10) == ()
    assert await store.texts.intend(intent(row)) is False
    counts = await store.texts.counts(asked(row))
    assert (counts.due, counts.states) == (0, {TextState.QUEUED: 1})


async def test_who_has_reached_a_cap_is_counted_among_who_is_due(store: SqlResults) -> None:
    first, second = [await filling.campaign(store, 2, name) for name in ("一", "二")]  # all have the same number
    ceilings = [Ceiling(of=of, times=1, since=filling.NOON - timedelta(hours=1)) for of in Of]
    texts = asked(first, alone=True)
    assert (await store.texts.counts(texts, ceilings)).capped == 0
    assert await store.texts.intend(intent(second, "00000001", alone=True))
    counts = await store.texts.counts(texts, ceilings)
    assert (counts.due, counts.capped) == (2, 2)
    assert (await store.texts.counts(texts, ceilings[1:])).capped == 1
    assert (await store.texts.counts(texts, [Ceiling(of=Of.NUMBER, times=2, since=ceilings[0].since)])).capped == 0
    assert (await store.texts.counts(texts, [Ceiling(of=Of.NUMBER, times=1, since=filling.NOON + LEASE)])).capped == 0
    assert (await store.texts.counts(texts)).capped == 0


async def test_who_refuses_further_texts_after_one_is_counted_by_how(store: SqlResults) -> None:
    row = await filling.campaign(store, 2)
    for who, number, why in (("00000001", NUMBER, OPT_OUT), ("00000002", "+819012345679", BY_STAFF)):
        of = intent(row, who, number, alone=True)
        assert await store.texts.intend(of)
        await store.texts.taken(of.id, [f"r{who}"], filling.NOON)
        assert (await store.texts.counts(asked(row))).stopped == (who == "00000002")
        await store.texts.bar(number, why, filling.NOON)
    counts = await store.texts.counts(asked(row))
    assert (counts.stopped, counts.declined) == (1, 1)


async def test_who_was_reached_is_not_due(store: SqlResults) -> None:
    row = await filling.campaign(store)
    await filling.attempt(store, row, Outcome.CONFIRMED, settled=Outcome.CONFIRMED)
    assert await store.texts.due(asked(row, tries=1), 10) == ()


async def test_who_still_waits_is_due_after_so_many_dials(store: SqlResults) -> None:
    row = await filling.campaign(store)
    await filling.attempt(store, row, Outcome.BUSY, settled=None)
    assert await store.texts.due(asked(row, tries=2), 10) == ()
    (due,) = await store.texts.due(asked(row, tries=1), 10)
    assert (due.outcome, len(due.past)) == (None, 1)


async def test_nobody_is_texted_while_on_a_call(store: SqlResults) -> None:
    row = await filling.campaign(store)
    assert await store.intend(filling.intent(row))
    assert await store.texts.intend(intent(row)) is False


async def test_a_campaign_of_texts_alone_is_settled_by_them(store: SqlResults) -> None:
    row = await filling.campaign(store)
    first, second, *_ = await store.texts.due(asked(row, alone=True), 10)
    one, other = intent(row, first.recipient.id, alone=True), intent(row, second.recipient.id, alone=True)
    assert await store.texts.intend(one)
    assert (await store.records(row.id))[0].state == "waiting"
    await store.texts.taken(one.id, ["m1"], filling.NOON)
    assert (await store.records(row.id))[0].state == "settled"
    await store.texts.withhold(other, "携帯なし")
    record = (await store.records(row.id))[1]
    assert record.text is not None
    assert (record.state, record.text.state, record.text.why, record.text.number) == (
        "settled",
        TextState.CANCELLED,
        "携帯なし",
        "",
    )


async def test_who_is_excluded_after_the_last_call_is_not_texted(store: SqlResults) -> None:
    row = await filling.campaign(store)
    await filling.attempt(store, row, Outcome.BUSY, settled=Outcome.BUSY)
    await store.exclude(row.id, WHO, Exclusion(reason="納付済", source=Source.STAFF))
    (due,) = await store.texts.due(asked(row), 10)
    assert due.excluded is not None
    assert await store.texts.intend(intent(row)) is False


async def test_a_text_that_was_certainly_not_taken_is_due_again(store: SqlResults) -> None:
    row = await filling.campaign(store)
    one = intent(row)
    assert await store.texts.intend(one)
    await store.texts.withdraw(one.id)
    assert await store.texts.intend(intent(row))
    sent = intent(row, "00000002", "+818012345678")
    assert await store.texts.intend(sent)
    await store.texts.taken(sent.id, ["m1"], filling.NOON)
    await store.texts.withdraw(sent.id)
    assert await state_of(store, row, 1) is TextState.SENT, "what was taken is not taken back"


async def test_caps_count_texts_of_every_campaign(store: SqlResults) -> None:
    first, second = await filling.campaign(store), await filling.campaign(store, name="国保")
    assert await store.texts.intend(intent(first))
    since = filling.NOON - timedelta(days=1)
    assert await store.texts.intend(intent(second), [Ceiling(of=Of.NUMBER, times=1, since=since)]) is None
    assert await store.texts.intend(intent(second), [Ceiling(of=Of.PERSON, times=1, since=since)]) is None
    assert await store.texts.intend(intent(second), [Ceiling(of=Of.PERSON, times=2, since=since)])


async def test_a_text_that_was_withheld_counts_for_no_cap(store: SqlResults) -> None:
    first, second = await filling.campaign(store), await filling.campaign(store, name="国保")
    await store.texts.withhold(intent(first), "納付済")
    limits = [Ceiling(of=of, times=1, since=filling.NOON - timedelta(days=1)) for of in Of]
    assert await store.texts.intend(intent(second), limits)


async def test_a_barred_number_is_sent_nothing_until_it_is_let_go(store: SqlResults) -> None:
    row = await filling.campaign(store)
    await filling.attempt(store, row, Outcome.BUSY, settled=Outcome.BUSY)
    (due,) = await store.texts.due(asked(row), 10)
    number = due.recipient.numbers[0]
    await store.texts.bar(number, "opt_out", filling.NOON)
    await store.texts.bar(number, "opt_out", filling.NOON)
    (due,) = await store.texts.due(asked(row), 10)
    assert due.refused == {number}
    assert await store.texts.intend(intent(row, number=number)) is False
    assert await store.texts.unbar(number)
    assert not await store.texts.unbar(number)
    assert await store.texts.intend(intent(row, number=number))


async def test_a_number_that_is_nobodys_is_barred(store: SqlResults) -> None:
    row, other = await filling.campaign(store), await filling.campaign(store, name="国保")
    one = intent(row)
    assert await store.texts.intend(one)
    assert await store.texts.ended(one.id, TextState.NO_NUMBER, filling.NOON, why="番号なし")
    assert await store.texts.intend(intent(other)) is False


async def test_receipts_in_any_order_and_as_often_as_they_like(store: SqlResults) -> None:
    row = await filling.campaign(store)
    one = intent(row)
    assert await store.texts.intend(one)
    assert await store.texts.taken(one.id, ["m1", "m2"], filling.NOON) is TextState.SENT
    assert await store.texts.taken(one.id, ["m1", "m2"], filling.NOON) is None
    assert await store.texts.receipt(told("m1", TextState.DELIVERED), filling.NOON) is None
    assert await store.texts.receipt(told("m1", TextState.DELIVERED), filling.NOON) is None
    assert await store.texts.receipt(told("m2", TextState.OUT_OF_RANGE, "001"), filling.NOON) is TextState.OUT_OF_RANGE
    assert await store.texts.receipt(told("m2", TextState.DELIVERED), filling.NOON) is TextState.DELIVERED
    assert await store.texts.receipt(told("m2", TextState.FAILED), filling.NOON) is None
    found = (await store.records(row.id))[0].text
    assert found is not None
    assert (found.state, found.parts, found.number, found.body) == (TextState.DELIVERED, 2, NUMBER, BODY)
    assert (await store.texts.counts(asked(row))).parts == 2


async def test_a_receipt_that_is_quicker_than_the_answer(store: SqlResults) -> None:
    row = await filling.campaign(store)
    one = intent(row)
    assert await store.texts.intend(one)
    for _ in range(2):
        assert await store.texts.receipt(told("m1", TextState.DELIVERED), filling.NOON) is None
    assert await store.texts.taken(one.id, ["m1"], filling.NOON) is TextState.DELIVERED


async def test_a_receipt_for_a_text_that_was_given_up_tells_what_became_of_its_parts(store: SqlResults) -> None:
    row = await filling.campaign(store)
    one = intent(row)
    assert await store.texts.intend(one)
    assert await store.texts.ended(one.id, TextState.UNKNOWN, filling.NOON, why="接続が切れた", references=["m1"])
    assert await store.texts.receipt(told("m1", TextState.DELIVERED), filling.NOON) is None
    assert await state_of(store, row) is TextState.UNKNOWN, "of one part of who knows how many"
    assert await store.texts.receipt(told("m1", TextState.DELIVERED), filling.NOON) is None
    assert await store.texts.taken(one.id, ["m1", "m2"], filling.NOON) is TextState.SENT


async def test_what_is_told_of_nobodys_text_changes_nothing(store: SqlResults) -> None:
    row = await filling.campaign(store)
    one = intent(row)
    assert await store.texts.intend(one)
    await store.texts.taken(one.id, ["m1"], filling.NOON)
    assert await store.texts.receipt(told("x9", TextState.NO_NUMBER), filling.NOON) is None
    assert await state_of(store, row) is TextState.SENT


async def test_of_texts_with_the_same_name_the_last_is_meant(store: SqlResults) -> None:
    row = await filling.campaign(store)
    old = TextIntent(
        id="old",
        campaign=row.id,
        recipient=WHO,
        at=filling.NOON - timedelta(days=5),
        number=NUMBER,
        body=BODY,
    )
    new = intent(row, "00000002", "+818012345678")
    for one in (old, new):
        assert await store.texts.intend(one)
        await store.texts.taken(one.id, ["m1"], one.at)
    assert await store.texts.receipt(told("m1", TextState.DELIVERED), filling.NOON) is TextState.DELIVERED
    assert await state_of(store, row, 0) is TextState.SENT
    assert await state_of(store, row, 1) is TextState.DELIVERED


async def test_what_a_crash_left_half_handed_over_is_found_in_the_next_life(store: SqlResults) -> None:
    await store.join("engine-1", "here")
    row = await filling.campaign(store)
    one = intent(row)
    assert await store.texts.intend(one)
    assert await store.texts.orphans(LEASE) == ()
    await store.join("engine-1", "here")
    assert await store.texts.orphans(LEASE) == (Orphan(id=one.id, at=one.at, ours=True),)
    assert await store.texts.ended(one.id, TextState.UNKNOWN, filling.NOON)
    assert await store.texts.orphans(LEASE) == ()
    assert await store.texts.intend(intent(row)) is False, "never a second time"


async def test_who_was_buried_hands_nothing_over(url: str) -> None:
    async with await SqlResults.open(url, keys()) as dead, await SqlResults.open(url, keys()) as living:
        row = await filling.campaign(dead)
        await dead.join("engine-1", "here")
        await living.join("engine-2", "there")
        assert await dead.intend(filling.intent(row, "00000002"))
        assert await living.bury(timedelta(0))
        assert await dead.texts.intend(intent(row)) is False
        assert await living.texts.intend(intent(row))


async def test_what_an_engine_left_that_fell_silent_is_anybodys(url: str) -> None:
    async with await SqlResults.open(url, keys()) as dead, await SqlResults.open(url, keys()) as living:
        row = await filling.campaign(dead)
        await dead.join("engine-1", "here")
        await living.join("engine-2", "there")
        one = intent(row)
        assert await dead.texts.intend(one)
        assert await living.texts.orphans(LEASE) == ()
        assert await living.texts.orphans(timedelta(0)) == (Orphan(id=one.id, at=one.at, ours=False),)
        assert await living.texts.ended(one.id, TextState.UNKNOWN, filling.NOON)
        assert await dead.texts.taken(one.id, ["m1"], filling.NOON) is TextState.SENT, "what is proven counts"


async def test_what_is_told_of_a_text_that_is_on_no_list_can_be_asked_for(store: SqlResults) -> None:
    for state in (TextState.DELIVERED, TextState.FAILED):
        await store.texts.receipt(told("s1", state), filling.NOON)
    assert await store.texts.heard(["s1", "s2"]) == {"s1": TextState.DELIVERED, "s2": TextState.SENT}


async def test_what_is_outstanding(store: SqlResults) -> None:
    row = await filling.campaign(store)
    one, other = intent(row), intent(row, "00000002", "+818012345678")
    for this, references in ((one, ["m1", "m2"]), (other, ["m3"])):
        assert await store.texts.intend(this)
        await store.texts.taken(this.id, references, filling.NOON)
    await store.texts.receipt(told("m2", TextState.DELIVERED), filling.NOON)
    found = await store.texts.outstanding(filling.NOON, 10)
    assert {part.reference for part in found} == {"m1", "m3"}
    assert await store.texts.outstanding(filling.NOON, 1) == found[:1]
    assert await store.texts.outstanding(filling.NOON, 10, after=found[0]) == found[1:]
    assert await store.texts.outstanding(filling.NOON, 10, after=found[1]) == ()
    assert await store.texts.outstanding(filling.NOON + filling.MINUTE, 10) == ()


async def test_nothing_of_a_person_lies_open(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/ivr.db"
    async with await SqlResults.open(url, keys()) as store:
        row = await filling.campaign(store)
        one = intent(row)
        assert await store.texts.intend(one)
        await store.texts.taken(one.id, ["m1"], filling.NOON)
        await store.texts.withhold(intent(row, "00000002"), "支援措置のため")
    marks = {**traces.of_people([("ヤマダ タロウ", NUMBER)]), **traces.written([BODY, "支援措置"])}
    assert not traces.found([tmp_path], marks)


async def test_texts_are_erased_with_their_campaign(store: SqlResults) -> None:
    row = await filling.campaign(store)
    one = intent(row)
    assert await store.texts.intend(one)
    await store.texts.taken(one.id, ["m1"], filling.NOON)
    kept = await store.begin_erasing(row, {}, {}, in_any_state=True)
    assert (kept.texts, kept.held["texts"]) == ({"sent": 1}, 1)
    await store.erase_rows(row.id)
    await store.finish_erasing(row.id, filling.NOON)
    for table in ("texts", "text_parts"):
        left = await store.read(lambda connection, t=table: connection.execute(text(f"SELECT * FROM {t}")).all())
        assert left == []


STATES = st.sampled_from([state for state in TextState if state not in (TextState.QUEUED, TextState.CANCELLED)])


@settings(max_examples=20)
@given(
    receipts=st.lists(st.tuples(st.sampled_from(["m1", "m2"]), STATES), max_size=8),
    answer_at=st.integers(0, 8),
    seed=st.integers(0, 1000),
)
async def test_the_order_of_what_is_told_does_not_matter(
    receipts: list[tuple[str, TextState]], answer_at: int, seed: int
) -> None:
    """Whatever comes before the answer or after it, a text ends as all that was told of its parts says."""
    async with await SqlResults.in_memory(keys()) as store:
        row = await filling.campaign(store)
        one = intent(row)
        assert await store.texts.intend(one)
        shuffled = [*receipts, *random.Random(seed).sample(receipts, len(receipts) // 2)]
        for place in range(len(shuffled) + 1):
            if place == min(answer_at, len(shuffled)):
                await store.texts.taken(one.id, ["m1", "m2"], filling.NOON)
            if place < len(shuffled):
                await store.texts.receipt(told(*shuffled[place]), filling.NOON)
        parts = {"m1": TextState.SENT, "m2": TextState.SENT}
        for reference, state in receipts:
            parts[reference] = after(parts[reference], state)
        assert await state_of(store, row) is of_parts(parts.values())


@pytest.mark.parametrize("state", [TextState.REFUSED, TextState.FAILED, TextState.UNKNOWN])
async def test_how_a_text_ended_is_stored_once(store: SqlResults, state: TextState) -> None:
    row = await filling.campaign(store)
    one = intent(row)
    assert await store.texts.intend(one)
    assert await store.texts.ended(one.id, state, filling.NOON, why="断られました")
    assert not await store.texts.ended(one.id, TextState.FAILED, filling.NOON)
    assert await state_of(store, row) is state


async def test_a_text_is_sealed_anew_with_a_new_key(url: str) -> None:
    kept = keys()
    async with await SqlResults.open(url, kept) as store:
        row = await filling.campaign(store)
        one = intent(row)
        assert await store.texts.intend(one)
        rows = list[tuple[str, int]]()
        kept.new_data_key(row.id)
        await store.reseal(row.id, lambda table, number: rows.append((table, number)))
        kept.retire(row.id, 1)
        assert ("texts", 1) in rows
    async with await SqlResults.open(url, kept) as store:
        found = (await store.records(row.id))[0].text
        assert found is not None
        assert (found.number, found.body) == (NUMBER, BODY)
