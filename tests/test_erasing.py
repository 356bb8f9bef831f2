"""Erasing a campaign: nobody of it is found afterwards, on real databases."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from ivr import erasing, keeping
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.desk import reports
from ivr.domain.outcome import Outcome
from ivr.errors import InputError, KeyDestroyed, KeysFailed
from ivr.metrics import Metrics
from ivr.parts.keys import key_store
from ivr.parts.voice import telephone_voice
from ivr.settings import load
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.vault import KeyStore, master
from tests import traces
from tests.offices import PEOPLE, SCENARIO, Crash, Ivr, care_of
from tests.storage import filling

TRACES = traces.of_people([*PEOPLE, ("ヤマダ タロウ", "0357220000")])


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
    await reports.export(config, name, None, "csv", "utf-8")
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
        with pytest.raises(InputError, match="実行中"):
            await erasing.erase(care, row, erasing.BY_ORDER)
        await care.results.move_campaign(row.id, expected=["running"], state="stopped")
        assert await care.results.intend(filling.intent(row))
        with pytest.raises(InputError, match="実行中"):
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


@pytest.mark.parametrize("between", ["campaigns", "last_days"])
async def test_a_campaign_that_is_made_while_the_others_are_looked_at_is_left_alone(
    config: Path, monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    async with care_of(config) as care:
        look = getattr(care.results, between)

        async def looks() -> object:
            found = await look()
            created = NewCampaign(name=uuid4().hex, scenario="", scenario_file="", created_at=filling.NOON)
            await care.results.create_campaign(created, ())
            return found

        monkeypatch.setattr(care.results, between, looks)
        metrics = Metrics()
        await erasing.overdue(care.results, care.settings)
        await erasing.erase_due(care, metrics)
        assert metrics.registry.get_sample_value("ivr_erasures_failed_total") == 0


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
