"""Coming in, waiting after wrong tries, and being out again."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from ivr.accounts import door
from ivr.domain.account import FREE_TRIES
from ivr.domain.authority import Role
from tests.web.browsers import ORIGIN, PAGE, PASSWORD, Browser, Office, code_of, office


async def actions(at: Office) -> list[tuple[str, str, str]]:
    return [(entry.who, entry.action, entry.subject) for entry in await at.entries() if entry.who != "test"]


async def with_telephone(browser: Browser) -> tuple[str, list[str]]:
    """Set a second factor up; return the seed and the paper codes."""
    page = (await browser.get("/account/second-factor")).text
    found = re.search(r'name="seed" value="([A-Z2-7]+)"', page)
    assert found
    values = {"seed": found[1], "code": code_of(found[1], browser.office.clock.at), "current": PASSWORD}
    answer = await browser.post("/api/v1/me/second-factor", values)
    assert answer.status_code == 200, answer.text
    codes = re.findall(r"<li><code[^>]*>([a-z0-9-]+)</code>", answer.text)
    assert len(codes) == 10
    return found[1], codes


async def test_who_knows_name_and_password_comes_in_and_is_named_on_every_page(at: Office) -> None:
    await at.person("hanako", Role.CLERK, display="鈴木 花子")
    browser = at.browser()
    answer = await browser.sign_in("Hanako")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    for path in ("/", "/campaigns", "/account", "/nowhere"):
        page = (await browser.get(path)).text
        assert "鈴木 花子" in page
        assert "税務課" in page
    assert ("hanako", "signed_in", "hanako") in await actions(at)


@pytest.mark.parametrize(
    ("name", "password"), [("hanako", "wrong"), ("nobody", PASSWORD), ("", ""), ("hanako", "x" * 300), ("\0", "\0")]
)
async def test_who_does_not_is_told_no_more_than_that(at: Office, name: str, password: str) -> None:
    await at.person("hanako")
    answer = await at.browser().sign_in(name, password)
    assert answer.status_code == 401
    assert door.WRONG in answer.text
    assert "yobirin" not in answer.cookies or len(await at.console.results.accounts.sessions_of("x")) == 0


async def test_a_name_counts_whatever_its_width(at: Office) -> None:
    await at.person("hanako")
    assert (await at.browser().sign_in("ｈａｎａｋｏ")).status_code == 303


async def test_a_name_that_nobody_has_is_not_written_into_the_trail(at: Office) -> None:
    await at.browser().sign_in("MyPassword123", "x")
    (entry,) = [one for one in await at.entries() if one.action == "sign_in_refused"]
    assert (entry.who, entry.subject) == ("?", "")
    assert "mypassword" not in (entry.details + entry.subject).lower()


@pytest.mark.parametrize("name", ["hanako", "nobody"])
async def test_after_five_wrong_tries_the_door_stays_shut_for_longer_and_longer(at: Office, name: str) -> None:
    await at.person("hanako")
    browser = at.browser()
    for _ in range(FREE_TRIES):
        assert door.WRONG in (await browser.sign_in(name, "wrong")).text
    for minutes in (1, 2, 4, 8):
        assert "しばらくサインインできません" in (await browser.sign_in(name, PASSWORD)).text
        at.clock.forward(minutes=minutes, seconds=-1)
        assert "しばらくサインインできません" in (await browser.sign_in(name, PASSWORD)).text
        at.clock.forward(seconds=2)
        assert door.WRONG in (await browser.sign_in(name, "wrong")).text
    at.clock.forward(hours=1)
    assert (await browser.sign_in(name, PASSWORD)).status_code == (303 if name == "hanako" else 401)


async def test_tries_at_the_same_time_are_counted_one_by_one(at: Office) -> None:
    await at.person("hanako")
    browsers = [at.browser(f"192.0.2.{number}") for number in range(20)]
    answers = await asyncio.gather(*(one.sign_in("hanako", "wrong") for one in browsers))
    assert sum(door.WRONG in one.text for one in answers) == FREE_TRIES


async def test_an_address_that_tries_many_names_is_shut_out(at: Office) -> None:
    await at.person("hanako")
    browser = at.browser()
    for number in range(FREE_TRIES + door.FREE_TRIES_OF_AN_ADDRESS):
        await browser.sign_in(f"name{number}", "wrong")
    assert "しばらくサインインできません" in (await browser.sign_in("hanako")).text
    assert (await at.browser("198.51.100.9").sign_in("hanako")).status_code == 303


async def test_a_reset_opens_the_door_again_with_a_password_that_is_to_be_changed(at: Office) -> None:
    admin = await at.signed_in("kacho", Role.ADMINISTRATOR)
    person = await at.person("hanako")
    for _ in range(FREE_TRIES):
        await at.browser().sign_in("hanako", "wrong")
    await admin.get(f"/people/{person.id}")
    page = (await admin.post(f"/api/v1/people/{person.id}/reset")).text
    found = re.search(r"<code class=\"large\">([a-z0-9]{4}(?:-[a-z0-9]{4}){4})</code>", page)
    assert found
    browser = at.browser()
    answer = await browser.sign_in("hanako", found[1])
    assert answer.headers["location"] == "/account/password"
    assert (await browser.get("/")).headers["location"] == "/account/password"
    await browser.get("/account/password")
    answer = await browser.post(
        "/api/v1/me/password", {"current": found[1], "password": "another good phrase", "again": "another good phrase"}
    )
    assert answer.headers["location"] == "/"
    assert (await browser.get("/")).status_code == 200
    assert [action for _, action, subject in await actions(at) if subject == "hanako"][-3:] == [
        "person_reset",
        "signed_in",
        "password_changed",
    ]


async def test_a_password_that_was_handed_over_holds_for_a_week(at: Office) -> None:
    admin = await at.signed_in("kacho", Role.ADMINISTRATOR)
    await admin.get("/people")
    department = at.departments["税務課"].id
    told = await admin.call(
        "/api/v1/people", {"name": "jiro", "display": "次郎", "department": department, "roles": ["clerk"]}
    )
    at.clock.forward(days=7, seconds=1)
    assert "期限が切れています" in (await at.browser().sign_in("jiro", told.json()["password"])).text


async def test_with_a_second_factor_the_password_alone_opens_nothing(at: Office) -> None:
    browser = await at.signed_in("hanako", *Role)
    seed, _ = await with_telephone(browser)
    at.clock.forward(minutes=1)
    again = at.browser()
    answer = await again.sign_in("hanako")
    assert answer.headers["location"].startswith("/sign-in/code")
    for path in ("/", "/campaigns", "/people", "/audit", "/account"):
        assert (await again.get(path)).headers["location"] == "/sign-in/code"
    assert (await again.client.get("/api/v1/people")).status_code == 403
    await again.get("/sign-in/code")
    token = again.client.cookies["yobirin"]
    answer = await again.post("/sign-in/code", {"code": code_of(seed, at.clock.at)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert again.client.cookies["yobirin"] != token, "what was known half-way is worth nothing"
    assert (await again.get("/")).status_code == 200


async def test_a_code_works_once_and_an_old_one_not_at_all(at: Office) -> None:
    browser = await at.signed_in("hanako")
    seed, _ = await with_telephone(browser)
    at.clock.forward(minutes=1)
    code = code_of(seed, at.clock.at)
    for expected in (303, 401):
        again = at.browser()
        await again.sign_in("hanako")
        assert (await again.post("/sign-in/code", {"code": code})).status_code == expected
    at.clock.forward(minutes=2)
    again = at.browser()
    await again.sign_in("hanako")
    assert (await again.post("/sign-in/code", {"code": code})).status_code == 401


async def test_a_code_from_the_paper_works_once_however_it_is_typed(at: Office) -> None:
    browser = await at.signed_in("hanako")
    _, codes = await with_telephone(browser)
    typed = codes[3].upper().replace("-", " ")
    for expected in (303, 401):
        again = at.browser()
        await again.sign_in("hanako")
        assert (await again.post("/sign-in/code", {"code": typed})).status_code == expected
    again = at.browser()
    await again.sign_in("hanako")
    await again.post("/sign-in/code", {"code": codes[4]})
    assert "残りは 8 個" in (await again.get("/")).text


async def test_wrong_codes_shut_the_door_as_wrong_passwords_do(at: Office) -> None:
    browser = await at.signed_in("hanako")
    seed, _ = await with_telephone(browser)
    at.clock.forward(minutes=1)
    again = at.browser()
    await again.sign_in("hanako")
    for _ in range(FREE_TRIES):
        await again.post("/sign-in/code", {"code": "000000"})
    answer = await again.post("/sign-in/code", {"code": code_of(seed, at.clock.at)})
    assert "しばらくサインインできません" in answer.text


async def test_the_seed_of_the_codes_is_nowhere_in_the_database(at: Office, tmp_path: Path) -> None:
    browser = await at.signed_in("hanako")
    seed, codes = await with_telephone(browser)
    token = browser.client.cookies["yobirin"]
    kept = b"".join(file.read_bytes() for file in (tmp_path / "var").glob("ivr.db*"))
    for secret in (seed, *codes, token, PASSWORD, "argon2"):
        assert secret.encode() not in kept


async def test_where_a_second_factor_is_required_it_is_set_up_before_anything_else(tmp_path: Path) -> None:
    async with office(tmp_path, "") as at:
        browser = await at.signed_in("hanako")
        assert (await browser.get("/campaigns")).headers["location"] == "/account/second-factor"
        assert (await browser.client.get("/api/v1/campaigns")).json()["error"] == "second_factor"
        await with_telephone(browser)
        assert (await browser.get("/campaigns")).status_code == 200


async def test_a_session_ends_when_it_is_not_used_and_after_a_day_even_if_it_is(at: Office) -> None:
    browser = await at.signed_in("hanako")
    at.clock.forward(minutes=29)
    assert (await browser.get("/")).status_code == 200
    at.clock.forward(minutes=31)
    answer = await browser.get("/campaigns?page=1")
    assert answer.headers["location"] == "/sign-in?next=%2Fcampaigns%3Fpage%3D1"
    assert "サインインの時間が終わりました" in (await browser.get("/sign-in")).text
    await browser.sign_in("hanako")
    for _ in range(29):
        at.clock.forward(minutes=20)
        assert (await browser.get("/")).status_code == 200
    at.clock.forward(minutes=20)
    assert (await browser.get("/")).status_code == 303


async def test_whoever_is_still_there_may_stay_before_the_session_ends(at: Office) -> None:
    browser = await at.signed_in("hanako")
    page = (await browser.get("/")).text
    assert 'data-idle="1800"' in page
    assert '<button type="button" class="button small" id="stay">' in page
    for _ in range(3):
        at.clock.forward(minutes=28)
        assert (await browser.client.get("/api/v1/me")).status_code == 200, "what the button asks"
    assert "data-idle" not in (await at.browser().get("/sign-in")).text


async def test_a_form_that_is_sent_after_the_session_has_ended_says_so_and_does_nothing(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await at.campaign("催告")
    await browser.get(f"/campaigns/{campaign.id}")
    at.clock.forward(hours=1)
    page = f"/campaigns/{campaign.id}"
    answer = await browser.post(f"/api/v1{page}/start", referer=f"{ORIGIN}{page}")
    assert answer.status_code == 401
    assert "サインインの時間が終わりました" in answer.text
    assert f'href="/sign-in?next={page}"' in answer.text, "and then back to where they were"
    assert await at.state(campaign) == "created"


async def test_a_fourth_session_ends_the_oldest(at: Office) -> None:
    await at.person("hanako")
    browsers = []
    for _ in range(4):
        at.clock.forward(seconds=1)
        browsers.append(at.browser())
        await browsers[-1].sign_in("hanako")
    assert [(await one.get("/")).status_code for one in browsers] == [303, 200, 200, 200]


async def test_signing_out_ends_the_session_and_not_the_cookie_alone(at: Office) -> None:
    browser = await at.signed_in("hanako")
    token = browser.client.cookies["yobirin"]
    await browser.get("/")
    assert (await browser.post("/sign-out")).headers["location"] == "/sign-in?out=1"
    thief = at.browser()
    thief.client.cookies["yobirin"] = token
    assert (await thief.get("/")).status_code == 303


async def test_a_token_that_was_planted_before_somebody_signed_in_is_worth_nothing(at: Office) -> None:
    await at.person("hanako")
    browser, planted = at.browser(), "a" * 43
    browser.client.cookies["yobirin"] = planted
    await browser.sign_in("hanako")
    thief = at.browser()
    thief.client.cookies["yobirin"] = planted
    assert (await thief.get("/")).status_code == 303


async def test_a_person_who_is_switched_off_is_out_at_once(at: Office) -> None:
    admin = await at.signed_in("kacho", Role.ADMINISTRATOR)
    browser = await at.signed_in("hanako")
    person = await at.console.results.accounts.named("hanako")
    assert person
    await admin.get(f"/people/{person.id}")
    values = {"display": "花子", "department": person.department.id, "roles": "clerk"}
    assert (await admin.post(f"/api/v1/people/{person.id}", values)).status_code == 303
    assert (await browser.get("/")).status_code == 303
    assert (await browser.sign_in("hanako")).status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_signing_in_leads_to_our_own_pages_alone(at: Office, target: str) -> None:
    await at.person("hanako")
    browser = at.browser()
    await browser.get("/sign-in")
    answer = await browser.post("/sign-in", {"name": "hanako", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"


async def test_the_link_of_the_terminal_makes_the_first_administrator_once(at: Office) -> None:
    orphan = await at.campaign("前からある催告", department=None)
    link = f"/first/{at.console.first_key}"
    browser = at.browser()
    assert "リンクを開いて" in (await browser.get("/sign-in")).text
    assert (await browser.get("/first/" + "x" * 32)).status_code == 404
    assert (await browser.get(link)).status_code == 200
    values = {"name": "Kacho", "display": "課長", "department": "税務課", "password": PASSWORD, "again": PASSWORD}
    assert (await browser.post(link, values | {"again": "different"})).status_code == 400
    assert (await browser.post(link, values | {"password": "short", "again": "short"})).status_code == 400
    answer = await browser.post(link, values)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "課長" in (await browser.get("/people")).text
    assert (await browser.get(f"/campaigns/{orphan.id}")).status_code == 200
    assert (await at.browser().get(link)).status_code == 404
    person = await at.console.results.accounts.named("kacho")
    assert person
    assert person.roles == {Role.ADMINISTRATOR}
    (entry,) = [one for one in await at.entries() if one.action == "person_added"]
    assert (entry.who, entry.subject, json.loads(entry.details)["department"]) == ("kacho", "kacho", "税務課")
    assert " web 192.0.2.7" in entry.where


async def test_a_name_may_hold_a_blank_of_full_width_as_names_in_japanese_do(at: Office) -> None:
    browser = at.browser()
    link = f"/first/{at.console.first_key}"
    await browser.get(link)
    password = "長い 合言葉　四つ ことば"
    values = {"name": "hanako", "display": "髙﨑　𠮷子", "department": "税務課　収納係"}
    answer = await browser.post(link, values | {"password": password, "again": password})
    assert answer.status_code == 303, answer.text
    person = await at.console.results.accounts.named("hanako")
    assert person is not None
    assert (person.display, person.department.name) == ("髙﨑 𠮷子", "税務課 収納係")
    assert (await at.browser().sign_in("hanako", password)).status_code == 303


async def test_two_who_open_the_link_at_once_make_one_administrator(at: Office) -> None:
    link = f"/first/{at.console.first_key}"
    browsers = [at.browser(), at.browser()]
    for one in browsers:
        await one.get(link)
    values = {"display": "課長", "department": "税務課", "password": PASSWORD, "again": PASSWORD}
    answers = await asyncio.gather(
        *(one.post(link, values | {"name": f"kacho{number}"}) for number, one in enumerate(browsers))
    )
    assert len(await at.console.results.accounts.everybody()) == 1
    assert min(one.status_code for one in answers) == 303


async def test_no_page_is_kept_by_the_browser(at: Office) -> None:
    answer = await at.browser().client.get("/sign-in", headers=PAGE)
    assert answer.headers["cache-control"] == "no-store"
