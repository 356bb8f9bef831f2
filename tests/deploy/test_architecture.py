"""The import check bites: each wrong arrow, in a toy tree with the real contracts, fails it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("domain", "campaign", "web", "asterisk", "storage", "speech", "rehearsal")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in ("ivr", "tts", *(f"ivr/{room}" for room in ROOMS)):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    for module in ("cli", "__main__", "app", "errors", "settings"):
        (tmp_path / f"ivr/{module}.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> tuple[int, str]:
    done = subprocess.run(
        [ROOT / ".venv/bin/lint-imports", "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_arrows_that_point_down_pass(tree: Path) -> None:
    (tree / "ivr/speech/voice.py").write_text("import tts, ivr.domain\n")
    (tree / "ivr/app.py").write_text("import ivr.rehearsal, ivr.speech, ivr.settings\n")
    status, told = lint(tree)
    assert status == 0, told


@pytest.mark.parametrize(
    ("module", "line", "told"),
    [
        ("ivr/domain/a.py", "import asyncio", "ivr.domain.a -> asyncio"),
        ("ivr/domain/a.py", "from time import time", "ivr.domain.a -> time"),
        ("ivr/domain/a.py", "from sqlalchemy import text", "ivr.domain.a -> sqlalchemy"),
        ("ivr/domain/a.py", "from ivr.campaign import b", "ivr.domain.a -> ivr.campaign"),
        ("ivr/campaign/a.py", "import ivr.storage", "ivr.campaign.a -> ivr.storage"),
        ("ivr/storage/a.py", "import ivr.asterisk", "ivr.storage.a -> ivr.asterisk"),
        ("ivr/app.py", "import ivr.web", "ivr.app -> ivr.web"),
        ("ivr/asterisk/a.py", "import ivr.rehearsal", "ivr.asterisk.a -> ivr.rehearsal"),
        ("ivr/settings.py", "import ivr.app", "ivr.settings -> ivr.app"),
        ("ivr/app.py", "import tts", "ivr.app -> tts"),
        ("tts/a.py", "from ivr.errors import x", "tts.a -> ivr.errors"),
        ("ivr/helpers.py", "", "ivr.helpers"),
    ],
)
def test_an_arrow_that_points_elsewhere_fails(tree: Path, module: str, line: str, told: str) -> None:
    (tree / module).write_text(line + "\n")
    status, output = lint(tree)
    assert status == 1
    assert told in output
