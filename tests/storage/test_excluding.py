"""Exclusions in the store: sealed like the people whom they are about, and the last word about them."""

from pathlib import Path

import pytest

from ivr.domain.attempt import Ending
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.errors import NotFound
from ivr.storage import SqlResults
from tests import traces
from tests.keys import keys
from tests.storage import filling

PAID = Exclusion(reason="納付済", source=Source.STAFF)
SUPPORT = Exclusion(reason="支援措置", source=Source.LIST)
WHO = "00000001"


async def test_who_waits_is_settled_with_the_reason(store: SqlResults) -> None:
    row = await filling.campaign(store)
    assert await store.exclude(row.id, WHO, PAID) == "waiting"
    assert await store.exclude(row.id, WHO, SUPPORT) == "settled"
    record, *others = await store.records(row.id)
    assert (record.state, record.outcome, record.excluded) == ("settled", Outcome.CANCELLED, PAID)
    assert {other.excluded for other in others} == {None}
    assert not await store.intend(filling.intent(row))


async def test_a_person_of_no_row_is_told(store: SqlResults) -> None:
    row = await filling.campaign(store)
    with pytest.raises(NotFound, match="99999999"):
        await store.exclude(row.id, "99999999", PAID)


async def test_who_is_on_a_call_is_settled_by_nothing_but_its_end(store: SqlResults) -> None:
    row = await filling.campaign(store)
    dial = filling.intent(row)
    assert await store.intend(dial)
    assert await store.exclude(row.id, WHO, PAID) == "calling"
    assert (await store.records(row.id))[0].state == "calling"
    ending = Ending(outcome=Outcome.BUSY, at=filling.NOON)
    assert await store.end(dial.id, ending, settled=None, due_at=filling.NOON)
    (due, *_) = await store.due(row.id, filling.NOON + filling.MINUTE, 10)
    assert (due.recipient.id, due.excluded) == (WHO, PAID)


async def test_what_was_reached_before_stays_true(store: SqlResults) -> None:
    row = await filling.campaign(store)
    await filling.attempt(store, row, Outcome.VOICEMAIL, settled=None)
    await store.exclude(row.id, WHO, PAID)
    record = (await store.records(row.id))[0]
    assert (record.outcome, record.excluded) == (Outcome.VOICEMAIL, PAID)


async def test_whoever_is_settled_by_rule_keeps_the_reason(store: SqlResults) -> None:
    row = await filling.campaign(store)
    await store.settle(row.id, WHO, Outcome.CANCELLED, excluded=SUPPORT)
    await store.settle(row.id, WHO, Outcome.FAILED, excluded=PAID)
    record = (await store.records(row.id))[0]
    assert (record.outcome, record.excluded) == (Outcome.CANCELLED, SUPPORT)
    assert record.recipient == filling.people(1)[0]


async def test_no_reason_is_in_the_files_of_the_database(tmp_path: Path) -> None:
    async with await SqlResults.open(f"sqlite+aiosqlite:///{tmp_path}/db/ivr.db", keys()) as store:
        row = await filling.campaign(store)
        await store.exclude(row.id, WHO, SUPPORT)
        assert (await store.records(row.id))[0].excluded == SUPPORT
        assert traces.found([tmp_path], traces.written(["支援措置"])) == []
