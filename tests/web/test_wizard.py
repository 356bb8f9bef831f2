"""From a list to a campaign that runs, in the console: step by step, on the real application and store."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from ivr.domain.authority import Role
from ivr.drafts.foreseeing import Foreseeing
from tests.web.browsers import ORIGIN, Office, office
from tests.web.drafting import SETTINGS, SHORT, api, begun, filled, ready, sent, the_campaign, version


async def test_a_clerk_gets_from_a_list_to_a_campaign_that_runs(tmp_path: Path) -> None:
    async with office(tmp_path, f"{SETTINGS}calling: {{approval: second_person}}\n") as at:
        clerk = await at.signed_in("hanako")
        assert 'href="/campaigns/new"' in (await clerk.get("/campaigns")).text
        draft = await begun(clerk)
        page = (await clerk.get(f"{draft}/list")).text
        assert "名簿を読み込みました。2 人にかけられます。" in page
        assert "Shift_JIS" in page
        assert '<th scope="row" class="number line-number">4</th><td>カナ氏名に漢字があります' in page
        refused = await clerk.client.get(f"{api(draft)}/refused.csv")
        assert refused.content.decode("utf-8-sig").splitlines()[0] == "行,理由"
        assert len(refused.content.decode("utf-8-sig").splitlines()) == 3
        page = await sent(clerk, draft, "scenario", "scenario", {"key": SHORT})
        assert "を選びました" in page
        rules = (await clerk.get(f"{draft}/rules")).text
        values = filled(rules)
        values["cells"] = [one for one in values["cells"] if re.fullmatch("(mon|wed)-(9|10|11)", one)]  # type: ignore[attr-defined]
        values |= {"total": "5", "no_answer_after": "90"}
        page = await sent(clerk, draft, "rules", "rules", values)
        assert "規則を保存しました" in page
        page = (await clerk.get(f"{draft}/overview")).text
        assert "月水 9:00〜12:00" in page
        assert "全部で 5 回まで" in page
        answer = await clerk.post(f"{api(draft)}/create", {"version": version(page), "name": "2026-11-住民税"})
        campaign = await the_campaign(at)
        assert answer.headers["location"] == f"/campaigns/{campaign.id}"
        assert campaign.rules == {
            "windows": [{"days": ["mon", "wed"], "from": "09:00", "to": "12:00"}],
            "retries": {"total": 5, "no_answer": {"times": 1, "after": "90m"}},
        }
        assert (campaign.created_by, campaign.state) == ("hanako", "created")
        assert campaign.department == at.departments["税務課"].id
        people = [one.recipient for one in await at.console.results.records(campaign.id)]
        assert [(one.id, one.numbers) for one in people] == [
            ("0001", ("+81357220001", "+819012340001")),
            ("0002", ("+81357220002",)),
        ]
        (imported,) = [one for one in await at.entries() if one.action == "imported"]
        assert imported.who == "hanako"
        assert json.loads(imported.details)["accepted"] == 2
        chief = await at.signed_in("kacho", Role.APPROVER)
        shown = " ".join((await chief.get(f"/campaigns/{campaign.id}")).text.split())
        listed = re.search(r"<dt>名簿</dt><dd>(.*?)</dd>", shown)
        assert listed is not None, "whoever approves it sees which list it was"
        assert listed[1].startswith("meibo.csv：4 行のうち 2 人（2 行は取り込めませんでした）")
        assert str(campaign.sources["list_sha256"])[:12] in listed[1]
        assert (await chief.call(f"/api/v1/campaigns/{campaign.id}/approve")).status_code == 200
        await clerk.get(f"/campaigns/{campaign.id}")
        assert (await clerk.call(f"/api/v1/campaigns/{campaign.id}/start")).status_code == 200
        assert await at.state(campaign) == "running"


async def test_a_second_click_and_a_reload_make_one_campaign(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    page = (await clerk.get(f"{draft}/overview")).text
    values = {"version": version(page), "name": "催告"}
    answers = await asyncio.gather(*(clerk.post(f"{api(draft)}/create", values) for _ in range(3)))
    campaign = await the_campaign(at)
    assert {one.headers["location"] for one in answers} == {f"/campaigns/{campaign.id}"}
    assert (await clerk.post(f"{api(draft)}/create", values)).headers["location"] == f"/campaigns/{campaign.id}"
    for step in ("", "/list", "/rules", "/overview"):
        assert (await clerk.get(f"{draft}{step}")).headers["location"] == f"/campaigns/{campaign.id}"
    assert len([one for one in await at.entries() if one.action == "imported"]) == 1
    assert "作りかけの催告はありません" in (await clerk.get("/campaigns/new")).text
    folder = at.console.settings.data_dir / "drafts"
    assert [file.name for file in folder.glob("*/*")] == ["draft"], "the list is gone"


async def test_a_campaign_that_was_made_before_a_crash_is_not_made_again(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    drafts = type(at.console.drafts)

    async def crash(*_: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(drafts, "use", crash)
        assert (await clerk.post(f"{api(draft)}/create", {"name": "催告"})).status_code == 500
    campaign = await the_campaign(at)
    assert (await clerk.post(f"{api(draft)}/create", {"name": "催告"})).headers[
        "location"
    ] == f"/campaigns/{campaign.id}"
    await the_campaign(at)


async def test_a_name_that_is_taken_is_said_at_its_place_and_nothing_is_lost(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    await at.campaign("催告")
    draft = await ready(clerk)
    page = await sent(clerk, draft, "overview", "create", {"name": "催告"})
    assert 'id="name-wrong"><strong>エラー：</strong>催告「催告」は、すでにあります' in page
    assert 'value="催告" aria-describedby="name-hint name-wrong" aria-invalid="true"' in page
    page = await sent(clerk, draft, "overview", "create", {"name": "催告2"})
    assert "「催告2」を作りました" in page


async def test_what_is_wrong_with_the_rules_is_said_at_its_place_and_kept(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    values = filled((await clerk.get(f"{draft}/rules")).text)
    page = await sent(clerk, draft, "rules", "rules", values | {"total": "多め", "cells": [], "busy_after": "<b>"})
    assert "直すところが 3 か所あります" in page
    assert 'id="wrong-total"><strong>エラー：</strong>1 から 50 までの数' in page
    assert 'value="多め" aria-describedby="wrong-total" aria-invalid="true"' in page
    assert "かける時間帯を、一つ以上選んでください" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.split('id="rules"')[1].split("</form>")[0]
    assert "「規則」に直すところがあります" in (await clerk.get(f"{draft}/overview")).text
    assert (await clerk.get(f"{draft}/forecast")).headers["location"].endswith("/rules")
    page = await sent(clerk, draft, "rules", "rules", {"office": "true"})
    assert "役所の設定のとおりに戻しました" in page
    page = await sent(clerk, draft, "rules", "rules", values | {"per_day": "9"})
    assert "全部で 3 回なので、一日に 9 回はかけられません" in page
    page = await sent(clerk, draft, "rules", "rules", values | {"cells": ["sun-3", "mon-25", "x", "mon-9"]})
    assert "月 9:00〜10:00" in (await clerk.get(f"{draft}/overview")).text


async def test_the_offices_own_scenarios_can_be_chosen_and_wrong_ones_say_what_is_wrong(at: Office) -> None:
    own = at.console.settings.data_dir / "scenarios"
    own.mkdir()
    good = (
        "version: 1\ntitle: 役所の案内\nstart: bye\nsteps:\n  bye: {say: 失礼いたします。, reached: true, then: end}\n"
    )
    (own / "yakusho.yaml").write_text(good, "utf-8")
    (own / "kowareta.yaml").write_text("version: 1\ntitle: x\nstart: a\nsteps:\n  a: {say: あ, then: b}\n", "utf-8")
    (own / "column.yaml").write_text(good.replace("失礼いたします。", '"{税目}です。失礼いたします。"'), "utf-8")
    clerk = await at.signed_in("hanako")
    draft = await begun(clerk)
    page = (await clerk.get(f"{draft}/scenario")).text
    assert "役所の案内" in page
    assert "間違いがあるので選べません" in page
    assert re.search(r"\d+ 行目：", page)
    page = await sent(clerk, draft, "scenario", "scenario", {"key": "office/column.yaml"})
    assert "は、この名簿では使えません" in page
    assert "税目" in page
    assert "/rules" not in page.split("wizard-next")[1]
    for wrong in ("office/../../ivr.yaml", "/etc/passwd", "office/nai.yaml"):
        assert "選び直してください" in (await clerk.post(f"{api(draft)}/scenario", {"key": wrong})).text
    page = await sent(clerk, draft, "scenario", "scenario", {"key": "office/yakusho.yaml"})
    assert "を選びました" in page
    assert "次へ：規則" in page


async def test_a_misread_name_is_corrected_for_this_campaign(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    page = await sent(clerk, draft, "scenario", "listener", {"recipient": "2"})
    assert '<option value="0" selected>3 行目　サ●● ハ●●' in page
    page = await sent(clerk, draft, "scenario", "listener", {"recipient": "77"})
    assert "かけられる人の中にいません" in page
    page = await sent(clerk, draft, "scenario", "reading", {"person": "0", "kana": "佐藤"})
    assert "漢字があります" in page.split('id="kana-wrong"')[1][:200]
    page = await sent(clerk, draft, "scenario", "reading", {"person": "0", "kana": "サトー ハナコ"})
    assert "読みを直しました" in page
    await sent(clerk, draft, "overview", "create", {"name": "催告"})
    records = await at.console.results.records((await the_campaign(at)).id)
    assert [one.recipient.kana for one in records] == ["ヤマダ タロウ", "サトー ハナコ"]
    assert records[1].recipient.columns["カナ氏名"] == "サトー ハナコ"
    (imported,) = [one for one in await at.entries() if one.action == "imported"]
    assert json.loads(imported.details)["readings"] == 1


async def test_every_sentence_can_be_heard_with_a_name_of_the_list(at: Office) -> None:
    from ivr.parts.voice import telephone_voice

    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    assert (await clerk.client.get(f"{api(draft)}/sentences/0")).status_code == 503, "without a voice it says so"
    voice = telephone_voice(at.console.settings)
    object.__setattr__(at.console, "voice", voice)
    try:
        sounds = []
        for person in (0, 1):
            answer = await clerk.client.get(f"{api(draft)}/sentences/0?person={person}")
            assert answer.headers["content-type"] == "audio/wav"
            sounds.append(answer.content)
        assert all(one.startswith(b"RIFF") and len(one) > 10_000 for one in sounds)
        assert sounds[0] != sounds[1]
        assert (await clerk.client.get(f"{api(draft)}/sentences/99")).status_code == 404
    finally:
        await voice.close()
    assert list(at.console.settings.data_dir.glob("spoken-*")) == []


async def test_a_forecast_is_made_in_a_process_of_its_own_and_is_of_what_was_rehearsed(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    await sent(clerk, draft, "rules", "rules", {"office": "true"})
    await clerk.get(f"{draft}/forecast")
    answer = await clerk.call(f"{api(draft)}/forecast")
    assert answer.json()["state"] in ("waiting", "running")
    for _ in range(600):
        told = (await clerk.client.get(f"{api(draft)}/forecast")).json()
        if told["state"] not in ("waiting", "running"):
            break
        await asyncio.sleep(0.05)
    assert (told["state"], told["people"], told["left"]) == ("done", 2, 0)
    page = (await clerk.get(f"{draft}/forecast")).text
    assert "に終わる見込みです" in page
    await sent(clerk, draft, "rules", "rules", filled((await clerk.get(f"{draft}/rules")).text) | {"total": "5"})
    assert (await clerk.client.get(f"{api(draft)}/forecast")).json()["state"] == "old"
    assert "もう一度見積もってください" in (await clerk.get(f"{draft}/forecast")).text


async def test_a_forecast_that_takes_too_long_is_ended_and_said_so(at: Office) -> None:
    object.__setattr__(at.console, "foreseeing", Foreseeing(longest=0.0))
    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    await sent(clerk, draft, "rules", "rules", {"office": "true"})
    await clerk.get(f"{draft}/forecast")
    await clerk.post(f"{api(draft)}/forecast")
    for _ in range(200):
        told = (await clerk.client.get(f"{api(draft)}/forecast")).json()
        if told["state"] == "wrong":
            break
        await asyncio.sleep(0.05)
    assert "見込みなしでも、催告は作れます" in told["message"]


async def test_a_member_of_staff_is_called_and_nobody_else(tmp_path: Path) -> None:
    async with office(tmp_path, f'{SETTINGS}calling: {{staff_numbers: ["03-5722-9999"]}}\n') as at:
        clerk = await at.signed_in("hanako")
        draft = await ready(clerk)
        page = await sent(clerk, draft, "test-call", "test-call", {"number": "03-5722-0001"})
        assert "職員の番号にだけかけられます" in page
        assert await at.console.results.campaigns() == ()
        page = await sent(clerk, draft, "test-call", "test-call", {"number": "03-5722-9999"})
        assert "電話をかけています" in page
        row = await the_campaign(at)
        (record,) = await at.console.results.records(row.id)
        assert (row.state, record.recipient.numbers) == ("running", ("+81357229999",))
        assert row.department == at.departments["税務課"].id
        assert "staff_called" in [one.action for one in await at.entries()]
        page = await sent(clerk, draft, "overview", "test-call", {"number": "03-5722-9999"})
        assert "いま、試しの電話をかけているところです" in page
        at.clock.forward(minutes=10)
        told = (await clerk.client.get(f"{api(draft)}/test-call")).json()
        assert (told["state"], "時間のうちにかけられませんでした" in told["outcome"]) == ("over", True)
        assert await at.state(row) == "stopped"


async def test_a_form_that_is_none_is_refused(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    await clerk.get("/campaigns/new")
    headers = {"origin": ORIGIN, "x-csrf-token": clerk.csrf}
    for kind, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=a", b""),
        ("multipart/form-data; boundary=a", b"--a\r\nx\r\n\r\n"),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nabc',
        ),
        ("multipart/form-data; boundary=a", b"--a\r\n" + b"h" * 9000),
    ):
        answer = await clerk.client.post("/api/v1/drafts", content=body, headers=headers | {"content-type": kind})
        assert (answer.status_code, answer.json()["error"]) == (400, "refused"), body


async def test_whatever_a_program_sends_is_answered_and_not_broken(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    headers = {"origin": ORIGIN, "x-csrf-token": clerk.csrf, "content-type": "application/json"}
    odd = ["\ud800", "\x00", "x" * 5000, -1, 10**30, None, True, [], ["\ud800"], {"a": 1}, 1.5]
    for action, names in {
        "rules": ("cells", "total", "text_after", "text_tries", "one_call", "version"),
        "columns": ("roles", "no_header"),
        "scenario": ("key",),
        "listener": ("recipient",),
        "reading": ("person", "kana"),
        "test-call": ("number",),
        "create": ("name",),
    }.items():
        for name in names:
            for value in odd:
                body = json.dumps({name: value})
                answer = await clerk.client.post(f"{api(draft)}/{action}", content=body, headers=headers)
                assert answer.status_code < 500, (action, name, value, answer.text)
