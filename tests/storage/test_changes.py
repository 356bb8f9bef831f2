"""What changed since a page last asked: everything, once, however commits overtake each other."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from ivr.campaign.figures import Change, ChangeKind
from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import Ending
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.errors import InputError
from ivr.storage import SqlResults, changes
from tests.keys import keys
from tests.storage.cluster import Cluster
from tests.storage.filling import MINUTE, NOON, attempt, campaign, intent


async def test_everything_that_a_page_shows_is_told_once(store: SqlResults) -> None:
    row = await campaign(store, 3)
    cursor = await store.figures.now()
    assert (await store.figures.changes(cursor)).changes == ()
    await store.move_campaign(row.id, expected=["created"], state="running")
    dial = await attempt(store, row, Outcome.CONFIRMED, recipient="00000001", settled=Outcome.CONFIRMED)
    await store.exclude(row.id, "00000002", Exclusion(reason="納付済", source=Source.STAFF))
    message = TextIntent(id="t", campaign=row.id, recipient="00000003", at=NOON, number="+819012345678", body="a")
    await store.texts.intend(message)
    await store.texts.ended("t", TextState.REFUSED, NOON)
    told = await store.figures.changes(cursor)
    one, two, three = [await store.figures.key_of(row.id, f"0000000{n}") for n in (1, 2, 3)]
    assert [(change.kind, change.subject, change.key) for change in told.changes] == [
        (ChangeKind.CAMPAIGN, row.id, None),
        (ChangeKind.ATTEMPT, dial.id, one),
        (ChangeKind.PERSON, two, two),
        (ChangeKind.TEXT, three, three),
        (ChangeKind.TEXT, three, three),
    ]
    moved, ended, *_ = told.changes
    assert (moved.state, ended.outcome, ended.ended_at) == ("running", Outcome.CONFIRMED, NOON + MINUTE)
    assert {change.campaign for change in told.changes} == {row.id}
    assert (told.whole, told.more) == (True, False)
    assert (await store.figures.changes(told.cursor)).changes == ()


async def test_what_is_too_much_at_once_is_told_in_turns(store: SqlResults) -> None:
    cursor = await store.figures.now()
    row = await campaign(store, 5)
    dials = [await attempt(store, row, Outcome.BUSY, recipient=f"0000000{n}") for n in range(1, 6)]
    found: list[Change] = []
    turns, more = 0, True
    while more:
        told = await store.figures.changes(cursor, 2)
        found += told.changes
        cursor, more = told.cursor, told.more
        turns += 1
    assert [change.subject for change in found] == [row.id, *(dial.id for dial in dials)]
    assert turns == 4, "the last one finds nothing"


async def test_what_did_not_happen_is_not_told(store: SqlResults) -> None:
    row = await campaign(store, 1)
    dial = await attempt(store, row, Outcome.BUSY)
    cursor = await store.figures.now()
    assert not await store.move_campaign(row.id, expected=["running"], state="paused")
    assert await store.intend(intent(row, at=NOON + MINUTE))
    assert not await store.end(dial.id, Ending(outcome=Outcome.CONFIRMED, at=NOON), settled=None, due_at=None)
    assert (await store.figures.changes(cursor)).changes == ()


async def test_who_was_away_for_too_long_is_told_so(store: SqlResults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT", 3)
    row = await campaign(store, 5)
    cursor = await store.figures.now()
    for n in range(1, 6):
        await attempt(store, row, Outcome.BUSY, recipient=f"0000000{n}")
    late = await store.figures.changes(cursor)
    assert (late.changes, late.whole, late.cursor) == ((), False, await store.figures.now())
    await store.join("engine", "here")
    await store.renew()

    def left(connection: Connection) -> int:
        return connection.execute(text("SELECT count(*) FROM changes")).scalar_one()

    assert await store.read(left) == 3
    assert (await store.figures.changes(late.cursor)).whole


async def test_a_cursor_of_another_database_is_told_so(store: SqlResults) -> None:
    await campaign(store, 1)
    told = await store.figures.changes("4711")
    assert (told.whole, told.changes) == (False, ())


@pytest.mark.parametrize("forged", ["", "x", "-1", "1-", "1-a", "1-2.", "１", "1" * 30, "1 "])
async def test_a_forged_cursor_is_refused(store: SqlResults, forged: str) -> None:
    with pytest.raises(InputError):
        await store.figures.changes(forged)


async def test_a_commit_that_is_overtaken_is_told_when_it_comes(postgres: Cluster) -> None:
    url = await postgres.new_database()
    async with await SqlResults.open(url, keys()) as slow, await SqlResults.open(url, keys()) as quick:
        row = await campaign(slow, 3)
        cursor = await quick.figures.now()
        waits, goes = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        async def overtaken() -> None:
            await slow.write(lambda connection: _note_and_wait(connection, row.id))

        def _note_and_wait(connection: Connection, campaign_id: str) -> None:
            changes.note(connection, ChangeKind.PERSON, campaign_id, "late")
            loop.call_soon(waits.set)
            await_only(goes.wait())

        async with asyncio.TaskGroup() as group:
            group.create_task(overtaken())
            await waits.wait()
            first = await attempt(quick, row, Outcome.BUSY, recipient="00000001")
            told = await quick.figures.changes(cursor)
            assert [change.subject for change in told.changes] == [first.id]
            assert "-" in told.cursor
            since_now = await quick.figures.now()
            goes.set()
        second = await attempt(quick, row, Outcome.BUSY, recipient="00000002")
        for known in (told.cursor, since_now):
            then = await quick.figures.changes(known)
            assert [change.subject for change in then.changes] == ["late", second.id]
            assert "-" not in then.cursor


async def test_a_number_that_was_rolled_back_is_awaited_for_a_while(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "WINDOW", 3)
    async with await SqlResults.open(await postgres.new_database(), keys()) as store:
        row = await campaign(store, 5)
        cursor = await store.figures.now()

        def fails(connection: Connection) -> None:
            changes.note(connection, ChangeKind.PERSON, row.id, "never")
            raise InputError("nothing of it")

        with pytest.raises(InputError):
            await store.write(fails)
        awaited = []
        for n in range(1, 6):
            await attempt(store, row, Outcome.BUSY, recipient=f"0000000{n}")
            told = await store.figures.changes(cursor)
            cursor = told.cursor
            awaited.append("-" in cursor)
        assert awaited[0]
        assert not awaited[-1]


async def test_a_glance_is_one_moment_for_who_watches_and_for_who_comes(store: SqlResults) -> None:
    row, other = await campaign(store, 4), await campaign(store, 1, name="国保")
    first = await store.figures.glance(None, joined=(), watched=(row.id,), anew=(row.id,))
    assert (first.changes.whole, first.changes.changes, first.dials) == (False, (), {row.id: {}})
    open_ = intent(row, "00000003")
    assert await store.intend(open_)
    away = first.changes.cursor
    await attempt(store, row, Outcome.CONFIRMED, recipient="00000001", settled=Outcome.CONFIRMED)
    second = await store.figures.glance(first.changes.cursor, joined=(), watched=(row.id,), anew=())
    assert [one.outcome for one in second.changes.changes] == [Outcome.CONFIRMED]
    assert [line.attempt for line in second.lines] == [open_.id]
    await attempt(store, row, Outcome.BUSY, recipient="00000002")
    await attempt(store, other, Outcome.BUSY, recipient="00000001")
    third = await store.figures.glance(second.changes.cursor, joined=(away, "x"), watched=(row.id,), anew=())
    assert [one.campaign for one in third.changes.changes] == [row.id, other.id]
    assert [one.outcome for one in third.joined[away].changes] == [Outcome.CONFIRMED, Outcome.BUSY, Outcome.BUSY]
    assert (third.joined["x"].whole, third.joined["x"].changes) == (False, ())
    assert set(third.dials) == {row.id}
    told = {ended: dials.number for ended, dials in third.dials[row.id].items()}
    assert told == {Outcome.CONFIRMED: 1, Outcome.BUSY: 1}
    last = await store.figures.glance(third.changes.cursor, joined=(), watched=(row.id,), anew=())
    assert (last.changes.changes, last.dials) == ((), {})


async def test_who_glances_sees_what_another_engine_does(url: str) -> None:
    async with await SqlResults.open(url, keys()) as here, await SqlResults.open(url, keys()) as there:
        row = await campaign(here, 2)
        before = await here.figures.glance(None, joined=(), watched=(row.id,), anew=(row.id,))
        dial = intent(row, "00000002")
        assert await there.intend(dial)
        await attempt(there, row, Outcome.CONFIRMED, recipient="00000001", settled=Outcome.CONFIRMED)
        seen = await here.figures.glance(before.changes.cursor, joined=(), watched=(row.id,), anew=())
        assert [line.attempt for line in seen.lines] == [dial.id]
        assert seen.dials[row.id][Outcome.CONFIRMED].number == 1
        assert [one.outcome for one in seen.changes.changes] == [Outcome.CONFIRMED]
