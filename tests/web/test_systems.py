"""A system of the office pushes a list and reads its results, with a token and with nothing else."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from ivr.domain.authority import Role
from ivr.domain.outcome import Outcome
from ivr.domain.token import Scope
from ivr.web.systems import bearers
from tests.web.browsers import SCENARIO, Browser, Office

LIST = "宛名番号,カナ氏名,電話番号\n00000001,ヤマダ タロウ,03-1234-5678\n00000002,,03-1234-5679\n"
ORDER = {"name": "2026-11-住民税", "scenario": "annai.yaml"}


class System:
    """The collection system, with a token."""

    def __init__(self, at: Office, token: str, address: str = "192.0.2.80") -> None:
        transport = httpx.ASGITransport(app=at.app, client=(address, 50000))
        self.client = httpx.AsyncClient(
            transport=transport, base_url="http://yobirin.test", headers={"authorization": f"Bearer {token}"}
        )

    async def push(self, content: str = LIST, kind: str = "text/csv", **order: str) -> httpx.Response:
        return await self.client.post(
            "/api/v1/lists", params=ORDER | order, content=content.encode(), headers={"content-type": kind}
        )

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(f"/api/v1/lists{path}", params=params)


async def made(
    at: Office, browser: Browser, *scopes: Scope, name: str = "収納システム", department: str = "税務課", days: int = 90
) -> str:
    """Have an administrator make a token; return it."""
    part = await at.department(department)
    browser.csrf = at.console.results.accounts.hash("csrf", browser.client.cookies["yobirin"])
    values = {"name": name, "department": part.id, "scopes": list(scopes or Scope), "days": days}
    answer = await browser.call("/api/v1/tokens", values)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


@pytest.fixture
async def chief(at: Office) -> Browser:
    """An administrator, in an office that keeps a scenario."""
    folder = at.console.settings.data_dir / "scenarios"
    folder.mkdir()
    (folder / "annai.yaml").write_text(SCENARIO, "utf-8")
    return await at.signed_in("kacho", Role.ADMINISTRATOR)


async def test_a_pushed_list_becomes_a_campaign_whose_results_are_read_page_by_page(at: Office, chief: Browser) -> None:
    system = System(at, await made(at, chief))
    taken = await system.push(LIST + "00000003,サトウ ハナコ,090-1234-5678\n")
    assert taken.status_code == 201, taken.text
    assert [one["line"] for one in taken.json()["refused"]] == [3]
    assert (taken.json()["rows"], taken.json()["accepted"]) == (3, 2)
    campaign = await at.console.results.campaign(ORDER["name"])
    assert taken.headers["location"] == f"/api/v1/lists/{campaign.id}"
    assert (campaign.state, campaign.created_by, campaign.approved_by) == ("created", "system:収納システム", None)
    assert campaign.department == at.departments["税務課"].id
    await at.console.results.settle(campaign.id, "00000001", Outcome.CONFIRMED)
    standing = (await system.get(f"/{campaign.id}")).json()
    assert (standing["people"], standing["settled"]) == (2, 1)
    assert [one["id"] for one in (await system.get("", name=ORDER["name"])).json()] == [campaign.id]
    first = (await system.get(f"/{campaign.id}/results", limit=1)).json()
    second = (await system.get(f"/{campaign.id}/results", limit=1, after=first["after"])).json()
    assert second["after"] is None
    (one,), (other,) = first["people"], second["people"]
    assert (one["id"], one["outcome"], one["evidence"]) == ("00000001", "confirmed", "本人が確認（キー入力）")
    assert (other["id"], other["state"], other["outcome"]) == ("00000003", "waiting", None)
    assert "ヤマダ" not in str(first)
    assert "1234" not in str(first)


async def test_a_list_may_be_json_and_is_taken_once(at: Office, chief: Browser) -> None:
    system = System(at, await made(at, chief))
    people = '{"people": [{"宛名番号": "00000001", "カナ氏名": "ヤマダ", "電話番号": "0312345678"}]}'
    assert (await system.push(people, "application/json")).json()["accepted"] == 1
    again = await system.push(people, "application/json")
    assert (again.status_code, again.json()["error"]) == (400, "refused")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"people": 1}',
        '{"people": [1]}',
        '{"people": []}',
        '{"people": [{"宛名番号": {}}]}',
        '{"people": [{"\\ud800": "\\udfff"}]}',
        "\ud83d",
        "[" * 100_000,
    ],
    ids=range(10),
)
async def test_what_is_no_list_is_refused_and_makes_nothing(at: Office, chief: Browser, content: str) -> None:
    system = System(at, await made(at, chief))
    body = content.encode("utf-8", "surrogatepass")
    sent = await system.client.post(
        "/api/v1/lists", params=ORDER, content=body, headers={"content-type": "application/json"}
    )
    assert sent.status_code == 400, sent.text
    assert await at.console.results.campaigns() == ()


@pytest.mark.parametrize("scenario", ["../ivr.yaml", "/etc/passwd", "nai.yaml", "", "..", "%2e%2e/ivr.yaml"])
async def test_a_scenario_is_one_that_the_office_keeps(at: Office, chief: Browser, scenario: str) -> None:
    system = System(at, await made(at, chief))
    assert (await system.push(scenario=scenario)).status_code == 404
    assert await at.console.results.campaigns() == ()


async def test_a_token_is_good_for_its_scopes_and_its_department_alone(at: Office, chief: Browser) -> None:
    pushes = System(at, await made(at, chief, Scope.PUSH_LISTS))
    reads = System(at, await made(at, chief, Scope.READ_RESULTS, name="帳票システム"))
    campaign = (await pushes.push()).json()["id"]
    assert (await pushes.get(f"/{campaign}/results")).status_code == 403
    assert (await reads.push(name="別")).status_code == 403
    assert (await reads.get(f"/{campaign}/results")).status_code == 200
    elsewhere = System(at, await made(at, chief, name="国保", department="国保年金課"))
    answers = [await elsewhere.get(f"/{one}{rest}") for one in (campaign, "0" * 32, "x") for rest in ("", "/results")]
    assert {one.status_code for one in answers} == {404}
    assert (await elsewhere.get("")).json() == []


async def test_a_token_opens_nothing_that_is_for_people(at: Office, chief: Browser) -> None:
    system = System(at, await made(at, chief))
    for path in ("/api/v1/me", "/api/v1/campaigns", "/api/v1/tokens", "/api/v1/audit", "/api/v1/openapi.json"):
        assert (await system.client.get(path)).status_code == 401, path
    assert (await system.client.post("/api/v1/emergency-stop", json={})).status_code == 401


async def test_a_session_gains_nothing_by_a_header_that_only_systems_send(at: Office, chief: Browser) -> None:
    """With a cookie a request is a browser's, which says from where it comes."""
    headers = {"authorization": "Bearer x", "x-csrf-token": chief.csrf}
    answer = await chief.client.post("/api/v1/departments", json={"name": "別"}, headers=headers)
    assert answer.status_code == 403


