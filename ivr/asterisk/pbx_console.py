"""What Asterisk prints: kept in a file of bounded size, with the numbers taken out."""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 1 << 20
"""Of the log file; then it becomes `<name>.1` and a new one is begun."""

MOST_LINE = 4096
KEPT_LINES = 40

_SIP_USER = re.compile(r"(sips?:)[^@\s>;]+(?=@)", re.IGNORECASE)
_DIGITS = re.compile(r"\+?\d(?:[-.]?\d){5,}")
_CLOCK = re.compile(r"^\[[\d-]{10} [\d:]{8}\] ")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def masked(line: str) -> str:
    """Return `line` without telephone numbers: runs of six digits and more, and users of SIP addresses."""
    clock = _CLOCK.match(line)
    head = clock[0] if clock else ""
    rest = _SIP_USER.sub(r"\1***", line[len(head) :])
    return head + _DIGITS.sub(lambda run: run[0] if _ADDRESS.fullmatch(run[0]) else "***", rest)


class Console(asyncio.SubprocessProtocol):
    """The output of one Asterisk. `exited` is done when the process has ended; `tail` is what it said last."""

    def __init__(self, log_file: Path) -> None:
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._file = log_file
        self._rest = b""
        self._last: deque[str] = deque(maxlen=KEPT_LINES)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take output; what can't be written is still in `tail`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MOST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        texts = [masked(line[:MOST_LINE].decode("utf-8", "replace").rstrip()) for line in lines]
        texts = [text for text in texts if text]
        self._last.extend(texts)
        with suppress(OSError):
            self._write("".join(f"{text}\n" for text in texts))

    def process_exited(self) -> None:
        """Note the end."""
        if not self.exited.done():
            self.exited.set_result(None)

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        rest = masked(self._rest.decode("utf-8", "replace").rstrip())
        return (*self._last, rest) if rest else tuple(self._last)

    def tail(self) -> str:
        """Return the last complaints in one line, empty if there are none."""
        complaints = [line for line in self.lines if "ERROR" in line] or list(self.lines)
        return " / ".join(complaints[-3:])

    def _write(self, text: str) -> None:
        if self._file.exists() and self._file.stat().st_size > MOST_BYTES:
            self._file.replace(self._file.with_name(f"{self._file.name}.1"))
        with open(self._file, "a", encoding="utf-8", opener=_private) as file:
            file.write(text)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
