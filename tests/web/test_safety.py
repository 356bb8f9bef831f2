"""What surrounds every page: headers, origins, limits; and what is never shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from markupsafe import escape

from ivr.domain.authority import Role
from ivr.web import pages, safety
from tests.web.browsers import ORIGIN, PAGE, PASSWORD, Office, office

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


def forms_of(page: str) -> list[str]:
    return re.findall(r"<form[^>]*method=\"post\".*?</form>", page, re.DOTALL)


async def every_page(at: Office) -> AsyncIterator[tuple[str, str]]:
    """Yield every page as somebody with every role sees it, with names in it that would like to be code."""
    browser = await at.signed_in("hanako", *Role, display=EVIL[:40])
    person = await at.person("jiro", display="<b>太字</b>")
    campaign = await at.campaign(EVIL, created_by=EVIL)
    await at.console.results.move_campaign(campaign.id, expected=["created"], state="running")
    at.health.update(ami=False, listening=False, console=False)
    for path in (
        "/",
        "/campaigns",
        f"/campaigns/{campaign.id}",
        f"/campaigns/{campaign.id}/live",
        "/people",
        f"/people/{person.id}",
        "/audit",
        f"/audit?about={EVIL}&since=2026-01-01",
        "/account",
        "/account/password",
        "/account/second-factor",
        f"/nowhere/{EVIL}",
    ):
        yield path, (await browser.get(path)).text
    yield "guest", (await at.browser().get(f"/sign-in?next={EVIL}")).text
    again = at.browser()
    await again.get("/sign-in")
    yield "refused", (await again.post("/sign-in", {"name": EVIL, "password": EVIL})).text
    await browser.get("/people")
    back = await browser.post("/api/v1/people", {"name": EVIL[:30]}, referer=f"{ORIGIN}/people")
    assert back.status_code == 303
    yield "given again", (await browser.get("/people")).text


async def test_what_people_have_typed_never_becomes_code(at: Office) -> None:
    async for path, page in every_page(at):
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "<b>太字" not in page, path
        for tag in re.findall(r"<[a-z][^>]*>", page):
            assert not re.search(r"\son\w+\s*=", re.sub(r'"[^"]*"', "", tag)), (path, tag)
        assert "&gt;49" not in page, path


async def test_no_page_holds_style_or_script_of_its_own_or_asks_anybody_else(at: Office) -> None:
    async for path, shown in every_page(at):
        page = shown.replace(str(escape(EVIL)), "")
        assert not re.search(r"<style|\sstyle=|javascript:", page), path
        scripts = re.findall(r"<script.*?</script>", page, re.DOTALL)
        assert scripts, path
        for script in scripts:
            assert re.fullmatch(r'<script src="/static/[^"]+" defer></script>', script), (path, script)
        for target in re.findall(r'(?:src|href|action)="([^"]*)"', page):
            assert target.startswith(("/", "#")), (path, target)


async def test_every_form_that_changes_something_carries_the_token(at: Office) -> None:
    async for path, page in every_page(at):
        for form in forms_of(page):
            assert 'name="csrf"' in form, (path, form)


async def test_every_page_has_one_heading_landmarks_and_a_way_past_them(at: Office) -> None:
    async for path, page in every_page(at):
        assert page.count("<h1") == 1, path
        assert '<html lang="ja">' in page, path
        assert re.search(r'<a class="skip" href="#main">.*<main id="main"', page, re.DOTALL), path
        assert len(re.findall(r"<title>[^<]+｜呼鈴（本番）</title>", page)) == 1, path
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), path
        for field in re.findall(r'<(?:input|select)(?![^>]*type="hidden")[^>]*>', page):
            name = re.search(r'id="([^"]+)"', field)
            assert name, (path, field)
            assert f'<label for="{name[1]}"' in page, (path, field)


@pytest.mark.parametrize(
    "path", ["/sign-in", "/", "/nowhere", "/static/console.css", "/static/../console.py", "/api/v1/me"]
)
async def test_every_answer_carries_the_headers(at: Office, path: str) -> None:
    answer = await at.browser().client.get(path)
    for name, value in safety.HEADERS.items():
        assert answer.headers[name] == value
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers


async def test_behind_tls_cookies_and_origins_are_of_that_name_alone(tmp_path: Path) -> None:
    settings = "web: {second_factor: optional, url: 'https://ivr.city.example.jp'}\n"
    async with office(tmp_path, settings) as at:
        await at.person("hanako")
        browser = at.browser()
        browser.client.base_url = "https://ivr.city.example.jp"
        await browser.get("/sign-in")
        values = {"name": "hanako", "password": PASSWORD}
        assert (await browser.post("/sign-in", values)).status_code == 403
        answer = await browser.post("/sign-in", values, origin="https://ivr.city.example.jp")
        assert answer.status_code == 303
        cookie = next(one for one in answer.headers.get_list("set-cookie") if "yobirin" in one)
        assert cookie.startswith("__Host-yobirin=")
        for word in ("HttpOnly", "Secure", "Path=/", "SameSite=lax"):
            assert word in cookie
        assert "Domain" not in cookie
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
        {"origin": ORIGIN.replace("http", "ftp")},
        {"origin": f"{ORIGIN}:8080"},
    ],
)
async def test_what_another_site_sends_is_refused_even_with_the_right_token(
    at: Office, headers: dict[str, str]
) -> None:
    browser = await at.signed_in("hanako")
    campaign = await at.campaign("催告")
    await browser.get(f"/campaigns/{campaign.id}")
    answer = await browser.client.post(
        f"/api/v1/campaigns/{campaign.id}/start", data={"csrf": browser.csrf}, headers=PAGE | headers
    )
    assert answer.status_code == 403
    assert await at.state(campaign) == "created"


async def test_the_token_of_one_session_does_not_serve_another(at: Office) -> None:
    campaign = await at.campaign("催告")
    hanako, jiro = await at.signed_in("hanako"), await at.signed_in("jiro")
    await hanako.get("/account")
    jiro.csrf = hanako.csrf
    assert (await jiro.post(f"/api/v1/campaigns/{campaign.id}/start")).status_code == 403
    assert await at.state(campaign) == "created"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_huge_body_is_refused(at: Office, announced: bool) -> None:
    body = b"csrf=" + b"x" * safety.MOST_BYTES

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 8192):
            yield body[start : start + 8192]

    headers = PAGE | {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    answer = await at.browser().client.post("/sign-in", content=body if announced else pieces(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b'{"csrf": {"a": 1}}', b"\xff", b"[" * 5000, b'{"name": 5, "roles": "x"}']
)
async def test_what_is_no_form_is_refused_in_a_sentence(at: Office, body: bytes) -> None:
    browser = await at.signed_in("hanako", Role.ADMINISTRATOR)
    headers = {"origin": ORIGIN, "x-csrf-token": browser.csrf, "content-type": "application/json"}
    answer = await browser.client.post("/api/v1/people", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"]


async def test_a_request_that_does_not_end_is_given_up(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "LONGEST_S", 0.05)
    sent = []

    async def receive() -> dict[str, object]:
        await asyncio.sleep(60)
        return {}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/sign-in",
        "raw_path": b"/sign-in",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"yobirin.test"), (b"origin", ORIGIN.encode())],
        "client": ("192.0.2.7", 1),
        "server": ("yobirin.test", 80),
    }
    await at.app(scope, receive, send)
    assert sent[0]["status"] == 408


async def test_a_length_that_is_no_number_is_refused(at: Office) -> None:
    for length in ("-1", "x", "9" * 5000, "１"):
        headers = {"origin": ORIGIN, "content-length": length.encode()}
        answer = await at.browser().client.post("/sign-in", headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 413


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
async def test_other_methods_are_refused(at: Office, method: str) -> None:
    answer = await at.browser().client.request(method, "/sign-in", headers={"origin": ORIGIN})
    assert answer.status_code == 405


@pytest.mark.parametrize(
    ("answered", "opens"),
    [
        ("/exclusions/search", "/exclusions"),
        ("/exclusions/show?after=50", "/exclusions?after=50"),
        (f"/campaigns/{'a' * 32}/people/{'b' * 64}/show", f"/campaigns/{'a' * 32}/people/{'b' * 64}"),
        (f"/scenarios/{'a' * 32}", f"/scenarios/{'a' * 32}"),
        (f"/drafts/{'a' * 32}/rules", f"/campaigns/new/{'a' * 32}"),
        (f"/people/{'a' * 32}/reset", f"/people/{'a' * 32}"),
        ("/webhooks/ping", "/tokens/webhooks"),
        ("/audit/verify", "/audit"),
        ("/emergency-stop", "/"),
    ],
)
async def test_the_address_of_an_answer_to_a_form_leads_to_its_page(at: Office, answered: str, opens: str) -> None:
    answer = await at.browser().get(f"/api/v1{answered}")
    assert (answer.status_code, answer.headers.get("location")) == (303, opens)
    program = await at.browser().client.get(f"/api/v1{answered}")
    assert program.status_code == 405


async def test_a_defect_of_ours_is_a_page_that_tells_nothing_of_it(
    at: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser = await at.signed_in("hanako", display="鈴木 花子")

    async def broken(*_: object, **__: object) -> None:
        raise ValueError("+81357220000 ヤマダ タロウ")

    monkeypatch.setattr(at.console.results, "campaigns", broken)
    answer = await browser.get("/campaigns")
    assert answer.status_code == 500
    assert "電話は影響を受けません" in answer.text
    assert "鈴木 花子" in answer.text
    assert "ヤマダ" not in answer.text + caplog.text
    assert (await browser.client.get("/api/v1/campaigns")).json()["error"] == "defect"


async def test_words_that_somebody_plants_in_a_cookie_are_not_said(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await at.campaign("催告")
    await browser.get(f"/campaigns/{campaign.id}")
    answer = await browser.post(f"/api/v1/campaigns/{campaign.id}/start")
    cookie = browser.client.cookies[pages.FLASH]
    assert answer.status_code == 303
    other = await at.signed_in("jiro")
    for planted in (cookie, "0" * 32 + cookie[32:], "x.y", "."):
        other.client.cookies.set(pages.FLASH, planted, domain="yobirin.test")
        assert "を始めました" not in re.sub(r"<table.*", "", (await other.get("/account")).text, flags=re.DOTALL)
    assert "を始めました" in (await browser.get("/account")).text
    assert "を始めました" not in (await browser.get("/account")).text, "it is said once"


async def test_files_beside_the_pages_are_ours_alone_and_nothing_above_them(at: Office) -> None:
    browser = at.browser()
    assert (await browser.client.get("/static/console.css")).headers["cache-control"].endswith("immutable")
    for path in ("/static/", "/static/..%2fpages.py", "/static/%2e%2e/pages.py", "/static/vendor"):
        assert (await browser.client.get(path)).status_code == 404
    styles = (pages.STATIC / "console.css").read_text("utf-8") + (pages.STATIC / "console.js").read_text("utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", styles)
