"""Backing up, restoring and changing keys, on real databases."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from ivr import erasing, keeping
from ivr.data_dir import alone
from ivr.domain.audit import Action
from ivr.domain.outcome import Outcome
from ivr.errors import EngineRuns, InputError, KeysFailed, KeysInUse
from ivr.parts.keys import key_store
from ivr.settings import load
from ivr.storage import SqlResults, resealing
from ivr.vault import KeyStore, durable, master
from ivr.vault.fields import Fields
from tests import traces
from tests.offices import LIST, PEOPLE, Crash, care_of
from tests.storage import filling
from tests.storage.conftest import postgres
from tests.storage.old_schema import OLD, fill_0001

__all__ = ["postgres"]


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        yield
        raw.execute("ROLLBACK")


async def test_a_backup_is_one_moment_of_a_database_that_others_write_to(config: Path, tmp_path: Path) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results, 400)

        async def line(first: int) -> None:
            for number in range(first, 401, 8):
                person = f"{number:08}"
                await filling.attempt(care.results, row, Outcome.BUSY, recipient=person, settled=Outcome.BUSY)

        dialling = asyncio.gather(*(line(first) for first in range(1, 9)))
        files = [tmp_path / f"{number}.backup" for number in range(5)]
        for file in files:
            await keeping.back_up(config, file)
        await dialling
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as raw:
            settled = raw.execute("SELECT count(*) FROM recipients WHERE state = 'settled'").fetchone()
            assert settled == raw.execute("SELECT count(*) FROM attempts WHERE state = 'ended'").fetchone()
    assert traces.found([tmp_path], traces.of_people(PEOPLE)) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_backup_is_restored_without_what_was_erased_and_calls_nobody(
    config: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "postgres":
        url = await request.getfixturevalue("postgres").new_database()
        config.write_text(f"data_dir: var\ndatabase: {url}\n", encoding="utf-8")
    async with care_of(config) as care:
        kept = await filling.campaign(care.results, name="残る")
        await filling.campaign(care.results, name="消える")
        await care.results.move_campaign(kept.id, expected=["created"], state="running")
    await keeping.back_up(config, tmp_path / "a.backup")
    assert traces.found([tmp_path], traces.of_people(PEOPLE)) == []
    await keeping.erase_campaign(config, "消える", None)
    async with care_of(config) as care:
        await filling.attempt(care.results, kept, Outcome.CONFIRMED, settled=Outcome.CONFIRMED)
        since = [entry async for entry in care.audit.entries()]
    await keeping.restore(config, tmp_path / "a.backup")
    async with care_of(config) as care:
        trail = [entry async for entry in care.audit.entries()]
        assert trail[: len(since)] == since, "what was done stays on record"
        assert trail[len(since)].action == Action.RESTORED
        assert (await care.audit.examine()).faults == ()
        (row,) = await care.results.campaigns()
        assert (row.name, row.state) == ("残る", "paused")
        people = await care.results.records(row.id)
        assert [person.recipient for person in people] == filling.people(3)
        assert {person.state for person in people} == {"waiting"}
    aside = [*(config.parent / "var" / "backups").glob("*-before-restore.backup")]
    assert len(aside) == 1, "what was replaced is kept"


async def test_nothing_is_restored_under_a_running_engine_or_an_open_store(config: Path, tmp_path: Path) -> None:
    async with care_of(config) as care:
        await filling.campaign(care.results)
        await keeping.back_up(config, tmp_path / "a.backup")
        with pytest.raises(KeysInUse):
            await keeping.restore(config, tmp_path / "a.backup")
    with alone(config.parent / "var"), pytest.raises(EngineRuns):
        await keeping.restore(config, tmp_path / "a.backup")


async def test_what_is_no_backup_or_has_no_keys_here_is_refused_and_changes_nothing(
    config: Path, tmp_path: Path
) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results)
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "ivr.yaml").write_text("data_dir: var\n", encoding="utf-8")
    async with care_of(elsewhere / "ivr.yaml") as care:
        await filling.campaign(care.results)
    await keeping.back_up(elsewhere / "ivr.yaml", tmp_path / "theirs.backup")
    whole = (tmp_path / "theirs.backup").read_bytes()
    (tmp_path / "cut.backup").write_bytes(whole[: len(whole) // 2])
    for file, sentence in (("list.csv", "バックアップではありません"), ("theirs.backup", "鍵のない催告が 1 件")):
        with pytest.raises(InputError, match=sentence):
            await keeping.restore(config, tmp_path / file)
    with pytest.raises(Exception, match="壊れている"):
        await keeping.restore(config, tmp_path / "cut.backup")
    with pytest.raises(InputError, match="読めません"):
        await keeping.restore(config, tmp_path / "none.backup")
    async with care_of(config) as care:
        assert len(await care.results.records(row.id)) == 3


async def test_after_a_change_of_keys_everybody_is_there_and_the_old_keys_open_nothing(
    config: Path, tmp_path: Path
) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results, 1200)
        await filling.attempt(care.results, row, Outcome.BUSY)
        before = await care.results.records(row.id)
    var = config.parent / "var"
    old = {file.read_bytes() for file in [var / "master.key", *(var / "keys").rglob("*.key")]}
    copy = shutil.copytree(var, tmp_path / "old")
    await keeping.rotate(config, None)
    async with care_of(config) as care:
        assert await care.results.records(row.id) == before
        assert [*care.keys.data_keys(row.id)] == [2]
    assert not any(wrapped in file.read_bytes() for file in var.rglob("*") if file.is_file() for wrapped in old)
    with KeyStore.open(copy / "keys", master.read(copy / "master.key")) as keys:
        async with await SqlResults.open(f"sqlite+aiosqlite:///{var}/ivr.db", keys) as store:
            with pytest.raises(KeysFailed):
                await store.records(row.id)


@pytest.mark.parametrize("crash_at", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
async def test_a_change_of_keys_that_a_crash_cut_short_loses_nobody_and_is_done_again(
    config: Path, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results, 3)
        before = await care.results.records(row.id)
    steps = 0
    settle = durable.settle

    def crash(folder: Path) -> None:
        nonlocal steps
        steps += 1
        if steps == crash_at:
            raise Crash
        settle(folder)

    with monkeypatch.context() as patched:
        patched.setattr(durable, "settle", crash)
        try:
            await keeping.rotate(config, None)
        except Crash:
            pass
        else:
            assert steps < crash_at
    async with care_of(config) as care:
        assert await care.results.records(row.id) == before
    await keeping.rotate(config, None)
    async with care_of(config) as care:
        assert await care.results.records(row.id) == before
        assert len(care.keys.data_keys(row.id)) == 1


async def test_a_change_of_keys_that_is_broken_off_says_what_to_do_and_the_next_one_ends_it(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with care_of(config) as care:
        first = await filling.campaign(care.results, 3, name="先")
        second = await filling.campaign(care.results, 1200, name="後")
        before = [await care.results.records(row.id) for row in (first, second)]
    loop, rotating = asyncio.get_running_loop(), asyncio.create_task(keeping.rotate(config, None))
    some_rows, batches = resealing.some_rows, 0

    def broken_off(connection: Connection, fields: Fields, *place: str) -> tuple[str | None, int]:
        nonlocal batches
        batches += 1
        # Four for the first campaign: its people, and the ends of three tables.
        if batches == 6:
            loop.call_soon_threadsafe(rotating.cancel)
        return some_rows(connection, fields, *place)

    with monkeypatch.context() as patched:
        patched.setattr(resealing, "some_rows", broken_off)
        with pytest.raises(asyncio.CancelledError):
            await rotating
    assert batches == 6
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == (
        "途中で止めました（催告 1/2 件、503/1203 人）。失われたものはなく、マスター鍵は今のままです。"
        "取り替え終えるには、もう一度 ivr keys rotate を行ってください。"
    )
    async with care_of(config) as care:
        assert [await care.results.records(row.id) for row in (first, second)] == before
        assert [*care.keys.data_keys(second.id)] == [1, 2]
    assert await keeping.rotate(config, None) == 0
    assert "催告 1/2 件、1203/1203 人" in capsys.readouterr().err
    async with care_of(config) as care:
        assert [await care.results.records(row.id) for row in (first, second)] == before
        assert [*care.keys.data_keys(second.id)] == [2]


async def test_keys_are_not_changed_while_a_store_is_open_with_them(config: Path) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results)
        with pytest.raises(KeysInUse):
            await keeping.rotate(config, None)
        assert len(await care.results.records(row.id)) == 3


async def test_a_new_master_key_can_be_put_elsewhere(config: Path, tmp_path: Path) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results)
    await keeping.rotate(config, tmp_path / "safe" / "master.key")
    with pytest.raises(InputError, match="マスター鍵が"):
        key_store(load(config))
    config.write_text(f"data_dir: var\nkeys: {{master_key_file: {tmp_path}/safe/master.key}}\n", encoding="utf-8")
    async with care_of(config) as care:
        assert len(await care.results.records(row.id)) == 3


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_backup_of_the_first_version_is_restored_and_sealed_without_what_was_erased(
    config: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite+aiosqlite:///{config.parent}/var/ivr.db"
    if kind == "postgres":
        url = await request.getfixturevalue("postgres").new_database()
        config.write_text(f"data_dir: var\ndatabase: {url}\n", encoding="utf-8")
    (config.parent / "var").mkdir()
    await fill_0001(url)
    await keeping.back_up(config, tmp_path / "open.backup")
    async with care_of(config) as care:
        assert len(await care.results.records(OLD)) == 3
    await keeping.restore(config, tmp_path / "open.backup")
    async with care_of(config) as care:
        people = await care.results.records(OLD)
        assert [person.recipient for person in people] == filling.people(3)
        await care.results.move_campaign(OLD, expected=["paused"], state="stopped")
        await erasing.erase(care, await care.results.campaign("旧"), erasing.BY_ORDER, in_any_state=True)
    await keeping.restore(config, tmp_path / "open.backup")
    async with care_of(config) as care:
        assert await care.results.campaigns() == ()
        assert await care.results.open_attempts() == ()
