"""What goes for good is asked for at a terminal, a real one with a person's keys."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests import offices
from tests.offices import ROOT, SCENARIO, Ivr, care_of

TERMINAL = ("setsid", "--ctty", "--wait", "env", "--default-signal=INT")
"""A shell that runs us in the background has interrupts ignored."""

ASKED = "入力してください："


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An office with two campaigns, 旧 and 新, and a backup of both."""
    folder = tmp_path_factory.mktemp("filled") / "office"
    ivr = offices.office(folder)
    offices.give_voice(folder)
    (folder / "meibo.csv").write_text(offices.LIST, encoding="cp932")
    for name in ("旧", "新"):
        created = ivr("campaign", "create", name, "--list", "meibo.csv", "--scenario", SCENARIO)
        assert created.returncode == 0, created.stderr
    assert ivr("backup", "a.backup").returncode == 0
    return folder


@pytest.fixture
def office(ivr: Ivr, filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    folder = tmp_path / "office"
    shutil.rmtree(folder / "var")
    shutil.copytree(filled / "var", folder / "var")
    shutil.copy(filled / "a.backup", folder)
    return folder


async def campaigns(office: Path) -> list[str]:
    async with care_of(office / "ivr.yaml") as care:
        return [row.name for row in await care.results.campaigns()]


def restored(office: Path) -> bool:
    return any((office / "var" / "backups").glob("*-before-restore.backup"))


@pytest.mark.parametrize("typed", ["旧\n", "はい\n"])
async def test_a_campaign_is_erased_by_who_types_its_name_or_yes(office: Path, typed: str) -> None:
    said = at_a_terminal(office, ("erase", "旧"), typed)
    assert "催告「旧」（2 人）" in said
    assert "元に戻せません" in said
    assert await campaigns(office) == ["新"]


@pytest.mark.parametrize("typed", ["新\n", "\n", "\x04", "\x03"])
async def test_nothing_is_erased_or_restored_after_another_answer(office: Path, typed: str) -> None:
    for words in (("erase", "旧"), ("restore", "a.backup")):
        assert "取りやめました。何も変えていません。" in at_a_terminal(office, words, typed)
    assert await campaigns(office) == ["旧", "新"]
    assert not restored(office)


async def test_a_backup_is_restored_by_who_types_yes(office: Path) -> None:
    said = at_a_terminal(office, ("restore", "a.backup"), "はい\n")
    assert "データベースを a.backup" in said
    assert restored(office)
    assert await campaigns(office) == ["旧", "新"]


async def test_a_script_and_who_says_yes_beforehand_are_not_asked(ivr: Ivr, office: Path) -> None:
    assert ivr("restore", "a.backup").returncode == 0
    assert restored(office)
    assert ivr("erase", "旧").returncode == 0
    assert await campaigns(office) == ["新"]
    assert ASKED not in at_a_terminal(office, ("erase", "新", "--yes"), "")
    assert await campaigns(office) == []


def test_what_is_not_there_is_told_before_anybody_is_asked(office: Path) -> None:
    for words in (("erase", "ない"), ("restore", "nothing.backup")):
        assert ASKED not in at_a_terminal(office, words, "")


def at_a_terminal(office: Path, words: tuple[str, ...], typed: str) -> str:
    """Return what `ivr` shows on a terminal at which `typed` is typed."""
    person, terminal = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*TERMINAL, sys.executable, "-m", "ivr", *words],
        cwd=office,
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as running:
        os.close(terminal)
        shown = b""
        try:
            with suppress(OSError):  # the end of a terminal
                while more := os.read(person, 4096):
                    shown += more
                    if typed and ASKED.encode() in shown:
                        os.write(person, typed.encode())
                        typed = ""
            running.wait(60)
        finally:
            running.kill()
    os.close(person)
    return shown.decode()
