"""The database goes away in the midst of calls, and comes back."""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.command import A_COMMAND, until
from tests.acceptance.far_end import CONFIRMS, FarEnd
from tests.acceptance.office import Office
from tests.storage.cluster import Cluster

pytestmark = pytest.mark.timeout(200)

PEOPLE, LINES = 8, 4
AWAY = 6.0
"""Seconds: longer than the engine waits between two tries."""


async def test_an_engine_outlives_its_database_and_no_call_suffers(
    office: Office, far_end: FarEnd, postgres: Cluster
) -> None:
    url = await postgres.new_database()
    numbers = [far_end.number(CONFIRMS) for _ in range(PEOPLE)]
    office.settings(database=url, trunk={"lines": LINES})
    office.people(numbers)
    assert office.ivr("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario).status == 0
    engine = office.begin("serve")
    engine.says("ready", within=60)
    assert office.ivr("campaign", "start", "催告").status == 0
    until(lambda: engine.err.count("answered") >= 2, 60, "there are calls under way")
    async with postgres.away(url):
        await asyncio.sleep(AWAY)
    assert "campaigns_unknown" in engine.err
    until(
        lambda: office.json("campaign", "status", "催告")["state"] == "done",
        120,
        "everybody is settled",
        look=A_COMMAND,
    )
    assert engine.process.poll() is None
    assert {person["outcome"] for person in office.results()} == {"confirmed"}
    assert max(far_end.dials(numbers).values()) == 1, "nobody is called twice"
