"""What an engine and the staff around it did is on record, and nobody who was called is."""

from __future__ import annotations

import json
import signal
from typing import Any

from tests.acceptance.command import A_COMMAND, until
from tests.acceptance.far_end import BUSY, CONFIRMS, FarEnd
from tests.acceptance.office import NAMES, Office


def trail(office: Office) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = office.json("audit", "list")
    return entries


def test_a_campaign_is_on_record_from_its_list_to_its_results(office: Office, far_end: FarEnd) -> None:
    numbers = [far_end.number(kind) for kind in (CONFIRMS, BUSY)]
    office.people(numbers)
    assert office.run().ended(90).status == 0
    office.results()
    entries = trail(office)
    assert [(entry["action"], entry["who"] == "engine") for entry in entries] == [
        ("settings_changed", True),
        ("engine_started", True),
        ("imported", False),
        ("started", False),
        ("exported", False),
        ("engine_stopped", True),
        ("exported", False),
        ("audit_listed", False),
    ]
    assert entries[2]["details"]["accepted"] == 2
    assert entries[4]["details"] == {"file": "kekka.json", "format": "json", "rows": 2}
    out = office.folder / "audit.jsonl"
    assert office.ivr("audit", "export", "-o", out).status == 0
    written = out.read_text("utf-8")
    assert not any(name in written or name.replace(" ", "") in written for name in NAMES)
    assert not any(number[1:] in written for number in numbers)
    assert office.json("audit", "verify") == {"entries": 9, "faults": []}


def test_who_broke_a_campaign_off_and_when_it_went_on_is_on_record(office: Office, far_end: FarEnd) -> None:
    office.people([far_end.number(CONFIRMS)])
    running = office.run()
    until(
        lambda: '"calling"' in office.ivr("campaign", "status", "催告", "--json").out,
        60,
        "somebody is called",
        look=A_COMMAND,
    )
    running.process.send_signal(signal.SIGTERM)
    running.ended(60)
    assert office.run().ended(90).status in (0, 3)
    told = [(entry["action"], entry["details"].get("reason")) for entry in trail(office)]
    assert [(action, reason) for action, reason in told if action in ("imported", "started", "paused")] == [
        ("imported", None),
        ("started", None),
        ("paused", "signal"),
        ("started", None),
    ]
    assert [action for action, _ in told if action.startswith("engine")] == ["engine_started", "engine_stopped"] * 2


def test_settings_that_stay_the_same_are_on_record_once(office: Office) -> None:
    for lines in (10, 10, 20):
        office.settings(trunk={"lines": lines})
        engine = office.begin("serve")
        engine.says("ready", within=60)
        engine.process.send_signal(signal.SIGTERM)
        assert engine.ended(60).status == 0
    entries = trail(office)
    changes = [entry["details"] for entry in entries if entry["action"] == "settings_changed"]
    assert len(changes) == 2
    assert changes[0] != changes[1]
    assert "lines" not in json.dumps(changes)
