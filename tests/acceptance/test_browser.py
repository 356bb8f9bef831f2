"""The console in a real browser: from a link on the terminal to a campaign that has run, and every page judged."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Page, Route

from ivr.domain.authority import ROLE_LABELS, Role
from ivr.web.building import PARTS
from tests.acceptance.browsing import Screens, Visitor, screens
from tests.acceptance.command import Command
from tests.acceptance.far_end import BUSY, CONFIRMS, FarEnd
from tests.acceptance.keyboard import Keyboard
from tests.acceptance.office import Office

PASSWORD = "正しい 馬の 電池の ホチキス"
OFFICE = "税務課収納係"
CAMPAIGN = "2026-11 住民税（普通徴収）第3期"

LEAD_ON = {"/campaigns/new/{draft_id}"}
"""Pages that are none themselves: they lead to another."""

pytestmark = pytest.mark.timeout(240)


def test_an_office_calls_people_by_the_console_alone_and_every_page_is_sound(office: Office, far_end: FarEnd) -> None:
    office.settings(calling={"approval": "second_person", "staff_numbers": [far_end.number(CONFIRMS)]})
    kept = office.data_dir / "scenarios"
    kept.mkdir(parents=True)
    shutil.copy(office.scenario, kept)
    office.people([far_end.number(CONFIRMS), far_end.number(CONFIRMS), far_end.number(BUSY)])
    engine = office.begin("serve")
    engine.says("/first/", within=30)
    origin = f"http://127.0.0.1:{office.ports.web}"
    with screens(origin) as seen:
        chief = seen.visitor()
        (link,) = re.findall(rf"{origin}(/first/\S+)", engine.out)
        register_first(chief, link)
        clerk = added(chief, seen, "yamada", "山田 太郎", Role.CLERK)
        approver = added(chief, seen, "tanaka", "田中 一郎", Role.APPROVER)
        wizard_gone_through(clerk, office)
        clerk.says("承認")
        assert clerk.page.locator("summary", has_text="始める").count() == 0
        campaign = clerk.page.url.rpartition("/")[2]
        clerk.go("/campaigns", "campaigns")
        clerk.go(f"/campaigns/{campaign}")
        approver.go(f"/campaigns/{campaign}", "campaign-to-approve")
        approver.confirm("承認する")
        approver.says("を承認しました")
        clerk.page.reload()
        begun_by_keyboard(clerk)
        clerk.look("campaign-running")
        clerk.go("/", "today-running")
        watch_to_the_end(clerk, campaign)
        clerk.look("campaign-completed")

        # Everything else, seen by somebody who may see everything.
        chief.go("/people")
        everybody = added(chief, seen, "suzuki", "鈴木 花子", *Role)
        today = datetime.now(ZoneInfo("Asia/Tokyo"))
        known = {
            "campaign_id": campaign,
            "person_id": person_of(chief, "田中 一郎"),
            "day": f"{today:%Y-%m-%d}",
            "month": f"{today:%Y-%m}",
            "scenario_id": scenario_of(chief, office.scenario.stem),
            "file": "reminder.yaml",
            "version": "1",
        }
        everybody.go(f"/campaigns/{campaign}/people")
        one = everybody.page.locator(f"main a[href^='/campaigns/{campaign}/people/']").first.get_attribute("href") or ""
        known["key"] = one.rpartition("/")[2]
        for path in sorted(unseen(seen, known)):
            everybody.go(path, name_of(path))
        everybody.go("/tokens")
        everybody.fill(システムの名前="収納システム")
        everybody.page.get_by_label("催告の結果を読む").check()
        everybody.press("鍵を作る")
        everybody.look("token-made")
        sent_once(everybody)
        everybody.page.locator("summary", has_text="失効させる").click()
        everybody.look("tokens-revoke")
        everybody.go("/")
        everybody.page.locator("summary", has_text="すべて緊急停止").click()
        everybody.look("emergency-stop")
        goes_on_to_where_somebody_is_going(everybody.page)
        everybody.go("/campaigns/" + "0" * 32, "not-found")
        everybody.says("見つかりません")
        engine = restarted(office, engine, seen, everybody, campaign)
        everybody.go("/account")
        everybody.press("サインアウト")
        everybody.look("signed-out")

        assert not seen.failed, "\n".join(seen.failed)
        assert seen.elsewhere() == []
        assert len(seen.asked) > 50
    engine.process.terminate()
    assert engine.ended(within=20).status == 0


def goes_on_to_where_somebody_is_going(page: Page) -> None:
    """See that a page does not make itself anew under somebody who is on the way to another."""

    def slowly(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route("**/reports", slowly)
    page.evaluate("location.href = '/reports'; setTimeout(renewPage, 100)")
    page.wait_for_url("**/reports/daily/*", timeout=10_000)
    page.unroute("**/reports")


def register_first(chief: Visitor, link: str) -> None:
    chief.go("/", "sign-in-nobody")
    chief.go(link, "first")
    chief.fill(利用者名="kacho", 氏名="課長 一子", 部署=OFFICE)
    chief.fill(パスワード=PASSWORD, **{"パスワード（もう一度）": PASSWORD})
    chief.press("登録する")
    chief.look("second-factor")
    chief.take_telephone()
    chief.look("paper-codes")
    chief.page.get_by_role("link", name="控えました").click()
    chief.says("いま実行中の催告はありません。")


def added(chief: Visitor, seen: Screens, name: str, display: str, *roles: Role) -> Visitor:
    """Register somebody, who signs in by the keyboard alone and does what is to be done first."""
    chief.go("/people")
    chief.fill(利用者名=name, 氏名=display)
    for role in roles:
        chief.page.get_by_label(ROLE_LABELS[role], exact=True).check()
    chief.press("登録して仮のパスワードを作る")
    first = name == "yamada"
    if first:
        chief.look("handed-over")
    password = chief.page.locator("code").nth(1).inner_text()
    person = seen.visitor()
    person.go("/sign-in", "sign-in" if first else "")
    person.type_blind(name, password)
    if first:
        person.look("password")
    person.type_blind(password, PASSWORD, PASSWORD)
    person.page.wait_for_url("**/account/second-factor")
    person.take_telephone()
    person.page.get_by_role("link", name="控えました").click()
    if first:
        person.press("サインアウト")
        person.go("/sign-in")
        person.type_blind(name, "wrong" + PASSWORD)
        person.says("違います")
        person.look("sign-in-wrong")
        person.type_blind(name, PASSWORD)
        person.look("code")
        person.type_blind(person.code())
    person.page.wait_for_url("**/")
    assert display in person.page.locator("header").inner_text()
    assert OFFICE in person.page.locator("header").inner_text()
    return person


def wizard_gone_through(clerk: Visitor, office: Office) -> None:
    """Make a campaign out of a list by the keyboard alone, but for a file that is dragged in; leave its page open."""
    page, keys = clerk.page, Keyboard(clerk.page)
    clerk.go("/campaigns")
    keys.press("新しい催告を作る")
    clerk.look("new")

    # A list with a mistake in it first, then the right one in its place.
    keys.bring("名簿のファイル（CSV）", mistaken(office))
    keys.press("読み込んで始める")
    clerk.says("取り込めなかった行")
    clerk.look("new-list-refused")
    clerk.drag_in(office.list)
    clerk.press("読み込む")
    clerk.says("3 人にかけられます。")
    clerk.look("new-list")
    keys.past()
    keys.press("次へ：シナリオ")

    keys.past()
    keys.choose("大切なお知らせ")
    keys.press("このシナリオにする")
    clerk.look("new-scenario")
    heard(clerk, keys)
    keys.back_to("名前の読みを直す（ヤ●● タ●●）", "summary")
    page.keyboard.press("Enter")
    keys.type("正しい読み（カナ）", "abc")
    keys.enter()
    clerk.says("エラー")
    clerk.look("new-reading-wrong")
    keys.type("正しい読み（カナ）", "ヤマタ タロウ")
    keys.enter()
    clerk.says("この人の読みを直しました")
    heard(clerk, keys)
    assert "次へ：規則" in keys.around()
    keys.back_to("次へ：規則")
    keys.enter()

    clerk.look("new-rules")
    keys.past()
    keys.to("月 0 時台")
    keys.arrows(["ArrowRight", "ArrowUp"], "1 時台をまとめて選ぶ")
    page.keyboard.press("Space")
    assert page.get_by_label("水 1 時台").is_checked() is False
    keys.arrows(["ArrowDown", "ArrowDown"], "火 1 時台")
    page.keyboard.press("Space")
    assert len([label for label in keys.around() if "時台" in label]) == 0, "the week is one stop"
    page.reload()
    assert page.get_by_label("水 1 時台").is_checked(), "nothing is kept that was not saved"
    keys.past()
    keys.type("一人にかける回数（一日に）", "9")
    keys.enter()
    clerk.says("一日に 9 回はかけられません")
    clerk.look("new-rules-wrong")
    keys.past()
    keys.type("一人にかける回数（一日に）", "1")
    keys.press("保存して次へ：見込み")

    # A page that waits becomes another by itself, also where it is loaded anew meanwhile.
    keys.press("見込みを出す")
    page.reload()
    page.get_by_text("に終わる見込みです").wait_for()
    clerk.look("new-forecast")
    keys.past()
    keys.press("次へ：試しの電話")
    keys.press("試しにかける")
    clerk.look("new-test-call")
    page.get_by_text("もう一度かける").wait_for()
    clerk.says("本人確認済")
    clerk.look("new-test-call-over")
    keys.past()
    keys.press("次へ：確認と作成")
    keys.type("催告の名前", CAMPAIGN)
    clerk.look("new-overview")
    keys.press("この内容で催告を作る")


def mistaken(office: Office) -> Path:
    """Return a list in which somebody has no number."""
    file = office.folder / "mistaken.csv"
    file.write_text(office.list.read_text("cp932") + "00000099,ワスレ タロウ,\n", "cp932")
    return file


def heard(clerk: Visitor, keys: Keyboard) -> None:
    """Have the first sentence spoken, by the keyboard."""
    keys.to("1 の文章を聞く", "audio")
    clerk.page.keyboard.press("Space")
    clerk.page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
    seconds = clerk.page.evaluate("document.querySelector('audio').duration")
    assert 1 < seconds < 30
    clerk.page.keyboard.press("Space")


def begun_by_keyboard(clerk: Visitor) -> None:
    """Start the campaign whose page is open: a question is opened, taken back, opened and answered."""
    keys = Keyboard(clerk.page)
    keys.past()
    keys.open("始める…")
    clerk.look("campaign-start")
    keys.to(f"「{CAMPAIGN}」を始める")
    clerk.page.keyboard.press("Escape")
    assert clerk.page.locator("details[open]").count() == 0
    clerk.page.keyboard.press("Enter")
    keys.anew()
    keys.press(f"「{CAMPAIGN}」を始める")
    clerk.says(f"「{CAMPAIGN}」を始めました。")


def restarted(office: Office, engine: Command, seen: Screens, watcher: Visitor, campaign: str) -> Command:
    """Start the engine anew beneath a page that is watched: the page says that it is gone, and takes it up again."""
    watcher.go(f"/campaigns/{campaign}/live")
    told = watcher.page.locator("[data-said]")
    told.get_by_text("自動で更新しています").wait_for()
    with seen.engine_away():
        engine.process.terminate()
        assert engine.ended(within=20).status == 0
        watcher.page.get_by_text("呼鈴との接続が切れました。").wait_for()
        watcher.look("live-lost")
        again = office.begin("serve")
        again.says("console_open", within=30)
        told.get_by_text("自動で更新しています").wait_for()
    assert watcher.page.get_by_text("呼鈴との接続が切れました。").is_hidden()
    return again


def sent_once(everybody: Visitor) -> None:
    """See that a page which answers a form sends nothing again when it is loaded anew, and loses nothing written."""
    page = everybody.page
    page.reload()
    assert page.locator("article.card").count() == 1
    everybody.go("/scenarios/new")
    everybody.fill(名前="書きかけ")
    page.locator("#text").fill("間違い")
    everybody.press("このシナリオを作る")
    everybody.says("まだ保存していません")
    page.reload()
    assert page.url.endswith("/scenarios/new")
    page.get_by_role("button", name="その内容に戻す").click()
    assert page.locator("#text").input_value() == "間違い"
    everybody.go("/tokens")


def watch_to_the_end(clerk: Visitor, campaign: str) -> None:
    end = time.monotonic() + 60
    clerk.go(f"/campaigns/{campaign}")
    while "完了" not in clerk.page.locator(".chip").first.inner_text():
        assert time.monotonic() < end, clerk.page.locator("main").inner_text()
        clerk.page.wait_for_timeout(300)
        clerk.page.reload()
    clerk.says("3 / 3 人")


def person_of(chief: Visitor, display: str) -> str:
    chief.go("/people")
    target = chief.page.get_by_role("link", name=display).get_attribute("href") or ""
    return target.rpartition("/")[2]


def scenario_of(chief: Visitor, name: str) -> str:
    chief.go("/scenarios")
    row = chief.page.locator("tbody tr", has=chief.page.get_by_role("cell", name=name, exact=True))
    target = row.get_by_role("link").get_attribute("href") or ""
    return target.rpartition("/")[2]


def unseen(seen: Screens, known: dict[str, str]) -> Iterator[str]:
    """Yield the path of every page of the console, `known` in its place, that was not looked at yet."""
    looked = {re.sub(r"[0-9a-f]{32}", "one", path) for path in seen.seen.values()}
    for part in PARTS:
        for route in part.page.routes:
            assert isinstance(route, APIRoute)
            elsewhere = route.path.startswith(("/sign-in", "/first")) or route.path.endswith(("/xlsx", ".pdf"))
            if "GET" not in route.methods or elsewhere or route.path in LEAD_ON:
                continue
            names = re.findall(r"\{(\w+)\}", route.path)
            if re.sub(r"\{\w+_id\}", "one", route.path) in looked:
                continue
            assert known.keys() >= set(names), f"{route.path}: tell this test one that is there"
            yield route.path.format(**known)


def name_of(path: str) -> str:
    """Return what the picture of a page is called."""
    return re.sub(r"[0-9a-f]{32}", "one", path).strip("/").replace("/", "-") or "today"
