"""The audit trail in a real database: it only grows, from several processes too, and tells what was done to it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ivr.audit import Audit
from ivr.domain.audit import GENESIS, Action, Author, Head
from ivr.domain.examination import Fault, Harm
from ivr.errors import IvrError, StoreFailed
from ivr.storage import AuditAsked, SqlResults, databases
from ivr.system_clock import SystemClock
from tests.storage.audit_keys import MASTER, TOKYO, FillingKeys, audit_of

Tamper = Callable[..., object]


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[FillingKeys]:
    with FillingKeys.open(tmp_path / "keys", MASTER) as store:
        yield store


@pytest.fixture
def audit(store: SqlResults, keys: FillingKeys) -> Audit:
    return audit_of(store, keys)


@pytest.fixture
async def raw(url: str, store: SqlResults) -> AsyncIterator[databases.Database]:
    """The database as somebody has it who is no part of the engine; `store` has made the tables."""
    database = await databases.connect(url, 5)
    yield database
    await database.close()


def without_triggers(*statements: str) -> Callable[[Connection], None]:
    """Return what drops the triggers, as somebody with the database would, and runs `statements`."""

    def work(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            for name in ("audit_keeps", "audit_holds", "audit_grows"):
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0

    return work


async def ten(audit: Audit) -> None:
    for number in range(10):
        await audit.record(Action.EXPORTED, f"催告{number}", rows=number)


async def test_what_is_put_on_record_is_read_again(audit: Audit) -> None:
    await audit.record(Action.IMPORTED, "2026-11-住民税", accepted=117, refused=3, file="meibo.csv")
    (entry,) = [entry async for entry in audit.entries()]
    assert (entry.number, entry.who, entry.where, entry.action) == (1, "tanaka", "host", "imported")
    assert entry.subject == "2026-11-住民税"
    assert entry.details == '{"accepted":117,"file":"meibo.csv","refused":3}'
    assert entry.previous == GENESIS.link


async def test_an_untouched_trail_has_no_fault(audit: Audit) -> None:
    assert (await audit.examine()).faults == ()
    await ten(audit)
    found = await audit.examine()
    assert (found.entries, found.faults) == (10, ())


TAMPERINGS = {
    "a changed row": (["UPDATE audit SET who = 'suzuki' WHERE number = 4"], Fault(4, 4, Harm.CHANGED)),
    "a deleted row": (["DELETE FROM audit WHERE number = 4"], Fault(4, 4, Harm.MISSING)),
    "a swapped pair": (
        [
            "UPDATE audit SET number = -1 WHERE number = 4",
            "UPDATE audit SET number = 4 WHERE number = 7",
            "UPDATE audit SET number = 7 WHERE number = -1",
        ],
        Fault(4, 7, Harm.SWAPPED),
    ),
    "a truncated end": (["DELETE FROM audit WHERE number > 8"], Fault(9, 10, Harm.CUT_OFF)),
    "a truncated everything": (["DELETE FROM audit"], Fault(1, 10, Harm.CUT_OFF)),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_tampering_is_told(audit: Audit, raw: databases.Database, tampering: str) -> None:
    statements, fault = TAMPERINGS[tampering]
    await ten(audit)
    await raw.write(without_triggers(*statements))
    assert (await audit.examine()).faults == (fault,)


@pytest.mark.parametrize("lost", ["number > 8", "number > 0"])
async def test_a_cut_off_end_stays_a_gap_whatever_is_added_behind_it(
    audit: Audit, raw: databases.Database, lost: str
) -> None:
    await ten(audit)
    await raw.write(without_triggers(f"DELETE FROM audit WHERE {lost}"))
    await audit.record(Action.EXPORTED)
    await audit.record(Action.EXPORTED)
    first = 9 if lost == "number > 8" else 1
    assert (await audit.examine()).faults == (Fault(first, 10, Harm.MISSING),)


async def test_an_entry_that_somebody_adds_by_hand_is_told(audit: Audit, raw: databases.Database) -> None:
    await ten(audit)
    copy = (
        "INSERT INTO audit SELECT 11, at, 'suzuki', \"where\", action, subject, details, previous, link "
        "FROM audit WHERE number = 10"
    )
    await raw.write(lambda connection: connection.execute(text(copy)))
    assert (await audit.examine()).faults == (Fault(11, 11, Harm.CHANGED),)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'suzuki' WHERE number = 4",
        "DELETE FROM audit WHERE number = 10",
        "DELETE FROM audit",
    ],
)
async def test_the_database_itself_refuses_to_change_or_remove(
    audit: Audit, raw: databases.Database, statement: str
) -> None:
    await ten(audit)
    with pytest.raises(DBAPIError, match="append-only"):
        await raw.write(lambda connection: connection.execute(text(statement)))
    assert (await audit.examine()).entries == 10


async def test_the_database_refuses_a_row_in_the_place_of_another(audit: Audit, raw: databases.Database) -> None:
    await ten(audit)

    def replace(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            same = "number, at, 'suzuki', \"where\", action, subject, details, previous, link"
            connection.execute(text(f"INSERT OR REPLACE INTO audit SELECT {same} FROM audit WHERE number = 4"))
        else:
            connection.execute(text("TRUNCATE audit"))

    with pytest.raises(DBAPIError, match="append-only"):
        await raw.write(replace)
    assert (await audit.examine()).faults == ()


async def test_a_crash_between_the_database_and_the_head_is_no_fault(store: SqlResults, keys: FillingKeys) -> None:
    audit = audit_of(store, keys)
    await ten(audit)
    keys.full = True
    with pytest.raises(IvrError):
        await audit.record(Action.EXPORTED)
    keys.full = False
    found = await audit.examine()
    assert (found.entries, found.faults) == (11, ())
    await audit.record(Action.EXPORTED)
    assert (await audit.examine()).faults == ()
    noted = keys.noted("audit")
    assert noted is not None
    assert Head.read(noted).number == 12


async def test_a_crash_before_the_very_first_head_is_no_fault(store: SqlResults, keys: FillingKeys) -> None:
    keys.full = True
    with pytest.raises(IvrError):
        await audit_of(store, keys).record(Action.EXPORTED)
    keys.full = False
    audit = audit_of(store, keys)
    assert (await audit.examine()).faults == ()
    await audit.record(Action.EXPORTED)
    assert [entry.action async for entry in audit.entries()] == ["exported"]


async def test_a_lost_head_is_told_and_the_trail_says_where_a_new_one_was_made(audit: Audit, keys: FillingKeys) -> None:
    await ten(audit)
    keys.forget("audit")
    assert (await audit.examine()).faults == (Fault(10, 10, Harm.HEAD_LOST),)
    await audit.record(Action.EXPORTED)
    assert [entry.action async for entry in audit.entries(after=10)] == ["head_made", "exported"]
    assert (await audit.examine()).faults == ()


async def test_the_head_never_goes_backwards(store: SqlResults, keys: FillingKeys) -> None:
    audit = audit_of(store, keys)
    await ten(audit)
    later = keys.noted("audit")
    await asyncio.gather(*(audit.record(Action.EXPORTED, str(number)) for number in range(20)))
    assert later != keys.noted("audit")
    last = await store.last_audited()
    assert last is not None
    assert keys.noted("audit") == Head.of(last).written()


async def test_a_head_that_cannot_be_read_is_no_head(audit: Audit, keys: FillingKeys) -> None:
    await ten(audit)
    keys.note("audit", b"whatever")
    with pytest.raises(StoreFailed, match="控え"):
        await audit.examine()
    with pytest.raises(StoreFailed, match="控え"):
        await audit.record(Action.EXPORTED)


async def test_two_processes_that_add_at_once_make_one_chain(url: str, audit: Audit, keys: FillingKeys) -> None:
    await ten(audit)
    command = (sys.executable, "-m", "tests.storage.audit_keys", url, str(keys.folder), "40")
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(2)]
    assert [await process.wait() for process in processes] == [0, 0]
    found = await audit.examine()
    assert (found.entries, found.faults) == (90, ())
    entries = [entry async for entry in audit.entries(after=10)]
    assert len({entry.subject for entry in entries}) == 2
    noted = keys.noted("audit")
    assert noted is not None
    assert Head.read(noted) == Head.of(entries[-1])


async def test_the_newest_entries_can_be_judged_alone(audit: Audit, raw: databases.Database) -> None:
    await ten(audit)
    await raw.write(without_triggers("UPDATE audit SET who = 'suzuki' WHERE number IN (2, 9)"))
    found = await audit.examine(newest=3)
    assert (found.entries, found.faults) == (3, (Fault(9, 9, Harm.CHANGED),))
    assert (await audit.examine(newest=100)).entries == 10


async def test_entries_are_found_by_time_and_campaign(store: SqlResults, audit: Audit) -> None:
    await ten(audit)
    fifth = (await store.audited(4, 1))[0]
    since = [entry.number async for entry in audit.entries(AuditAsked(since=fifth.at))]
    assert since == [5, 6, 7, 8, 9, 10]
    assert [entry.number async for entry in audit.entries(AuditAsked(subject="催告7"))] == [8]
    both = AuditAsked(since=fifth.at, subject="催告1")
    assert [entry.number async for entry in audit.entries(both)] == []


async def test_what_looks_like_a_number_and_what_a_terminal_obeys_is_no_part_of_an_entry(audit: Audit) -> None:
    await audit.record(Action.IMPORTED, "03-1234-5678", file="０３１２３４５６７８\n\x1b[2J\udcff.csv", sha256="0" * 64)
    (entry,) = [entry async for entry in audit.entries()]
    assert entry.subject == "***"
    assert "***" in entry.details
    assert "5678" not in entry.details
    assert "\\" not in entry.details
    assert f'"sha256":"{"0" * 64}"' in entry.details


async def test_changed_settings_are_on_record_once_and_only_as_a_keyed_hash(audit: Audit) -> None:
    for settings in ("one", "one", "two", "two", "one"):
        await audit.mention_settings(settings)
    entries = [entry async for entry in audit.entries()]
    assert [entry.action for entry in entries] == ["settings_changed"] * 3
    assert entries[0].details == entries[2].details != entries[1].details
    assert "one" not in entries[0].details


async def test_what_happens_anyway_is_not_stopped_by_a_trail_that_fails(store: SqlResults, keys: FillingKeys) -> None:
    failures: list[None] = []
    author = Author(who="engine", where="host")
    audit = Audit(
        store,
        keys,
        author,
        SystemClock(TOKYO),
        lock=keys.folder / "audit.lock",
        on_failure=lambda: failures.append(None),
    )
    await audit.mention(Action.ENGINE_STARTED)
    assert audit.sound
    keys.full = True
    await audit.mention(Action.ENGINE_STOPPED)
    assert not audit.sound
    assert len(failures) == 1
    keys.full = False
    await audit.mention(Action.ENGINE_STARTED)
    assert audit.sound
