"""The state of the system: real failures show, in words for everybody, with details for who keeps the machine."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ivr import exclusions as register
from ivr.doctor import scenarios
from ivr.domain.authority import Role
from ivr.storage import probing
from ivr.web.health import inspection, looking
from ivr.web.health.words import WORDS
from tests.web.browsers import Browser, Office, office

SETTINGS = "web: {second_factor: optional, low_disk: %s}\nexclusions: {file: jogai.csv}\n"
FILE = "宛名番号,理由\n1,支援措置\n"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look be taken anew, and waited for."""
    monkeypatch.setattr(register, "FRESH", 0.0)
    monkeypatch.setattr(register, "SETTLED", 0.0)
    monkeypatch.setattr(inspection, "WAIT", 20.0)


@pytest.fixture
async def opened(tmp_path: Path, at_once: None) -> AsyncIterator[Office]:
    (tmp_path / "jogai.csv").write_text(FILE, "utf-8")
    async with office(tmp_path, SETTINGS % 1) as found:
        yield found


async def told(browser: Browser, path: str = "/api/v1/health") -> dict[str, Any]:
    answer = await browser.client.get(path)
    assert answer.status_code == 200, answer.text
    return {"whole": answer.json()["state"], **{one["key"]: one for one in answer.json()["lines"]}}


def looker(at: Office) -> inspection.Inspection:
    found: inspection.Inspection = at.app._app.state.inspection
    return found


def look_anew(at: Office) -> None:
    """Let nothing that was seen be fresh any more."""
    kept = looker(at)._seen
    for key, seen in kept.items():
        kept[key] = inspection.replace(seen, until=0.0)


async def test_everything_that_calls_depend_on_is_told_and_nothing_secret(opened: Office) -> None:
    browser = await opened.signed_in("hanako", Role.CLERK)
    found = await told(browser)
    assert found.keys() - {"whole"} == WORDS.keys() - {
        "voice",
        "registration",
        "collection",
        "sms",
        "greeting",
        "openid",
    }
    assert {one["details"] for key, one in found.items() if key != "whole"} == {None}
    for key in ("pbx", "trunk", "exclusions", "database", "disk", "audit", "secrets", "window"):
        assert (found[key]["state"], found[key]["todo"]) == ("good", ""), found[key]
    page = (await browser.get("/system")).text
    assert "システムの担当者へ" not in page
    assert str(opened.console.settings.data_dir) not in page


async def test_the_it_officer_sees_details_and_nobody_else(opened: Office) -> None:
    clerk = await opened.signed_in("hanako", Role.CLERK)
    assert (await clerk.client.get("/api/v1/health/details")).status_code == 403
    operator = await opened.signed_in("op", Role.OPERATOR)
    found = await told(operator, "/api/v1/health/details")
    assert probing.HEAD in found["database"]["details"]
    assert "から" in found["keys"]["details"]
    assert str(opened.console.settings.data_dir) in found["disk"]["details"]
    assert "システムの担当者へ" in (await operator.get("/system")).text


async def test_the_exclusion_file_taken_away_shows_since_when_and_comes_back(opened: Office, tmp_path: Path) -> None:
    browser = await opened.signed_in("hanako", Role.CLERK)
    await told(browser)
    (tmp_path / "jogai.csv").rename(tmp_path / "away.csv")
    opened.clock.forward(minutes=5)
    lost = opened.clock.now()
    look_anew(opened)
    found = await told(browser)
    assert (found["whole"], found["exclusions"]["state"]) == ("bad", "bad")
    assert "だれにもかけていません" in found["exclusions"]["message"]
    assert found["exclusions"]["link"] == ["/exclusions", "架電除外を見る"]
    assert str(tmp_path) not in str(found)
    opened.clock.forward(minutes=5)
    look_anew(opened)
    again = await told(browser)
    assert again["exclusions"]["since"] == found["exclusions"]["since"]
    assert again["exclusions"]["since"].startswith(f"{lost.astimezone(None):%Y-%m-%dT}"[:8])
    (tmp_path / "away.csv").rename(tmp_path / "jogai.csv")
    look_anew(opened)
    assert (await told(browser))["exclusions"]["state"] == "good"


@pytest.mark.parametrize(
    ("check", "key", "state"),
    [
        ("ami", "pbx", "bad"),
        ("trunk", "trunk", "bad"),
        ("audit", "audit", "bad"),
        ("listening", "listening", "warning"),
    ],
)
async def test_what_the_engine_says_of_itself_is_told_in_words(
    opened: Office, check: str, key: str, state: str
) -> None:
    browser = await opened.signed_in("hanako", Role.CLERK)
    opened.health[check] = False
    found = await told(browser)
    assert (found[key]["state"], found[key]["message"]) == (state, WORDS[key].means)
    page = (await browser.get("/")).text
    assert 'href="/system"' in page


