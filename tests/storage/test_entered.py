"""What staff have entered counts from the next dial and the next text on, names nobody in the database, and ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, select
from sqlalchemy.util import await_only

from ivr.campaign.records import CampaignRow
from ivr.campaign.text_news import BY_STAFF
from ivr.campaign.text_records import TextIntent
from ivr.domain.entered import EnteredExclusion
from ivr.domain.exclusion import Exclusion, Source, callable_numbers
from ivr.domain.exclusion import Exclusions as Known
from ivr.storage import SqlResults
from ivr.storage.exclusions import ELSEWHERE
from ivr.storage.tables import recipients
from tests.keys import keys
from tests.storage import filling
from tests.storage.cluster import Cluster

WHO = "00000001"
DAY = timedelta(days=1)


def entered(*, person: str = "", number: str = "", **other: object) -> EnteredExclusion:
    one = EnteredExclusion(
        id=uuid4().hex,
        person=person,
        number=number,
        reason="本人の申し出",
        department="tax",
        entered_at=filling.NOON,
        entered_by="hanako",
    )
    return replace(one, **other)  # type: ignore[arg-type]


async def said(store: SqlResults, row: CampaignRow) -> tuple[str, ...] | Exclusion:
    """Return on which numbers the first person of the list may be called, or why on none."""
    due = next(one for one in await store.due(row.id, filling.NOON, 10) if one.recipient.id == WHO)
    return callable_numbers(Known(), due.recipient, filling.NOON.date(), due.entered)


async def test_a_person_is_dialled_no_more_also_where_they_were_prepared_before(store: SqlResults) -> None:
    row = await filling.campaign(store, department="tax")
    dial = filling.intent(row)
    await store.exclusions.add(entered(person="1"))
    assert not await store.intend(dial), "the next dial is the first that asks"
    assert await said(store, row) == Exclusion(reason="本人の申し出", source=Source.STAFF)
    others = [one for one in await store.due(row.id, filling.NOON, 10) if one.recipient.id != WHO]
    assert others
    assert not any(one.entered.people or one.entered.numbers for one in others)


async def test_a_number_is_dialled_no_more_whoever_has_it(store: SqlResults) -> None:
    row = await filling.campaign(store, department="tax")
    dial = filling.intent(row)
    (first, *_) = await store.due(row.id, filling.NOON, 10)
    await store.exclusions.add(entered(number=dial.number))
    assert not await store.intend(dial)
    left = await said(store, row)
    assert dial.number not in left if isinstance(left, tuple) else len(first.recipient.numbers) == 1


async def test_what_is_lifted_or_over_keeps_nobody_from_being_called(store: SqlResults) -> None:
    row = await filling.campaign(store, department="tax")
    await store.exclusions.add(entered(person=WHO, ends_at=filling.NOON - DAY))
    one = await store.exclusions.add(entered(person=WHO))
    assert isinstance(await said(store, row), Exclusion)
    assert await store.exclusions.lift(one.id, by="jiro", why="番号ちがい", now=filling.NOON)
    assert not await store.exclusions.lift(one.id, by="jiro", why="番号ちがい", now=filling.NOON)
    assert isinstance(await said(store, row), tuple)
    assert await store.intend(filling.intent(row))
    found = {known.id: known for known in await store.exclusions.found("0001", "")}
    assert len(found) == 2
    assert (found[one.id].lifted_by, found[one.id].lifted_why, found[one.id].person) == ("jiro", "番号ちがい", "")


async def test_the_same_again_is_entered_once_unless_it_lasts_longer(store: SqlResults) -> None:
    short = await store.exclusions.add(entered(person=WHO, ends_at=filling.NOON + DAY))
    assert (await store.exclusions.add(entered(person="1", ends_at=filling.NOON + DAY))).id == short.id
    long = await store.exclusions.add(entered(person=WHO))
    assert long.id != short.id
    assert (await store.exclusions.add(entered(person=WHO))).id == long.id
    standing, number = await store.exclusions.standing(filling.NOON, department="tax")
    assert (number, {one.id for one in standing}) == (2, {short.id, long.id})
    assert (await store.exclusions.standing(filling.NOON, department="other"))[1] == 0
    assert [one.id for one in await store.exclusions.over(filling.NOON + 2 * DAY, limit=5)] == [short.id]


async def test_what_is_over_for_long_is_forgotten_and_what_is_in_force_never(store: SqlResults) -> None:
    await store.exclusions.add(entered(person=WHO, ends_at=filling.NOON + DAY))
    stays = await store.exclusions.add(entered(person=WHO))
    lifted = await store.exclusions.add(entered(number="+81357220001"))
    await store.exclusions.lift(lifted.id, by="jiro", why="x", now=filling.NOON)
    assert await store.exclusions.forget(filling.NOON) == 0
    assert await store.exclusions.forget(filling.NOON + 2 * DAY) == 2
    assert [one.id for one in await store.exclusions.found(WHO, "+81357220001")] == [stays.id]


async def test_no_text_is_sent_to_whom_staff_have_excluded(store: SqlResults) -> None:
    row = await filling.campaign(store, department="tax")
    mobile = "+819012345678"
    await store.exclusions.add(entered(number=mobile))
    text = TextIntent(id="t", campaign=row.id, recipient=WHO, at=filling.NOON, number=mobile, body="x", alone=True)
    assert await store.texts.intend(text) is False
    assert await store.texts.intend(replace(text, number="+819012345679")) is True


async def test_who_wants_no_texts_is_told_by_the_texts_that_are_left(store: SqlResults) -> None:
    row = await filling.campaign(store, department="tax")
    mobile = "+819012345678"
    text = TextIntent(id="t", campaign=row.id, recipient=WHO, at=filling.NOON, number=mobile, body="x", alone=True)
    assert await store.texts.intend(text)
    await store.texts.bar(mobile, BY_STAFF, filling.NOON)
    await store.texts.bar("+819099999999", BY_STAFF, filling.NOON)
    (known,), number = await store.exclusions.opt_outs([row.id], 10)
    assert (known.number, known.person, number) == (mobile, WHO, 2)
    assert len((await store.exclusions.opt_outs(None, 10))[0]) == 2
    assert (await store.exclusions.opt_outs([], 10))[0] == ()
    assert await store.exclusions.refuses_texts(mobile) == (BY_STAFF, filling.NOON)


async def test_neither_name_nor_number_nor_reason_is_in_the_database(store: SqlResults, tmp_path: Path) -> None:
    await store.exclusions.add(entered(person="宛名000777", number="+81357229876"))
    (row,) = await store.read(lambda connection: connection.exec_driver_sql("SELECT * FROM exclusions").all())
    told = repr(tuple(row))
    for secret in ("000777", "57229876", "本人"):
        assert secret not in told
        assert secret.encode() not in bytes(row.sealed)


async def test_what_one_department_lifts_another_still_excludes(store: SqlResults) -> None:
    row = await filling.campaign(store, department="tax")
    tax = await store.exclusions.add(entered(person=WHO))
    pension = await store.exclusions.add(entered(person=WHO, department="pension", entered_by="jiro"))
    assert pension.id != tax.id
    assert await store.exclusions.lift(tax.id, by="hanako", why="番号ちがい", now=filling.NOON)
    assert not await store.intend(filling.intent(row))


async def test_why_another_department_has_excluded_somebody_stays_its_own(store: SqlResults) -> None:
    row = await filling.campaign(store, department="tax")
    await store.exclusions.add(entered(person=WHO, department="welfare", reason="ひみつの事情"))
    assert await said(store, row) == Exclusion(reason=ELSEWHERE, source=Source.STAFF)
    nobodys = await filling.campaign(store, name="部署なし")
    assert await said(store, nobodys) == Exclusion(reason=ELSEWHERE, source=Source.STAFF)


async def test_no_dial_is_stored_once_somebody_is_entered_whatever_it_waited_for(postgres: Cluster) -> None:
    """On PostgreSQL, where a statement does not see what was stored while it waited for a row."""
    url = await postgres.new_database()
    async with AsyncExitStack() as stack:
        dials, enters, holds = [await stack.enter_async_context(await SqlResults.open(url, keys())) for _ in range(3)]
        row = await filling.campaign(dials)
        held, goes, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

        def hold(connection: Connection) -> None:
            connection.execute(select(recipients).with_for_update())
            loop.call_soon(held.set)
            await_only(goes.wait())

        async with asyncio.TaskGroup() as group:
            group.create_task(holds.write(hold))
            await held.wait()
            dial = group.create_task(dials.intend(filling.intent(row)))
            await asyncio.sleep(0.2)
            adding = group.create_task(enters.exclusions.add(entered(person=WHO)))
            await asyncio.wait({adding}, timeout=0.3)
            before = adding.done()
            goes.set()
        assert not (before and dial.result())
