"""A part of the engine fails in a way that nobody had thought of, in the midst of calls."""

from __future__ import annotations

import sys

import pytest

from tests.acceptance.far_end import CONFIRMS, FarEnd
from tests.acceptance.office import Office

pytestmark = pytest.mark.timeout(150)

PEOPLE, LINES = 8, 2

BREAKS = """
import asyncio
from ivr import service
from ivr.cli import main

async def breaks(engine):
    while engine.originator.waiting < 2:
        await asyncio.sleep(0.05)
    raise RuntimeError("the list of 090-1234-5678")

service._tell_webhooks = breaks
main()
"""


def test_calls_under_way_go_on_to_their_end_and_the_engine_ends_with_a_sentence(
    office: Office, far_end: FarEnd
) -> None:
    numbers = [far_end.number(CONFIRMS) for _ in range(PEOPLE)]
    office.settings(trunk={"lines": LINES})
    office.people(numbers)
    assert office.ivr("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario).status == 0
    assert office.ivr("campaign", "start", "催告").status == 0
    script = office.folder / "breaks.py"
    script.write_text(BREAKS)
    ended = office.begin("serve", program=(sys.executable, str(script))).ended(within=90)
    assert ended.status == 1
    said = ended.err.splitlines()[-1]
    assert said.startswith("ivr に不具合があったので（RuntimeError）、通話中の電話を終えて止めました。")
    assert "place=breaks:" in ended.err
    assert "090-1234" not in ended.err
    assert "Traceback" not in ended.err
    people = office.results()
    called = [person for person in people if person["attempts"]]
    assert LINES <= len(called) < PEOPLE
    assert {person["outcome"] for person in called} == {"confirmed"}
    assert {person["state"] for person in people} == {"settled", "waiting"}
    assert max(far_end.dials(numbers).values()) == 1
