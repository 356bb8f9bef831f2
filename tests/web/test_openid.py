"""Signing in by a provider's word: with a certified provider, and who it is for whom one vouches."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ivr.accounts.vouched import NO_GROUP, SEVERAL, STRANGER, TAKEN
from ivr.doctor.finding import State
from ivr.doctor.vouching import vouching
from ivr.domain.account import Department
from ivr.domain.audit import Author
from ivr.domain.authority import Role
from ivr.errors import ProviderAway
from ivr.storage.accounts import LAST_LOCAL
from tests.web.browsers import NOON, ORIGIN, PASSWORD, Browser, HandClock, Office, code_of, office
from tests.web.test_signing_in import with_telephone
from tests.web.vouching import Forger, certified, forger, settings, signs_in, vouched


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Return the issuer of a certified provider."""
    with certified() as started:
        yield started


@pytest.fixture
async def told() -> AsyncIterator[Forger]:
    async with forger(HandClock(UTC)) as served:
        yield served


@pytest.fixture
async def at(tmp_path: Path, told: Forger) -> AsyncIterator[Office]:
    """An office whose staff sign in at a provider that says what it is told to."""
    async with office(tmp_path, settings(tmp_path, told.issuer)) as opened:
        yield opened


async def says(browser: Browser, answer: httpx.Response) -> str:
    """Return the page for signing in, to which one was sent back."""
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    return (await browser.get(answer.headers["location"])).text


async def trail(at: Office, action: str) -> list[dict[str, str]]:
    return [json.loads(one.details) | {"who": one.who} for one in await at.entries() if one.action == action]


async def test_a_certified_provider_signs_somebody_in_and_out(tmp_path: Path, issuer: str) -> None:
    async with office(tmp_path, settings(tmp_path, issuer)) as at, httpx.AsyncClient() as there:
        at.clock.at = datetime.now(UTC)
        person = await at.person("hanako", display="鈴木 花子")
        browser = at.browser()
        assert "庁内アカウントでサインイン" in (await browser.get("/sign-in?next=/campaigns")).text
        out = (await browser.get("/sign-in/openid?next=/campaigns")).headers["location"]
        back = urlsplit(await signs_in(there, out, "hanako"))
        answer = await browser.get(f"{back.path}?{back.query}")
        assert answer.headers["location"] == "/campaigns"
        assert "鈴木 花子" in (await browser.get("/campaigns")).text
        found = (await at.console.results.accounts.person(person.id)).link
        assert found is not None
        assert (found.issuer, found.subject) == (issuer, "sub-hanako")
        assert [one["by"] for one in await trail(at, "signed_in")] == ["openid"]

        await browser.get("/account")
        answer = await browser.post("/sign-out")
        page = (await browser.get(answer.headers["location"])).text
        assert "/sign-in/openid/out" in page
        away = (await browser.get("/sign-in/openid/out")).headers["location"]
        assert away.startswith(f"{issuer}/session/end?")
        form = (await there.get(away)).text
        word = re.search(r'name="xsrf" value="([^"]+)"', form)
        assert word
        done = await there.post(f"{issuer}/session/end/confirm", data={"xsrf": word[1], "logout": "yes"})
        assert done.headers["location"] == f"{ORIGIN}/sign-in"
        # Whoever comes next at this computer is asked who they are.
        assert "again=1" in page
        asked = (await browser.get("/sign-in/openid?again=1")).headers["location"]
        assert "prompt=login" in asked
        back = urlsplit(await signs_in(there, asked, "jiro"))
        assert STRANGER in await says(browser, await browser.get(f"{back.path}?{back.query}"))
        (refused,) = await trail(at, "sign_in_refused")
        assert refused["account"] == "jiro"


@pytest.mark.parametrize("client", ["es", "ps"])
async def test_each_algorithm_of_a_certified_provider_will_do(tmp_path: Path, issuer: str, client: str) -> None:
    async with office(tmp_path, settings(tmp_path, issuer, client=client)) as at, httpx.AsyncClient() as there:
        at.clock.at = datetime.now(UTC)
        await at.person("hanako")
        browser = at.browser()
        out = (await browser.get("/sign-in/openid")).headers["location"]
        back = urlsplit(await signs_in(there, out, "hanako"))
        assert (await browser.get(f"{back.path}?{back.query}")).headers["location"] == "/"


