"""Erasing, backing up, restoring and changing keys, on real databases."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from ivr import desk, erasing, keeping
from ivr.campaign.ports import CampaignRow, NewCampaign
from ivr.data_dir import alone
from ivr.domain.audit import Action
from ivr.domain.outcome import Outcome
from ivr.errors import EngineRuns, InputError, KeyDestroyed, KeysFailed, KeysInUse
from ivr.metrics import Metrics
from ivr.parts import key_store, telephone_voice
from ivr.settings import load
from ivr.storage import SqlResults, resealing
from ivr.system_clock import SystemClock
from ivr.vault import KeyStore, durable, master
from ivr.vault.fields import Fields
from tests import traces
from tests.offices import LIST, PEOPLE, SCENARIO, Crash, Ivr, care_of
from tests.storage import filling
from tests.storage.conftest import postgres
from tests.storage.old_schema import OLD, fill_0001

__all__ = ["postgres"]

TRACES = traces.of_people([*PEOPLE, ("ヤマダ タロウ", "0357220000")])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of an office with SQLite."""
    (tmp_path / "office").mkdir(exist_ok=True)
    file = tmp_path / "office" / "ivr.yaml"
    file.write_text("data_dir: var\nspeech: {workers: 1}\n", encoding="utf-8")
    return file


async def called(config: Path, name: str = "住民税") -> CampaignRow:
    """Store a campaign of three people, of whom one was called, with her name as audio and an export."""
    async with care_of(config) as care:
        row = await filling.campaign(care.results, name=name)
        await filling.attempt(care.results, row, Outcome.CONFIRMED, settled=Outcome.CONFIRMED)
        voice = telephone_voice(care.settings)
        try:
            await voice.prepare("{kana}様ですか。", {"kana": "ヤマダ タロウ"}, language="ja", scope=row.id)
        finally:
            await voice.close()
    await desk.export(config, name, None, "csv", "utf-8")
    return row


def copy_of_database(config: Path, folder: Path) -> Path:
    """Return a copy of the database as a thief takes it: the file with its log."""
    folder.mkdir()
    for file in (config.parent / "var").glob("ivr.db*"):
        shutil.copy(file, folder / file.name)
    return folder / "ivr.db"


async def test_nobody_of_a_list_is_found_after_a_campaign_and_its_export(
    ivr: Ivr, clerk: Path, tmp_path: Path, config: Path
) -> None:
    sealed = clerk / "meibo.age"
    to = ivr("keys", "recipient").stdout.strip()
    assert ivr("seal", clerk / "meibo.csv", "-o", sealed, "--to", to).returncode == 0
    said = [ivr("campaign", "create", "催告", "--list", sealed, "--scenario", SCENARIO)]
    async with care_of(config) as care:
        row = await care.results.campaign("催告")
        (first, second) = (record.recipient for record in await care.results.records(row.id))
        assert first.kana == "ヤマダ タロウ"
        for person in (first, second):
            await filling.attempt(care.results, row, Outcome.BUSY, recipient=person.id)
        voice = telephone_voice(care.settings)
        try:
            await voice.prepare("{kana}様ですか。", first.values(), language="ja", scope=row.id)
        finally:
            await voice.close()
        log = tmp_path / "office" / "var" / "ivr.db-wal"
        assert log.stat().st_size, "the log is searched too"
        assert traces.found([tmp_path / "office"], TRACES) == []
    for form in ("json", "csv", "xlsx"):
        out = tmp_path / "office" / f"kekka.{form}.age"
        said.append(ivr("results", "export", "催告", "--format", form, "-o", out, "--seal-to", to))
    said += [ivr("campaign", "status", "催告"), ivr("backup")]
    for number, one in enumerate(said):
        assert one.returncode == 0, one.stderr
        (tmp_path / "office" / f"said{number}").write_text(one.stdout + one.stderr, encoding="utf-8")
    assert traces.found([tmp_path / "office"], TRACES) == []


