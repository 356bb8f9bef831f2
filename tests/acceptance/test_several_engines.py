"""Two engines, each with its own PBX and lines, on one PostgreSQL: they share a campaign, and one of them is killed."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.command import A_COMMAND, until
from tests.acceptance.far_end import CONFIRMS, FarEnd
from tests.acceptance.office import Office
from tests.storage.cluster import Cluster

pytestmark = pytest.mark.timeout(200)

PEOPLE, LINES = 36, 3
"""More people than the 28 whom an engine of so many lines has in hand, so that there is something to share."""

TAKEN_OVER_S = 30.0
"""Within so many seconds of its death an engine's calls are accounted for."""


async def test_two_engines_share_a_campaign_and_one_takes_over_from_the_other(
    tmp_path: Path, far_end: FarEnd, postgres: Cluster
) -> None:
    url = await postgres.new_database()
    numbers = [far_end.number(CONFIRMS) for _ in range(PEOPLE)]
    with ExitStack() as stack:
        master = tmp_path / "master.key"
        master.write_text(b64encode(bytes(range(32))).decode())
        master.chmod(0o600)
        shared = {"dir": str(tmp_path / "keys"), "master_key_file": str(master)}
        offices = [Office(tmp_path / name, far_end.port, stack) for name in ("one", "two")]
        for office in offices:
            office.settings(database=url, trunk={"lines": LINES}, keys=shared)
        desk = offices[0]
        desk.people(numbers)
        assert desk.ivr("campaign", "create", "催告", "--list", desk.list, "--scenario", desk.scenario).status == 0
        engines = [office.begin("serve") for office in offices]
        for engine in engines:
            engine.says("ready", within=60)
        assert desk.ivr("campaign", "start", "催告").status == 0
        until(lambda: _both_dial(offices), 60, "both engines have calls under way")
        engines[0].process.kill()
        died = time.monotonic()
        engines[0].ended(within=5)
        until(lambda: "took_over" in engines[1].err, TAKEN_OVER_S, "the other takes over")
        assert time.monotonic() - died < TAKEN_OVER_S
        until(
            lambda: offices[1].json("campaign", "status", "催告")["state"] == "done",
            120,
            "everybody is settled",
            look=A_COMMAND,
        )
        people = offices[1].results()
    assert {person["state"] for person in people} == {"settled"}
    assert max(far_end.dials(numbers).values()) == 1, "nobody is called twice"
    found = Counter(person["outcome"] for person in people)
    assert 1 <= found["unknown"] <= LINES, found
    assert found["confirmed"] == PEOPLE - found["unknown"]


def _both_dial(offices: list[Office]) -> bool:
    return all("dial_began" in log for log in ("".join(office.logs().values()) for office in offices))
