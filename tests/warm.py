"""Starts `ivr` in a process of its own that finds its modules loaded.

To load them takes nearly a second of CPU, and the tests run some five hundred commands. Here a process that has loaded
them, and has done nothing else, is forked for each; what runs in the fork is `python -m ivr` with its own arguments,
environment, folder and files. What is told of a process is what `subprocess.Popen` tells.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent

LOADED = ("ivr.app", "ivr.cli", "ivr.desk", "ivr.desk.reports", "ivr.desk.orders", "ivr.service", "ivr.reporting")
"""What most commands load."""

LONGEST_REQUEST = 200_000
"""Bytes of arguments and environment."""

STATUS = 8
"""Bytes of a process id, and of a status."""


class Process:
    """A command that was started, seen from the test."""

    def __init__(self, report: int, args: Sequence[str]) -> None:
        self.args = args
        self.returncode: int | None = None
        self._report = report
        self.pid = int(self._told(None) or 0)

    def poll(self) -> int | None:
        """Return the exit status, minus the signal that ended it; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once there is one; raise TimeoutExpired after `timeout` seconds."""
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal where it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and (told := self._told(timeout)) is not None:
            self.returncode = int(told)
            os.close(self._report)
        return self.returncode

    def _told(self, timeout: float | None) -> bytes | None:
        if not select.select([self._report], [], [], timeout)[0]:
            return None
        told = os.read(self._report, STATUS)
        if not told:
            raise RuntimeError("the process that starts commands is gone")
        return told


class _Starter:
    """The process that is forked, from the first command to the end of the tests."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        # It ends when nobody can give it an order any more.
        atexit.register(self._orders.close)

    def start(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], files: Sequence[int]) -> int:
        """Return where the process id and, later, the status of `ivr` with `words` are told."""
        report, theirs = os.pipe()
        order = json.dumps([list(words), str(folder), dict(environment)]).encode("utf-8", "surrogateescape")
        socket.send_fds(self._orders, [order], [*files, theirs])
        os.close(theirs)
        return report


_starters: list[_Starter] = []


def start(words: Sequence[str], files: Sequence[int], *, cwd: Path, env: Mapping[str, str]) -> Process:
    """Start `ivr` with the arguments `words`; `files` are descriptors of its standard input, output and error."""
    if not _starters:
        _starters.append(_Starter())
    return Process(_starters[0].start(words, cwd, env, files), words)


def run(words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run `ivr` to its end, and return what it said."""
    with (
        Path(os.devnull).open("rb") as nothing,
        os.fdopen(os.memfd_create("out"), "w+b") as out,
        os.fdopen(os.memfd_create("err"), "w+b") as err,
    ):
        process = start(words, (nothing.fileno(), out.fileno(), err.fileno()), cwd=cwd, env=env)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        said, complained = [(file.seek(0), file.read().decode())[1] for file in (out, err)]
        return subprocess.CompletedProcess([*words], status, said, complained)


def _serve(orders: socket.socket) -> list[str]:
    """Fork for each order, for ever; return in the fork, as the process that was ordered."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        order, files, _, _ = socket.recv_fds(orders, LONGEST_REQUEST, 4)
        if not order:
            os._exit(0)
        if os.fork():
            for file in files:
                os.close(file)
            continue
        orders.close()
        words, folder, environment = json.loads(order.decode("utf-8", "surrogateescape"))
        report = files.pop()
        _stand_by(report)
        os.close(report)
        for standard, file in enumerate(files):
            os.dup2(file, standard)
            os.close(file)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        return [*words]


def _stand_by(report: int) -> None:
    """Fork once more, and tell of the fork its id and how it ended; return in it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(report, str(child).rjust(STATUS).encode())
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    with suppress(BrokenPipeError):
        os.write(report, str(code).rjust(STATUS).encode())
    os._exit(0)


def _main() -> None:
    for module in LOADED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    words = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = ["ivr", *words]
    runpy.run_module("ivr", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
