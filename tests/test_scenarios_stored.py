"""The scenarios of campaigns are read once, and kept as long as they are asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import UTC, datetime

import pytest

from ivr import scenario_files
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.errors import Problems
from ivr.scenario_files import Report, check, stored
from tests.test_scenario_files import GOOD, changed


def stored_with(text: str) -> NewCampaign:
    return NewCampaign(
        name="催告", scenario=text, scenario_file="a.yaml", created_at=datetime(2026, 11, 28, tzinfo=UTC)
    )


def reads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    found = list[threading.Thread]()

    def check_(text: str, file: str) -> Report:
        found.append(threading.current_thread())
        return check(text, file)

    monkeypatch.setattr(stored, "check", check_)
    monkeypatch.setattr(stored, "_known", OrderedDict())
    return found


def test_a_campaigns_scenario_is_read_once_the_bad_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(monkeypatch)
    assert scenario_files.of(stored_with(GOOD)) is scenario_files.of(stored_with(str(GOOD.encode(), "utf-8")))
    for _ in range(2):
        with pytest.raises(Problems):
            scenario_files.of(stored_with("nothing"))
    assert len(read) == 2


def test_only_so_many_scenarios_are_kept_those_that_were_asked_for_last(monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(monkeypatch)
    monkeypatch.setattr(stored, "MOST", 2)
    one, other, third = [stored_with(changed("ご案内", title)) for title in ("一", "二", "三")]
    for campaign in (one, other, one, third, one):
        scenario_files.of(campaign)
    assert len(read) == 3
    scenario_files.of(other)
    assert len(read) == 4


async def test_a_long_scenario_is_prepared_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(monkeypatch)
    made = stored_with(GOOD + "#" * stored.LONG)
    campaign = CampaignRow(
        id="c", name=made.name, state="created", scenario=made.scenario, scenario_file="a.yaml",
        created_at=made.created_at, rules={},
    )  # fmt: skip
    await scenario_files.prepare(campaign)
    scenario_files.of(campaign)
    await scenario_files.prepare(campaign)
    (thread,) = read
    assert thread is not threading.main_thread()