async def test_a_code_works_once_at_a_certified_provider(tmp_path: Path, issuer: str) -> None:
    async with office(tmp_path, settings(tmp_path, issuer)) as at, httpx.AsyncClient() as there:
        at.clock.at = datetime.now(UTC)
        await at.person("hanako")
        browser = at.browser()
        out = (await browser.get("/sign-in/openid")).headers["location"]
        back = urlsplit(await signs_in(there, out, "hanako"))
        cookies = dict(browser.client.cookies)
        assert (await browser.get(f"{back.path}?{back.query}")).headers["location"] == "/"
        thief = at.browser()
        thief.client.cookies.update(cookies)
        assert "途中の記録" in await says(thief, await thief.get(f"{back.path}?{back.query}"))
        # Nor where our memory of it is gone: the provider knows.
        at.console.returns._known.clear()
        thief.client.cookies.clear()
        thief.client.cookies.update(cookies)
        assert "確かめられませんでした" in await says(thief, await thief.get(f"{back.path}?{back.query}"))
        (refused,) = await trail(at, "sign_in_refused")
        assert refused["why"] == "openid: refused: invalid_grant"


async def test_the_doctor_asks_the_provider(tmp_path: Path, issuer: str, told: Forger) -> None:
    async with office(tmp_path, settings(tmp_path, issuer)) as at:
        finding = await vouching(at.console.settings)
        assert finding.state is State.GOOD
        assert issuer in finding.message
    told.metadata = {"issuer": "https://other.example.jp"}
    async with office(tmp_path, settings(tmp_path, told.issuer)) as at:
        with pytest.raises(ProviderAway, match=r"https://other\.example\.jp"):
            await vouching(at.console.settings)
    async with office(tmp_path, settings(tmp_path, issuer, "    only: true\n")) as at:
        assert "パスワードで入れる管理者がいません" in (await vouching(at.console.settings)).message


