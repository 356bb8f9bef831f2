"""What staff see of campaigns, and do with them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ivr.domain.authority import Role
from ivr.domain.outcome import Outcome
from ivr.vault.key_store import KeyStore
from tests.web.browsers import ORIGIN, Office, office


async def test_a_campaign_is_started_paused_resumed_and_stopped_and_each_is_on_record(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await at.campaign("2026-11")
    page = f"/campaigns/{campaign.id}"
    for verb, state in (("start", "running"), ("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        assert f'action="/api/v1{page}/{verb}"' in (await browser.get(page)).text
        answer = await browser.post(f"/api/v1{page}/{verb}")
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        assert await at.state(campaign) == state
    done = [entry for entry in await at.entries() if entry.subject == "2026-11"]
    assert [one.action for one in done] == ["started", "paused", "resumed", "stopped"]
    assert {one.who for one in done} == {"hanako"}
    assert all(" web 192.0.2.7" in one.where for one in done)
    assert "/api/v1" not in (await browser.get(page)).text.split("<main")[1], "nothing leads on"


async def test_programs_get_json_and_an_api_that_describes_itself(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await at.campaign("2026-11", people=5)
    await browser.get("/")
    assert (await browser.call(f"/api/v1/campaigns/{campaign.id}/start")).json() == {
        "message": "「2026-11」を始めました。"
    }
    told = (await browser.client.get(f"/api/v1/campaigns/{campaign.id}")).json()
    assert (told["state"], told["people"], told["waiting"], told["department"]) == ("running", 5, 5, "税務課")
    assert told["reason"] == "かけられる人がいます。まもなくかけます。"
    described = (await browser.client.get("/api/v1/openapi.json")).json()
    assert "/api/v1/campaigns/{campaign_id}/start" in described["paths"]
    assert not any(path in described["paths"] for path in ("/", "/sign-in", "/docs"))
    body = described["paths"]["/api/v1/people"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["required"]) >= {"name", "display", "department"}
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await browser.client.get(path)).status_code == 404


async def test_what_is_no_longer_possible_is_said_and_not_done(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await at.campaign("2026-11")
    page = f"/campaigns/{campaign.id}"
    await browser.get(page)
    await at.console.results.move_campaign(campaign.id, expected=["created"], state="stopped")
    answer = await browser.post(f"/api/v1{page}/start", referer=ORIGIN + page)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    shown = (await browser.get(page)).text
    assert "「2026-11」は「打ち切り」なので、「始める」はできません" in shown
    assert "ivr campaign" not in shown
    assert [entry for entry in await at.entries() if entry.action == "started"] == []


async def test_two_who_start_at_once_start_it_once(at: Office) -> None:
    browsers = [await at.signed_in(name) for name in ("hanako", "jiro")]
    campaign = await at.campaign("2026-11")
    for one in browsers:
        await one.get("/account")
    answers = await asyncio.gather(*(one.call(f"/api/v1/campaigns/{campaign.id}/start") for one in browsers))
    assert sorted(one.status_code for one in answers) == [200, 400]


async def test_where_a_second_person_approves_it_is_another_than_who_made_it(tmp_path: Path) -> None:
    settings = "web: {second_factor: optional}\ncalling: {approval: second_person}\n"
    async with office(tmp_path, settings) as at:
        hanako = await at.signed_in("hanako", Role.CLERK, Role.APPROVER)
        kacho = await at.signed_in("kacho", Role.APPROVER)
        campaign = await at.campaign("2026-11", created_by="hanako")
        page, api = f"/campaigns/{campaign.id}", f"/api/v1/campaigns/{campaign.id}"
        mine = (await hanako.get(page)).text
        assert "作った人とは別の人が「承認する」で承認してください" in mine
        assert f'action="{api}/approve"' not in mine
        assert f'action="{api}/start"' not in mine
        assert (await hanako.call(f"{api}/approve")).status_code == 400
        assert (await hanako.call(f"{api}/start")).status_code == 400
        assert await at.state(campaign) == "created"
        theirs = (await kacho.get(page)).text
        assert f'action="{api}/approve"' in theirs
        assert "月火水木金 9:00〜20:00" in theirs, "who approves it sees when and how often it calls"
        assert "一日に" in theirs
        assert (await kacho.call(f"{api}/approve")).status_code == 200
        assert (await kacho.call(f"{api}/start")).status_code == 403
        await hanako.get(page)
        assert (await hanako.call(f"{api}/start")).status_code == 200
        (entry,) = [one for one in await at.entries() if one.action == "approved"]
        assert (entry.who, json.loads(entry.details)) == ("kacho", {"created_by": "hanako"})


async def test_an_emergency_stop_halts_what_the_visitor_may_halt(at: Office) -> None:
    browser = await at.signed_in("hanako")
    mine, theirs = await at.campaign("税"), await at.campaign("国保", department="国保年金課")
    for one in (mine, theirs):
        await at.console.results.move_campaign(one.id, expected=["created"], state="running")
    await browser.get("/")
    assert (await browser.post("/api/v1/emergency-stop")).headers["location"] == "/"
    assert "「税」" in (await browser.get("/")).text
    assert (await at.state(mine), await at.state(theirs)) == ("halted", "running")
    operator = await at.signed_in("unyo", Role.OPERATOR, department="情報システム課")
    await operator.get("/")
    assert (await operator.call("/api/v1/emergency-stop")).status_code == 200
    assert await at.state(theirs) == "halted"


async def test_no_trouble_with_the_trail_keeps_anybody_from_stopping(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ivr.errors import StoreFailed

    browser = await at.signed_in("hanako")
    first, second = await at.campaign("一"), await at.campaign("二")
    for one in (first, second):
        await at.console.results.move_campaign(one.id, expected=["created"], state="running")
    await browser.get("/")

    def refuse(_keys: KeyStore, _name: str, _value: bytes) -> None:
        raise StoreFailed("空きがありません。")

    monkeypatch.setattr(KeyStore, "note", refuse)
    await browser.call(f"/api/v1/campaigns/{first.id}/pause")
    await browser.call("/api/v1/emergency-stop")
    assert {await at.state(first), await at.state(second)} == {"halted"}
    third = await at.campaign("三")
    assert (await browser.call(f"/api/v1/campaigns/{third.id}/start")).status_code == 503
    assert await at.state(third) == "created"


async def test_the_day_shows_what_runs_what_waits_and_what_is_not_well(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await at.campaign("実行中のもの")
    await at.campaign("まだのもの")
    done = await at.campaign("終わったもの")
    await at.console.results.move_campaign(campaign.id, expected=["created"], state="running")
    await at.console.results.move_campaign(done.id, expected=["created"], state="done")
    page = (await browser.get("/")).text
    assert "令和8年11月27日（金）" in page
    assert "令和8年度" in page
    assert "いま架電できます" in page
    assert page.index("実行中のもの") < page.index("まだのもの")
    assert "終わったもの" not in page
    at.health.update(ami=False)
    at.clock.forward(hours=12)
    await browser.sign_in("hanako")
    page = (await browser.get("/")).text
    assert "電話交換機に接続できません" in page
    assert "次は 11月30日 09:00 からです" in page


async def test_the_list_goes_by_pages_and_the_counts_are_the_stores(at: Office) -> None:
    browser = await at.signed_in("hanako")
    for number in range(23):
        at.clock.forward(seconds=1)
        campaign = await at.campaign(f"催告{number:02}", people=2)
    await at.console.results.settle(campaign.id, "0", Outcome.CONFIRMED)
    first, second = [(await browser.client.get(f"/api/v1/campaigns?page={page}")).json() for page in (1, 2)]
    assert [one["name"] for one in first + second] == [f"催告{number:02}" for number in reversed(range(23))]
    assert (first[0]["people"], first[0]["settled"], first[0]["outcomes"]) == (2, 1, {"confirmed": 1})
    assert "2 / 2 ページ" in (await browser.get("/campaigns?page=2")).text
    behind = (await browser.get("/campaigns?page=3")).text
    assert "催告00" in behind, "a page that is no more is the last one, not an empty office"
    for wrong in ("0", "x", "-1", "99999999999999999999"):
        assert (await browser.get(f"/campaigns?page={wrong}")).status_code == 400


async def test_outcomes_stand_in_the_same_order_on_every_page(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await at.campaign("催告", people=3)
    for one, outcome in enumerate((Outcome.INVALID_NUMBER, Outcome.BUSY, Outcome.CONFIRMED)):
        await at.console.results.settle(campaign.id, str(one), outcome)
    page = (await browser.get(f"/campaigns/{campaign.id}")).text.partition("済んだ人の結果")[2]
    places = [page.index(f">{label}<") for label in ("本人確認済", "話中", "欠番")]
    assert places == sorted(places)


async def test_nobodys_name_or_number_is_on_any_of_these_pages(at: Office) -> None:
    browser = await at.signed_in("hanako", *Role)
    campaign = await at.campaign("催告")
    for path in ("/", "/campaigns", f"/campaigns/{campaign.id}", f"/api/v1/campaigns/{campaign.id}", "/audit"):
        page = (await browser.get(path)).text
        assert "ヤマダ" not in page
        assert "35722" not in page


async def test_an_administrator_gives_a_campaign_to_a_department(at: Office) -> None:
    admin = await at.signed_in("kacho", Role.ADMINISTRATOR)
    clerk = await at.signed_in("hanako", department="国保年金課")
    campaign = await at.campaign("催告", department=None)
    assert (await clerk.get(f"/campaigns/{campaign.id}")).status_code == 404
    await admin.get(f"/campaigns/{campaign.id}")
    values = {"department": at.departments["国保年金課"].id}
    assert (await admin.post(f"/api/v1/campaigns/{campaign.id}/department", values)).status_code == 303
    assert (await clerk.get(f"/campaigns/{campaign.id}")).status_code == 200
    assert (await admin.call(f"/api/v1/campaigns/{campaign.id}/department", {"department": "x"})).status_code == 404
