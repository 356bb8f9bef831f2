"""The list of campaigns and the report of one, as the clerk asks for them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.desk import orders, reports
from ivr.domain.attempt import Ending, Intent
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.errors import NotFound
from tests.offices import LIST, SCENARIO, care_of

MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=ZoneInfo("Asia/Tokyo"))


@pytest.fixture
async def office(tmp_path: Path) -> Path:
    """A campaign of two: one confirmed at the second try and wants a call, the other has paid."""
    config = tmp_path / "ivr.yaml"
    config.write_text("data_dir: var\nspeech: {workers: 1}\n", encoding="utf-8")
    (tmp_path / "meibo.csv").write_text(LIST, encoding="cp932")
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