async def test_little_room_warns_and_a_database_that_is_slow_does(
    tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "SLOW", 0.0)
    (tmp_path / "jogai.csv").write_text(FILE, "utf-8")
    async with office(tmp_path, SETTINGS % 99_999) as at:
        found = await told(await at.signed_in("hanako", Role.CLERK))
        for key in ("disk", "database"):
            assert (found[key]["state"], found[key]["message"]) == ("warning", WORDS[key].warns)
        assert found["whole"] == "warning"


async def test_a_database_that_is_locked_by_another_is_told_and_holds_no_page_for_long(
    opened: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    monkeypatch.setattr(inspection, "WAIT", 1.0)
    browser = await opened.signed_in("hanako", Role.CLERK)
    checks = looker(opened)._checks
    checks["database"] = inspection.replace(checks["database"], limit=0.3)
    file = opened.console.settings.database_url().partition("///")[2]
    other = sqlite3.connect(file, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        found = await told(browser)
        assert (found["database"]["state"], found["database"]["message"]) == ("bad", WORDS["database"].means)
    finally:
        other.execute("ROLLBACK")
        other.close()
    await asyncio.wait([*looker(opened)._under_way.values()], timeout=10)
    look_anew(opened)
    assert (await told(browser))["database"]["state"] == "good"


async def test_a_database_that_is_away_is_told_by_the_page_about_the_error(opened: Office) -> None:
    browser = await opened.signed_in("hanako", Role.CLERK)
    await opened.console.results.read(lambda connection: connection.exec_driver_sql("SELECT 1"))
    await opened.console.results.write(
        lambda connection: connection.exec_driver_sql("ALTER TABLE sessions RENAME TO gone")
    )
    answer = await browser.client.get("/api/v1/health")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert "データベース" in answer.json()["message"]
    await opened.console.results.write(
        lambda connection: connection.exec_driver_sql("ALTER TABLE gone RENAME TO sessions")
    )
    assert (await browser.client.get("/api/v1/health")).status_code == 200


async def test_a_look_that_hangs_holds_neither_the_page_nor_the_others_and_is_not_begun_twice(
    opened: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "WAIT", 0.5)
    begun: list[float] = []

    async def hang(console: Any) -> Any:
        begun.append(time.monotonic())
        await asyncio.sleep(30)

    found = looker(opened)
    found._checks["disk"] = inspection.Check(look=hang, fresh=0.0, limit=0.2)
    browser = await opened.signed_in("hanako", Role.CLERK)
    began = time.monotonic()
    for _ in range(3):
        lines = await told(browser)
    assert time.monotonic() - began < 5
    assert lines["disk"]["state"] == "bad"
    assert lines["window"]["state"] == "good"
    assert len(begun) == 1
    found._under_way["disk"].cancel()


async def test_a_backup_that_is_old_or_not_there_is_told(opened: Office) -> None:
    browser = await opened.signed_in("op", Role.OPERATOR)
    none = (await told(browser, "/api/v1/health/details"))["backup"]
    assert (none["state"], "ありません" in none["details"]) == ("warning", True)
    folder = opened.console.settings.data_dir / "backups"
    folder.mkdir()
    file = folder / "20261127-000000.backup"
    file.write_bytes(b"")
    now = opened.clock.now().timestamp()
    for age, state in ((3600, "good"), (9 * 86400, "warning")):
        os.utime(file, (now - age, now - age))
        look_anew(opened)
        assert (await told(browser))["backup"]["state"] == state


async def test_a_scenario_that_cannot_be_read_is_told_with_its_file(opened: Office) -> None:
    folder = opened.console.settings.data_dir / "scenarios"
    folder.mkdir(parents=True)
    (folder / "kowareta.yaml").write_bytes(b"\xff\xfe\x00")
    operator = await opened.signed_in("op", Role.OPERATOR)
    look_anew(opened)
    found = (await told(operator, "/api/v1/health/details"))["scenarios"]
    assert found["state"] == "warning"
    assert "kowareta.yaml" in found["details"]
    assert (await scenarios.look(opened.console.settings)).message == found["details"]


async def test_an_engine_that_keeps_its_lease_is_told_with_its_host(opened: Office) -> None:
    await opened.console.results.join("e" * 32, "yobirin-1")
    browser = await opened.signed_in("op", Role.OPERATOR)
    line = (await told(browser, "/api/v1/health/details"))["engines"]
    assert (line["state"], "yobirin-1（この機械" in line["details"]) == ("good", True)


async def test_a_page_that_renews_itself_is_no_use_of_a_session(opened: Office) -> None:
    browser = await opened.signed_in("hanako", Role.CLERK)
    for _ in range(3):
        opened.clock.forward(minutes=11)
        answer = await browser.get("/system", **{"x-watches": "1"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_what_is_not_known_yet_is_not_called_well(opened: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "WAIT", 0.0)
    browser = await opened.signed_in("hanako", Role.CLERK)
    page = (await browser.get("/system")).text
    assert "すべて正常です" not in page
    assert "いま確かめています。" in page
    monkeypatch.setattr(inspection, "WAIT", 20.0)
    assert "checking" not in {one["state"] for key, one in (await told(browser)).items() if key != "whole"}
