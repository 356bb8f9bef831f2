"""Excluding people, as the clerk does it: by the list, by the file, one by one."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivr import steering
from ivr.desk import lists, orders, reports
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.errors import InputError
from ivr.standing import ended
from tests.offices import SCENARIO, Ivr, care_of, give_voice, office

LIST = """宛名番号,カナ氏名,電話番号,支援措置
1,ヤマダ タロウ,090-1234-5678,
2,スズキ ハナコ,03-5722-0000,有
3,サトウ ジロウ,03-5722-0001,無
"""
SETTINGS = """exclusions:
  columns: [{column: 支援措置, harmless: ["", 無]}]
  file: jogai.csv
"""

MADE = {"stop": "stopped", "emergency_stop": "emergency_stopped"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "office"
    folder.mkdir()
    give_voice(folder)
    (folder / "meibo.csv").write_text(LIST, encoding="cp932")
    (folder / "jogai.csv").write_text("宛名番号,理由\n3,納付済\n", encoding="cp932")
    (folder / "ivr.yaml").write_text(f"data_dir: var\nspeech: {{workers: 1}}\n{SETTINGS}", encoding="utf-8")
    return folder / "ivr.yaml"


def test_a_check_of_a_list_says_who_is_excluded_and_why(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lists.check_list(config, config.with_name("meibo.csv"), json=False) == 0
    assert "そのうち 2 件は除外します（支援措置 1、納付済 1）。" in capsys.readouterr().out
    assert lists.check_list(config, config.with_name("meibo.csv"), json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["excluded"] == [{"line": 3, "reason": "支援措置"}, {"line": 4, "reason": "納付済"}]
    assert found["accepted"] == found["rows"] == 3


async def test_a_list_without_the_column_is_refused(config: Path) -> None:
    file = config.with_name("meibo.csv")
    file.write_text(LIST.replace(",支援措置", ",備考"), encoding="cp932")
    with pytest.raises(InputError, match="「支援措置」の列がありません"):
        lists.check_list(config, file, json=False)
    with pytest.raises(InputError, match="「支援措置」の列がありません"):
        await orders.create(config, "住民税", file, SCENARIO)
    async with care_of(config) as care:
        assert await care.results.campaigns() == ()


async def test_a_campaign_is_not_begun_without_the_file(config: Path) -> None:
    config.with_name("jogai.csv").unlink()
    with pytest.raises(InputError, match=r"jogai\.csv"):
        await orders.create(config, "住民税", config.with_name("meibo.csv"), SCENARIO)


async def test_staff_exclude_one_by_one_and_the_results_say_why(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await orders.create(config, "住民税", config.with_name("meibo.csv"), SCENARIO) == 0
    assert await steering.exclude(config, "住民税", ["1", "9"], "窓口で納付") == 1
    said = capsys.readouterr()
    assert "1 人には、もうかけません" in said.out
    assert "「9」" in said.err
    assert await steering.exclude(config, "住民税", ["1"], "納付済") == 0
    assert "1 人は、すでに済んでいました" in capsys.readouterr().out
    await reports.export(config, "住民税", tmp_path / "out.json", "json", "utf-8")
    person, *others = json.loads((tmp_path / "out.json").read_text("utf-8"))["recipients"]
    assert (person["outcome"], person["excluded"]) == ("cancelled", {"reason": "窓口で納付", "source": "staff"})
    assert {other["excluded"] for other in others} == {None}
    await reports.export(config, "住民税", tmp_path / "out.csv", "csv", "utf-8")
    assert "窓口で納付,職員" in (tmp_path / "out.csv").read_text("utf-8-sig")
    async with care_of(config) as care:
        acts = [entry.action for entry in await care.results.audited(0, 100)]
    assert acts.count("excluded") == 2


@pytest.mark.parametrize("reason", ["", "  ", "あ" * 101, "一\n二"])
async def test_a_reason_is_one_line(config: Path, reason: str) -> None:
    with pytest.raises(InputError, match="--reason"):
        await steering.exclude(config, "住民税", ["1"], reason)


def test_the_commands_of_excluding(tmp_path: Path) -> None:
    ivr: Ivr = office(tmp_path / "clerks", SETTINGS)
    said = ivr("campaign", "exclude", "住民税", "1", "2", "--reason", "納付済")
    assert (said.returncode, said.stdout) == (1, "")
    assert "催告「住民税」がありません" in said.stderr
    doctor = ivr("doctor", "--json")
    (found,) = [one for one in json.loads(doctor.stdout) if one["name"] == "除外"]
    assert found["state"] == "bad"
    assert "jogai.csv" in found["message"]


async def test_nothing_leads_around_an_approval(config: Path) -> None:
    config.write_text(config.read_text("utf-8") + "calling: {approval: anybody}\n", encoding="utf-8")
    assert await orders.create(config, "催告", config.with_name("meibo.csv"), SCENARIO) == 0
    assert await steering.move(config, "催告", "stop") == 0
    assert await steering.emergency_stop(config, None) == 0
    for verb in ("start", "resume"):
        with pytest.raises(InputError, match="打ち切り"):
            await steering.move(config, "催告", verb)
    async with care_of(config) as care:
        campaign = await care.results.campaign("催告")
        assert campaign.state == "stopped", "what was stopped stays so"
        assert ended(campaign) is not None, "nor by `campaign run`"
        # Begun before an approval was asked for, and broken off since.
        await care.results.move_campaign(campaign.id, expected=["stopped"], state="halted")
    with pytest.raises(InputError, match="まだ承認されていません"):
        await steering.move(config, "催告", "resume")
    assert await steering.approve(config, "催告") == 0
    assert await steering.move(config, "催告", "resume") == 0


async def test_after_an_emergency_stop_a_campaign_is_ended_or_gone_on_with(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await orders.create(config, "催告", config.with_name("meibo.csv"), SCENARIO) == 0
    assert await steering.move(config, "催告", "start") == 0
    assert await steering.emergency_stop(config, "催告") == 0
    assert "つづけるには ivr campaign resume 催告" in capsys.readouterr().out
    with pytest.raises(InputError, match="resume を使ってください"):
        await steering.move(config, "催告", "start")
    assert await steering.move(config, "催告", "stop") == 0


@pytest.mark.parametrize("deed", ["stop", "emergency_stop"])
async def test_a_stop_is_on_record_though_its_request_was_given_up_in_between(config: Path, deed: str) -> None:
    await orders.create(config, "催告", config.with_name("meibo.csv"), SCENARIO)
    async with care_of(config) as care:
        row = await care.results.campaign("催告")
        await care.results.move_campaign(row.id, expected=["created"], state="running")
        row = await care.results.campaign("催告")
        audit, free = care.audit.by(care.audit._author), threading.Event()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        loop.run_in_executor(None, free.wait, 30.0)
        request = asyncio.ensure_future(
            steering.moved(care.settings, care.results, audit, row, "stop")
            if deed == "stop"
            else steering.cut_off(care.results, audit, [row])
        )
        while (await care.results.campaign("催告")).state == "running":
            await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        free.set()
        await care.audit.finish()
        assert [entry.action for entry in await care.results.audited(0, 100)] == ["imported", MADE[deed]]


def test_an_id_that_lost_its_zeros_in_a_spreadsheet_excludes_all_the_same(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.with_name("meibo.csv").write_text(LIST.replace("\n3,", "\n00000003,"), encoding="cp932")
    assert lists.check_list(config, config.with_name("meibo.csv"), json=False) == 0
    assert "納付済 1" in capsys.readouterr().out


async def test_who_is_excluded_after_the_last_call_is_told_to_get_no_text_either(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await orders.create(config, "住民税", config.with_name("meibo.csv"), SCENARIO)
    async with care_of(config) as care:
        row = await care.results.campaign("住民税")
        await care.results.settle(row.id, "1", Outcome.BUSY)
    capsys.readouterr()
    assert await steering.exclude(config, "住民税", ["1"], "納付済") == 0
    assert "1 人は、すでに済んでいました。まだ送っていなければ、SMS も送りません。" in capsys.readouterr().out
    async with care_of(config) as care:
        told = (await care.results.records(row.id))[0].text
        assert told is not None
        assert (told.state, told.why) == (TextState.CANCELLED, "納付済")
