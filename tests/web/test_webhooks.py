"""An administrator registers where results are told, tries it, and sees how it goes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from ivr.domain.authority import Role
from ivr.domain.outcome import Outcome
from ivr.domain.webhook import EventKind, Off
from ivr.storage.console_tables import webhooks
from ivr.storage.webhooks import Batch
from tests.hooks.receiver import Receiver, receiving, status
from tests.web.browsers import PAGE, Browser, Office, office

SETTINGS = "web: {second_factor: optional}\nwebhooks: {hosts: [127.0.0.1, shuno.example.jp]}\n"
API = "/api/v1/webhooks"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Office]:
    """An office whose settings name the receiver."""
    async with office(tmp_path, SETTINGS) as opened:
        yield opened


@pytest.fixture
async def chief(at: Office) -> Browser:
    browser = await at.signed_in("kacho", Role.ADMINISTRATOR)
    browser.csrf = at.console.results.accounts.hash("csrf", browser.client.cookies["yobirin"])
    return browser


async def order(at: Office, to: str, **changed: Any) -> dict[str, Any]:
    part = await at.department("税務課")
    values: dict[str, Any] = {
        "name": "収納システム",
        "url": to,
        "department": part.id,
        "kinds": ["person.settled"],
        "outcomes": [outcome.value for outcome in Outcome],
    }
    return values | changed


async def made(at: Office, browser: Browser, receiver: Receiver, **changed: Any) -> tuple[str, str]:
    answer = await browser.call(API, await order(at, receiver.url, **changed))
    assert answer.status_code == 200, answer.text
    return answer.json()["id"], answer.json()["secret"]


async def test_a_secret_is_shown_once_and_proves_what_is_sent(at: Office, chief: Browser) -> None:
    async with receiving() as receiver:
        webhook, secret = await made(at, chief, receiver)
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
        tried = (await chief.call(f"{API}/ping", {"webhook": webhook})).json()
        assert (tried["taken"], tried["status"], tried["answer"]) == (True, 204, "受け取りました（204）")
        (message,) = receiver.messages
        assert [one["kind"] for one in message.events] == ["ping"]
        assert message.proven_by(secret)
        answer = await chief.call(f"{API}/rotate", {"webhook": webhook})
        newer = answer.json()["secret"]
        await chief.call(f"{API}/ping", {"webhook": webhook})
        at.clock.forward(hours=25)
        browser = at.browser()
        await browser.sign_in("kacho")
        browser.csrf = at.console.results.accounts.hash("csrf", browser.client.cookies["yobirin"])
        await browser.call(f"{API}/ping", {"webhook": webhook})
    assert newer != secret
    assert [one.proven_by(secret) for one in receiver.messages] == [True, True, False]
    assert [one.proven_by(newer) for one in receiver.messages] == [False, True, True]
    listed = await browser.client.get(API)
    page = await browser.get("/tokens/webhooks")
    for held in (listed.text, page.text, str([entry.details for entry in await at.entries()])):
        assert secret.removeprefix("whsec_")[:20] not in held
        assert newer.removeprefix("whsec_")[:20] not in held
    stored = b"".join(path.read_bytes() for path in at.console.settings.data_dir.glob("ivr.db*"))
    assert secret.encode() not in stored


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": ""}, "名前"),
        ({"kinds": []}, "知らせること"),
        ({"outcomes": []}, "知らせる結果"),
        ({"kinds": ["x"]}, "知らせること"),
        ({"department": "x"}, "部署"),
        ({"url": "ftp://127.0.0.1/"}, "http"),
        ({"url": "http://a:b@127.0.0.1/"}, "パスワード"),
        ({"url": "http://10.1.2.3/"}, "webhooks.hosts"),
        ({"url": "http://[::1]/"}, "webhooks.hosts"),
        ({"url": ""}, "アドレス"),
    ],
)
async def test_what_is_wrong_with_it_is_told(at: Office, chief: Browser, changed: dict[str, Any], said: str) -> None:
    answer = await chief.call(API, await order(at, "http://127.0.0.1/x", **changed))
    assert answer.status_code in (400, 404)
    assert said in answer.json()["message"]
    assert await at.console.results.webhooks.all() == ()


async def test_a_name_is_taken_once_and_there_are_not_too_many(
    at: Office, chief: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.storage.webhooks.MOST_WEBHOOKS", 2)
    url = "https://shuno.example.jp/x"
    assert (await chief.call(API, await order(at, url))).status_code == 200
    assert "すでにあります" in (await chief.call(API, await order(at, url))).json()["message"]
    assert (await chief.call(API, await order(at, url, name="二つ目"))).status_code == 200
    assert "2 件まで" in (await chief.call(API, await order(at, url, name="三つ目"))).json()["message"]


async def test_the_page_makes_tries_stops_and_removes_it(at: Office, chief: Browser) -> None:
    async with receiving(status(204), status(401)) as receiver:
        await chief.get("/tokens/webhooks")
        new = await chief.post(API, await order(at, receiver.url))
        assert "whsec_" in new.text
        (webhook,) = await at.console.results.webhooks.all()
        for doing, said in (
            ("ping", "受け取りました（204）"),
            ("ping", "断られました（401）"),
            ("off", "への通知を止めました"),
            ("on", "への通知を再開しました"),
            ("remove", "を削除しました"),
        ):
            answer = await chief.post(f"{API}/{doing}", {"webhook": webhook.id})
            assert answer.headers["location"] == "/tokens/webhooks", doing
            assert said in (await chief.get("/tokens/webhooks")).text, doing
    assert await at.console.results.webhooks.all() == ()
    entries = [(one.action, one.who, one.details) for one in await at.entries() if one.action.startswith("webhook")]
    assert [(action, who) for action, who, _ in entries] == [
        ("webhook_made", "kacho"),
        ("webhook_changed", "kacho"),
        ("webhook_changed", "kacho"),
        ("webhook_removed", "kacho"),
    ]
    assert '"host":"127.0.0.1"' in entries[0][2]


async def test_where_no_machine_is_named_the_page_says_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        browser = await at.signed_in("kacho", Role.ADMINISTRATOR)
        assert "webhooks.hosts に相手の機械を書く" in (await browser.get("/tokens/webhooks")).text
        browser.csrf = at.console.results.accounts.hash("csrf", browser.client.cookies["yobirin"])
        answer = await browser.call(API, await order(at, "http://127.0.0.1/"))
        assert "webhooks.hosts" in answer.json()["message"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
async def test_nobody_else_may(at: Office, role: Role) -> None:
    browser = await at.signed_in("hanako", role)
    browser.csrf = at.console.results.accounts.hash("csrf", browser.client.cookies["yobirin"])
    assert (await browser.client.get("/tokens/webhooks", headers=PAGE)).status_code == 403
    assert (await browser.call(API, await order(at, "http://127.0.0.1/"))).status_code == 403


async def test_what_is_not_told_is_todays_trouble_of_who_sees_the_department(at: Office, chief: Browser) -> None:
    store, now = at.console.results.webhooks, at.clock.now()
    async with receiving(status(503), status(204)) as receiver:
        webhook, _ = await made(at, chief, receiver, kinds=[kind.value for kind in EventKind])
        await at.console.results.write(lambda connection: connection.execute(update(webhooks).values(upto=1)))
        batch = Batch(upto=1, events=(), gone=0)
        await store.failed(webhook, batch, now, "つながりませんでした", now + timedelta(hours=1))
        clerk = await at.signed_in("hanako", Role.CLERK)
        foreign = await at.signed_in("jiro", Role.CLERK, department="国保年金課")

        async def troubles(browser: Browser) -> list[str]:
            return [one["message"] for one in (await browser.client.get("/api/v1/today")).json()["troubles"]]

        assert await troubles(clerk) == []
        at.clock.forward(minutes=11)
        (said,) = await troubles(clerk)
        assert said.startswith("「収納システム」：")
        assert "つながりませんでした" in said
        assert await troubles(chief) == [said]
        assert await troubles(foreign) == []
        assert not (await chief.call(f"{API}/ping", {"webhook": webhook})).json()["taken"]
        assert (await store.one(webhook)).next_at == now + timedelta(hours=1)
        assert (await chief.call(f"{API}/ping", {"webhook": webhook})).json()["taken"]
        assert (await store.one(webhook)).next_at is None, "what waits goes at once"
        await store.switch_off(webhook, Off.GIVEN_UP, at.clock.now())
        (said,) = await troubles(clerk)
        assert "3 日のあいだ届かなかった" in said
        page = (await chief.get("/tokens/webhooks")).text
        assert "自動停止（届かない）" in page
        await chief.call(f"{API}/on", {"webhook": webhook})
        assert await troubles(clerk) == []