async def test_a_token_that_is_revoked_or_over_opens_nothing(at: Office, chief: Browser) -> None:
    system, short = System(at, await made(at, chief)), System(at, await made(at, chief, name="短期", days=1))
    assert (await system.get("")).status_code == 200
    (revoked,) = (one for one in await at.console.results.tokens.all() if one.name == "収納システム")
    assert revoked.used_at == at.clock.now()
    assert (await chief.call("/api/v1/tokens/revoke", {"token": revoked.id})).status_code == 200
    assert (await system.get("")).status_code == 401
    assert (await short.get("")).status_code == 200
    at.clock.forward(days=1)
    assert (await short.get("")).status_code == 401


async def test_who_asks_too_often_is_told_when_to_come_again(at: Office, chief: Browser) -> None:
    system = System(at, await made(at, chief))
    answers = [await system.get("") for _ in range(bearers.MOST_A_MINUTE + 1)]
    assert {one.status_code for one in answers[:-1]} == {200}
    assert answers[-1].status_code == 429
    at.clock.forward(seconds=float(answers[-1].headers["retry-after"]))
    assert (await system.get("")).status_code == 200


async def test_tokens_are_not_guessed_by_trying(at: Office, chief: Browser) -> None:
    token = await made(at, chief)
    stranger = System(at, "yobirin_" + "x" * 43, address="192.0.2.66")
    answers = [(await stranger.get("")).status_code for _ in range(bearers.MOST_WRONG_A_MINUTE + 1)]
    assert answers == [401] * bearers.MOST_WRONG_A_MINUTE + [429]
    assert (await System(at, token).get("")).status_code == 200, "others are not shut out"


async def test_a_token_is_shown_once_and_kept_nowhere(at: Office, chief: Browser) -> None:
    part = await at.department("税務課")
    await chief.get("/tokens")
    shown = await chief.post(
        "/api/v1/tokens",
        {"name": "収納システム", "department": part.id, "scopes": ["push_lists", "read_results"], "days": "30"},
    )
    (token,) = re.findall(r"yobirin_[\w-]{43}", shown.text)
    assert (await System(at, token).get("")).status_code == 200
    assert token not in (await chief.get("/tokens")).text
    at_rest = b"".join(file.read_bytes() for file in at.console.settings.data_dir.rglob("*") if file.is_file())
    assert token.encode() not in at_rest


async def test_what_a_system_does_is_on_record_in_its_name(at: Office, chief: Browser) -> None:
    system = System(at, await made(at, chief))
    campaign = (await system.push()).json()["id"]
    await system.get(f"/{campaign}/results")
    entries = await at.console.results.audited(0, 100)
    told = [(one.who, one.action, one.subject) for one in entries if one.action != "scenario_found"][-3:]
    assert told == [
        ("kacho", "token_made", "収納システム"),
        ("system:収納システム", "imported", ORDER["name"]),
        ("system:収納システム", "exported", ORDER["name"]),
    ]


async def test_a_list_that_is_too_big_is_refused_before_it_is_read(at: Office, chief: Browser) -> None:
    system = System(at, await made(at, chief))
    headers = {"content-type": "text/csv", "content-length": str(66 * 1024**2)}
    answer = await system.client.post("/api/v1/lists", params=ORDER, content=b"x", headers=headers)
    assert answer.status_code == 413


async def test_a_clock_that_is_set_back_shuts_nobody_out(at: Office, chief: Browser) -> None:
    system = System(at, await made(at, chief))
    answers = [await system.get("") for _ in range(bearers.MOST_A_MINUTE)]
    assert {one.status_code for one in answers} == {200}
    at.clock.forward(hours=-1)
    assert (await system.get("")).status_code == 200
