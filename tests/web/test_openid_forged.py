"""What comes from a provider, or in its name, and proves nobody."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path

import pytest

from ivr.errors import Problems
from ivr.openid import exchange
from ivr.settings import load
from ivr.web.staff.openid import ASTRAY, AWAY, UNPROVEN
from tests.certificates import certified
from tests.web.browsers import HandClock, Office, office
from tests.web.test_openid import says, trail
from tests.web.vouching import Forger, comes_back, forger, rsa, sets_out, settings, vouched


@pytest.fixture
async def told() -> AsyncIterator[Forger]:
    async with forger(HandClock(UTC)) as served:
        yield served


@pytest.fixture
async def at(tmp_path: Path, told: Forger) -> AsyncIterator[Office]:
    async with office(tmp_path, settings(tmp_path, told.issuer)) as opened:
        await opened.person("hanako")
        yield opened


async def test_a_token_that_says_something_else_lets_nobody_in(at: Office, told: Forger) -> None:
    browser = at.browser()
    for claims, why in (({"nonce": "another"}, "nonce"), ({"aud": "another"}, "aud"), ({"exp": 1}, "exp")):
        told.claims = claims
        assert UNPROVEN in await says(browser, await vouched(browser, told))
        refused = (await trail(at, "sign_in_refused"))[-1]
        assert (refused["who"], refused["why"]) == ("?", f"openid: {why}")
        assert (await browser.get("/campaigns")).status_code == 303
    told.claims = {}
    assert (await vouched(browser, told)).headers["location"] == "/campaigns", "and nothing else was wrong"


async def test_a_new_key_of_the_provider_is_found_and_not_looked_for_at_every_try(at: Office, told: Forger) -> None:
    browser = at.browser()
    assert (await vouched(browser, told)).headers["location"] == "/campaigns"
    at.clock.forward(minutes=2)
    told.clock.at = at.clock.at
    told.published, told.key, told.header = [rsa(1)], rsa(1), {"alg": "RS256", "kid": "rsa-1"}
    browser = at.browser()
    assert (await vouched(browser, told)).headers["location"] == "/campaigns"
    assert told.asked.count("/jwks") == 2
    told.header = {"alg": "RS256", "kid": "of nobody"}
    for _ in range(4):
        assert UNPROVEN in await says(browser := at.browser(), await vouched(browser, told))
    assert told.asked.count("/jwks") == 2


async def test_an_answer_that_this_browser_did_not_ask_for_is_nobodys_try(at: Office, told: Forger) -> None:
    browser, other = at.browser(), at.browser()
    await sets_out(other, told)
    state = await sets_out(browser, told)
    asked = len(told.asked)
    for changed in ({"state": "forged"}, {"state": None}, {"state": "", "code": ""}, {"state": "ä"}):
        await sets_out(browser, told)
        assert ASTRAY in await says(browser, await comes_back(browser, told, **changed))
    assert ASTRAY in await says(other, await comes_back(other, told, state=state)), "another's answer"
    nobody = at.browser()
    assert ASTRAY in await says(nobody, await comes_back(nobody, told)), "a browser that never went"
    await sets_out(browser, told)
    kept = dict(browser.client.cookies)
    seal, _, body = browser.client.cookies["yobirin-openid"].strip('"').partition(".")
    word, _, set_out = json.loads(base64.urlsafe_b64decode(body))
    body = base64.urlsafe_b64encode(json.dumps([word, "https://evil.example", set_out]).encode()).decode()
    browser.client.cookies.clear()
    browser.client.cookies.update(kept | {"yobirin-openid": f"{seal}.{body}"})
    assert ASTRAY in await says(browser, await comes_back(browser, told)), "a cookie that we did not seal"
    await sets_out(browser, told)
    at.clock.forward(minutes=10, seconds=1)
    assert ASTRAY in await says(browser, await comes_back(browser, told)), "too late"
    assert len(told.asked) == asked, "nothing is told to the provider"
    assert not await trail(at, "sign_in_refused")


async def test_an_answer_works_once_whatever_the_provider_thinks(at: Office, told: Forger) -> None:
    told.again = True
    browser = at.browser()
    await sets_out(browser, told)
    cookies = dict(browser.client.cookies)
    assert (await comes_back(browser, told, code="once")).headers["location"] == "/campaigns"
    thief = at.browser()
    thief.client.cookies.update(cookies)
    assert ASTRAY in await says(thief, await comes_back(thief, told, code="once"))
    assert told.asked.count("/token") == 1


async def test_an_answer_names_its_issuer(at: Office, told: Forger) -> None:
    browser = at.browser()
    for iss in (None, "https://other.example.jp", ""):
        await sets_out(browser, told)
        assert UNPROVEN in await says(browser, await comes_back(browser, told, iss=iss))
    assert told.asked.count("/token") == 0, "the code is not given to the wrong one"


async def test_an_issuer_that_does_not_name_itself_may_be_silent_but_not_lie(tmp_path: Path, told: Forger) -> None:
    told.metadata = {"authorization_response_iss_parameter_supported": None}
    async with office(tmp_path, settings(tmp_path, told.issuer)) as at:
        await at.person("hanako")
        browser = at.browser()
        await sets_out(browser, told)
        assert UNPROVEN in await says(browser, await comes_back(browser, told, iss="https://other.example.jp"))
        await sets_out(browser, told)
        assert (await comes_back(browser, told, iss=None)).headers["location"] == "/campaigns"


async def test_who_changes_their_mind_is_back_at_the_start(at: Office, told: Forger) -> None:
    browser = at.browser()
    await sets_out(browser, told)
    page = await says(browser, await comes_back(browser, told, code=None, error="access_denied"))
    assert "取りやめ" in page
    assert 'value="/campaigns"' in page
    await sets_out(browser, told)
    assert UNPROVEN in await says(browser, await comes_back(browser, told, code="x" * 5_000))


async def test_an_address_from_which_nothing_is_proven_is_shut_out(at: Office, told: Forger) -> None:
    told.claims = {"aud": "another"}
    browser = at.browser()
    for _ in range(30):
        await vouched(browser, told)
    assert "しばらくサインインできません" in await says(browser, await vouched(browser, told))
    assert told.asked.count("/token") == 30, "nor is the provider troubled any more"
    assert len(await trail(at, "sign_in_refused")) == 30
    told.claims = {}
    assert "しばらくサインインできません" in await says(browser, await vouched(browser, told))
    assert (await vouched(at.browser("198.51.100.9"), told)).headers["location"] == "/campaigns"


async def test_answers_are_bounded(at: Office, told: Forger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SECONDS", 0.3)
    where = "/.well-known/openid-configuration"
    answers = {"huge": (200, b"{" + b" " * exchange.LONGEST), "broken": (200, b"[" * 100_000), "elsewhere": (302, b"")}
    for path, what, said in (
        *((where, what, AWAY) for what in ("slow", "dripping", *answers)),
        *(("/token", what, AWAY if what in ("slow", "huge") else UNPROVEN) for what in ("slow", *answers)),
        *(("/jwks", what, UNPROVEN if what == "broken" else AWAY) for what in answers),
    ):
        told.raw, told.slow, told.dripping = {}, {}, set()
        browser = at.browser()
        # Whatever was kept is old by now.
        at.clock.forward(hours=2)
        told.clock.at = at.clock.at
        if path != where:
            await sets_out(browser, told)
        if what == "slow":
            told.slow = {path: 1.0}
        elif what == "dripping":
            told.dripping = {path}
        else:
            told.raw = {path: answers[what]}
        answer = await (browser.get("/sign-in/openid") if path == where else comes_back(browser, told))
        assert said in await says(browser, answer), (path, what)
    assert (await at.browser().sign_in("hanako")).status_code == 303


async def test_a_provider_that_is_not_as_it_should_be_is_none(at: Office, told: Forger) -> None:
    browser = at.browser()
    wrong: tuple[dict[str, object], ...] = (
        {"issuer": "https://other.example.jp"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"token_endpoint": "http://[::1/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 7},
        {"jwks_uri": "http://user@127.0.0.1/jwks"},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {"token_endpoint_auth_methods_supported": 7},
    )
    for told.metadata in wrong:
        assert AWAY in await says(browser, await browser.get("/sign-in/openid")), told.metadata
    told.metadata = {}
    assert (await browser.get("/sign-in/openid")).headers["location"].startswith(told.issuer)


async def test_the_secret_goes_in_the_form_where_the_provider_wants_it_there(at: Office, told: Forger) -> None:
    told.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await vouched(at.browser(), told)).headers["location"] == "/campaigns"


async def test_a_provider_with_a_certificate_that_nobody_knows_is_none(tmp_path: Path) -> None:
    file, tls = certified(tmp_path)
    async with forger(HandClock(UTC), tls) as told:
        for more, comes in (
            ("", False),
            (f"    ca_file: {tmp_path}/openid.secret\n", False),
            (f"    ca_file: {file}\n", True),
        ):
            folder = tmp_path / f"{len(more)}"
            folder.mkdir()
            async with office(folder, settings(folder, told.issuer, more)) as at:
                await at.person("hanako")
                browser = at.browser()
                if comes:
                    assert (await vouched(browser, told)).headers["location"] == "/campaigns"
                else:
                    assert AWAY in await says(browser, await browser.get("/sign-in/openid"))
        told.metadata = {"token_endpoint": f"{told.issuer.replace('https', 'http')}/token"}
        (tmp_path / "last").mkdir()
        async with office(tmp_path / "last", settings(tmp_path / "last", told.issuer, more)) as at:
            browser = at.browser()
            assert AWAY in await says(browser, await browser.get("/sign-in/openid")), "the secret would go in the clear"


async def test_a_provider_outside_of_the_office_is_reached_by_its_proxy(tmp_path: Path, told: Forger) -> None:
    proxy, told.issuer = told.issuer, "http://idp.invalid"
    chosen = settings(tmp_path, told.issuer, f"    allow_http: true\n    proxy: {proxy}\n")
    async with office(tmp_path, chosen) as at:
        await at.person("hanako")
        assert (await vouched(at.browser(), told)).headers["location"] == "/campaigns"
        assert told.asked == ["/.well-known/openid-configuration", "/token", "/jwks"]


async def test_how_somebody_has_proven_themselves_can_be_asked_for(tmp_path: Path, told: Forger) -> None:
    async with office(tmp_path, settings(tmp_path, told.issuer, "    acr: [gold, silver]\n")) as at:
        await at.person("hanako")
        browser = at.browser()
        assert UNPROVEN in await says(browser, await vouched(browser, told))
        assert told.query["acr_values"] == "gold silver"
        told.claims = {"acr": "silver"}
        assert (await vouched(browser, told)).headers["location"] == "/campaigns"


async def test_many_at_once_come_in(at: Office, told: Forger) -> None:
    browsers = [at.browser(f"192.0.2.{number}") for number in range(8)]
    answers = await asyncio.gather(*(one.get("/sign-in/openid") for one in browsers))
    assert all(one.headers["location"].startswith(told.issuer) for one in answers)
    assert told.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("issuer: http://idp.city.example.jp", "http:// では、だれでも職員になりすませます"),
        ("issuer: idp.city.example.jp", "issuer は"),
        ("issuer: https://idp.city.example.jp, scopes: [profile]", "scopes には openid"),
        ("issuer: https://idp.city.example.jp, groups: [{group: x, roles: [king], department: 税務課}]", "clerk"),
        ("issuer: https://idp.city.example.jp, proxy: proxy:8080", "proxy は"),
        ("issuer: https://idp.city.example.jp, client_secret: x", "client_secret"),
    ],
)
def test_settings_that_are_not_safe_are_refused(tmp_path: Path, more: str, said: str) -> None:
    rest = f"client_id: yobirin, client_secret_file: x, {more}"
    (tmp_path / "ivr.yaml").write_text(f"web: {{url: https://ivr.example.jp, openid: {{{rest}}}}}\n", "utf-8")
    with pytest.raises(Problems, match=said):
        load(tmp_path / "ivr.yaml")
    (tmp_path / "ivr.yaml").write_text(
        "web: {openid: {issuer: 'https://x', client_id: y, client_secret_file: z}}\n", "utf-8"
    )
    with pytest.raises(Problems, match="web の url"):
        load(tmp_path / "ivr.yaml")


def test_http_within_the_office_is_to_be_allowed(tmp_path: Path) -> None:
    text = (
        "web: {url: https://x, openid: {issuer: 'http://idp', client_id: y, client_secret_file: z, allow_http: true}}\n"
    )
    (tmp_path / "ivr.yaml").write_text(text, "utf-8")
    openid = load(tmp_path / "ivr.yaml").web.openid
    assert openid is not None
    assert openid.plain
