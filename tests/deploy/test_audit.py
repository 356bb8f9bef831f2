"""The audit of the dependencies sees what is wrong with them, and says what it could not ask."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from email.message import Message
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
HASH = "--hash=sha256:" + "0" * 64


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "deploy/audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = loaded()


def package(name: str, **metadata: str) -> SimpleNamespace:
    message = Message()
    for field, value in metadata.items():
        message[field.replace("_", "-")] = value
    return SimpleNamespace(name=name, metadata=message)


def test_the_audit_is_part_of_the_check_and_finds_nothing() -> None:
    assert "step sh deploy/audit.sh\n" in (ROOT / "deploy/check.sh").read_text()
    done = subprocess.run(
        [sys.executable, ROOT / "deploy/audit.py"], capture_output=True, text=True, env={"PATH": "/nowhere"}
    )
    assert done.returncode == 0, done.stdout
    assert "0 findings" in done.stdout
    assert "Not asked for new advisories: pip-audit is not installed" in done.stdout


def test_a_line_that_is_not_pinned_or_has_no_checksum_is_found() -> None:
    text = f"# made\na==1 \\\n    {HASH}\nb>=2 {HASH}\nc==3\nA_d==4 ; python_version < '3.12' {HASH}\na-d==5 {HASH}\n"
    found, wrong = audit.pins(text, "x.lock")
    assert found == {"a": {"1"}, "a-d": {"4", "5"}}
    assert [one.partition(" --hash")[0] for one in wrong] == [
        "x.lock: not pinned to one version: b>=2",
        "x.lock: not pinned to one version: c==3",
    ]
    assert audit.pins("c==3 ; python_version < '3.12'\n", "x.lock") == ({}, ["x.lock: no checksum: c"])


def test_a_version_below_its_floor_is_found() -> None:
    floors = "# why\nh11 0.16.0 CVE-1\n"
    assert list(audit.below({"h11": frozenset({"0.9.0"})}, floors)) == ["h11 0.9.0 is below 0.16.0: CVE-1"]
    assert list(audit.below({"h11": frozenset({"0.16.0"}), "other": frozenset({"0"})}, floors)) == []


def test_every_floor_is_of_a_package_that_is_locked() -> None:
    locked, _ = audit.pins((ROOT / "requirements-dev.lock").read_text(), "dev")
    named = [line.split()[0] for line in (ROOT / "deploy/floors.txt").read_text().splitlines() if line[0] != "#"]
    assert named
    assert set(named) <= locked.keys()


def test_what_is_installed_and_not_locked_is_found() -> None:
    locked = {"a": frozenset({"1"})}
    assert list(audit.strangers(locked, {"a": "1", "yobirin": "0"})) == []
    assert list(audit.strangers(locked, {"a": "2", "b": "1"})) == [
        "a 2 is installed; locked is 1",
        "b 1 is installed; locked is none",
    ]


@pytest.mark.parametrize(
    ("metadata", "allowed"),
    [
        ({"License_Expression": "MIT OR Apache-2.0"}, True),
        ({"License_Expression": "MIT AND GPL-3.0-only"}, False),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, True),
        ({"Classifier": "License :: OSI Approved :: GNU Affero General Public License v3"}, False),
        ({"License": "MIT"}, True),
        ({}, False),
    ],
)
def test_a_licence_that_nobody_has_judged_is_found(metadata: dict[str, str], allowed: bool) -> None:
    assert (list(audit.unlicensed([package("new", **metadata)])) == []) is allowed


def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> tuple[list[str], str]:
    """Ask a stand-in for pip-audit; `$answer` is the file that it is to write."""
    program = tmp_path / "pip-audit"
    program.write_text(f'#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\nanswer=$2\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PIP_AUDIT", str(program))
    return audit.advisories(ROOT / "requirements.lock")  # type: ignore[no-any-return]


def test_an_advisory_of_pip_audit_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    known, unasked = asked(tmp_path, monkeypatch, f"echo '{json.dumps({'dependencies': [one]})}' > $answer; exit 1")
    assert (known, unasked) == (["a 1: CVE-1, mended in 2"], "")


@pytest.mark.parametrize("script", ["exit 1", "echo no route to host > $answer; exit 1", "echo '{}' > $answer"])
def test_without_a_network_it_says_so_and_finds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    assert asked(tmp_path, monkeypatch, script) == ([], "pip-audit got no answer; it needs a network")


def test_packages_that_pip_audit_found_nowhere_are_not_taken_for_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"dependencies": [{"name": "a", "skip_reason": "not found"}, {"name": "b", "version": "1", "vulns": []}]}
    known, unasked = asked(tmp_path, monkeypatch, f"echo '{json.dumps(said)}' > $answer")
    assert (known, unasked) == ([], "pip-audit found 1 of 2 packages nowhere")
