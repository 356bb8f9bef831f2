"""What staff do is on record, and the auditor's commands tell it, in Japanese and as JSON."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr import auditor, doctor, steering
from ivr.desk import orders, records, reports
from ivr.domain.audit import GENESIS, LABELS, Action, Entry
from ivr.domain.examination import Fault as OneFault
from ivr.domain.examination import Harm, sentence
from ivr.errors import InputError, IvrError, NameTaken, StoreFailed
from ivr.parts.keys import key_store
from ivr.settings import load
from ivr.vault import signing
from ivr.vault.key_store import KeyStore

SCENARIO = "version: 1\ntitle: 案内\nstart: bye\nsteps:\n  bye: {say: 失礼いたします。, reached: true, then: end}\n"
LIST = "id,kana,phone\n1,ヤマダ タロウ,0312345678\n2,,0312345679\n"


class Desk:
    """The commands of staff, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "ivr.yaml"
        self.list = folder / "meibo.csv"
        self.scenario = folder / "annai.yaml"
        self.config.write_text("data_dir: ./var\n", "utf-8")
        self.list.write_text(LIST, "utf-8")
        self.scenario.write_text(SCENARIO, "utf-8")

    async def create(self, name: str = "催告") -> None:
        await orders.create(self.config, name, self.list, self.scenario)

    async def export(self, name: str = "催告") -> Path:
        out = self.folder / "kekka.json"
        await reports.export(self.config, name, out, "json", "utf-8")
        return out

    async def entries(self) -> list[Entry]:
        async with records.recorded(load(self.config)) as (_, audit):
            return [entry async for entry in audit.entries()]

    def tamper(self, *statements: str) -> None:
        """Do to the trail what somebody with the database could."""
        with closing(sqlite3.connect(self.folder / "var" / "ivr.db")) as raw:
            for name in ("audit_keeps", "audit_holds", "audit_grows"):
                raw.execute(f"DROP TRIGGER IF EXISTS {name}")
            for statement in statements:
                assert raw.execute(statement).rowcount > 0
            raw.commit()


