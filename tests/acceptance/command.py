"""The command line as people meet it: `ivr …` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from tests import warm

T = TypeVar("T")

LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[")

PROGRAM = (sys.executable, "-m", "ivr")

LOOK = 0.05
"""Seconds between two looks at something that is waited for."""

A_COMMAND = 0.5
"""The same, where a look is a command."""


def until(found: Callable[[], T | None], within: float, what: str, *, look: float = LOOK) -> T:
    """Return what `found` returns once it is true; fail the test, naming `what`, after `within` seconds.

    It is asked every `look` seconds: more seldom where the question is a command, which costs much.
    """
    end = time.monotonic() + within
    while not (value := found()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within:.0f} s")
        time.sleep(look)
    return value


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    def refused_in_one_sentence(self) -> str:
        """Return why a command did nothing; fail unless it said so as people expect it."""
        assert self.status == 1, self
        assert "Traceback" not in self.out + self.err, self
        spoken = [line for line in self.err.splitlines() if not LOGGED.match(line)]
        assert len(spoken) == 1, self
        return spoken[0]


class Command:
    """A command that runs, from `with` to its end; what it says goes into files in `folder`."""

    def __init__(
        self,
        folder: Path,
        *arguments: str | Path,
        prefix: tuple[str, ...] = (),
        program: tuple[str, ...] = (),
        out: Path | None = None,
    ) -> None:
        """Begin; `out` is where standard output goes if not into a file in `folder`.

        By itself the program is `ivr` with its modules loaded, otherwise `program`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        number = len(list(folder.glob("*.out")))
        self._out, self._err = folder / f"{number}.out", folder / f"{number}.err"
        words = [*map(str, arguments)]
        with (out or self._out).open("wb") as said, self._err.open("wb") as err, Path(os.devnull).open("rb") as nothing:
            files = nothing.fileno(), said.fileno(), err.fileno()
            self.process: warm.Process | subprocess.Popen[bytes]
            if prefix or program:
                stdin, stdout, stderr = files
                command = (*prefix, *(program or PROGRAM), *words)
                self.process = subprocess.Popen(
                    command,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    cwd=folder,
                    env=_environment(),
                    start_new_session=True,  # as on a terminal of its own: the kernel weighs it against all other tests
                )
            else:
                self.process = warm.start(words, files, cwd=folder, env=_environment())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """End the command, gently at first: the second signal cuts its calls off."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
                try:
                    self.process.wait(10)
                except subprocess.TimeoutExpired:
                    continue

    @property
    def out(self) -> str:
        """What it has printed into its folder."""
        return self._out.read_text("utf-8", "replace") if self._out.exists() else ""

    @property
    def err(self) -> str:
        """What it has complained of and logged."""
        return self._err.read_text("utf-8", "replace")

    def ended(self, within: float) -> Said:
        """Return how it ended; fail where it does not end in time."""
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within:.0f} s:\n{self.out}\n{self.err}") from None
        return Said(status=status, out=self.out, err=self.err)

    def says(self, text: str, within: float) -> None:
        """Return once it has said `text`; fail where it ends or takes too long."""

        def said() -> bool:
            if text in self.out + self.err:
                return True
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.out}\n{self.err}"
            return False

        until(said, within, f"it says {text!r}")


def _environment() -> dict[str, str]:
    """Return our environment without the settings that somebody may have put there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}
    return {**kept, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
