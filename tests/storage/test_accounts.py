"""People of the console, their departments and sessions, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from ivr.campaign.records import NewCampaign
from ivr.domain.account import FREE_TRIES, Department, Link, Person, Secrets, Session, Stage
from ivr.domain.authority import Role
from ivr.errors import InputError, KeysFailed, NotFound, StoreFailed
from ivr.storage import SqlResults
from ivr.storage.console_tables import people

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
TAX = Department(id=uuid4().hex, name="税務課")
SECRETS = Secrets(password="$argon2id$…", seed="A" * 32, recovery=("one", "two"))


def somebody(name: str, *roles: Role, department: Department = TAX) -> Person:
    return Person(
        id=uuid4().hex,
        name=name,
        display="山田 太郎",
        department=department,
        roles=frozenset(roles or (Role.CLERK,)),
        active=True,
        second_factor=True,
        password_until=NOW + timedelta(days=7),
        locked_until=None,
        created_at=NOW,
    )


def session(person: Person, number: int = 0, stage: Stage = Stage.FULL) -> Session:
    at = NOW + timedelta(minutes=number)
    return Session(
        id=f"s{number}", person=person.id, stage=stage, begun_at=at, seen_at=at, address="192.0.2.1", browser="B"
    )


@pytest.fixture
async def yamada(store: SqlResults) -> Person:
    await store.accounts.add_department(TAX, NOW)
    person = somebody("yamada", Role.CLERK, Role.ADMINISTRATOR)
    await store.accounts.add(person, SECRETS)
    return person


async def test_a_person_comes_back_as_they_went_in(store: SqlResults, yamada: Person) -> None:
    accounts = store.accounts
    assert await accounts.named("yamada") == yamada
    assert await accounts.person(yamada.id) == yamada
    assert await accounts.everybody() == (yamada,)
    assert await accounts.secrets(yamada.id) == SECRETS
    assert await accounts.departments() == (TAX,)
    assert await accounts.named("nobody") is None
    for missing in (accounts.person("x"), accounts.secrets("x")):
        with pytest.raises(NotFound):
            await missing


async def test_a_name_is_given_once_and_a_department_must_be_there(store: SqlResults, yamada: Person) -> None:
    with pytest.raises(InputError, match="すでに登録"):
        await store.accounts.add(somebody("yamada"), SECRETS)
    with pytest.raises(NotFound, match="部署"):
        await store.accounts.add(somebody("tanaka", department=Department(id="x", name="x")), SECRETS)
    with pytest.raises(InputError, match="すでに"):
        await store.accounts.add_department(replace(TAX, id="other"), NOW)


async def test_the_first_person_is_added_once_and_gets_the_campaigns_so_far(store: SqlResults) -> None:
    new = NewCampaign(name="前からの催告", scenario="", scenario_file="", created_at=NOW)
    campaign = await store.create_campaign(new, [])
    assert not await store.accounts.any_person()
    added = await asyncio.gather(*(store.accounts.add_first(somebody(f"p{one}"), SECRETS) for one in range(4)))
    assert sorted(added) == [False, False, False, True]
    assert (await store.campaign_of(campaign.id)).department == TAX.id
    assert (await store.campaign("前からの催告")).department == TAX.id
    with pytest.raises(NotFound):
        await store.campaign_of("x")


async def test_a_link_is_one_persons_and_of_one_provider(store: SqlResults, yamada: Person) -> None:
    accounts, link = store.accounts, Link(issuer="https://idp", subject="0c5f")
    other = somebody("tanaka")
    await accounts.add(other, SECRETS)
    assert await accounts.linked(link) is None
    linked = await asyncio.gather(*(accounts.put_link(other.id, link, keep_local=True) for _ in range(3)))
    assert sorted(linked) == [False, False, True]
    assert await accounts.linked(link) == replace(other, link=link)
    assert await accounts.linked(replace(link, issuer="https://other")) is None
    with pytest.raises(StoreFailed):
        await accounts.put_link(yamada.id, link, keep_local=False)
    with pytest.raises(InputError, match="あなただけ"):
        await accounts.put_link(yamada.id, replace(link, subject="y"), keep_local=True)
    assert (await accounts.person(yamada.id)).link is None
    await accounts.begin_session(replace(session(other), openid=True), most=3, older=NOW)
    found = await accounts.session("s0")
    assert found is not None
    assert found[0].openid
    await accounts.end_link(other.id)
    assert await accounts.session("s0") is None
    assert await accounts.person(other.id) == other
    with pytest.raises(NotFound):
        await accounts.end_link("x")


async def test_no_change_leaves_the_office_without_an_administrator(store: SqlResults, yamada: Person) -> None:
    accounts = store.accounts
    for roles, active in (([Role.CLERK], True), ([Role.ADMINISTRATOR], False)):
        with pytest.raises(InputError, match="管理者が一人もいなくなる"):
            await accounts.change(yamada.id, display="x", department_id=TAX.id, roles=roles, active=active)
    assert await accounts.person(yamada.id) == yamada
    other = somebody("tanaka", Role.ADMINISTRATOR)
    await accounts.add(other, SECRETS)
    await accounts.begin_session(session(yamada), most=3, older=NOW)
    await accounts.change(yamada.id, display="新", department_id=TAX.id, roles=[Role.AUDITOR], active=False)
    changed = await accounts.person(yamada.id)
    assert (changed.display, changed.roles, changed.active) == ("新", {Role.AUDITOR}, False)
    assert await accounts.session("s0") is None


async def test_wrong_tries_are_counted_even_at_once_and_forgotten_at_a_right_one(
    store: SqlResults, yamada: Person
) -> None:
    accounts = store.accounts
    shut = await asyncio.gather(*(accounts.fail(yamada.id, NOW) for _ in range(FREE_TRIES + 1)))
    assert sorted(one for one in shut if one) == [NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)]
    assert (await accounts.person(yamada.id)).locked_until == NOW + timedelta(minutes=2)
    await accounts.succeed(yamada.id)
    assert (await accounts.person(yamada.id)).locked_until is None
    assert await accounts.fail(yamada.id, NOW) is None


async def test_a_code_and_a_paper_code_are_used_up_once_even_at_once(store: SqlResults, yamada: Person) -> None:
    accounts = store.accounts
    assert sorted(await asyncio.gather(*(accounts.use_step(yamada.id, 100) for _ in range(5)))) == [False] * 4 + [True]
    assert not await accounts.use_step(yamada.id, 99)
    assert await accounts.use_step(yamada.id, 101)
    left = await asyncio.gather(*(accounts.use_recovery(yamada.id, "one") for _ in range(5)))
    assert [one for one in left if one is not None] == [1]
    assert await accounts.use_recovery(yamada.id, "three") is None
    assert (await accounts.secrets(yamada.id)).recovery == ("two",)


async def test_secrets_are_changed_with_what_belongs_to_them(store: SqlResults, yamada: Person) -> None:
    await store.accounts.put_secrets(
        yamada.id, lambda held: Secrets(password=held.password), {"password_until": None, "last_step": 5}
    )
    person = await store.accounts.person(yamada.id)
    assert (person.second_factor, person.password_until) == (False, None)
    assert await store.accounts.secrets(yamada.id) == Secrets(password=SECRETS.password)
    assert not await store.accounts.use_step(yamada.id, 5)


async def test_secrets_that_can_not_be_opened_any_more_are_replaced(store: SqlResults, yamada: Person) -> None:
    await store.write(lambda connection: connection.execute(update(people).values(sealed=b"spoilt")))
    with pytest.raises(KeysFailed):
        await store.accounts.secrets(yamada.id)
    await store.accounts.replace_secrets(yamada.id, Secrets(password="new"), {"failures": 0})
    assert await store.accounts.secrets(yamada.id) == Secrets(password="new")


async def test_sessions_beyond_the_most_and_of_long_ago_end(store: SqlResults, yamada: Person) -> None:
    accounts = store.accounts
    for number in range(5):
        await accounts.begin_session(session(yamada, number), most=3, older=NOW)
    assert [one.id for one in await accounts.sessions_of(yamada.id)] == ["s4", "s3", "s2"]
    await accounts.begin_session(session(yamada, 9), most=3, older=NOW + timedelta(minutes=4))
    assert [one.id for one in await accounts.sessions_of(yamada.id)] == ["s9", "s4"]
    await accounts.begin_session(session(yamada, 10, Stage.PASSWORD), most=1, older=NOW)
    assert [one.id for one in await accounts.sessions_of(yamada.id)] == ["s10", "s9", "s4"], "half in ends nobody's"
    await accounts.end_sessions(yamada.id, only="s10")
    later = NOW + timedelta(hours=1)
    await accounts.see_session("s9", later)
    found = await accounts.session("s9")
    assert found == (replace(session(yamada, 9), seen_at=later), yamada)
    assert await accounts.end_sessions(yamada.id, but="s9") == 1
    assert await accounts.end_sessions(None) == 1
    assert await accounts.session("s9") is None


async def test_a_campaign_is_given_to_a_department_that_is_there(store: SqlResults, yamada: Person) -> None:
    new = NewCampaign(name="催告", scenario="", scenario_file="", created_at=NOW)
    campaign = await store.create_campaign(new, [])
    assert campaign.department is None
    with pytest.raises(NotFound):
        await store.accounts.assign(campaign.id, "x")
    await store.accounts.assign(campaign.id, TAX.id)
    assert (await store.campaign_of(campaign.id)).department == TAX.id
    mine = replace(new, name="別の催告", department=TAX.id)
    assert (await store.create_campaign(mine, [])).department == TAX.id
    assert {one.department for one in await store.campaigns()} == {TAX.id}
