"""The results of a campaign as pages, as JSON and as workbooks; 日報 and 月報."""

from __future__ import annotations

import io
import re
from pathlib import Path

import openpyxl
import pytest
from pypdf import PdfReader

from ivr.domain.authority import Role
from ivr.reporting import Step, Unit, timeline, typeface
from ivr.settings import STAFF_CALL
from ivr.web.results import charts
from tests.web.browsers import Office
from tests.web.filled import filled


async def test_what_is_proven_is_counted_apart_from_what_is_not(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    told = (await browser.client.get(f"/api/v1/campaigns/{campaign.id}/results")).json()
    classes = {one["name"]: (one["number"], one["proven"], one["outcomes"]) for one in told["classes"]}
    assert classes == {
        "confirmed": (1, True, {"confirmed": 1}),
        "machine": (1, True, {"voicemail": 1}),
        "unproven": (2, False, {"voicemail": 1, "hung_up": 1}),
        "not_reached": (2, False, {"no_answer": 1, "busy": 1}),
    }
    assert (told["people"], told["settled"], told["without_outcome"], told["attempts"]) == (8, 6, 2, 7)
    assert told["figures"]["keys"] == [{"step": "greet", "key": "#", "presses": 1}]
    page = (await browser.get(f"/campaigns/{campaign.id}/results")).text
    assert "留守録（発信音あり）" in page
    assert "留守録（発信音なし）" in page
    assert f'href="/campaigns/{campaign.id}/results"' in (await browser.get(f"/campaigns/{campaign.id}")).text


async def test_every_chart_has_its_numbers_as_text_and_nothing_inline(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    page = (await browser.get(f"/campaigns/{campaign.id}/results")).text
    drawn = re.findall(r'<svg class="chart".*?</svg>', page, re.DOTALL)
    assert len(drawn) == 5
    assert all('role="img" aria-label="' in one for one in drawn)
    assert page.count('<details class="table"><summary>表で見る') == 4
    assert "市役所です。ご本人でしたら" in page
    assert "style=" not in page
    assert "<style" not in page
    assert 'class="k-machine"' in page
    assert "水曜" in page


async def test_a_campaign_without_calls_and_one_whose_scenario_is_broken_have_a_page(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at, people=1, waiting=1)
    for one in (campaign, await at.campaign("ほかの")):
        page = await browser.get(f"/campaigns/{one.id}/results")
        assert page.status_code == 200
        assert "まだ電話をかけていません。" in page.text


async def test_the_figures_come_as_a_workbook(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at, "住民税/11月")
    answer = await browser.get(f"/campaigns/{campaign.id}/results/xlsx")
    assert "filename*=UTF-8''%E4%BD%8F%E6%B0%91%E7%A8%8E_11" in answer.headers["content-disposition"]
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert "曜日と時間" in book.sheetnames


async def test_a_days_report_counts_the_campaigns_that_one_may_see_only(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    auditor = await at.signed_in("kansa", Role.AUDITOR, department="監査委員事務局")
    await filled(at, "住民税")
    await filled(at, "国保料", department="国保年金課")
    test_call = await filled(at, "住民税（試し）", people=1, waiting=0, rules=STAFF_CALL)
    mine = (await clerk.client.get("/api/v1/reports/daily/2026-11-26")).json()
    assert [line["campaign"] for line in mine["campaigns"]] == ["住民税"]
    every = (await auditor.client.get("/api/v1/reports/daily/2026-11-26")).json()
    assert [line["campaign"] for line in every["campaigns"]] == ["住民税", "国保料"]
    assert every["total"]["dials"] == 2 * mine["total"]["dials"] > 0
    page = (await clerk.get("/reports/daily/2026-11-26")).text
    assert "日報　令和8年11月26日（木）" in page
    assert "令和8年度" in page
    assert "国保料" not in page
    assert "課長" in page, "somebody signs it on paper"
    assert await at.console.results.move_campaign(test_call.id, expected=[test_call.state], state="done")
    assert test_call.name not in (await clerk.get("/campaigns")).text, (
        "a call to a member of staff is nobody's reminder"
    )


async def test_a_months_report_counts_its_days(at: Office) -> None:
    browser = await at.signed_in("hanako")
    await filled(at)
    page = (await browser.get("/reports/monthly/2026-11")).text
    assert "月報　令和8年11月" in page
    assert "令和8年11月25日（水）" in page
    assert "途中の数字です" in page
    told = (await browser.client.get("/api/v1/reports/monthly/2026-11")).json()
    assert told["total"]["settled"] == 6
    assert len(told["day"]) == 2
    assert "この月は、電話も SMS もありません" in (await browser.get("/reports/monthly/2026-10")).text
    for path, each, more in (("monthly/2026-11", "日ごと", ["曜日と時間"]), ("daily/2026-11-26", "時間ごと", [])):
        book = openpyxl.load_workbook(io.BytesIO((await browser.get(f"/reports/{path}/xlsx")).content))
        assert book.sheetnames == ["催告ごと", "済んだ人の結果", each, f"{each}の、済んだ人の結果", *more]


async def test_a_report_comes_as_a_pdf_of_what_one_may_see(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await at.signed_in("hanako", display="佐藤 花子")
    await filled(at, "住民税")
    await filled(at, "国保料", department="国保年金課")
    for path, title, name in (
        ("daily/2026-11-26", "日報　令和8年11月26日（木）", "%E6%97%A5%E5%A0%B1-2026-11-26.pdf"),
        ("monthly/2026-11", "月報　令和8年11月", "%E6%9C%88%E5%A0%B1-2026-11.pdf"),
    ):
        assert f'href="/reports/{path}.pdf"' in (await browser.get(f"/reports/{path}")).text
        answer = await browser.get(f"/reports/{path}.pdf")
        assert answer.headers["content-type"] == "application/pdf"
        assert name in answer.headers["content-disposition"]
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
        for words in (title, "佐藤 花子", "税務課", "令和8年11月27日 12:00", "住民税"):
            assert words in text
        assert "国保料" not in text
    assert (await browser.get("/reports/daily/2026-02-30.pdf")).status_code == 404
    monkeypatch.setattr(typeface, "HOME", Path("nowhere"))
    assert ".pdf" not in (await browser.get("/reports/daily/2026-11-26")).text
    without = await browser.get("/reports/daily/2026-11-26.pdf")
    assert without.status_code == 503
    assert "make setup" in without.text


async def test_a_months_page_and_its_workbook_have_the_heat_map(at: Office) -> None:
    browser = await at.signed_in("hanako")
    await filled(at)
    page = (await browser.get("/reports/monthly/2026-11")).text
    assert "つながりやすい曜日と時間" in page
    assert "style=" not in page
    assert "つながりやすい" not in (await browser.get("/reports/daily/2026-11-26")).text, "a day is its hours"
    told = (await browser.client.get("/api/v1/reports/monthly/2026-11")).json()
    assert sum(place["dials"] for place in told["hours"]) == told["total"]["dials"]


async def test_reports_of_no_day_are_not_there(at: Office) -> None:
    browser = await at.signed_in("hanako")
    for path in (
        "daily/2026-02-30",
        "daily/20261126",
        "daily/x",
        "monthly/2026-13",
        "monthly/9999-12",
        "daily/0001-01-01",
    ):
        assert (await browser.get(f"/reports/{path}")).status_code == 404, path
    assert (await browser.get("/reports")).headers["location"] == "/reports/daily/2026-11-27"


async def test_what_grows_over_time_never_falls_and_stays_within_its_drawing(at: Office) -> None:
    campaign = await filled(at)
    figures = await at.console.results.figures.figures(campaign.id)
    zone = at.console.settings.calling.timezone
    steps: tuple[Step, ...] = timeline(figures, zone=zone, unit=Unit.HOUR)
    course = charts.over_time(steps, 8, hourly=True)
    assert course is not None
    heights = [y for _, y in course.points]
    assert heights == sorted(heights, reverse=True)
    left, top, right, bottom = charts.PLOT
    assert all(left <= x <= right and top <= y <= bottom for x, y in course.points)
    assert [number for _, number in course.up] == [0, 2, 4, 6, 8]
    assert charts.over_time((), 8, hourly=True) is None


def test_a_strip_is_as_long_as_all_of_its_parts_and_leaves_out_nothing() -> None:
    parts = charts.strip([("confirmed", 1), ("machine", 0), ("none", 999_999)])
    assert [one.kind for one in parts] == ["confirmed", "none"]
    assert abs(sum(one.width for one in parts) - charts.WIDE) < 0.1
    assert [one.label for one in parts] == ["", "100%"]
    assert charts.strip([("confirmed", 0)]) == ()