async def test_without_the_setting_nothing_is_offered(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        browser = at.browser()
        await at.person("hanako")
        assert "庁内アカウント" not in (await browser.get("/sign-in")).text
        for path in ("", "/back?state=x&code=y", "/out"):
            assert (await browser.get(f"/sign-in/openid{path}")).status_code == 404


async def test_nobody_comes_in_before_the_first_administrator(at: Office, told: Forger) -> None:
    browser = at.browser()
    assert "/sign-in/openid" not in (await browser.get("/sign-in")).text
    assert STRANGER in await says(browser, await vouched(browser, told))


async def test_nor_does_a_group_make_one(tmp_path: Path, told: Forger) -> None:
    async with office(tmp_path, settings(tmp_path, told.issuer, GROUPS)) as at:
        await at.department("税務課")
        told.claims = {"groups": ["zeimu"]}
        browser = at.browser()
        assert STRANGER in await says(browser, await vouched(browser, told))
        assert not await at.console.results.accounts.any_person()


async def test_who_is_renamed_at_the_provider_stays_who_they_are(at: Office, told: Forger) -> None:
    await at.person("hanako", display="鈴木 花子")
    await at.person("kacho", Role.ADMINISTRATOR, display="課長")
    assert (await vouched(at.browser(), told)).headers["location"] == "/campaigns"
    told.claims = {"preferred_username": "kacho"}
    browser = at.browser()
    assert (await vouched(browser, told)).headers["location"] == "/campaigns"
    assert "鈴木 花子" in (await browser.get("/campaigns")).text
    assert (await at.console.results.accounts.named("kacho")).link is None  # type: ignore[union-attr]


async def test_an_account_made_anew_under_an_old_name_is_not_the_old_person(at: Office, told: Forger) -> None:
    person = await at.person("hanako")
    await vouched(at.browser(), told)
    told.claims = {"sub": "another"}
    browser = at.browser()
    assert TAKEN in await says(browser, await vouched(browser, told))
    admin = await at.signed_in("kacho", Role.ADMINISTRATOR)
    page = (await admin.get(f"/people/{person.id}")).text
    assert "sub-hanako" in page
    assert "結び付けを外す" in page
    answer = await admin.post(f"/api/v1/people/{person.id}/unlink")
    assert answer.headers["location"] == f"/people/{person.id}"
    assert "結び付けを外しました" in (await admin.get(f"/people/{person.id}")).text
    assert (await admin.call(f"/api/v1/people/{person.id}/unlink")).status_code == 400
    assert (await vouched(browser, told)).headers["location"] == "/campaigns"
    assert [(one["account"], one["who"]) for one in await trail(at, "person_linked")] == [
        ("sub-hanako", "openid:hanako"),
        ("another", "openid:hanako"),
    ]
    assert [(one["account"], one["who"]) for one in await trail(at, "person_unlinked")] == [("sub-hanako", "kacho")]


async def test_unlinking_ends_the_sessions(at: Office, told: Forger) -> None:
    person = await at.person("hanako")
    browser = at.browser()
    await vouched(browser, told)
    await at.console.results.accounts.end_link(person.id)
    assert (await browser.get("/campaigns")).headers["location"].startswith("/sign-in")


async def test_who_may_not_use_the_console_any_more_does_not_come_in(at: Office, told: Forger) -> None:
    admin = await at.signed_in("kacho", Role.ADMINISTRATOR)
    person = await at.person("hanako")
    browser = at.browser()
    for linked in (False, True):
        values = {"display": "花子", "department": person.department.id, "roles": ["clerk"], "active": not linked}
        await admin.get("/people")
        if not linked:
            await vouched(at.browser(), told)
        assert (await admin.call(f"/api/v1/people/{person.id}", values | {"active": False})).status_code == 200
        assert "利用が止められています" in await says(browser, await vouched(browser, told))
        await admin.call(f"/api/v1/people/{person.id}", values | {"active": True})
        await at.console.results.accounts.end_link(person.id)


async def test_the_door_is_shut_for_both_ways_in(at: Office, told: Forger) -> None:
    await at.person("hanako")
    for _ in range(5):
        await at.browser("192.0.2.9").sign_in("hanako", "wrong")
    browser = at.browser()
    assert "しばらくサインインできません" in await says(browser, await vouched(browser, told))
    at.clock.forward(minutes=1, seconds=1)
    told.clock.at = at.clock.at
    assert (await vouched(browser, told)).headers["location"] == "/campaigns"


async def test_a_handed_over_password_need_not_be_changed_by_who_does_not_use_it(at: Office, told: Forger) -> None:
    admin = await at.signed_in("kacho", Role.ADMINISTRATOR)
    await admin.get("/people")
    values = {"name": "hanako", "display": "花子", "department": at.departments["税務課"].id, "roles": "clerk"}
    await admin.post("/api/v1/people", values)
    browser = at.browser()
    await vouched(browser, told)
    assert (await browser.get("/campaigns")).status_code == 200


@pytest.mark.parametrize("whose", ["provider", "ours"])
async def test_a_second_factor_is_the_providers_business_or_ours(tmp_path: Path, told: Forger, whose: str) -> None:
    chosen = settings(tmp_path, told.issuer, f"    second_factor: {whose}\n", second_factor="required")
    async with office(tmp_path, chosen) as at:
        register, part = at.console.register(Author(who="test", where="test")), await at.department("税務課")
        person, _ = await register.add("hanako", "花子", part.id, [Role.CLERK])
        browser = at.browser()
        assert (await vouched(browser, told)).headers["location"] == "/campaigns"
        if whose == "provider":
            assert (await browser.get("/campaigns")).status_code == 200
            return
        assert (await browser.get("/campaigns")).headers["location"] == "/account/second-factor"
        seed, _ = await with_telephone(browser)
        assert (await browser.get("/campaigns")).status_code == 200
        at.clock.forward(minutes=1)
        told.clock.at = at.clock.at
        other = at.browser()
        assert (await vouched(other, told)).headers["location"] == "/sign-in/code?next=%2Fcampaigns"
        assert (await other.get("/campaigns")).headers["location"] == "/sign-in/code"
        await other.get("/sign-in/code")
        answer = await other.post("/sign-in/code", {"code": code_of(seed, at.clock.at), "next": "/campaigns"})
        assert answer.headers["location"] == "/campaigns"
        assert (await other.get("/campaigns")).status_code == 200
        sessions = await at.console.results.accounts.sessions_of(person.id)
        assert all(one.openid for one in sessions)


GROUPS = """\
    groups:
      - {group: zeimu, roles: [clerk], department: 税務課}
      - {group: zeimu-approve, roles: [approver], department: 税務課}
      - {group: kokuho, roles: [clerk], department: 国保年金課}
"""


async def test_groups_say_who_somebody_is_at_each_sign_in(tmp_path: Path, told: Forger) -> None:
    async with office(tmp_path, settings(tmp_path, told.issuer, GROUPS)) as at:
        await at.person("kacho", Role.ADMINISTRATOR)
        browser = at.browser()
        for groups, said in (([], NO_GROUP), (["zeimu", "kokuho"], SEVERAL), (["kokuho"], "部署「国保年金課」")):
            told.claims = {"groups": groups}
            assert said in await says(browser, await vouched(browser, told))
        assert await at.console.results.accounts.named("hanako") is None
        for groups, roles in ((["zeimu", "x"], {Role.CLERK}), (["zeimu-approve"], {Role.APPROVER})):
            told.claims = {"groups": groups}
            assert (await vouched(browser, told)).headers["location"] == "/campaigns"
            person = await at.console.results.accounts.named("hanako")
            assert person is not None
            assert set(person.roles) == roles
            assert (person.department.name, person.display) == ("税務課", "鈴木 花子")
            await browser.get("/campaigns")
            await browser.post("/sign-out")
        told.claims = {"groups": "none"}
        assert NO_GROUP in await says(browser, await vouched(browser, told))
        added = [one for one in await trail(at, "person_added") if one["who"].startswith("openid:")]
        assert added == [{"who": "openid:hanako", "roles": "clerk", "department": "税務課"}]
        changed = await trail(at, "person_changed")
        assert [one["roles"] for one in changed] == ["approver"]


async def test_who_is_switched_off_while_they_sign_in_stays_so(
    tmp_path: Path, told: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path, settings(tmp_path, told.issuer, GROUPS)) as at:
        await at.person("kacho", Role.ADMINISTRATOR)
        hanako = await at.person("hanako")
        accounts = at.console.results.accounts
        found = accounts.departments

        async def meanwhile_switched_off() -> tuple[Department, ...]:
            await accounts.change(
                hanako.id, display="花子", department_id=hanako.department.id, roles=hanako.roles, active=False
            )
            return await found()

        told.claims = {"groups": ["zeimu"]}
        assert (await vouched(at.browser(), told)).headers["location"] == "/campaigns"
        told.claims = {"groups": ["zeimu-approve"]}
        monkeypatch.setattr(accounts, "departments", meanwhile_switched_off)
        browser = at.browser()
        assert "利用が止められています" in await says(browser, await vouched(browser, told))
        assert not (await accounts.person(hanako.id)).active


async def test_passwords_of_linked_people_can_be_switched_off_but_for_the_last_administrator(
    tmp_path: Path, told: Forger
) -> None:
    async with office(tmp_path, settings(tmp_path, told.issuer, "    only: true\n")) as at:
        await at.person("hanako")
        await at.person("kacho", Role.ADMINISTRATOR)
        browser = at.browser()
        assert (await at.browser().sign_in("hanako")).status_code == 303
        assert (await vouched(browser, told)).headers["location"] == "/campaigns"
        assert (await at.browser().sign_in("hanako")).status_code == 401
        told.claims = {"sub": "sub-kacho", "preferred_username": "kacho"}
        assert LAST_LOCAL in await says(at_sign_in := at.browser(), await vouched(at_sign_in, told))
        assert (await at.browser().sign_in("kacho")).status_code == 303
        await at.person("bucho", Role.ADMINISTRATOR)
        assert (await vouched(at.browser(), told)).headers["location"] == "/campaigns"
        assert (await at.browser().sign_in("kacho")).status_code == 401
        assert [one["account"] for one in await trail(at, "person_linked")] == ["sub-hanako", "sub-kacho"]


async def test_a_session_by_the_providers_word_ends_as_any(at: Office, told: Forger) -> None:
    await at.person("hanako")
    browser = at.browser()
    await vouched(browser, told)
    assert "庁内アカウントでサインインしています" in (await browser.get("/account")).text
    at.clock.forward(minutes=31)
    assert (await browser.get("/campaigns")).headers["location"].startswith("/sign-in")


async def test_a_provider_that_is_away_is_said_so_and_passwords_work(at: Office, told: Forger) -> None:
    await at.person("hanako")
    told.raw = {"/.well-known/openid-configuration": (503, b"")}
    browser = at.browser()
    page = await says(browser, await browser.get("/sign-in/openid?next=/campaigns"))
    assert "庁内アカウントのサーバーが答えない" in page
    assert 'value="/campaigns"' in page
    await browser.get("/sign-in/openid")
    assert len(told.asked) == 1, "who is away is not waited for again at once"
    assert (await browser.sign_in("hanako", PASSWORD)).status_code == 303
    at.clock.forward(seconds=6)
    told.raw = {}
    assert (await at.browser().get("/sign-in/openid")).headers["location"].startswith(told.issuer)


def test_the_clock_of_the_tests_is_not_now() -> None:
    """Else a token would be judged by the machine's clock and nobody would see it."""
    assert abs(datetime.now(UTC) - NOON) > timedelta(minutes=20)
