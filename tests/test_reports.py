"""The list of campaigns and the report of one, as the clerk asks for them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from ivr.desk import orders, periods, reports
from ivr.domain.attempt import Ending, Intent
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.errors import NotFound
from tests.offices import LIST, SCENARIO, care_of, give_voice

MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=ZoneInfo("Asia/Tokyo"))


@pytest.fixture
async def office(tmp_path: Path) -> Path:
    """A campaign of two: one confirmed at the second try and wants a call, the other has paid."""
    config = tmp_path / "ivr.yaml"
    config.write_text("data_dir: var\nspeech: {workers: 1}\n", encoding="utf-8")
    (tmp_path / "meibo.csv").write_text(LIST, encoding="cp932")
    give_voice(tmp_path)
    await orders.create(config, "住民税", tmp_path / "meibo.csv", SCENARIO)
    async with care_of(config) as care:
        campaign = await care.results.campaign("住民税")
        for day, outcome in ((20, Outcome.BUSY), (24, Outcome.CONFIRMED)):
            at = MORNING.replace(day=day)
            dial = Intent(id=f"dial-{day}", campaign=campaign.id, recipient="1", number="+819012345678", at=at)
            assert await care.results.intend(dial)
            confirmed = outcome is Outcome.CONFIRMED
            ending = Ending(
                outcome=outcome,
                at=at,
                dialled_at=at,
                answered_at=at if confirmed else None,
                marks=("callback_requested",) if confirmed else (),
            )
            await care.results.end(dial.id, ending, settled=outcome if confirmed else None, due_at=None)
        await care.results.exclude(campaign.id, "2", Exclusion(reason="納付済", source=Source.STAFF))
    return config


async def test_the_report_tells_outcomes_days_marks_and_exclusions(
    office: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert await reports.report(office, "住民税", json=False) == 0
    said = capsys.readouterr().out
    for line in (
        "2026-11-20  発信 1  応答 0  本人確認 0",
        "2026-11-24  発信 1  応答 1  本人確認 1",
        "印：callback_requested 1 人",
        "除外：納付済 1 人",
        "住民税: 2 人、発信 2 回",
    ):
        assert line in said
    assert await reports.report(office, "住民税", json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["outcomes"] == {"confirmed": 1, "cancelled": 1}
    assert found["days"][1] == {"date": "2026-11-24", "dials": 1, "answered": 1, "confirmed": 1}
    assert (found["marks"], found["excluded"]) == ({"callback_requested": 1}, {"納付済": 1})


async def test_the_report_tells_hours_and_tries(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    await reports.report(office, "住民税", json=False)
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["9", "時", "－", "100%", "(1)", "－", "－", "0%", "(1)"] in said
    assert ["1", "回目", "1", "0", "0", "0.0%"] in said
    assert ["2", "回目", "1", "1", "1", "100.0%"] in said
    await reports.report(office, "住民税", json=True)
    found = json.loads(capsys.readouterr().out)["figures"]
    assert found["hours"][0] == {"weekday": "tue", "hour": 9, "dials": 1, "answered": 1, "confirmed": 1}
    assert "2026-11-24T09:00+09:00" in [step["at"] for step in found["progress"]["hour"]]


async def test_the_figures_are_a_workbook_too(office: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = tmp_path / "matome.xlsx"
    capsys.readouterr()
    assert await reports.report(office, "住民税", book, json=False) == 0
    assert capsys.readouterr().out == f"{book} に書き出しました。\n"
    hours, tries, keys, days = load_workbook(book).worksheets
    assert [cell.value for cell in hours[2]][:3] == ["時", "月 応答率", "火 応答率"]
    assert [cell.value for cell in hours[3]][:6] == ["9 時", None, 1, None, None, 0]
    assert [cell.value for cell in tries[4]][:5] == ["2 回目", 1, 1, 1, 1]
    assert (keys.max_row, [row[0].value for row in days.iter_rows(min_row=3)][:2]) == (2, ["2026-11-20", "2026-11-24"])


async def test_a_day_is_reported_by_campaign_and_hour(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert await periods.daily(office, MORNING.replace(day=24).date(), None, json=False) == 0
    said = capsys.readouterr().out
    assert "日報　令和8年11月24日（火）　令和8年度" in said
    assert ["住民税", "1", "1", "1", "100.0%", "1", "0"] in [line.split() for line in said.splitlines()]
    assert ["9", "時台", "1", "1", "1", "100.0%", "1"] in [line.split() for line in said.splitlines()]
    assert "本人が確認（キー入力） 1 人" in said
    await periods.daily(office, MORNING.replace(day=23).date(), None, json=False)
    assert "この日は、電話も SMS もありません。" in capsys.readouterr().out


async def test_a_month_is_reported_by_day_for_scripts_and_spreadsheets(
    office: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    book = tmp_path / "geppo.xlsx"
    assert await periods.monthly(office, MORNING.date(), book, json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["title"] == "月報　令和8年11月"
    assert found["total"]["dials"] == found["campaigns"][0]["dials"] == 2
    assert [day["at"] for day in found["day"]][:2] == ["2026-11-20T00:00+09:00", "2026-11-24T00:00+09:00"]
    campaigns, classes, days, _, hours = load_workbook(book).worksheets
    assert [cell.value for cell in campaigns[3]][:5] == ["住民税", 2, 1, 1, 0.5]
    assert [cell.value for cell in campaigns[4]][:2] == ["合計", 2]
    assert [cell.value for cell in classes[4]][:2] == ["合計", 1]
    assert [row[0].value.day for row in days.iter_rows(min_row=3)][:2] == [20, 24]
    assert "ggge" in days["A3"].number_format, "a day that can be sorted, by era"
    assert [cell.value for cell in hours[3]][:3] == ["9 時", None, 1]
    await periods.monthly(office, MORNING.replace(month=10).date(), None, json=True)
    assert json.loads(capsys.readouterr().out)["campaigns"] == []


async def test_every_campaign_is_listed(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert await reports.list_all(office, json=False) == 0
    assert "住民税：作成済み（まだ始めていません）、2 人中 2 人済み" in capsys.readouterr().out
    assert await reports.list_all(office, json=True) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["campaign"], found["recipients"]["settled"]) == ("住民税", 2)


async def test_a_campaign_that_is_not_there_is_told(office: Path) -> None:
    with pytest.raises(NotFound, match="「国保」がありません"):
        await reports.report(office, "国保", json=False)
