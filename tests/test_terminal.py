"""What is asked at a terminal, by a person's keys on a real one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.offices import ROOT, SCENARIO, Ivr

TERMINAL = ("setsid", "--ctty", "--wait", "env", "--default-signal=INT")
"""A shell that runs us in the background has interrupts ignored."""


@pytest.mark.parametrize(
    ("typed", "erased"), [("旧\n", True), ("新\n", False), ("\n", False), ("\x04", False), ("\x03", False)]
)
def test_at_a_terminal_a_campaign_is_erased_by_who_types_its_name_once_more(
    typed: str, erased: bool, ivr: Ivr, clerk: Path, tmp_path: Path
) -> None:
    for name in ("旧", "新"):
        created = ivr("campaign", "create", name, "--list", clerk / "meibo.csv", "--scenario", SCENARIO)
        assert created.returncode == 0, created.stderr
    said = at_a_terminal(tmp_path / "office", ("erase", "旧"), typed)
    assert "もう一度「旧」と入力してください" in said
    assert ("取りやめました。何も変えていません。" in said) is not erased
    assert (ivr("campaign", "status", "旧").returncode != 0) is erased
    assert ivr("campaign", "status", "新").returncode == 0


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
                    if typed and "入力してください：".encode() in shown:
                        os.write(person, typed.encode())
                        typed = ""
            running.wait(60)
        finally:
            running.kill()
    os.close(person)
    return shown.decode()