@pytest.fixture
def office(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no room where the keys are."""

    def refuse(_keys: KeyStore, _name: str, _value: bytes) -> None:
        raise StoreFailed("空きがありません。")

    monkeypatch.setattr(KeyStore, "note", refuse)


async def test_an_import_is_on_record_with_hashes_and_counts_and_nobodys_name(office: Desk) -> None:
    await office.create()
    (entry,) = await office.entries()
    assert (entry.action, entry.subject) == ("imported", "催告")
    assert json.loads(entry.details) == {
        "list": "meibo.csv",
        "list_sha256": hashlib.sha256(office.list.read_bytes()).hexdigest(),
        "rows": 2,
        "accepted": 1,
        "refused": 1,
        "excluded": 0,
        "scenario": "annai.yaml",
        "scenario_sha256": hashlib.sha256(office.scenario.read_bytes()).hexdigest(),
    }


async def test_a_name_that_is_taken_leaves_no_entry(office: Desk) -> None:
    await office.create()
    with pytest.raises(NameTaken):
        await office.create()
    assert len(await office.entries()) == 1


async def test_starting_pausing_resuming_stopping_and_exporting_are_on_record(office: Desk) -> None:
    await office.create()
    for verb in ("start", "pause", "resume", "stop"):
        await steering.move(office.config, "催告", verb)
    await office.export()
    entries = await office.entries()
    assert [entry.action for entry in entries] == ["imported", "started", "paused", "resumed", "stopped", "exported"]
    assert {entry.subject for entry in entries} == {"催告"}
    assert json.loads(entries[-1].details) == {"file": "kekka.json", "format": "json", "rows": 1}


async def test_a_move_that_is_refused_leaves_no_entry(office: Desk) -> None:
    await office.create()
    for verb in ("pause", "resume"):
        with pytest.raises(IvrError):
            await steering.move(office.config, "催告", verb)
    assert len(await office.entries()) == 1


@pytest.mark.usefixtures("full")
async def test_what_cannot_be_put_on_record_is_not_imported(office: Desk) -> None:
    with pytest.raises(StoreFailed):
        await office.create()
    async with records.store(load(office.config)) as results:
        assert await results.campaigns() == ()


async def test_what_cannot_be_put_on_record_is_not_exported_or_started_but_stopped(
    office: Desk, request: pytest.FixtureRequest
) -> None:
    await office.create()
    await office.create("別の催告")
    request.getfixturevalue("full")
    with pytest.raises(StoreFailed):
        await office.export()
    assert not (office.folder / "kekka.json").exists()
    for name, verb in (("催告", "start"), ("別の催告", "stop")):
        with pytest.raises(StoreFailed):
            await steering.move(office.config, name, verb)
    async with records.store(load(office.config)) as results:
        assert (await results.campaign("催告")).state == "created"
        assert (await results.campaign("別の催告")).state == "stopped"


async def test_the_list_tells_who_did_what_when_and_from_where(
    office: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.create()
    capsys.readouterr()
    assert await auditor.show(office.config, None, None, json=False) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("1 2")
    assert "名簿の取込 催告" in first
    assert "accepted=1" in first
    assert "証跡の閲覧" in second


async def listed(office: Desk, capsys: pytest.CaptureFixture[str], **asked: Any) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert await auditor.show(office.config, asked.get("since"), asked.get("campaign"), json=True) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


async def test_the_list_is_narrowed_by_day_and_campaign(office: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    await office.create()
    await office.create("別の催告")
    today = date.fromisoformat((await listed(office, capsys))[0]["at"][:10])
    assert [entry["subject"] for entry in await listed(office, capsys, campaign="別の催告")] == ["別の催告"] * 2
    assert len(await listed(office, capsys, since=today)) == 5
    assert await listed(office, capsys, since=today + timedelta(days=2)) == []


async def test_an_untouched_trail_is_told_so(office: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    await office.create()
    capsys.readouterr()
    assert await auditor.verify(office.config, json=False) == 0
    assert capsys.readouterr().out == "監査証跡 1 件に、変更も欠けもありません。\n"
    assert await auditor.verify(office.config, json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"entries": 2, "faults": []}


TAMPERINGS = {
    "a changed row": (["UPDATE audit SET who = 'suzuki' WHERE number = 2"], "2 件目が、記録したときの内容と違います"),
    "a deleted row": (["DELETE FROM audit WHERE number = 2"], "2 件目がありません（途中の"),
    "a swapped pair": (
        [
            "UPDATE audit SET number = 9 WHERE number = 2",
            "UPDATE audit SET number = 2 WHERE number = 3",
            "UPDATE audit SET number = 3 WHERE number = 9",
        ],
        "2 件目と 3 件目が入れ替わっています。",
    ),
    "a truncated end": (["DELETE FROM audit WHERE number > 2"], "3 件目から 4 件目までがありません（終わりの"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_verify_reports(office: Desk, capsys: pytest.CaptureFixture[str], tampering: str) -> None:
    statements, said = TAMPERINGS[tampering]
    for number in range(4):
        await office.create(f"催告{number}")
    office.tamper(*statements)
    capsys.readouterr()
    assert await auditor.verify(office.config, json=False) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(said)
    assert await auditor.verify(office.config, json=True) == 1
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert fault["message"]


async def test_a_verification_is_on_record_with_what_it_found(office: Desk) -> None:
    await office.create()
    office.tamper("UPDATE audit SET who = 'suzuki'")
    await auditor.verify(office.config, json=True)
    last = (await office.entries())[-1]
    assert (last.action, json.loads(last.details)) == ("audit_verified", {"entries": 1, "faults": 1})


async def test_an_export_holds_every_entry_as_it_is_sealed_for_its_owner_alone(office: Desk) -> None:
    await office.create()
    out = office.folder / "audit.jsonl"
    assert await auditor.export(office.config, out) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [Entry(**line) for line in lines] == await office.entries()
    assert [line["action"] for line in lines] == ["imported", "audit_exported"]
    assert [line["previous"] for line in lines] == [GENESIS.link, lines[0]["link"]]
    assert set(lines[0]) == {field.name for field in fields(Entry)}


async def exported(office: Desk) -> Path:
    """Take the trail away to a machine that has nothing else."""
    await office.create()
    await office.create("別の催告")
    out = office.folder / "audit.jsonl"
    await auditor.export(office.config, out)
    away = office.folder / "away"
    away.mkdir()
    for file in (out, office.folder / "audit.jsonl.sig"):
        shutil.copy(file, away)
    return away / "audit.jsonl"


async def test_an_export_is_judged_anywhere_by_its_certificate(
    office: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    away = await exported(office)
    capsys.readouterr()
    assert auditor.verify_export(away, json=False) == 0
    with key_store(load(office.config)) as keys:
        key = signing.public_key(keys)
    assert capsys.readouterr().out == (
        f"{away}：3 件は、署名したときのままです。書き出したときの検証：変更も欠けもありません。"
        f"署名した公開鍵は {key} です。\n"
    )
    assert auditor.verify_export(away, json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "entries": 3,
        "faults": [],
        "judged": "変更も欠けもありません。",
        "signer": key,
    }


CHANGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a changed entry": (lambda lines: lines.replace("別の催告".encode(), "他の催告".encode()), "内容と違います"),
    "a cut-off end": (lambda lines: b"".join(lines.splitlines(keepends=True)[:-1]), "内容と違います"),
    "a swapped pair": (lambda lines: b"".join(sorted(lines.splitlines(keepends=True), reverse=True)), "内容と違います"),
    "what is no entry": (lambda lines: lines + b"[]\n", ":4: 監査証跡の一件ではありません"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_export_that_was_changed_is_found_out(office: Desk, change: str) -> None:
    away = await exported(office)
    alter, said = CHANGES[change]
    away.write_bytes(alter(away.read_bytes()))
    with pytest.raises(InputError, match=said):
        auditor.verify_export(away, json=False)


async def test_a_certificate_that_was_changed_or_is_of_something_else_proves_nothing(office: Desk) -> None:
    away = await exported(office)
    certificate = away.with_name("audit.jsonl.sig")
    text = certificate.read_text("utf-8")
    certificate.write_text(text.replace("件数：3", "件数：4"), "utf-8")
    with pytest.raises(InputError, match="署名が合いません"):
        auditor.verify_export(away, json=False)
    with key_store(load(office.config)) as keys:
        certificate.write_text(signing.signed("消去証明書\n", keys), "utf-8")
    with pytest.raises(InputError, match="写しの証明ではありません"):
        auditor.verify_export(away, json=False)
    certificate.unlink()
    with pytest.raises(InputError, match="読めません"):
        auditor.verify_export(away, json=False)


async def test_what_was_wrong_when_the_trail_was_exported_is_told_of_the_export(
    office: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        await office.create(f"催告{number}")
    office.tamper("UPDATE audit SET who = 'suzuki' WHERE number = 1", "DELETE FROM audit WHERE number = 3")
    out = office.folder / "audit.jsonl"
    await auditor.export(office.config, out)
    capsys.readouterr()
    assert auditor.verify_export(out, json=False) == 1
    gap, told = capsys.readouterr().out.splitlines()
    assert gap.startswith("3 件目がありません")
    assert "書き出したときの検証：1 件目が、記録したときの内容と違います" in told
    assert "3 件目がありません" in told


async def test_an_export_into_a_pipe_has_no_certificate(office: Desk) -> None:
    await office.create()
    assert await auditor.export(office.config, Path("/dev/null")) == 0
    assert not Path("/dev/null.sig").exists()


async def test_an_entry_that_was_made_unreadable_is_shown_as_it_stands(
    office: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.create()
    office.tamper("UPDATE audit SET at = 'never', details = '[', action = x'00', who = char(27) || '[2J'")
    capsys.readouterr()
    assert await auditor.show(office.config, None, None, json=False) == 0
    said = capsys.readouterr().out
    assert "never" in said
    assert "\x1b" not in said
    assert (await listed(office, capsys))[0]["at"] == "never"
    assert await auditor.verify(office.config, json=False) == 1


async def test_the_doctor_looks_at_the_newest_entries_and_leaves_none(office: Desk) -> None:
    await office.create()
    assert (await doctor.trail(load(office.config))).state is doctor.State.GOOD
    office.tamper("DELETE FROM audit")
    found = await doctor.trail(load(office.config))
    assert found.state is doctor.State.BAD
    assert "1 件目がありません" in found.message
    assert "ivr audit verify" in found.remedy
    assert await office.entries() == []


@pytest.mark.parametrize("harm", list(Harm))
def test_every_harm_is_one_sentence(harm: Harm) -> None:
    said = sentence(OneFault(2, 3, harm))
    assert said.endswith("。")
    assert said.count("。") == 1


@pytest.mark.parametrize("action", list(Action))
def test_every_action_is_explained_to_auditors(action: Action) -> None:
    text = Path("docs/ja/監査証跡.md").read_text("utf-8")
    assert f"| {LABELS[action]} | `{action.value}` |" in text
