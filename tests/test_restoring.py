"""A restored backup does not take back what was put on record, on real databases and through the real commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import URL

from ivr import auditor, erasing, keeping
from ivr.audit import Audit, Rescue
from ivr.domain.audit import Action, Entry
from ivr.domain.examination import Fault, Harm
from ivr.errors import InputError, IvrError
from ivr.settings import load
from ivr.storage import SqlResults, backups
from tests.offices import Crash, care_of
from tests.storage import filling
from tests.storage.conftest import postgres
from tests.storage.old_schema import OLD, fill_0001
from tests.storage.test_entered import entered

__all__ = ["postgres"]


def settings_of(folder: Path, url: str) -> Path:
    file = folder / "ivr.yaml"
    file.write_text(f"data_dir: var\ndatabase: {url}\n", encoding="utf-8")
    return file


@pytest.fixture(params=["sqlite", "postgres"])
async def url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if request.param == "postgres":
        fresh: str = await request.getfixturevalue("postgres").new_database()
        return fresh
    (tmp_path / "var").mkdir()
    return f"sqlite+aiosqlite:///{tmp_path}/var/ivr.db"


@pytest.fixture
def config(tmp_path: Path, url: str) -> Path:
    """Settings of an office, on each kind of database."""
    return settings_of(tmp_path, url)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Path:
    """Settings of an office with the file of its database in `var`."""
    return settings_of(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/var/ivr.db")


async def exported(config: Path, times: int) -> None:
    """Put so many exports on record."""
    async with care_of(config) as care:
        for number in range(times):
            await care.audit.record(Action.EXPORTED, f"催告{number}", rows=number)


async def backup_and_more(config: Path) -> Path:
    """Make a backup whose trail ends with number 3, and put numbers 4 to 8 on record after it."""
    await exported(config, 2)
    backup = config.parent / "a.backup"
    await keeping.back_up(config, backup)
    await exported(config, 5)
    return backup


async def trail_of(config: Path) -> tuple[list[Entry], tuple[Fault, ...]]:
    async with care_of(config) as care:
        return [entry async for entry in care.audit.entries()], (await care.audit.examine()).faults


LOST = {"lost_from": 4, "lost_to": 8}


def of_loss(entry: Entry) -> tuple[str, dict[str, object]]:
    return entry.action, json.loads(entry.details)


async def test_what_was_put_on_record_after_the_backup_is_there_after_its_restore(config: Path) -> None:
    backup = await backup_and_more(config)
    before, _ = await trail_of(config)
    await keeping.restore(config, backup)
    after, faults = await trail_of(config)
    assert after[:-1] == before
    assert of_loss(after[-1]) == ("restored", {"file": "a.backup", "entries": 5})
    assert faults == ()


async def test_a_backup_from_before_there_was_a_trail_gets_the_whole_of_it(config: Path, url: str) -> None:
    await fill_0001(url)
    await backups.backup(url, config.parent / "old.backup")
    await exported(config, 3)
    await keeping.restore(config, config.parent / "old.backup")
    after, faults = await trail_of(config)
    assert [entry.action for entry in after] == ["exported"] * 3 + ["restored"]
    assert faults == ()
    async with care_of(config) as care:
        assert len(await care.results.records(OLD)) == 3


async def test_restoring_the_database_that_was_set_aside_keeps_the_trail_too(config: Path) -> None:
    await keeping.restore(config, await backup_and_more(config))
    (aside,) = (config.parent / "var" / "backups").glob("*-before-restore.backup")
    await keeping.restore(config, aside)
    after, faults = await trail_of(config)
    assert [entry.action for entry in after[-2:]] == ["restored", "restored"]
    assert (len(after), faults) == (10, ())


async def test_a_fault_of_the_trail_is_carried_over_as_it_is(on_sqlite: Path) -> None:
    backup = await backup_and_more(on_sqlite)
    file = on_sqlite.parent / "var" / "ivr.db"
    forged = file.read_bytes().replace("催告3".encode(), "催告9".encode())
    assert forged != file.read_bytes()
    file.write_bytes(forged)
    _, before = await trail_of(on_sqlite)
    await keeping.restore(on_sqlite, backup)
    assert before == (await trail_of(on_sqlite))[1] == (Fault(7, 7, Harm.CHANGED),)


@pytest.mark.parametrize("damaged", [b"", b"\0damaged" * 4096, b"SQLite format 3\0" * 999])
async def test_what_a_damaged_database_held_is_told_as_lost_and_stays_a_fault(
    on_sqlite: Path, damaged: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = await backup_and_more(on_sqlite)
    (on_sqlite.parent / "var" / "ivr.db").write_bytes(damaged)
    capsys.readouterr()
    assert await keeping.restore(on_sqlite, backup) == 0
    assert "監査証跡のうち 5 件（4 件目から 8 件目まで）は失われました。" in capsys.readouterr().out.splitlines()
    after, faults = await trail_of(on_sqlite)
    assert [entry.number for entry in after] == [1, 2, 3, 9]
    assert of_loss(after[-1]) == ("restored", {"file": "a.backup", "entries": 0, **LOST, "exclusions": "partly"})
    assert faults == (Fault(4, 8, Harm.LOST),)
    assert await auditor.verify(on_sqlite, json=False) == 1
    assert "4 件目から 8 件目までがありません（データベースと共に失われた" in capsys.readouterr().out


async def test_what_comes_before_the_damage_is_carried_over(on_sqlite: Path) -> None:
    backup = await backup_and_more(on_sqlite)
    await exported(on_sqlite, 100)
    async with care_of(on_sqlite) as care:
        await care.audit.record(Action.EXPORTED, "最後")
    file = on_sqlite.parent / "var" / "ivr.db"
    whole = bytearray(file.read_bytes())
    page = whole.rindex("最後".encode()) // 4096 * 4096
    whole[page : page + 4096] = b"\xff" * 4096
    file.write_bytes(whole)
    await keeping.restore(on_sqlite, backup)
    after, (fault,) = await trail_of(on_sqlite)
    assert 8 < fault.first < 109
    assert fault == Fault(fault.first, 109, Harm.LOST)
    assert [entry.number for entry in after] == [*range(1, fault.first), 110]


async def empty_instead(config: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Let the settings name a new database of the same kind, as after the loss of the old one."""
    if "sqlite" in load(config).database_url():
        settings_of(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/var/new.db")
    else:
        settings_of(tmp_path, await request.getfixturevalue("postgres").new_database())


async def test_on_a_new_empty_database_the_restore_goes_on_and_tells_what_is_lost(
    config: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    backup = await backup_and_more(config)
    await empty_instead(config, tmp_path, request)
    await keeping.restore(config, backup)
    assert (await trail_of(config))[1] == (Fault(4, 8, Harm.LOST),)


async def test_another_trail_is_not_carried_over(on_sqlite: Path) -> None:
    backup = await backup_and_more(on_sqlite)
    for file in (on_sqlite.parent / "var").glob("ivr.db*"):
        file.unlink()
    await exported(on_sqlite, 1)
    await keeping.restore(on_sqlite, backup)
    after, faults = await trail_of(on_sqlite)
    assert [entry.number for entry in after] == [1, 2, 3, 10]
    assert faults == (Fault(4, 9, Harm.LOST),)


CRASHES = {
    "before anything is replaced": (backups, "restore"),
    "once the backup is in place": (SqlResults, "open"),
    "before the trail is there": (Audit, "go_on"),
    "before the restore is on record": (Audit, "record"),
    "at its very end": (Rescue, "end"),
}


BETWEEN = "when the old database has gone and the new one is not there"


def crash_between(patched: pytest.MonkeyPatch) -> None:
    program, replace = backups._program, Path.replace

    async def crash_at_pg_restore(name: str, url: URL, *arguments: str) -> None:
        if name == "pg_restore":
            raise Crash
        await program(name, url, *arguments)

    def crash_at_its_place(file: Path, target: Path) -> Path:
        if file.suffix == ".restoring":
            raise Crash
        return replace(file, target)

    patched.setattr(backups, "_program", crash_at_pg_restore)
    patched.setattr(Path, "replace", crash_at_its_place)


@pytest.mark.parametrize("at", [*CRASHES, BETWEEN])
async def test_a_restore_that_a_crash_cut_short_is_done_again_and_until_then_nothing_else(
    config: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results)
        await care.results.move_campaign(row.id, expected=["created"], state="running")
    backup = await backup_and_more(config)
    async with care_of(config) as care:
        excluded = await care.results.exclusions.add(entered(person="1"))
        await care.results.texts.bar("+81357220001", "refused", filling.NOON)
    before, _ = await trail_of(config)

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        if at == BETWEEN:
            crash_between(patched)
        else:
            patched.setattr(*CRASHES[at], crash)
        with pytest.raises(Crash):
            await keeping.restore(config, backup)
    with pytest.raises(InputError, match="復元が途中"):
        await trail_of(config)
    await keeping.restore(config, backup)
    after, faults = await trail_of(config)
    assert after[: len(before)] == before
    assert {entry.action for entry in after[len(before) :]} == {"restored"}
    assert faults == ()
    async with care_of(config) as care:
        assert [campaign.state for campaign in await care.results.campaigns()] == ["paused"]
        assert await care.results.exclusions.found("1", "") == (excluded,)
        assert await care.results.exclusions.refuses_texts("+81357220001") == ("refused", filling.NOON)


async def test_a_restore_that_fails_leaves_everything_as_it_was(config: Path) -> None:
    backup = await backup_and_more(config)
    before = await trail_of(config)
    backup.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    with pytest.raises(IvrError):
        await keeping.restore(config, backup)
    assert await trail_of(config) == before


async def test_what_is_erased_stays_on_record_as_erased(config: Path) -> None:
    async with care_of(config) as care:
        await filling.campaign(care.results, name="消える")
    backup = await backup_and_more(config)
    async with care_of(config) as care:
        await erasing.erase(care, await care.results.campaign("消える"), erasing.BY_ORDER)
    await keeping.restore(config, backup)
    after, faults = await trail_of(config)
    assert [entry.action for entry in after[-3:]] == ["erased", "restored", "erased"]
    assert faults == ()