async def test_after_an_erasure_no_copy_from_before_can_be_read_even_with_the_master_key(
    config: Path, tmp_path: Path
) -> None:
    row = await called(config)
    async with care_of(config) as care:
        assert (await care.results.records(row.id))[0].recipient.kana == "ヤマダ タロウ"
    copy = copy_of_database(config, tmp_path / "thief")
    await keeping.back_up(config, tmp_path / "before.backup")
    await keeping.erase_campaign(config, "住民税", None)
    chosen = load(config)
    with key_store(chosen) as keys:
        for stolen in (copy, tmp_path / "before.backup"):
            async with await SqlResults.open(f"sqlite+aiosqlite:///{stolen}", keys) as store:
                assert len(await store.campaigns()) == 1, "the rows are there"
                with pytest.raises(KeyDestroyed):
                    await store.records(row.id)
    stolen_keys = tmp_path / "thief" / "keys"
    shutil.copytree(chosen.data_dir / "keys", stolen_keys)
    (stolen_keys / f"{row.id}.destroyed").unlink()
    with KeyStore.open(stolen_keys, master.read(chosen.data_dir / "master.key")) as keys:
        async with await SqlResults.open(f"sqlite+aiosqlite:///{copy}", keys) as store:
            with pytest.raises(KeysFailed, match="鍵の置き場にありません"):
                await store.records(row.id)


async def test_an_erasure_leaves_counts_and_a_certificate_that_proves_itself(config: Path, tmp_path: Path) -> None:
    row = await called(config)
    certificate = tmp_path / "証明.txt"
    var = config.parent / "var"
    assert [*(var / "voice" / "personal").rglob("*.ulaw")]
    assert [*(var / "exports").rglob("*.csv")]
    await keeping.erase_campaign(config, "住民税", certificate)
    text = certificate.read_text("utf-8")
    for line in (
        "催告：住民税",
        "：3 人分",
        "発信の記録：1 件",
        "音声ファイル：",
        "結果のファイル：1 個",
        "本人確認済：1 人",
    ):
        assert line in text
    assert "データ鍵：1 本" in text
    assert traces.found([tmp_path], traces.of_people(PEOPLE)) == []
    assert erasing.verified(certificate).startswith(str(certificate))
    (kept,) = (var / "certificates").iterdir()
    assert kept.read_text("utf-8") == text
    with closing(sqlite3.connect(var / "ivr.db")) as raw:
        for table in ("campaigns", "recipients", "attempts", "key_presses"):
            assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        (outcomes, held) = raw.execute("SELECT outcomes, held FROM statistics WHERE id = ?", (row.id,)).fetchone()
    assert json.loads(outcomes) == {"confirmed": 1}
    assert json.loads(held)["recipients"] == 3
    assert not [*(var / "exports").iterdir()]
    await called(config)


@pytest.mark.parametrize("change", ["3 人分", "住民税", "公開鍵：", "署名："])
async def test_a_certificate_that_was_changed_is_found_out(config: Path, tmp_path: Path, change: str) -> None:
    async with care_of(config) as care:
        await filling.campaign(care.results)
    certificate = tmp_path / "a.txt"
    await keeping.erase_campaign(config, "住民税", certificate)
    text = certificate.read_text("utf-8")
    certificate.write_bytes(text.replace("\n", "\r\n").encode())
    assert erasing.verified(certificate), "line ends of another system are no change"
    certificate.write_text(text.replace(change, "0" + change, 1), encoding="utf-8")
    with pytest.raises(InputError, match="署名"):
        erasing.verified(certificate)


async def test_a_campaign_that_is_being_dialled_is_not_erased(config: Path) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results)
        await care.results.move_campaign(row.id, expected=["created"], state="running")
        with pytest.raises(InputError, match="架電中"):
            await erasing.erase(care, row, erasing.BY_ORDER)
        await care.results.move_campaign(row.id, expected=["running"], state="stopped")
        assert await care.results.intend(filling.intent(row))
        with pytest.raises(InputError, match="架電中"):
            await erasing.erase(care, row, erasing.BY_ORDER)
        assert len(await care.results.records(row.id)) == 3


