"""A small office for tests of commands: settings, data and temporary files in a folder of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from ivr import identity
from ivr.erasing import Care
from ivr.parts.keys import audit_trail, key_store
from ivr.settings import load
from ivr.storage import SqlResults
from tests import warm

ROOT = Path(__file__).parent.parent
SCENARIO = ROOT / "scenarios" / "reminder.yaml"
LIST = """宛名番号,カナ氏名,氏名,電話番号
1,ヤマダ タロウ,山田 太郎,090-1234-5678
2,スズキ ハナコ,鈴木 花子,03-5722-0000
"""
PEOPLE = (
    ("ヤマダ タロウ", "09012345678"),
    ("スズキ ハナコ", "0357220000"),
    ("山田 太郎", "09012345678"),
    ("鈴木 花子", "0357220000"),
)

Ivr = Callable[..., subprocess.CompletedProcess[str]]


class Crash(BaseException):
    """The process is gone."""


@asynccontextmanager
async def care_of(config: Path) -> AsyncIterator[Care]:
    """Open everything under the engine's care."""
    chosen = load(config)
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            trail = audit_trail(chosen, results, keys, identity.person())
            yield Care(settings=chosen, results=results, keys=keys, audit=trail)


@cache
def spoken() -> Path:
    """Return a folder with what SCENARIO sounds like: rendered once, for all offices of these tests."""
    folder = Path(tempfile.mkdtemp(prefix="spoken-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    assert not office(folder)("scenario", "check", SCENARIO).returncode
    return folder / "var" / "voice"


def give_voice(folder: Path) -> None:
    """Put what SCENARIO sounds like into the data of an office in `folder`."""
    (folder / "var").mkdir(mode=0o700)
    shutil.copytree(spoken(), folder / "var" / "voice", copy_function=os.link)


def office(folder: Path, settings: str = "") -> Ivr:
    """Make an office in `folder`, and return what runs a command there."""
    (folder / "tmp").mkdir(parents=True)
    (folder / "ivr.yaml").write_text(f"data_dir: var\n{settings}", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")}

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        return warm.run([*map(str, words)], cwd=folder, env=environment, timeout=100)

    return run
