"""People of a campaign: found, shown without who they are, and with it to whoever may and asks; that is on record."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import openpyxl
import pytest

from ivr.audit import Numbers
from ivr.campaign.text_records import TextIntent
from ivr.domain.audit import Action
from ivr.domain.authority import Role
from ivr.domain.exclusion import Exclusion, Source
from ivr.errors import StoreFailed
from ivr.reporting.masking import masked_name, masked_number
from ivr.vault.key_store import KeyStore
from ivr.web import safety
from ivr.web.results import exports
from tests.web.browsers import ORIGIN, Browser, Office
from tests.web.filled import filled, somebody

SECRETS = ("ヤマダ", "タロウ", "+8190123", "090-1230", "03-5722-0", "桜町", "納付済")


def about(page: str) -> str:
    return page.split("<main")[1]


async def key_of(at: Office, campaign: str, one: int) -> str:
    return await at.console.results.figures.key_of(campaign, somebody(one).id)


async def test_nobody_is_named_until_somebody_asks(at: Office) -> None:
    browser = await at.signed_in("hanako", *Role)
    campaign = await filled(at)
    why = Exclusion(reason="納付済", source=Source.STAFF)
    await at.console.results.exclude(campaign.id, somebody(6).id, why, at=at.clock.now())
    sent = TextIntent(
        id="a",
        campaign=campaign.id,
        recipient=somebody(1).id,
        at=at.clock.now(),
        number="+819012300001",
        body="ヤマダ様",
    )
    assert await at.console.results.texts.intend(sent)
    withheld = replace(sent, id="b", recipient=somebody(6).id)
    await at.console.results.texts.withhold(withheld, "納付済")
    here, key = f"/campaigns/{campaign.id}/people", await key_of(at, campaign.id, 1)
    for path in (
        here,
        f"{here}/{key}",
        f"/api/v1{here}",
        f"/api/v1{here}/{key}",
        f"{here}/{await key_of(at, campaign.id, 6)}",
    ):
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert not [secret for secret in SECRETS if secret in answer.text], path
        assert somebody(1).id in answer.text or somebody(6).id in answer.text
    assert "090-****-0001" in (await browser.get(here)).text
    assert "ヤ●" in (await browser.get(here)).text
    assert [entry for entry in await at.entries() if entry.action == "personal_data_seen"] == []


async def test_who_asks_sees_one_page_of_names_and_that_is_on_record_by_number(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    here = f"/campaigns/{campaign.id}/people"
    await browser.get(here)
    shown = await browser.post(f"/api/v1{here}/show?class=unproven")
    assert "ヤマダ タロウ" in shown.text
    assert "090-1230-0003" in shown.text
    (entry,) = [one for one in await at.entries() if one.action == "personal_data_seen"]
    assert (entry.who, entry.subject) == ("hanako", "住民税")
    assert json.loads(entry.details) == {"people": f"{somebody(3).id}、{somebody(4).id}"}
    assert "ヤマダ" not in (await browser.get(here)).text, "the next page hides them again"
    key = await key_of(at, campaign.id, 1)
    one = await browser.post(f"/api/v1{here}/{key}/show")
    assert "ヤマダ タロウ" in one.text
    assert "桜町一丁目" in one.text
    told = (await browser.call(f"/api/v1{here}/{key}/show")).json()
    assert (told["kana"], told["attempts"][0]["number"]) == ("ヤマダ タロウ", "+819012300001")
    seen = [json.loads(entry.details)["people"] for entry in await at.entries() if entry.action == "personal_data_seen"]
    assert seen[1:] == [somebody(1).id] * 2


async def test_what_cannot_be_put_on_record_is_not_shown(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    await browser.get("/account")

    def refuse(_keys: KeyStore, _name: str, _value: bytes) -> None:
        raise StoreFailed("空きがありません。")

    monkeypatch.setattr(KeyStore, "note", refuse)
    for path in ("people/show", f"people/{await key_of(at, campaign.id, 1)}/show", "export/personal", "export"):
        answer = await browser.call(f"/api/v1/campaigns/{campaign.id}/{path}")
        assert answer.status_code == 503, path
        assert "ヤマダ" not in answer.text


async def test_who_may_not_is_shown_no_button_and_no_name(at: Office) -> None:
    campaign = await filled(at)
    for role in (Role.APPROVER, Role.ADMINISTRATOR, Role.AUDITOR, Role.OPERATOR):
        browser = await at.signed_in(role.value, role)
        page = (await browser.get(f"/campaigns/{campaign.id}/people")).text
        assert "表示する" not in about(page)
        assert "export/personal" not in page
        assert (await browser.call(f"/api/v1/campaigns/{campaign.id}/people/show")).status_code == 403


CHOICES: tuple[tuple[str, list[int]], ...] = (
    ("", [0, 1, 2, 3, 4, 5, 6, 7]),
    ("state=waiting", [6, 7]),
    ("outcome=voicemail", [1, 3]),
    ("class=machine", [1]),
    ("class=unproven&outcome=voicemail", [3]),
    ("mark=callback", [4]),
    ("text=none&state=settled&tries=2", [0]),
    ("text=delivered", []),
    ("id=1000000005&state=waiting", [5]),
    ("mark=%00", []),
)


async def test_people_are_chosen_by_what_is_asked(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    for query, found in CHOICES:
        told = (await browser.client.get(f"/api/v1/campaigns/{campaign.id}/people?{query}")).json()
        assert [one["id"] for one in told["people"]] == [somebody(one).id for one in found], query
        assert told["number"] == len(found), query


async def test_one_is_found_by_exactly_their_number(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    here = f"/campaigns/{campaign.id}/people"
    led = await browser.get(f"{here}?id=1000000005")
    assert led.headers["location"] == f"{here}/{await key_of(at, campaign.id, 5)}"
    for number in ("100000000", "1%00", "%F0%9F%98%80", "' OR 1=1"):
        page = await browser.get(f"{here}?id={number}")
        assert page.status_code == 200
        assert "この催告にいません" in page.text


async def test_digits_count_whatever_their_width(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    here, key = f"/campaigns/{campaign.id}/people", await key_of(at, campaign.id, 1)
    wide = somebody(1).id.translate({ord(str(one)): "０１２３４５６７８９"[one] for one in range(10)})
    assert wide != somebody(1).id
    assert (await browser.get(f"{here}?id={wide}")).headers["location"] == f"{here}/{key}"
    assert (await browser.get(f"{here}?tries=１")).text.count("回</td>") == (
        (await browser.get(f"{here}?tries=1")).text.count("回</td>")
    )
    assert "数字で書いて" not in (await browser.get(f"{here}?tries=１")).text


async def test_what_cannot_be_asked_is_said_and_breaks_nothing(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    here = f"/campaigns/{campaign.id}/people"
    for query in ("state=x", "class=x", "outcome=x", "text=x", "tries=0", "tries=二", "after=x", "after=%00.x"):
        assert 'role="alert"' in (await browser.get(f"{here}?{query}")).text, query
        assert (await browser.client.get(f"/api/v1{here}?{query}")).status_code == 400, query
    for key in ("x", "0" * 32, "%00", "%F0%9F%98%80"):
        assert (await browser.get(f"{here}/{key}")).status_code == 404


async def test_the_next_page_begins_where_the_last_one_ended(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at, people=60, waiting=60)
    for order in ("list", "last"):
        path, seen = f"/api/v1/campaigns/{campaign.id}/people?order={order}", []
        first = (await browser.client.get(path)).json()
        second = (await browser.client.get(f"{path}&after={first['after']}")).json()
        seen = [one["id"] for one in first["people"] + second["people"]]
        assert (len(first["people"]), len(second["people"]), second["after"]) == (50, 10, None)
        assert seen == [somebody(one).id for one in range(60)]
        back = (await browser.client.get(f"{path}&before={second['before']}")).json()
        assert (back["people"], back["before"]) == (first["people"], None)
    page = (await browser.get(f"/campaigns/{campaign.id}/people?state=waiting")).text
    link = re.search(r'href="([^"]+after=[^"]+)"', page)
    assert link is not None
    assert "state=waiting" in link[1]
    following = (await browser.get(link[1].replace("&amp;", "&"))).text
    assert "はじめのページへ" in following
    back = re.search(r'href="([^"]+before=[^"]+)">前の 50 人へ', following)
    assert back is not None
    assert "after=" not in back[1]
    first = (await browser.get(back[1].replace("&amp;", "&"))).text
    assert somebody(0).id in first
    assert "前の 50 人へ" not in first


async def test_an_attempt_says_in_words_what_proves_its_outcome(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    here = f"/campaigns/{campaign.id}/people"
    page = (await browser.get(f"{here}/{await key_of(at, campaign.id, 1)}")).text
    assert "録音の始まりの発信音（ピー）が聞こえました" in page
    assert "伝言が全部録音されたことが、確かめられています" in page
    unproven = (await browser.get(f"{here}/{await key_of(at, campaign.id, 3)}")).text
    assert "確かめられています" not in unproven
    assert "相手側の声は、合わせて約 1.2 秒でした" in unproven
    confirmed = (await browser.get(f"{here}/{await key_of(at, campaign.id, 0)}")).text
    assert "「greet」で # が押されました" in confirmed
    assert "電話網の返事：SIP 480" in confirmed, "of the first dial"


async def exported(browser: Browser, campaign: str, form: str, where: str = "export") -> bytes:
    answer = await browser.post(f"/api/v1/campaigns/{campaign}/{where}", {"format": form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith("attachment; ")
    return answer.content


@pytest.mark.parametrize("form", ["csv", "csv-cp932"])
async def test_everybody_comes_as_csv_hidden_or_whole(at: Office, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "A_MORSEL", 3)
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    await browser.get("/account")
    code = "cp932" if form == "csv-cp932" else "utf-8-sig"
    hidden = (await exported(browser, campaign.id, form)).decode(code)
    assert not [secret for secret in SECRETS if secret in hidden]
    whole = (await exported(browser, campaign.id, form, "export/personal")).decode(code)
    rows = list(csv.DictReader(io.StringIO(whole)))
    assert [row["宛名番号"] for row in rows] == [somebody(one).id for one in range(8)]
    assert rows[2]["カナ氏名"] == "'=HYPERLINK(1)", "no formula"
    assert {row["住所"] for row in rows} == {"桜町一丁目"}
    assert rows[1]["区分"] == "留守番電話に録音（発信音あり）"
    assert whole.count("\ufeff") == 0, "the mark is at the beginning only"
    done = [json.loads(entry.details) for entry in await at.entries() if entry.action == "exported"]
    assert [(one["rows"], one["names"], one["format"]) for one in done] == [(8, "hidden", "csv"), (8, "shown", "csv")]


async def test_everybody_comes_as_a_workbook_that_opens(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "A_MORSEL", 3)
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    await browser.get("/account")
    book = openpyxl.load_workbook(io.BytesIO(await exported(browser, campaign.id, "xlsx", "export/personal")))
    assert book.sheetnames == ["集計", "宛先", "発信"]
    headings, *people = book["宛先"].iter_rows(values_only=True)
    assert [row[0] for row in people] == [somebody(one).id for one in range(8)]
    assert people[2][1] == "=HYPERLINK(1)"
    cell = book["宛先"].cell(4, 2)
    assert (cell.data_type, cell.quotePrefix) == ("s", True), "no formula"
    assert headings[-1] == "住所"
    assert book["発信"].max_row == 1 + 7
    summary = {row[0]: row[2] for row in book["集計"].iter_rows(values_only=True) if row[0]}
    assert (summary["全体"], summary["発信回数"], summary["本人が確認（キー入力）"]) == (8, 7, 1)
    hidden = openpyxl.load_workbook(io.BytesIO(await exported(browser, campaign.id, "xlsx")))
    told = "".join(str(value) for sheet in hidden for row in sheet.iter_rows(values_only=True) for value in row)
    assert not [secret for secret in SECRETS if secret in told]


async def test_a_second_export_at_once_is_refused_and_the_next_one_is_not(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    page = f"/campaigns/{campaign.id}/people"
    await browser.get(page)
    async with exports._exporting:
        answer = await browser.post(f"/api/v1/campaigns/{campaign.id}/export", {"format": "csv"}, referer=ORIGIN + page)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert "ほかの書き出しをしています" in (await browser.get(page)).text
    assert await exported(browser, campaign.id, "csv")
    assert (await browser.post(f"/api/v1/campaigns/{campaign.id}/export", {"format": "exe"})).status_code == 400


async def test_an_export_may_take_longer_than_other_answers_as_long_as_it_goes_on(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "A_MORSEL", 1)
    monkeypatch.setattr(safety, "LONGEST_S", 0.4)
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    await browser.get("/account")
    slept = 0.15

    async def slow(work: Any, *given: Any) -> AsyncGenerator[bytes, None]:
        async for one in work(*given):
            yield one
            await asyncio.sleep(slept)

    monkeypatch.setattr(exports, "pieces", slow)
    assert len((await exported(browser, campaign.id, "csv")).splitlines()) == 9
    slept = 0.6
    # httpx calls it a defect of ours that the answer has no end.
    with pytest.raises(AssertionError):
        await browser.post(f"/api/v1/campaigns/{campaign.id}/export", {"format": "csv"})
    slept = 0.0
    assert await exported(browser, campaign.id, "csv"), "and the next one may begin"


async def test_an_export_ends_with_the_session_of_who_asked_for_it(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "A_MORSEL", 1)
    monkeypatch.setattr(exports, "ASK_AGAIN", 0.0)
    browser = await at.signed_in("hanako")
    campaign = await filled(at)
    await browser.get("/account")
    assert await exported(browser, campaign.id, "csv")
    sent: list[bytes] = []

    async def ending(work: Any, *given: Any) -> AsyncGenerator[bytes, None]:
        async for one in work(*given):
            sent.append(one)
            yield one
            at.clock.forward(hours=13)

    monkeypatch.setattr(exports, "pieces", ending)
    with pytest.raises(AssertionError):
        await browser.post(f"/api/v1/campaigns/{campaign.id}/export", {"format": "csv"})
    assert len(sent) == 2, "the piece after which the session was over is not sent"


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+819012345678", "090-****-5678"), ("+81357220001", "03-****-0001"), ("", ""), ("12345678901", "*******8901")],
)
def test_a_number_is_shown_without_its_middle(number: str, shown: str) -> None:
    assert masked_number(number) == shown


def test_a_name_is_shown_by_its_first_character_whatever_its_length() -> None:
    assert (masked_name("山田太郎"), masked_name("山"), masked_name("")) == ("山●", "山●", "")


async def test_numbers_of_people_stand_whole_in_the_trail(at: Office) -> None:

    await at.console.audit.record(
        Action.PERSONAL_DATA_SEEN, "x", people=Numbers("0312345678、\x00"), other="0312345678"
    )
    (entry,) = await at.entries()
    assert json.loads(entry.details) == {"people": "0312345678、�", "other": "***"}
