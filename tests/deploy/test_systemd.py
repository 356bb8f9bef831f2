"""The systemd unit takes from the engine whatever it does not need, and leaves it what it needs."""

from __future__ import annotations

import base64
import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from ivr.settings import load

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/yobirin.service"
ANALYZE = shutil.which("systemd-analyze")

LOCKED = {
    "AmbientCapabilities": "",
    "CapabilityBoundingSet": "",
    "DynamicUser": "yes",
    "KeyringMode": "private",
    "LimitCORE": "0",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateIPC": "yes",
    "PrivateMounts": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "ProcSubset": "pid",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RemoveIPC": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "StateDirectoryMode": "0700",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
}

WORST = 1.5
"""The exposure, of 10, that systemd-analyze may find; the rest is the network, which a telephone engine uses."""


def service() -> dict[str, list[str]]:
    """Return what the section [Service] says, every line of a repeated name."""
    found: dict[str, list[str]] = {}
    section = UNIT.read_text(encoding="utf-8").partition("[Service]\n")[2].partition("\n[")[0]
    for line in section.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(("name", "value"), LOCKED.items())
def test_what_the_engine_does_not_need_is_taken_from_it(name: str, value: str) -> None:
    assert service().get(name) == [value]


def test_system_calls_are_those_of_a_service_without_the_privileged() -> None:
    assert service()["SystemCallFilter"] == ["@system-service", "~@privileged"]


def test_it_writes_to_its_state_directory_alone() -> None:
    said = service()
    assert said["StateDirectory"] == ["yobirin"]
    assert said["WorkingDirectory"] == ["/var/lib/yobirin"]
    assert not said.keys() & {
        "ReadWritePaths",
        "BindPaths",
        "LogsDirectory",
        "CacheDirectory",
        "ConfigurationDirectory",
    }


def test_nothing_is_run_with_more_rights_than_the_engine() -> None:
    for name, values in service().items():
        if name.startswith("Exec"):
            assert all(value.startswith("/") for value in values), "a prefix such as + or ! gives rights back"


def test_the_master_key_comes_as_a_credential_that_the_settings_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = service()
    name, _, source = said["LoadCredential"][0].partition(":")
    assert not Path(source).is_relative_to("/var/lib/yobirin"), "the key would be in the backup of the data"
    (assignment,) = (line for line in said["Environment"] if "MASTER_KEY" in line)
    variable, _, value = assignment.partition("=")
    assert value == f"%d/{name}"
    (tmp_path / name).write_bytes(base64.b64encode(bytes(32)))
    monkeypatch.setenv(variable, value.replace("%d", str(tmp_path)))
    (tmp_path / "ivr.yaml").write_text("{}")
    assert load(tmp_path / "ivr.yaml").keys.master_key_file == tmp_path / name


def test_no_secret_stands_in_the_unit() -> None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read(UNIT, encoding="utf-8")
    assert "SetCredential" not in UNIT.read_text(encoding="utf-8")
    assert parser.sections() == ["Unit", "Service", "Install"]


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit_and_finds_it_hardly_exposed(tmp_path: Path) -> None:
    installed = tmp_path / UNIT.name
    installed.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/yobirin/.venv/bin/ivr", "/bin/true"))
    verified = subprocess.run([str(ANALYZE), "verify", "--man=no", str(installed)], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    threshold = f"--threshold={round(WORST * 10)}"
    judged = subprocess.run(
        [str(ANALYZE), "security", "--offline=true", threshold, str(installed)], capture_output=True, text=True
    )
    assert judged.returncode == 0, judged.stdout