@pytest.mark.parametrize("at", ["destroy", "erase_voice", "erase_rows", "signed", "finish_erasing"])
async def test_an_erasure_that_a_crash_cut_short_is_finished_at_the_next_start(
    config: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    row = await called(config)

    def crash(*_: object, **__: object) -> None:
        raise Crash

    async with care_of(config) as care:
        owner = {"destroy": KeyStore, "erase_voice": erasing, "signed": erasing.signing}.get(at, SqlResults)
        with monkeypatch.context() as patched:
            patched.setattr(owner, at, crash)
            with pytest.raises(Crash):
                await erasing.erase(care, row, erasing.BY_RULE)
    async with care_of(config) as care:
        await erasing.erase_due(care, Metrics())
        assert await care.results.campaigns() == ()
        assert care.keys.destroyed(row.id)
    var = config.parent / "var"
    assert not [*(var / "voice" / "personal").rglob("*.ulaw")]
    assert erasing.BY_RULE in next((var / "certificates").iterdir()).read_text("utf-8")


async def test_what_was_kept_for_long_enough_is_erased_by_rule_and_nothing_else(config: Path) -> None:
    now = SystemClock(filling.TOKYO).now()
    async with care_of(config) as care:

        async def new(name: str, days: int) -> CampaignRow:
            created = NewCampaign(name=name, scenario="", scenario_file="", created_at=now - timedelta(days=days))
            return await care.results.create_campaign(created, filling.people(1))

        await new("古い", 130)
        await new("新しい", 1)
        still = await new("忘れられた", 130)
        await care.results.move_campaign(still.id, expected=["created"], state="running")
        late = await new("後でかけた", 130)
        await filling.attempt(care.results, late, Outcome.BUSY, at=now)
        metrics = Metrics()
        assert await erasing.overdue(care.results, care.settings) == 2
        await erasing.erase_due(care, metrics)
        assert {row.name for row in await care.results.campaigns()} == {"新しい", "忘れられた", "後でかけた"}
        assert await erasing.overdue(care.results, care.settings) == 1
    assert metrics.registry.get_sample_value("ivr_campaigns_erased_total") == 1


async def test_an_erasure_that_fails_is_counted(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise KeysFailed("full")

    async with care_of(config) as care:
        old = NewCampaign(name="古い", scenario="", scenario_file="", created_at=filling.NOON - timedelta(days=900))
        await care.results.create_campaign(old, filling.people(1))
        metrics = Metrics()
        with monkeypatch.context() as patched:
            patched.setattr(KeyStore, "destroy", refuse)
            await erasing.erase_due(care, metrics)
        assert metrics.registry.get_sample_value("ivr_erasures_failed_total") == 1
        await erasing.erase_due(care, metrics)
        assert await care.results.campaigns() == ()


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
        # Three for the first campaign: its people, and the ends of two tables.
        if batches == 5:
            loop.call_soon_threadsafe(rotating.cancel)
        return some_rows(connection, fields, *place)

    with monkeypatch.context() as patched:
        patched.setattr(resealing, "some_rows", broken_off)
        with pytest.raises(asyncio.CancelledError):
            await rotating
    assert batches == 5
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


async def test_an_engine_that_finds_an_erased_campaign_restored_dials_none_of_it(config: Path) -> None:
    async with care_of(config) as care:
        row = await filling.campaign(care.results)
        assert await care.results.intend(filling.intent(row))
        care.keys.destroy(row.id)
    async with care_of(config) as care:
        assert await care.results.open_attempts() == ()
        await erasing.erase_due(care, Metrics())
        assert await care.results.campaigns() == ()


async def test_a_person_without_a_name_on_the_machine_erases_all_the_same(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(erasing.pwd, "getpwuid", nameless)
    async with care_of(config) as care:
        certificate = await erasing.erase(care, await filling.campaign(care.results), erasing.BY_ORDER)
    assert "消去した人：UID" in certificate
