"""Scenarios in the console: written, checked, saved over no other's, compared, restored, retired."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from ivr import scenario_files
from ivr.domain.audit import Action
from ivr.domain.authority import Role
from ivr.domain.edition import Kept, digest
from ivr.drafts.shelf import SHIPPED
from ivr.editions import folder
from ivr.web.scenarios import judging
from tests.web.browsers import SCENARIO, Browser, Office
from tests.web.drafting import begun, ready, sent, the_campaign

OTHER = SCENARIO.replace("失礼いたします。", "失礼します。")
WRONG = SCENARIO.replace("start: bye", "start: bey")


def file_of(at: Office, kept: Kept) -> Path:
    return at.console.settings.data_dir / "scenarios" / kept.file


async def page_of(browser: Browser, kept: Kept, more: str = "") -> str:
    answer = await browser.get(f"/scenarios/{kept.id}{more}")
    assert answer.status_code == 200, answer.text
    return answer.text


def typed(page: str) -> str:
    """Return what stands in the field."""
    return unescape(re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)[0])


async def acts(at: Office) -> list[tuple[str, str, str, dict[str, object]]]:
    return [
        (one.action, one.who, one.subject, json.loads(one.details))
        for one in await at.entries()
        if one.action.startswith("scenario")
    ]


async def test_a_copy_of_a_shipped_one_is_the_offices_own_and_a_file_that_everything_else_reads(at: Office) -> None:
    browser = await at.signed_in("hanako", Role.CLERK, display="山田 花子")
    await browser.get("/scenarios")
    page = (await browser.get("/scenarios/new?from=shipped/short.yaml")).text
    assert typed(page) == (SHIPPED / "short.yaml").read_text("utf-8")
    text = typed(page).replace("\n", "\r\n")
    answer = await browser.post("/api/v1/scenarios", {"name": "短いご案内", "text": text, "why": "はじめ"})
    assert answer.status_code == 303, answer.text
    (kept,) = (await at.console.book.look()).kept
    assert file_of(at, kept).read_text("utf-8") == (SHIPPED / "short.yaml").read_text("utf-8")
    assert scenario_files.read(file_of(at, kept)).calls
    assert file_of(at, kept).stat().st_mode & 0o077 == 0
    shown = (await browser.get("/scenarios")).text
    assert "山田 花子 さん" in shown
    assert "令和8年11月27日 12:00" in shown
    offers = (await browser.get(f"{await begun(browser)}/scenario")).text
    assert "office/短いご案内.yaml" in offers
    assert await acts(at) == [("scenario_saved", "hanako", "短いご案内.yaml", {"version": 1})]


async def test_a_version_is_saved_with_author_and_why_and_the_difference_is_told_in_words(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK, display="田中 次郎")
    kept = await at.scenario("annai")
    await page_of(browser, kept)
    saved = {"text": OTHER, "version": 1, "why": "言い方を\n直した"}
    assert (await browser.post(f"/api/v1/scenarios/{kept.id}", saved)).status_code == 303
    assert file_of(at, kept).read_text("utf-8") == OTHER
    page = await page_of(browser, kept, "/versions")
    assert "言い方を 直した" in page
    assert "田中 次郎 さん" in page
    assert "− 消えた" in page
    assert "＋ 増えた" in page
    told = (await browser.client.get(f"/api/v1/scenarios/{kept.id}/versions")).json()
    assert [(one["number"], one["by"], one["why"]) for one in told] == [
        (2, "jiro", "言い方を 直した"),
        (1, "hanako", ""),
    ]
    assert (await browser.client.get(f"/api/v1/scenarios/{kept.id}/versions/1")).json()["text"] == SCENARIO
    assert "失礼いたします。" in await page_of(browser, kept, "/versions/1")
    for astray in ("/versions/3", "/versions/0", "/versions/99999999999999999999", "/versions?old=7&new=1"):
        assert (await browser.get(f"/scenarios/{kept.id}{astray}")).status_code == 404
    # The same again is no version.
    await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": OTHER.replace("\n", "\r\n"), "version": 2})
    assert len(await at.console.book.of(kept.id)) == 2


async def test_mistakes_are_told_at_their_lines_and_nothing_typed_is_lost(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    kept = await at.scenario("annai")
    await page_of(browser, kept)
    wrong = f"\n{WRONG}"
    told = (await browser.call("/api/v1/scenarios/check", {"text": wrong, "drawn": True})).json()
    report = scenario_files.check(wrong, "x")
    assert [(one["line"], one["message"]) for one in told["errors"]] == [(e.line, e.message) for e in report.errors]
    assert told["errors"][0]["there"] == "start: bey"
    assert (told["errors"][0]["line"], told["drawn"]) == (4, None)
    answer = await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": wrong, "version": 1, "why": "ひとこと"})
    assert answer.status_code == 400
    assert typed(answer.text) == wrong
    assert "4 行目" in answer.text
    assert 'value="ひとこと"' in answer.text
    assert len(await at.console.book.of(kept.id)) == 1
    # Without a script, a button does the same.
    checked = await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": OTHER, "version": 1, "only": "check"})
    assert (checked.status_code, typed(checked.text)) == (200, OTHER)
    assert "間違いはありません" in checked.text
    assert len(await at.console.book.of(kept.id)) == 1
    drawn = (await browser.call("/api/v1/scenarios/check", {"text": OTHER, "drawn": True})).json()["drawn"]
    assert "<svg" in drawn
    assert "失礼します。" in drawn
    assert "style=" not in drawn


async def test_who_saves_second_is_told_who_was_first_and_sees_both_differences(at: Office) -> None:
    first = await at.signed_in("hanako", Role.CLERK, display="山田 花子")
    second = await at.signed_in("jiro", Role.CLERK)
    kept = await at.scenario("annai")
    for browser in (first, second):
        await page_of(browser, kept)
    await first.post(f"/api/v1/scenarios/{kept.id}", {"text": OTHER, "version": 1})
    mine = SCENARIO.replace("title: 案内", "title: ご案内")
    answer = await second.post(f"/api/v1/scenarios/{kept.id}", {"text": mine, "version": 1, "why": "題"})
    assert answer.status_code == 409
    assert "山田 花子 さんが先に版 2 を保存しました" in answer.text
    assert typed(answer.text) == mine
    assert answer.text.count('class="diff"') == 2
    assert (await at.console.book.one(kept.id)).text == OTHER
    call = await second.call(f"/api/v1/scenarios/{kept.id}", {"text": mine, "version": 1})
    assert (call.status_code, call.json()["error"], call.json()["text"]) == (409, "overtaken", OTHER)
    version = re.findall(r'name="version" value="(\d+)"', answer.text)[-1]
    knowing = await second.post(f"/api/v1/scenarios/{kept.id}", {"text": mine, "version": version})
    assert knowing.status_code == 303
    assert (await at.console.book.one(kept.id)).text == mine
    assert [one.by for one in await at.console.book.of(kept.id)] == ["jiro", "hanako", "hanako"]


async def test_an_older_version_is_restored_as_a_new_one(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    kept = await at.scenario("annai")
    await page_of(browser, kept)
    await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": OTHER, "version": 1})
    await page_of(browser, kept, "/versions/1")
    late = await browser.call(f"/api/v1/scenarios/{kept.id}/restore", {"number": 1, "version": 1})
    assert late.status_code == 400
    answer = await browser.post(f"/api/v1/scenarios/{kept.id}/restore", {"number": 1, "version": 2})
    assert answer.status_code == 303
    now = await at.console.book.one(kept.id)
    assert (now.text, now.newest.number, now.newest.again) == (SCENARIO, 3, 1)
    assert file_of(at, kept).read_text("utf-8") == SCENARIO
    assert "版 1 に戻した" in await page_of(browser, kept, "/versions")
    assert (await acts(at))[-1] == ("scenario_restored", "jiro", "annai.yaml", {"version": 3, "again": 1})


async def test_a_retired_scenario_is_offered_to_nobody_and_nothing_of_it_is_lost(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    kept = await at.scenario("annai")
    await page_of(browser, kept)
    assert (await browser.post(f"/api/v1/scenarios/{kept.id}/retire")).status_code == 303
    assert not file_of(at, kept).exists()
    assert "しまってあるシナリオ" in (await browser.get("/scenarios")).text
    assert "annai.yaml" not in (await browser.get(f"{await begun(browser)}/scenario")).text
    assert "<textarea" not in await page_of(browser, kept)
    refused = await browser.call(f"/api/v1/scenarios/{kept.id}", {"text": OTHER, "version": 1})
    assert refused.status_code == 400
    assert (await browser.post(f"/api/v1/scenarios/{kept.id}/bring-back")).status_code == 303
    assert file_of(at, kept).read_text("utf-8") == SCENARIO
    assert [one[0] for one in await acts(at)][1:] == ["scenario_retired", "scenario_brought_back"]


async def test_clerks_of_other_departments_read_and_copy_and_who_is_no_clerk_reads(at: Office) -> None:
    kept = await at.scenario("annai", department="国保年金課")
    clerk = await at.signed_in("jiro", Role.CLERK, department="税務課")
    page = await page_of(clerk, kept)
    assert "<textarea" not in page
    assert "写して作る" in page
    for deed in ("", "/retire", "/bring-back", "/restore"):
        values = {"text": OTHER, "version": 1, "number": 1}
        assert (await clerk.call(f"/api/v1/scenarios/{kept.id}{deed}", values)).status_code == 403
    assert typed((await clerk.get(f"/scenarios/new?from={kept.id}")).text) == SCENARIO
    auditor = await at.signed_in("kansa", Role.AUDITOR)
    page = await page_of(auditor, kept)
    assert "写して作る" not in page
    assert "失礼いたします。" in page
    for path in ("/api/v1/scenarios", "/api/v1/scenarios/check", "/api/v1/scenarios/sentence"):
        assert (await auditor.call(path, {"text": SCENARIO, "name": "x"})).status_code == 403
    assert (await auditor.get("/scenarios/new")).status_code == 403
    assert len(await at.console.book.of(kept.id)) == 1


async def test_a_file_edited_by_hand_is_a_version_of_nobody_and_is_not_written_over(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    kept = await at.scenario("annai")
    await page_of(browser, kept)
    by_hand = SCENARIO.replace("いたします", "致します")
    file_of(at, kept).write_text(by_hand, "utf-8")
    answer = await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": OTHER, "version": 1})
    assert answer.status_code == 409
    assert "画面の外でファイルが変えられ、先に版 2" in answer.text
    assert file_of(at, kept).read_text("utf-8") == by_hand
    assert "画面の外で変更" in await page_of(browser, kept, "/versions")
    assert (await acts(at))[-1] == ("scenario_found", "engine", "annai.yaml", {"version": 2})
    # An older text put back by hand is a version too, and no reason to bring the newest back.
    file_of(at, kept).write_text(SCENARIO, "utf-8")
    now = next(iter((await at.console.book.look()).kept))
    assert (now.text, now.newest.number, now.newest.by) == (SCENARIO, 3, None)


async def test_files_laid_into_the_folder_are_anybodys_until_a_clerk_saves_them(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    place = at.console.settings.data_dir / "scenarios"
    place.mkdir()
    (place / "手で 置いた.yml").write_bytes(SCENARIO.replace("\n", "\r\n").encode("utf-8-sig"))
    (place / "sjis.yaml").write_bytes(SCENARIO.encode("cp932"))
    page = (await browser.get("/scenarios")).text
    assert "sjis.yaml" in page
    assert "Shift_JIS" in page
    (kept,) = (await at.console.book.look()).kept
    assert (kept.department, kept.newest.by, kept.text) == (None, None, SCENARIO)
    await page_of(browser, kept)
    await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": OTHER, "version": 1})
    other = await at.signed_in("saburo", Role.CLERK, department="国保年金課")
    answer = await other.call(f"/api/v1/scenarios/{kept.id}", {"text": SCENARIO, "version": 2})
    assert answer.status_code == 403
    # What can no longer be read is neither written over nor taken for deleted.
    file_of(at, kept).write_bytes(SCENARIO.encode("cp932"))
    refused = await browser.call(f"/api/v1/scenarios/{kept.id}", {"text": SCENARIO, "version": 2})
    assert refused.status_code == 400
    assert file_of(at, kept).read_bytes() == SCENARIO.encode("cp932")
    file_of(at, kept).unlink()
    (now,) = (await at.console.book.look()).kept
    assert (now.retired, now.retired_by) == (True, None)


async def test_another_machine_and_a_restored_store_lose_nobodys_text(at: Office) -> None:
    kept = await at.scenario("annai")
    part, book, audit = (await at.department("税務課")).id, at.console.book, at.console.audit
    left = (file_of(at, kept).parent / folder.LEFT).read_bytes()
    await book.save(audit, kept.id, OTHER, over=1, by="hanako", department=part)
    # As on a machine that has not seen the second version yet.
    file_of(at, kept).write_text(SCENARIO, "utf-8")
    (file_of(at, kept).parent / folder.LEFT).write_bytes(left)
    await book.look()
    assert file_of(at, kept).read_text("utf-8") == OTHER
    # As after a crash between store and file: nothing was written.
    file_of(at, kept).unlink()
    (file_of(at, kept).parent / folder.LEFT).unlink()
    await book.look()
    assert file_of(at, kept).read_text("utf-8") == OTHER
    # As with a store from a backup, which does not know what was saved since.
    late = SCENARIO.replace("案内", "後の案内")
    file_of(at, kept).write_text(late, "utf-8")
    digests = {kept.file: digest(late)}
    (file_of(at, kept).parent / folder.LEFT).write_text(json.dumps(digests), "utf-8")
    (now,) = (await book.look()).kept
    assert (now.text, now.newest.number, now.newest.by) == (late, 3, None)


async def test_one_session_checks_so_often_a_minute(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MOST_A_MINUTE", 3)
    browser = await at.signed_in("jiro", Role.CLERK)
    await browser.get("/scenarios/new")
    codes = [(await browser.call("/api/v1/scenarios/check", {"text": "x"})).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    at.clock.forward(minutes=1)
    assert (await browser.call("/api/v1/scenarios/check", {"text": "x"})).status_code == 200


async def test_a_campaign_keeps_the_text_it_was_created_with_and_shows_it_to_who_approves(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    kept = await at.scenario("annai")
    draft = await ready(browser)
    await sent(browser, draft, "scenario", "scenario", {"key": "office/annai.yaml"})
    await browser.get(f"{draft}/overview")
    await page_of(browser, kept)
    await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": OTHER, "version": 1})
    await sent(browser, draft, "overview", "create", {"name": "催告"})
    campaign = await the_campaign(at)
    assert campaign.scenario == SCENARIO
    approver = await at.signed_in("kacho", Role.APPROVER)
    page = (await approver.get(f"/campaigns/{campaign.id}/scenario")).text
    assert "失礼いたします。" in page
    assert "失礼します。" not in page
    stranger = await at.signed_in("saburo", Role.APPROVER, department="国保年金課")
    assert (await stranger.get(f"/campaigns/{campaign.id}/scenario")).status_code == 404


async def test_a_sentence_needs_a_voice_and_a_sound_text(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    await browser.get("/scenarios/new")
    answers = [
        (await browser.call("/api/v1/scenarios/sentence", {"text": text, "step": step})).status_code
        for text, step in ((SCENARIO, 0), (SCENARIO, 1), (WRONG, 0))
    ]
    assert answers == [503, 404, 400]


async def test_what_is_done_to_a_scenario_is_on_record_without_its_text(at: Office) -> None:
    assert {Action.SCENARIO_SAVED, Action.SCENARIO_RESTORED, Action.SCENARIO_RETIRED} <= set(Action)
    browser = await at.signed_in("jiro", Role.CLERK)
    kept = await at.scenario("annai")
    await page_of(browser, kept)
    await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": OTHER, "version": 1, "why": "ひとこと"})
    written = [f"{entry.subject} {entry.details}" for entry in await at.entries()]
    assert not any("失礼" in one or "ひとこと" in one for one in written)
