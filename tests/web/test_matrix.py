"""Every route asks the one table of roles, deeds and departments, and does as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount

from ivr.domain.authority import MATRIX, Deed, Reach, Role, may, reach
from ivr.domain.token import Scope
from ivr.web import building, permits
from ivr.web.systems import bearers
from tests.web.browsers import ORIGIN, PAGE, Office

OPEN = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/sign-in/code"),
    ("POST", "/sign-in/code"),
    ("POST", "/sign-out"),
    ("GET", "/sign-in/openid"),
    ("GET", "/sign-in/openid/back"),
    ("GET", "/sign-in/openid/out"),
    ("GET", "/first/{key}"),
    ("POST", "/first/{key}"),
}
"""Routes for who is not signed in."""

OTHERS: dict[str, object] = {"key": "x", "day": "2026-11-27", "month": "2026-11", "draft_id": "x", "number": 0}
OTHERS |= {"scenario_id": "x", "file": "short.yaml", "version": 1}
"""What else stands in paths."""


def routes() -> Iterator[tuple[str, str, APIRoute]]:
    """Yield the method, the whole path and each route of the console."""
    for prefix, router in (
        *(("", part.page) for part in building.PARTS),
        *((building.API, part.api) for part in building.PARTS),
        (building.API, building.described),
    ):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods:
                yield method, prefix + route.path, route


def questions(route: APIRoute) -> list[Any]:
    """Return what a route asks before it does anything, as functions."""
    return [one.call for one in route.dependant.dependencies if one.call in permits.ASKED or one.call in bearers.ASKED]


def asked(route: APIRoute) -> list[Deed | Scope | None]:
    """Return what a route asks before it does anything."""
    return [bearers.ASKED[one] if one in bearers.ASKED else permits.ASKED[one] for one in questions(route)]


ROUTES = {(method, path): asked(route) for method, path, route in routes()}
GUARDED = {key: found[0] for key, found in ROUTES.items() if found and isinstance(found[0], Deed)}
BY_TOKEN = {key: found[0] for key, found in ROUTES.items() if found and isinstance(found[0], Scope)}


@pytest.mark.parametrize("key", ROUTES, ids=" ".join)
def test_every_route_asks_exactly_one_question(key: tuple[str, str]) -> None:
    assert len(ROUTES[key]) == 1
    assert (ROUTES[key][0] is None) == (key in OPEN)


@pytest.mark.parametrize("key", ROUTES, ids=" ".join)
def test_a_route_about_a_campaign_asks_about_that_campaign(key: tuple[str, str]) -> None:
    (route,) = (route for method, path, route in routes() if (method, path) == key)
    (question,) = questions(route)
    about = "campaign_id" in getattr(question, "__annotations__", {})
    assert about == ("{campaign_id}" in key[1])


def test_nothing_else_answers_but_the_files_beside_the_pages(at: Office) -> None:
    def others(found: Any) -> list[Any]:
        known = [part.page for part in building.PARTS] + [part.api for part in building.PARTS] + [building.described]
        return [one for one in found if getattr(one, "original_router", None) not in known]

    (mount,) = others(building.built(at.console).routes)
    assert isinstance(mount, Mount)
    assert mount.path == "/static"


def test_every_deed_is_asked_for_by_some_route() -> None:
    assert set(GUARDED.values()) == set(Deed)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("own", [True, False], ids=["own", "other"])
async def test_every_route_does_as_the_table_says(at: Office, role: Role, own: bool) -> None:
    browser = await at.signed_in("hanako", role, department="税務課")
    victim = await at.person("jiro", Role.CLERK)
    campaign = await at.campaign("催告", department="税務課" if own else "国保年金課")
    browser.csrf = at.console.results.accounts.hash("csrf", browser.client.cookies["yobirin"])
    others = OTHERS | {"key": await at.console.results.figures.key_of(campaign.id, "0")}
    others |= {"scenario_id": (await at.scenario("annai")).id}
    for (method, path), deed in GUARDED.items():
        if path == "/api/v1/me/sessions/end":
            continue
        at.clock.forward(seconds=1)
        draft = await at.draft("税務課") if "{draft_id}" in path else ""
        filled = path.format(campaign_id=campaign.id, person_id=victim.id, **(others | {"draft_id": draft}))
        if method == "GET":
            answer = await browser.client.get(filled)
        else:
            answer = await browser.call(filled)
        about = "{campaign_id}" in path
        if about and not may([role], Deed.SEE_CAMPAIGN, own=own):
            assert answer.status_code == 404, (method, path)
        elif may([role], deed, own=own) if about else reach([role], deed) is not Reach.NONE:
            # What is asked without what it needs is refused for that alone; a step leads to the one before it.
            assert answer.status_code in (200, 303, 400), (method, path, answer.text)
        else:
            assert answer.status_code == 403, (method, path)
            assert answer.json()["error"] == "not_allowed"


async def test_a_route_for_systems_takes_a_token_and_nothing_else(at: Office) -> None:
    browser = await at.signed_in("hanako", *Role)
    campaign = await at.campaign("催告")
    browser.csrf = at.console.results.accounts.hash("csrf", browser.client.cookies["yobirin"])
    for method, path in BY_TOKEN:
        filled = path.format(campaign_id=campaign.id)
        send = browser.client.get(filled) if method == "GET" else browser.call(filled)
        answer = await send
        assert (answer.status_code, answer.json()["error"]) == (401, "token"), (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "催告" not in answer.text.replace("催告がありません", "")


async def test_nobody_who_is_not_signed_in_gets_anything(at: Office) -> None:
    campaign = await at.campaign("催告")
    browser = at.browser()
    for method, path in GUARDED:
        filled = path.format(campaign_id=campaign.id, person_id="x", **OTHERS)
        answer = await browser.client.request(method, filled, headers={"origin": ORIGIN})
        assert answer.status_code == 401, (method, path)
        assert "催告" not in answer.text
        shown = await browser.client.request(method, filled, headers=PAGE | {"origin": ORIGIN})
        assert shown.status_code == (303 if method == "GET" else 401), (method, path)


async def test_nothing_is_changed_by_a_request_without_the_token_of_a_page(at: Office) -> None:
    browser = await at.signed_in("hanako", *Role)
    campaign = await at.campaign("催告")
    known = {"scenario_id": (await at.scenario("annai")).id}
    browser.csrf = "0" * 32
    for method, path in GUARDED:
        if method != "GET":
            draft = await at.draft("税務課") if "{draft_id}" in path else ""
            filled = path.format(campaign_id=campaign.id, person_id="x", **(OTHERS | known | {"draft_id": draft}))
            answer = await browser.call(filled)
            assert (answer.status_code, answer.json()["error"]) == (403, "not_meant"), path
    assert await at.state(campaign) == "created"


async def test_a_guessed_id_and_another_departments_look_the_same(at: Office) -> None:
    browser = await at.signed_in("hanako", Role.CLERK, department="税務課")
    theirs = await at.campaign("国保の催告", department="国保年金課")
    nobodys = await at.campaign("だれのでもない催告", department=None)
    answers = [await browser.get(f"/campaigns/{one}") for one in (theirs.id, nobodys.id, "0" * 32, "%00", "x" * 400)]
    assert {one.status_code for one in answers} == {404}
    assert len({one.text for one in answers}) == 1
    listed = (await browser.get("/campaigns")).text + (await browser.get("/")).text
    assert "国保の催告" not in listed
    assert "だれのでもない催告" not in listed


def test_no_role_may_do_everything_and_an_auditor_changes_nothing() -> None:
    changing = {Deed.START, Deed.PAUSE, Deed.STOP, Deed.EMERGENCY_STOP, Deed.APPROVE, Deed.ASSIGN, Deed.CHANGE_PEOPLE}
    assert not any(MATRIX[deed][Role.AUDITOR] for deed in changing)
    for role in Role:
        assert any(MATRIX[deed][role] is Reach.NONE for deed in Deed), role


def test_the_table_of_the_documentation_is_that_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs/console.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)`[^|]*\|(.*)\|$", text, re.MULTILINE)
    told = {Deed(deed): [cell.strip() for cell in cells.split("|")] for deed, cells in rows if deed in set(Deed)}
    words = {Reach.NONE: "", Reach.OWN: "own", Reach.ALL: "all"}
    assert told == {deed: [words[row[role]] for role in Role] for deed, row in MATRIX.items()}


def test_the_table_names_every_role_for_every_deed() -> None:
    assert set(MATRIX) == set(Deed)
    assert all(set(row) == set(Role) for row in MATRIX.values())
