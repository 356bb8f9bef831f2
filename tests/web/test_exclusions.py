"""Who is not called: a clerk enters somebody who is on the telephone, finds out why they are excluded, and lifts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr import exclusions as register
from ivr.campaign.text_news import OPT_OUT
from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import Intent
from ivr.domain.authority import Role
from tests.web.browsers import ORIGIN, Browser, Office, office

FILE = "宛名番号,電話番号,理由,期限\n00012345,,支援措置,\n,03-5722-0000,架電拒否,2026-11-26\n"


async def clerk(at: Office, name: str = "hanako", **other: str) -> Browser:
    browser = await at.signed_in(name, Role.CLERK, **other)
    await browser.get("/exclusions")
    return browser


async def entries(at: Office, action: str) -> list[dict[str, object]]:
    return [json.loads(one.details) for one in await at.entries() if one.action == action]


async def test_whoever_wants_no_more_calls_is_dialled_no_more_from_the_next_dial_on(at: Office) -> None:
    browser = await clerk(at)
    campaign = await at.campaign("催告")
    results, now = at.console.results, at.clock.now()
    (first, *_) = await results.due(campaign.id, now, 10)
    number = first.recipient.numbers[0]
    said = await browser.post("/api/v1/exclusions", {"number": "03-5722-0000"})
    assert (said.status_code, said.headers["location"]) == (303, "/exclusions")
    page = (await browser.get("/exclusions")).text
    assert "03-****-0000 を除外しました。次の電話から" in page
    assert "職員が登録した人（1 件）" in page
    assert "03-5722-0000" not in page
    assert "本人の申し出" not in page.partition("職員が登録した人")[2]
    dial = Intent(id="a" * 32, campaign=campaign.id, recipient=first.recipient.id, number=number, at=now)
    assert not await results.intend(dial)
    (told,) = await entries(at, "exclusion_entered")
    assert told["about"] == "number"
    assert not [one for one in await at.entries() if "5722" in one.details + one.subject]
    assert (
        "すでに除外されています"
        in (await browser.call("/api/v1/exclusions", {"number": "0357220000"})).json()["message"]
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "電話番号か宛名番号を"),
        ({"number": "12"}, "市外局番"),
        ({"person": "1", "until": "2026-11-26"}, "過ぎています"),
        ({"person": "1", "until": "あした"}, "2027-03-31 のように"),
        ({"person": "1", "until": "9999-12-31"}, "先すぎます"),
        ({"person": "1", "reason": "あ" * 101}, "理由"),
        ({"person": "1" * 101}, "宛名番号"),
        ({"person": "1\n2"}, "宛名番号"),
    ],
)
async def test_what_can_not_be_entered_says_why(at: Office, values: dict[str, str], said: str) -> None:
    answer = await (await clerk(at)).call("/api/v1/exclusions", values)
    assert (answer.status_code, said in answer.json()["message"]) == (400, True), answer.text
    assert (await at.console.results.exclusions.standing(at.clock.now()))[1] == 0


async def test_it_is_lifted_by_the_own_department_with_a_reason(at: Office) -> None:
    browser = await clerk(at, display="佐藤 花子")
    other = await clerk(at, "jiro", department="国保年金課")
    made = (await browser.call("/api/v1/exclusions", {"person": "0", "until": "2026-12-31"})).json()
    strange = await other.call("/api/v1/exclusions/lift", {"exclusion": made["id"], "why": "x"})
    assert (strange.status_code, "令和8年12月31日" in (await browser.get("/exclusions")).text) == (404, True)
    assert "登録はありません" in (await other.get("/exclusions")).text
    without = await browser.call("/api/v1/exclusions/lift", {"exclusion": made["id"], "why": " "})
    assert without.status_code == 400
    campaign = await at.campaign("催告")
    (due, *_) = await at.console.results.due(campaign.id, at.clock.now(), 10)
    assert due.entered.people
    lifted = await browser.post("/api/v1/exclusions/lift", {"exclusion": made["id"], "why": "本人から取り消し"})
    assert lifted.status_code == 303
    (due, *_) = await at.console.results.due(campaign.id, at.clock.now(), 10)
    assert not due.entered.people
    again = await browser.call("/api/v1/exclusions/lift", {"exclusion": made["id"], "why": "x"})
    assert (again.status_code, "もう取り消されて" in again.json()["message"]) == (404, True)
    (told,) = await entries(at, "exclusion_lifted")
    assert told == {"entry": made["id"], "entered_by": "hanako"}
    page = (await browser.get("/exclusions")).text
    assert "佐藤 花子 さんが取り消し" in page
    assert "hanako" not in page, "people are called by their names, not by what they sign in with"


async def test_numbers_and_reasons_are_shown_to_the_own_department_and_that_is_on_record(at: Office) -> None:
    browser, other = await clerk(at), await clerk(at, "jiro", department="国保年金課")
    await browser.call("/api/v1/exclusions", {"person": "77", "number": "090-1234-5678", "reason": "ひみつの事情"})
    hidden = (await browser.client.get("/api/v1/exclusions")).json()
    assert (hidden["masked"], hidden["entered"][0]["number"], hidden["entered"][0]["reason"]) == (
        True,
        "090-****-5678",
        None,
    )
    shown = await browser.post("/api/v1/exclusions/show")
    assert "090-1234-5678" in shown.text
    assert "ひみつの事情" in shown.text
    assert "090-1234-5678" not in (await other.post("/api/v1/exclusions/show")).text
    (told,) = await entries(at, "personal_data_seen")
    assert told == {"people": "77", "numbers": 1}
    auditor = await at.signed_in("kansa", Role.AUDITOR)
    seen = (await auditor.get("/exclusions")).text
    assert "090-****-5678" in seen
    assert "ひみつ" not in seen


async def test_the_last_page_leads_back_and_shows_the_numbers_of_its_own(at: Office) -> None:
    browser = await clerk(at)
    for one in range(52):
        await browser.call("/api/v1/exclusions", {"person": f"{one:03}"})
        at.clock.forward(seconds=1)
    page = (await browser.get("/exclusions?after=50")).text
    assert "はじめのページへ" in page
    assert 'action="/api/v1/exclusions/show?after=50"' in page


async def test_what_was_asked_about_is_not_written_where_somebody_is_entered(at: Office) -> None:
    browser = await clerk(at)
    referer = {"referer": f"{ORIGIN}/exclusions"}
    await browser.post("/api/v1/exclusions/search", {"sought": "1", "number": "12"}, **referer)
    page = (await browser.get("/exclusions")).text
    assert 'id="seek-number" name="number" value="12"' in page
    assert 'id="number" name="number" value=""' in page
    await browser.post("/api/v1/exclusions", {"number": "13"}, **referer)
    page = (await browser.get("/exclusions")).text
    assert 'id="seek-number" name="number" value=""' in page
    assert 'id="number" name="number" value="13"' in page


async def test_a_mistake_on_the_page_that_answers_a_form_leads_to_one_that_opens(at: Office) -> None:
    browser = await clerk(at)
    shown = {"referer": f"{ORIGIN}/api/v1/exclusions/search"}
    answer = await browser.post("/api/v1/exclusions", {"number": "0357220000", "until": "あした"}, **shown)
    assert answer.headers["location"] == "/exclusions"
    page = (await browser.get("/exclusions")).text
    assert "2027-03-31 のように" in page
    assert 'value="0357220000"' in page


@pytest.fixture
async def filed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(register, "FRESH", 0.0)
    monkeypatch.setattr(register, "SETTLED", 0.0)
    (tmp_path / "jogai.csv").write_text(FILE, "utf-8")
    columns = "[{column: 支援措置, harmless: ['', 無]}]"
    chosen = f"web: {{second_factor: optional}}\nexclusions: {{file: jogai.csv, columns: {columns}}}\n"
    async with office(tmp_path, chosen) as opened:
        yield opened


async def test_the_file_is_told_as_it_is_and_what_is_wrong_with_it_by_line(filed: Office, tmp_path: Path) -> None:
    browser = await clerk(filed)
    page = (await browser.get("/exclusions")).text
    assert "宛名番号 1 件、電話番号 1 件" in page
    assert "「無」" in page
    (tmp_path / "jogai.csv").write_text(FILE + ",123,x,\n9,,,\n", "utf-8")
    page = (await browser.get("/exclusions")).text
    assert "だれにもかけていません" in page
    assert '<td class="number">4</td>' in page
    assert '<td class="number">5</td><td>理由がありません。</td>' in page
    (tmp_path / "jogai.csv").unlink()
    page = (await browser.get("/exclusions")).text
    assert "読めません" in page
    assert str(tmp_path) not in page, "where files lie is no business of everybody"
    (tmp_path / "jogai.csv").write_text(FILE, "utf-8")
    assert "読めています" in (await browser.get("/exclusions")).text


async def test_why_somebody_is_excluded_today_is_found_out_and_that_is_on_record(filed: Office) -> None:
    browser = await clerk(filed)
    other = await clerk(filed, "jiro", department="国保年金課")
    await other.call("/api/v1/exclusions", {"number": "090-1234-5678", "reason": "よその事情"})

    async def found(**asked: str) -> dict[str, object]:
        answer = await browser.call("/api/v1/exclusions/search", asked)
        assert answer.status_code == 200, answer.text
        told: dict[str, object] = answer.json()
        return told

    by_file = await found(person="12345")
    assert (by_file["excluded"], by_file["reasons"][0]["reason"]) == (True, "支援措置")  # type: ignore[index]
    over = await found(number="03-5722-0000")
    assert (over["excluded"], over["reasons"]) == (False, [])
    assert over["before"][0]["until"] == "2026-11-26"  # type: ignore[index]
    theirs = await found(number="090-1234-5678")
    assert theirs["excluded"]
    assert "よその事情" not in str(theirs)
    assert "国保年金課" in str(theirs)
    assert not (await found(person="999"))["excluded"]
    told = await entries(filed, "exclusion_sought")
    assert [one.get("people") for one in told] == ["12345", None, None, "999"]
    assert [one["by"] for one in told] == ["person", "number", "number", "person"]
    shown = await browser.post("/api/v1/exclusions/search", {"person": "00012345"})
    assert "今日、除外されています" in shown.text
    for role in (Role.APPROVER, Role.ADMINISTRATOR, Role.OPERATOR):
        visitor = await filed.signed_in(f"x-{role.value}", role)
        await visitor.get("/exclusions")
        assert (await visitor.call("/api/v1/exclusions/search", {"person": "1"})).status_code == 403


async def test_by_the_number_alone_it_is_told_who_was_called_there(at: Office) -> None:
    browser = await clerk(at)
    mine, theirs = await at.campaign("催告"), await at.campaign("国保の催告", department="国保年金課")
    for order, one in enumerate((mine, theirs)):
        dial = Intent(
            id=f"{order:032}", campaign=one.id, recipient=str(order), number=f"+8135722000{order}", at=at.clock.now()
        )
        assert await at.console.results.intend(dial)
    by_number = {"number": "03-5722-0000"}
    assert not (await browser.call("/api/v1/exclusions/search", by_number)).json()["dialled"][0]["excluded"]
    page = (await browser.post("/api/v1/exclusions/search", by_number)).text
    assert f"/campaigns/{mine.id}/people?id=0" in page
    assert 'name="person" value="0"' in page
    strange = await browser.post("/api/v1/exclusions/search", {"number": "03-5722-0001"})
    assert "この番号にかけた電話" not in strange.text
    await browser.call("/api/v1/exclusions", {"person": "0"})
    (one,) = (await browser.call("/api/v1/exclusions/search", by_number)).json()["dialled"]
    assert (one["person"], one["excluded"]) == ("0", True)


async def test_who_has_refused_texts_is_listed_for_whose_campaign_it_was(at: Office) -> None:
    browser, other = await clerk(at), await clerk(at, "jiro", department="国保年金課")
    campaign = await at.campaign("催告")
    texts = at.console.results.texts
    text = TextIntent(
        id="t", campaign=campaign.id, recipient="1", at=at.clock.now(), number="+819012345678", body="x", alone=True
    )
    assert await texts.intend(text)
    await texts.bar("+819012345678", OPT_OUT, at.clock.now())
    page = (await browser.get("/exclusions")).text
    assert "090-****-5678" in page
    assert "本人が SMS の返信で断りました" in page
    assert "090-****-5678" not in (await other.get("/exclusions")).text
    sought = await browser.call("/api/v1/exclusions/search", {"number": "090-1234-5678"})
    assert (sought.json()["excluded"], sought.json()["refuses_texts"]) == (False, "opt_out")
