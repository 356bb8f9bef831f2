"""People as pages ask for them, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest

from ivr.campaign.figures import Chosen, Order, PersonRow
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import Ending, TimedKey
from ivr.domain.call import KeyPress
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass, outcomes_of
from ivr.domain.text import TextState
from ivr.errors import InputError, NotFound
from ivr.storage import SqlResults
from tests.storage.filling import MINUTE, NOON, attempt, campaign, intent, people

PAID = Exclusion(reason="納付済", source=Source.STAFF)


def ids(rows: Sequence[PersonRow]) -> str:
    return "".join(row.recipient.id[-1] for row in rows)


async def text_to(store: SqlResults, row: CampaignRow, person: str, state: TextState) -> None:
    text = TextIntent(
        id=f"text-{person}", campaign=row.id, recipient=person, at=NOON, number="+819012345678", body="ご連絡ください"
    )
    assert await store.texts.intend(text)
    await store.texts.ended(text.id, state, NOON)


@pytest.fixture
async def office(store: SqlResults) -> CampaignRow:
    """1 confirmed at the second try, 2 left a message with a beep, 3 without, 4 excluded, 5 on a call, 6 waits."""
    row = await campaign(store, 6)
    left, beep = Outcome.VOICEMAIL, {"proof": "beep"}
    await attempt(store, row, Outcome.BUSY, recipient="00000001", marks=["a"])
    await attempt(
        store, row, Outcome.CONFIRMED, recipient="00000001", at=NOON + 9 * MINUTE, settled=Outcome.CONFIRMED,
        marks=["a", "callback_requested"],
    )  # fmt: skip
    await attempt(store, row, left, recipient="00000002", at=NOON + MINUTE, settled=left, evidence=beep)
    await attempt(store, row, left, recipient="00000003", at=NOON + 2 * MINUTE, settled=left)
    await store.exclude(row.id, "00000004", PAID, at=NOON + 3 * MINUTE)
    await store.intend(intent(row, "00000005", NOON + 4 * MINUTE))
    await text_to(store, row, "00000002", TextState.REFUSED)
    await text_to(store, row, "00000003", TextState.UNKNOWN)
    return row


CHOICES = [
    (Chosen(), "123456"),
    (Chosen(state="settled"), "1234"),
    (Chosen(state="calling"), "5"),
    (Chosen(outcome=Outcome.VOICEMAIL), "23"),
    (Chosen(endings=outcomes_of(OutcomeClass.MACHINE)), "2"),
    (Chosen(endings=outcomes_of(OutcomeClass.UNPROVEN)), "3"),
    (Chosen(endings=outcomes_of(OutcomeClass.CONFIRMED)), "1"),
    (Chosen(endings=outcomes_of(OutcomeClass.NOT_REACHED)), ""),
    (Chosen(mark="a"), "1"),
    (Chosen(mark="b"), ""),
    (Chosen(texted=(TextState.REFUSED, TextState.UNKNOWN)), "23"),
    (Chosen(texted=(None,)), "1456"),
    (Chosen(texted=(None, TextState.REFUSED), state="settled"), "124"),
    (Chosen(excluded=True), "4"),
    (Chosen(excluded=False), "12356"),
    (Chosen(tries=1), "1235"),
    (Chosen(tries=2), "1"),
    (Chosen(state="settled", outcome=Outcome.CONFIRMED, tries=2, mark="callback_requested", excluded=False), "1"),
]


async def test_each_filter_finds_whom_it_names(store: SqlResults, office: CampaignRow) -> None:
    for chosen, expected in CHOICES:
        page = await store.figures.people(office.id, chosen)
        assert (ids(page.rows), page.after) == (expected, None), chosen
        assert await store.figures.how_many(office.id, chosen) == len(expected), chosen
        last = await store.figures.people(office.id, chosen, order=Order.LAST)
        assert ids(last.rows) == "".join(one for one in "153246" if one in expected), chosen


async def test_a_row_tells_where_somebody_stands(store: SqlResults, office: CampaignRow) -> None:
    first, second, _, fourth, fifth, sixth = (await store.figures.people(office.id)).rows
    assert first.recipient == people(1)[0]
    assert (first.state, first.outcome, first.tries) == ("settled", Outcome.CONFIRMED, 2)
    assert (first.last_at, first.settled_at) == (NOON + 9 * MINUTE, NOON + 10 * MINUTE)
    assert (first.marks, first.text, first.proven) == (("a", "callback_requested"), None, False)
    assert (second.proven, second.text) == (True, TextState.REFUSED)
    assert (fourth.excluded, fourth.settled_at, fourth.last_at) == (PAID, NOON + 3 * MINUTE, None)
    assert (fifth.state, fifth.tries, fifth.last_at) == ("calling", 1, NOON + 4 * MINUTE)
    assert (sixth.tries, sixth.last_at, sixth.settled_at, sixth.outcome) == (0, None, None, None)


@pytest.mark.parametrize("order", list(Order))
async def test_pages_follow_each_other_and_hold_everybody_once(
    store: SqlResults, office: CampaignRow, order: Order
) -> None:
    whole = await store.figures.people(office.id, order=order)
    for size in (1, 2, 4):
        after, found = None, ""
        for _ in range(7):
            page = await store.figures.people(office.id, order=order, after=after, limit=size)
            found += ids(page.rows)
            after = page.after
            if after is None:
                break
        assert found == ids(whole.rows)


@pytest.mark.parametrize("order", list(Order))
async def test_pages_are_turned_back_as_they_came(store: SqlResults, office: CampaignRow, order: Order) -> None:
    whole = ids((await store.figures.people(office.id, order=order)).rows)
    for size in (1, 2, 4):
        page = await store.figures.people(office.id, order=order, limit=size)
        pages = [page]
        while page.after:
            page = await store.figures.people(office.id, order=order, after=page.after, limit=size)
            pages.append(page)
        assert [one.before is None for one in pages] == [True] + [False] * (len(pages) - 1)
        for expected in pages[-2::-1]:
            page = await store.figures.people(office.id, order=order, before=page.before, limit=size)
            assert (ids(page.rows), page.after) == (ids(expected.rows), expected.after)
        assert page.before is None
    second = await store.figures.people(office.id, order=order, limit=1)
    back = await store.figures.people(
        office.id,
        order=order,
        before=(await store.figures.people(office.id, order=order, after=second.after, limit=4)).before,
        limit=4,
    )
    assert ids(back.rows) == whole[:4], "the first page is whole"


async def test_who_is_called_while_pages_are_turned_is_not_lost_from_the_list(
    store: SqlResults, office: CampaignRow
) -> None:
    first = await store.figures.people(office.id, limit=3)
    await attempt(store, office, Outcome.BUSY, recipient="00000006", settled=Outcome.BUSY)
    rest = await store.figures.people(office.id, after=first.after)
    assert ids(first.rows) + ids(rest.rows) == "123456"


FORGED = ("", "x", "1", "1.", ".a", "-1.a", "１.a", "9" * 40 + ".a", "1.2", "a.1.b", "1..b", "1.a\0", f"{2**31}.a")


async def test_a_forged_mark_of_a_page_is_refused_or_harmless(store: SqlResults, office: CampaignRow) -> None:
    for order, after in product(Order, FORGED):
        if (order, after) == (Order.LIST, "1.2"):
            assert len((await store.figures.people(office.id, after=after)).rows) == 6, after
            continue
        with pytest.raises(InputError):
            await store.figures.people(office.id, order=order, after=after)
        with pytest.raises(InputError):
            await store.figures.people(office.id, order=order, before=after)


async def test_nobody_of_another_campaign_is_shown(store: SqlResults, office: CampaignRow) -> None:
    other = await campaign(store, 2, "国保")
    assert ids((await store.figures.people(other.id)).rows) == "12"
    key = await store.figures.key_of(office.id, "00000001")
    with pytest.raises(NotFound):
        await store.figures.history(other.id, key)
    with pytest.raises(NotFound, match="00000003"):
        await store.figures.key_of(other.id, "00000003")
    assert (await store.figures.people(other.id, Chosen(mark="a"))).rows == ()


async def test_a_history_is_what_the_results_tell_of_that_person(store: SqlResults, office: CampaignRow) -> None:
    dial = intent(office, "00000006", NOON + 5 * MINUTE)
    assert await store.intend(dial)
    press = TimedKey(press=KeyPress("confirm", "#", confirms=True), at=NOON + 6 * MINUTE)
    ending = Ending(outcome=Outcome.CONFIRMED, at=NOON + 7 * MINUTE, keys=(press,), evidence={"ended_by": "callee"})
    await store.end(dial.id, ending, settled=Outcome.CONFIRMED, due_at=None)
    for record in await store.records(office.id):
        key = await store.figures.key_of(office.id, record.recipient.id)
        assert await store.figures.history(office.id, key) == record
    assert record.attempts[0].keys[0].key == "#"
    assert record.attempts[0].evidence == {"ended_by": "callee"}


async def test_reasons_are_counted(store: SqlResults, office: CampaignRow) -> None:
    await store.exclude(office.id, "00000006", Exclusion(reason="死亡", source=Source.LIST))
    await store.exclude(office.id, "00000005", PAID)
    assert await store.figures.reasons(office.id) == {"納付済": 2, "死亡": 1}


async def test_the_next_of_a_household_waits_as_if_never_settled(store: SqlResults) -> None:
    members = people(2)
    new = NewCampaign(name="世帯", scenario="", scenario_file="", created_at=NOON)
    row = await store.create_campaign(new, members, {members[0].numbers[0]: members})
    settled = Chosen(state="settled")
    (joined,) = (await store.figures.people(row.id, settled)).rows
    assert (joined.settled_at, joined.excluded and joined.excluded.source) == (NOON, Source.HOUSEHOLD)
    await store.settle(row.id, members[0].id, Outcome.CANCELLED, excluded=PAID, at=NOON + MINUTE)
    (head,) = (await store.figures.people(row.id, settled)).rows
    assert (head.recipient.id, head.settled_at) == (members[0].id, NOON + MINUTE)
    (waits,) = (await store.figures.people(row.id, Chosen(excluded=False))).rows
    assert (waits.recipient.id, waits.settled_at, waits.state) == (members[1].id, None, "waiting")
