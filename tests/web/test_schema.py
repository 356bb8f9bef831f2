"""Whatever the API's own description allows, and what it does not, is answered, and never by a defect of ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from ivr.domain.authority import Role
from ivr.parts.serving import listening, serve
from ivr.web import building
from tests.web.browsers import PASSWORD, office

EXAMPLES = 4
"""Of each operation, valid and not: seconds in all."""

pytestmark = pytest.mark.timeout(60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A console that is asked over HTTP, and ids of what is there."""

    url: str
    schema: dict[str, Any]
    there: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("schema")
    up, over = threading.Event(), threading.Event()
    found: list[Served] = []

    async def run() -> None:
        async with office(folder) as at:
            person = await at.person("hanako", *Role)
            campaign = await at.campaign("催告")
            scenario = await at.scenario("annai")
            schema = building.built(at.console).openapi()
            with listening("127.0.0.1", 0, "web.port") as listener:
                async with asyncio.TaskGroup() as tasks:
                    server = tasks.create_task(serve(at.app, listener))
                    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                    there = {"campaign_id": campaign.id, "person_id": person.id, "scenario_id": scenario.id}
                    found.append(Served(url=url, schema=schema, there=there))
                    up.set()
                    await asyncio.to_thread(over.wait)
                    server.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert up.wait(30)
    yield found[0]
    over.set()
    thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def session(served: Served) -> Iterator[requests.Session]:
    """Somebody who may do everything."""
    with requests.Session() as browser:
        browser.trust_env = False
        browser.headers["origin"] = served.url

        def token(path: str) -> str:
            text = browser.get(f"{served.url}{path}", headers={"accept": "text/html"}).text
            return text.partition('name="csrf" value="')[2].partition('"')[0]

        values = {"csrf": token("/sign-in"), "name": "hanako", "password": PASSWORD}
        answer = browser.post(f"{served.url}/sign-in", data=values, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        browser.headers["x-csrf-token"] = token("/account")
        yield browser


def test_no_request_that_the_schema_leads_to_meets_a_defect(served: Served, session: requests.Session) -> None:
    schema = schemathesis.openapi.from_dict(served.schema)
    answered: set[tuple[str, int]] = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.one_of(*(operation.as_strategy(mode) for mode in GenerationMode)), st.booleans())
        def meets_no_defect(case: Case, there: bool) -> None:
            if there:
                for name in case.path_parameters.keys() & served.there.keys():
                    case.path_parameters[name] = served.there[name]
            response = case.call(base_url=served.url, session=session, timeout=20)
            answered.add((case.operation.label, response.status_code))
            assert response.status_code < 500, (case.as_curl_command(), response.text)

        meets_no_defect()
    assert {label for label, _ in answered} >= {"GET /api/v1/me", "POST /api/v1/campaigns/{campaign_id}/start"}
    # The session was in all along, so that each was more than turned away.
    assert ("GET /api/v1/me", 200) in answered
    assert session.get(f"{served.url}/api/v1/me").status_code == 200
