"""The engine under trial: an office whose disk is small and whose clock can be stepped, and its open connections."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.acceptance.office import Office

DISK = "48m"
"""Size of the file system that holds the data directory."""

PIDFD_GETFD = 438
"""The system call, the same on every architecture (Linux 5.6)."""

_ESTABLISHED = "01"


class SmallDisk:
    """A file system of its own at `place`, seen only by what `prefix` begins; it lives as long as this does."""

    def __init__(self, place: Path) -> None:
        place.mkdir(parents=True)
        self.place = place
        self._holder = subprocess.Popen(
            ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
             'mount -t tmpfs -o "size=$1,mode=700" none "$0" && echo mounted && exec sleep infinity',
             str(place), DISK),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        self.mounted = self._holder.stdout.readline() == "mounted\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._holder.kill()
        self._holder.wait()

    @property
    def prefix(self) -> tuple[str, ...]:
        """What begins a command that sees it; nothing where this machine lets nobody mount one."""
        if not self.mounted:
            return ()
        return ("nsenter", "--target", str(self._holder.pid), "--user", "--mount", "--preserve-credentials", "--")

    @property
    def seen(self) -> Path:
        """Where we see it ourselves."""
        return Path(f"/proc/{self._holder.pid}/root{self.place}") if self.mounted else self.place


class Desk:
    """An office under trial; enter it. `office.run()` begins the campaign or goes on with it."""

    def __init__(self, folder: Path, trunk_port: int) -> None:
        self._stack = ExitStack()
        self.office = Office(folder, trunk_port, self._stack)
        self.clock = folder / "clock"
        self.clock.write_text("0")
        self._furthest = 0.0
        self.disk = self._stack.enter_context(SmallDisk(self.office.data_dir))
        self.office.prefix = self.disk.prefix
        self.office.program = (sys.executable, str(Path(__file__).with_name("engine.py")), str(self.clock))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    @property
    def database(self) -> Path:
        """The engine's database file, as we see it."""
        return self.disk.seen / "ivr.db"

    def pbx_pid(self) -> int | None:
        """Return the process of the engine's Asterisk, None where none is noted."""
        try:
            return int((self.disk.seen / "asterisk" / "pid").read_text())
        except (OSError, ValueError):
            return None

    def pbx_is_ready(self) -> bool:
        """Tell whether the engine's Asterisk has started."""
        try:
            said = (self.disk.seen / "asterisk" / "asterisk.log").read_text("utf-8", "replace")
        except OSError:
            return False
        return said.rfind("Asterisk Ready") > said.rfind("PBX UUID")  # of this one, not of one before

    def step_clock(self, seconds: float) -> None:
        """Step the engine's time of day."""
        self._set_clock(float(self.clock.read_text()) + seconds)

    def catch_up(self) -> None:
        """Set the engine's time of day to the furthest that it ever was ahead."""
        self._set_clock(self._furthest)

    def _set_clock(self, ahead: float) -> None:
        self._furthest = max(self._furthest, ahead)
        new = self.clock.with_suffix(".new")
        new.write_text(str(ahead))
        new.replace(self.clock)

    def cut(self, engine: int, *, port: int) -> int:
        """Cut every TCP connection of the engine that has `port` at one of its ends; return how many there were."""
        cut = 0
        wanted = _sockets(engine, port)
        for link in Path(f"/proc/{engine}/fd").iterdir():
            with suppress(OSError):
                if str(link.readlink()) in wanted:
                    cut += _shut(engine, int(link.name))
        return cut


def _sockets(process: int, port: int) -> set[str]:
    """Return the names, as in /proc/PID/fd, of the established TCP connections with `port` at either end."""
    found = set()
    for line in Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = {int(end.rpartition(":")[2], 16) for end in fields[1:3]}
        if fields[3] == _ESTABLISHED and port in ports:
            found.add(f"socket:[{fields[9]}]")
    return found


def _shut(process: int, descriptor: int) -> bool:
    """Shut down another process's connection, as if the line were cut; tell whether that could be done."""
    handle = os.pidfd_open(process)
    try:
        copy = ctypes.CDLL(None).syscall(PIDFD_GETFD, handle, descriptor, 0)
    finally:
        os.close(handle)
    if copy < 0:
        return False
    with socket.socket(fileno=copy) as connection:
        connection.shutdown(socket.SHUT_RDWR)
    return True


@contextmanager
def frozen(process: int) -> Iterator[None]:
    """Stop a process for as long as the block lasts."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
