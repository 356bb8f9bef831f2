"""No name, number or key press of a callee is in any log or metric, also where everything is logged."""

from __future__ import annotations

import re
import urllib.request

import pytest

from tests.acceptance.command import until
from tests.acceptance.far_end import BUSY, BY_INFO, CONFIRMS, HANGS_UP, INBAND, PRESSES_MUCH, FarEnd
from tests.acceptance.leaking import leaks
from tests.acceptance.office import NAMES, Office


@pytest.mark.parametrize(
    "line",
    [
        "dialling 0312345678",
        "+81312345678",
        "03-1234-5678 is busy",
        "０３－１２３４－５６７８",
        "PJSIP/(03) 1234 5678",
        "for ヤマダ　タロウ",
        "ﾔﾏﾀﾞ ﾀﾛｳ",
        "やまだたろう",
        "got #",
        "digit=1",
        "key: '2'",
        "pressed=*",
    ],
)
def test_what_looks_for_leaks_finds_them(line: str) -> None:
    assert leaks({"log": f"before\n{line}\nafter"}, ["ヤマダ タロウ"], ["0312345678"])


def test_what_looks_for_leaks_lets_ids_and_hidden_things_be() -> None:
    text = "2026-11-22T23:41:25.674240 [info] attempt=8cd5ae5243f242009c12816e92bb3fd9 key=*** number=*** キーを待つ"
    assert not leaks({"log": text}, ["ヤマダ タロウ"], ["0312345678"])


def test_nobody_is_in_the_logs_and_metrics_of_an_engine_that_logs_everything(office: Office, far_end: FarEnd) -> None:
    kinds = (CONFIRMS, BY_INFO, INBAND, PRESSES_MUCH, HANGS_UP, BUSY)
    numbers = [far_end.number(kind) for kind in kinds]
    office.people(numbers)
    assert office.ivr("list", "check", office.list).status == 0
    create = ("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario)
    assert office.ivr(*create).status == 0
    engine = office.begin("serve")
    engine.says("ready", within=30)
    assert office.ivr("campaign", "start", "催告").status == 0
    logs: dict[str, str] = {}
    url = f"http://127.0.0.1:{office.ports.metrics}/metrics"

    def done() -> bool:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        logs[f"metrics {len(logs)}"] = re.sub("^# (?:HELP|TYPE) .*$", "", text, flags=re.MULTILINE)
        return len(far_end.calls(numbers)) == len(numbers)

    until(done, 60, "everybody is called")
    far_end.quiet(numbers)
    engine.process.terminate()
    assert engine.ended(within=20).status == 0
    people = office.results()
    assert [person["outcome"] for person in people] == ["confirmed"] * 4 + ["hung_up", "busy"]
    assert [key["key"] for key in people[3]["attempts"][0]["keys"]] == ["7", "*", "#"], "keys were pressed and noted"

    logs |= office.logs()
    ids = [attempt["id"] for person in people for attempt in person["attempts"]]
    assert all(id_ in engine.err for id_ in ids), "the log tells of every attempt"
    assert leaks(logs, NAMES[: len(numbers)], numbers) == []
