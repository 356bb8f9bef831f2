"""What every part of the set-up works with: one run at a time, bounded commands, stamps."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


class SetupError(Exception):
    """Says in one sentence what is missing and what to do about it."""


def say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def only_one_at_a_time(path: Path) -> Iterator[None]:
    """Hold the lock file for the block; the kernel releases it however this process ends."""
    try:
        lock = path.open("w")
    except OSError as error:
        raise SetupError(f"Cannot write in {path.parent}: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is running in this checkout; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    what: str,
    limit: float,
    tries: int = 1,
    env: dict[str, str] | None = None,
) -> str:
    """Run the command and return its standard output. `limit` is in seconds, for each try.

    Raises SetupError with the last lines that the command wrote.
    """
    said = ""
    for attempt in range(1, tries + 1):
        if attempt > 1:
            say(f"{what}: trying again ({attempt} of {tries})")
            time.sleep(2 * attempt)
        try:
            done = subprocess.run(
                list(command),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit,
                env=env,
                check=False,
            )
        except subprocess.TimeoutExpired:
            said = f"no end after {limit:.0f} s"
            continue
        except OSError as error:
            raise SetupError(f"{what}: {command[0]}: {error.strerror}.") from error
        if done.returncode == 0:
            return done.stdout
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:])
    raise SetupError(f"{what} failed: {said}")


def is_stamped(stamp: Path, text: str) -> bool:
    try:
        return stamp.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    new.replace(path)
