"""Who rang back: marked at the last call to the number, and not called again for a while."""

from __future__ import annotations

from datetime import timedelta

from ivr.domain.attempt import Ending
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.storage import SqlResults
from tests.storage.filling import MINUTE, NOON, attempt, campaign, intent

MOBILE = "+819012345678"
SINCE, LATER = NOON - timedelta(days=30), NOON + timedelta(days=3)


async def rang(store: SqlResults, number: str = MOBILE, *, wanted: bool = False) -> bool:
    return await store.rang_back(number, since=SINCE, wanted=wanted, wait_until=LATER)


async def test_the_last_call_to_the_number_is_marked_and_no_other(store: SqlResults) -> None:
    row, other = await campaign(store, 1), await campaign(store, 1, "国保")
    await attempt(store, row, Outcome.BUSY, at=NOON - MINUTE)
    await attempt(store, other, Outcome.HUNG_UP, at=NOON, settled=Outcome.HUNG_UP, marks=["payment_promised"])
    assert await rang(store, wanted=True)
    (mine,) = await store.records(row.id)
    (theirs,) = await store.records(other.id)
    assert (mine.marks, theirs.marks) == ((), ("payment_promised", "called_back", "callback_requested"))


async def test_who_waits_is_not_called_for_a_while_and_who_would_wait_longer_anyway_does(store: SqlResults) -> None:
    row, other = await campaign(store, 1), await campaign(store, 1, "国保")
    much_later = LATER + timedelta(days=9)
    await attempt(store, row, Outcome.BUSY, due_at=NOON + MINUTE)
    await attempt(store, other, Outcome.BUSY, at=NOON + MINUTE, due_at=much_later)
    assert await rang(store)
    assert [(await store.records(one.id))[0].due_at for one in (row, other)] == [LATER, much_later]


async def test_ringing_twice_marks_once(store: SqlResults) -> None:
    row = await campaign(store, 1)
    await attempt(store, row, Outcome.BUSY)
    assert await rang(store)
    assert await rang(store, wanted=True)
    assert (await store.records(row.id))[0].marks == ("called_back", "callback_requested")


async def test_a_number_that_was_not_called_lately_matches_nothing(store: SqlResults) -> None:
    row = await campaign(store, 1)
    await attempt(store, row, Outcome.BUSY, at=SINCE - MINUTE)
    assert not await rang(store)
    assert not await rang(store, "+81399999999")
    assert (await store.records(row.id))[0].marks == ()


async def test_a_call_that_goes_on_is_not_marked_and_ends_as_it_would(store: SqlResults) -> None:
    row = await campaign(store, 1)
    dial = intent(row)
    assert await store.intend(dial)
    assert not await rang(store)
    assert await store.end(dial.id, Ending(outcome=Outcome.BUSY, at=NOON), settled=Outcome.BUSY, due_at=None)


async def test_a_caller_is_kept_once_and_never_due(store: SqlResults) -> None:
    row = await campaign(store, 1)
    stranger = Recipient(
        id="0312345678", line=1, kana="", numbers=("+81312345678",), columns={"電話番号": "0312345678"}
    )
    for _ in range(2):
        await store.add_caller(row.id, stranger)
    _, kept = await store.records(row.id)
    assert (kept.recipient.id, kept.state, kept.outcome) == ("0312345678", "settled", Outcome.CANCELLED)
    assert [due.recipient.id for due in await store.due(row.id, NOON, 10)] == ["00000001"]
