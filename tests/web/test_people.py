"""Registering, changing and resetting people; one's own account; the trail on a page."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ivr.domain.audit import Action, Author
from ivr.domain.authority import Role
from ivr.web.trail import page as trail
from ivr.web.trail.examining import Examining
from tests.web.browsers import ORIGIN, PASSWORD, Browser, Office, code_of
from tests.web.test_signing_in import with_telephone


async def administrator(at: Office) -> Browser:
    browser = await at.signed_in("kacho", Role.ADMINISTRATOR)
    await browser.get("/people")
    return browser


async def test_somebody_is_registered_with_a_password_that_is_shown_once(at: Office) -> None:
    admin = await administrator(at)
    values = {"name": "Yamada", "display": "山田 太郎", "department": at.departments["税務課"].id, "roles": "clerk"}
    page = (await admin.post("/api/v1/people", values)).text
    found = re.search(r"<code class=\"large\">([a-z0-9]{4}(?:-[a-z0-9]{4}){4})</code>", page)
    assert found
    assert "山田 太郎" in (await admin.get("/people")).text
    assert found[1] not in (await admin.get("/people")).text
    assert (await at.browser().sign_in("yamada", found[1])).status_code == 303
    (entry,) = [one for one in await at.entries() if one.subject == "yamada" and one.action == "person_added"]
    assert entry.who == "kacho"
    assert json.loads(entry.details) == {"roles": "clerk", "department": "税務課"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "kacho"}, "すでに登録されています"),
        ({"name": "engine"}, "呼鈴そのものの名前"),
        ({"name": "山田"}, "半角の英小文字"),
        ({"name": "a" * 40}, "「利用者名」を確かめてください"),
        ({"display": ""}, "氏名は"),
        ({"roles": []}, "役割を一つ以上"),
        ({"roles": ["king"]}, "「役割」を確かめてください"),
        ({"department": "0" * 32}, "その部署は登録されていません"),
    ],
)
async def test_what_can_not_be_is_refused_and_says_why(at: Office, values: dict[str, object], said: str) -> None:
    admin = await administrator(at)
    given = {"name": "jiro", "display": "次郎", "department": at.departments["税務課"].id, "roles": ["clerk"]}
    answer = await admin.call("/api/v1/people", given | values)
    assert answer.status_code in (400, 404)
    assert said in answer.json()["message"]
    assert len(await at.console.results.accounts.everybody()) == 1
    assert not [one for one in await at.entries() if one.action == "person_added" and one.who == "kacho"]


async def test_a_refused_form_comes_back_filled_in(at: Office) -> None:
    admin = await administrator(at)
    values = {"name": "山田", "display": "山田 太郎", "department": at.departments["税務課"].id, "roles": "auditor"}
    answer = await admin.post("/api/v1/people", values, referer=f"{ORIGIN}/people")
    assert answer.headers["location"] == "/people"
    page = (await admin.get("/people")).text
    assert "半角の英小文字" in page
    assert 'value="山田 太郎"' in page
    assert re.search(r'value="auditor" checked', page)


async def test_the_last_administrator_stays_and_nobody_demotes_themselves(at: Office) -> None:
    admin = await administrator(at)
    me = await at.console.results.accounts.named("kacho")
    other = await at.person("bucho", Role.ADMINISTRATOR)
    assert me
    values = {"display": "課長", "department": me.department.id, "roles": ["clerk"], "active": True}
    assert "自分の管理者の役割" in (await admin.call(f"/api/v1/people/{me.id}", values)).json()["message"]
    assert (await admin.call(f"/api/v1/people/{me.id}/reset")).status_code == 400
    assert (await admin.call(f"/api/v1/people/{other.id}", values)).status_code == 200
    register = at.console.register(Author(who="test", where="test"))
    with pytest.raises(Exception, match="使える管理者が一人もいなくなる"):
        await register.change(me, display="課長", department_id=me.department.id, roles=[Role.CLERK], active=True)


async def test_a_person_of_another_id_is_not_there(at: Office) -> None:
    admin = await administrator(at)
    for person in ("0" * 32, "x", "%00"):
        assert (await admin.get(f"/people/{person}")).status_code == 404
        assert (await admin.call(f"/api/v1/people/{person}/reset")).status_code == 404


async def test_a_department_is_registered_once(at: Office) -> None:
    admin = await administrator(at)
    assert (await admin.post("/api/v1/departments", {"name": "国保年金課"})).status_code == 303
    assert (await admin.call("/api/v1/departments", {"name": "国保年金課"})).status_code == 400
    assert "国保年金課" in (await admin.get("/people")).text


async def test_a_changed_password_ends_the_other_sessions(at: Office) -> None:
    await at.person("hanako")
    here, there = at.browser(), at.browser()
    for one in (here, there):
        await one.sign_in("hanako")
    await here.get("/account/password")
    new = "another good phrase"
    for current, again in (("wrong", new), (PASSWORD, "different phrase")):
        values = {"current": current, "password": new, "again": again}
        assert (await here.post("/api/v1/me/password", values)).status_code == 400
    values = {"current": PASSWORD, "password": new, "again": new}
    assert (await here.post("/api/v1/me/password", values)).headers["location"] == "/account"
    assert (await here.get("/")).status_code == 200
    assert (await there.get("/")).status_code == 303
    assert (await there.sign_in("hanako")).status_code == 401


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "xx-hanako-xx-yy", "x" * 200, "123456789012345"])
async def test_a_password_that_is_easily_guessed_is_refused(at: Office, password: str) -> None:
    browser = await at.signed_in("hanako")
    await browser.get("/account/password")
    values = {"current": PASSWORD, "password": password, "again": password}
    assert (await browser.call("/api/v1/me/password", values)).status_code == 400


async def test_one_ends_other_sessions_of_ones_own_and_nobody_elses(at: Office) -> None:
    hanako, jiro = await at.signed_in("hanako"), await at.signed_in("jiro")
    accounts = at.console.results.accounts
    (theirs,) = await accounts.sessions_of((await accounts.named("jiro")).id)  # type: ignore[union-attr]
    await hanako.get("/account")
    await hanako.call("/api/v1/me/sessions/end", {"session": theirs.id})
    assert (await jiro.get("/")).status_code == 200
    assert (await hanako.get("/")).status_code == 200


async def test_setting_a_telephone_up_anew_asks_for_the_password(at: Office) -> None:
    browser = await at.signed_in("hanako")
    seed, _ = await with_telephone(browser)
    at.clock.forward(minutes=1)
    page = (await browser.get("/account/second-factor")).text
    assert "いまのパスワード" in page
    new = "A" * 32
    values = {"seed": new, "code": code_of(new, at.clock.at), "current": "wrong"}
    assert (await browser.post("/api/v1/me/second-factor", values)).status_code == 400
    held = await at.console.results.accounts.secrets((await at.console.results.accounts.named("hanako")).id)  # type: ignore[union-attr]
    assert held.seed == seed


async def test_the_trail_is_read_the_newest_first_and_by_pages(at: Office) -> None:
    browser = await at.signed_in("kansa", Role.AUDITOR)
    for _ in range(60):
        await at.console.audit.record(Action.IMPORTED, "催告")
    told = (await browser.client.get("/api/v1/audit")).json()
    numbers = [one["number"] for one in told["entries"]]
    assert len(numbers) == 50
    assert numbers == sorted(numbers, reverse=True)
    more = (await browser.client.get(f"/api/v1/audit?before={told['before']}")).json()
    assert more["entries"][0]["number"] == numbers[-1] - 1
    assert more["before"] is None
    assert (told["newer"], more["newer"]) == (None, numbers[0] + 1)
    near = (await browser.client.get(f"/api/v1/audit?before={numbers[0]}")).json()
    assert near["newer"] == trail.END, "the newest page, whole"
    middle = (await browser.client.get(f"/api/v1/audit?before={numbers[-1] - 8}")).json()
    assert middle["newer"] == numbers[-1] - 8 + 50
    page = (await browser.get(f"/audit?before={numbers[-1] - 8}")).text
    assert f'href="/audit?before={middle["newer"]}&amp;since=&amp;about="' in page
    assert told["entries"][0]["label"] == "証跡の閲覧", "that it is read is on record"
    about = (await browser.client.get("/api/v1/audit?about=kansa")).json()
    assert {one["subject"] for one in about["entries"]} == {"kansa"}
    assert (await browser.client.get("/api/v1/audit?since=yesterday")).status_code == 400
    assert "日付は" in (await browser.get("/audit?since=yesterday")).text


async def test_a_changed_entry_is_found_from_the_page(at: Office, tmp_path: Path) -> None:
    browser = await at.signed_in("kansa", Role.AUDITOR)
    await browser.get("/audit")
    assert (await browser.post("/api/v1/audit/verify")).headers["location"] == "/audit"
    assert "変更も欠けもありません" in (await browser.get("/audit")).text
    with closing(sqlite3.connect(tmp_path / "var" / "ivr.db")) as raw:
        for name in ("audit_keeps", "audit_holds", "audit_grows"):
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        raw.execute("UPDATE audit SET who = 'nobody' WHERE number = 1")
        raw.commit()
    page = await browser.post("/api/v1/audit/verify")
    assert "1 件の異常が見つかりました" in page.text
    assert (await browser.call("/api/v1/audit/verify")).json()["faults"]


async def test_a_long_trail_is_judged_in_pieces_to_its_end(
    at: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await at.signed_in("kansa", Role.AUDITOR)
    other = await at.signed_in("kansa2", Role.AUDITOR)
    monkeypatch.setattr(trail, "examining", Examining(piece=300))
    for _ in range(450):
        await at.console.audit.record(Action.IMPORTED, "催告")
    await browser.get("/audit")
    page = await browser.post("/api/v1/audit/verify")
    assert "古いほうから 400 件目まで調べました" in page.text
    assert "ここまでに、変更も欠けもありません" in page.text
    (key,) = re.findall(r'name="go_on" value="([^"]+)"', page.text)
    assert (await other.call("/api/v1/audit/verify", {"go_on": key})).status_code == 400, "another's"
    first = (await browser.call("/api/v1/audit/verify")).json()
    assert (first["whole"], first["upto"], first["faults"]) == (False, 400, [])
    with closing(sqlite3.connect(tmp_path / "var" / "ivr.db")) as raw:
        for name in ("audit_keeps", "audit_holds", "audit_grows"):
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        raw.execute("UPDATE audit SET who = 'nobody' WHERE number = 401")
        raw.commit()
    second = (await browser.call("/api/v1/audit/verify", {"go_on": first["go_on"]})).json()
    assert (second["whole"], len(second["faults"]), second["go_on"]) == (True, 1, "")
    assert second["entries"] == second["last"] >= 450
    gone = await browser.call("/api/v1/audit/verify", {"go_on": first["go_on"]})
    assert "はじめから検証" in gone.json()["message"]


async def test_who_made_a_campaign_is_called_as_people_know_them(at: Office) -> None:
    browser = await at.signed_in("hanako", display="佐藤 花子")
    for name, by in (("a", "hanako"), ("b", "root"), ("c", "system:滞納管理")):
        await at.campaign(name, created_by=by)
    page = (await browser.get("/campaigns")).text
    for words in ("佐藤 花子</small>", "root（端末）</small>", "システム「滞納管理」</small>"):
        assert words in page
    told = (await browser.client.get("/api/v1/campaigns")).json()
    assert [one["created_by"] for one in told] == ["system:滞納管理", "root", "hanako"], "as on record"
