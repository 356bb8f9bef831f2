"""Bytes to events and commands to bytes for FastAGI, without a socket.

Asterisk connects and sends its environment: lines `name: value`, then an empty one. From then on every
command is one line to Asterisk, answered by one result, and a line `HANGUP` may come at any time:

    agi_uniqueid: 17...         ->  Environment
    (empty)
                                <-  STREAM FILE "/var/hello" "#"
    HANGUP                      ->  HungUpLine
    200 result=-1 endpos=4800   ->  Result
    (end of stream)             ->  EndOfStream

The events do not depend on how the bytes were cut. Bytes that are no FastAGI give one Violation, and nothing
after it. The results are those of `res_agi.c`; a usage text (`520-` ... `520 `) is one Result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_LINE = 8192
"""Bytes of a line without its end."""

MAX_HEADERS = 200
MAX_USAGE_LINES = 200

MAX_COMMAND = 2000
"""Bytes of a command; Asterisk's own buffer has 2048 and cuts what is longer into two commands."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What Asterisk says of the call; names as sent (`agi_uniqueid`), the first of a repeated name counts."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a command.

    `result` is the text after `result=`, `data` what follows in parentheses, `endpos` samples played (8 kHz).
    With a code other than 200, `data` is the whole text.
    """

    code: int
    result: str = ""
    data: str | None = None
    endpos: int | None = None

    @property
    def number(self) -> int:
        """Return `result` as a number; 0 where it is none."""
        try:
            return int(self.result)
        except ValueError:
            return 0

    @property
    def key(self) -> str:
        """Return the key whose code `result` is, empty where it is none's."""
        return chr(self.number) if self.number in _KEYS else ""


@dataclass(frozen=True, slots=True)
class HungUpLine:
    """The channel was hung up; a running command still gets its result."""


@dataclass(frozen=True, slots=True)
class EndOfStream:
    """Asterisk closed the connection between two messages."""


@dataclass(frozen=True, slots=True)
class Violation:
    """The peer does not speak FastAGI; `reason` quotes nothing of what it sent."""

    reason: str


Event = Environment | Result | HungUpLine | EndOfStream | Violation

_KEYS = frozenset(b"0123456789*#ABCD")
_VERB = re.compile(r"[A-Z]+( [A-Z]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER = re.compile(r"([A-Za-z0-9_]{1,64}):(?: (.*))?")
_STATUS = re.compile(r"([1-5][0-9]{2})([ -])(.*)")
_RESULT = re.compile(r"200 result=(\S*)(?: \((.*)\))?(?: endpos=(-?[0-9]{1,18})(?![0-9]))?")


class AgiWire:
    """The FastAGI server's reading end."""

    def __init__(self) -> None:
        self._buffer = b""
        self._headers: dict[str, str] = {}
        self._header_lines = 0
        self._greeted = False
        self._usage: list[str] = []
        self._over = False

    def receive(self, data: bytes) -> Iterator[Event]:
        """Take bytes as they came, `b""` for the end of the stream, and yield the events they complete."""
        if self._over:
            return
        if not data:
            self._over = True
            cut = self._buffer or self._usage or (self._header_lines and not self._greeted)
            yield Violation("the stream ended inside a message") if cut else EndOfStream()
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            event = self._line(line)
            if event is not None:
                yield event
            if isinstance(event, Violation):
                return
        if len(self._buffer) > MAX_LINE:
            yield self._violation("a line is too long")

    def _line(self, line: bytes) -> Event | None:
        if len(line) > MAX_LINE:
            return self._violation("a line is too long")
        text = line.decode("utf-8", "backslashreplace")
        return self._answer(text) if self._greeted else self._header(text)

    def _header(self, line: str) -> Event | None:
        if not line:
            if not self._headers:
                return self._violation("the environment is empty")
            self._greeted = True
            return Environment(self._headers)
        match = _HEADER.fullmatch(line)
        if match is None:
            return self._violation("a line of the environment is no header")
        self._header_lines += 1
        if self._header_lines > MAX_HEADERS:
            return self._violation("the environment has too many lines")
        self._headers.setdefault(match[1], match[2] or "")
        return None

    def _answer(self, line: str) -> Event | None:
        if self._usage:
            return self._usage_line(line)
        if (found := _RESULT.match(line)) is not None:
            return Result(200, found[1], found[2], int(found[3]) if found[3] is not None else None)
        if line == "HANGUP":
            return HungUpLine()
        status = _STATUS.fullmatch(line)
        if status is None:
            return self._violation("a line is no result")
        code, separator, text = int(status[1]), status[2], status[3]
        if separator == "-":
            self._usage = [text]
            return None
        if code == 200:
            return self._violation("a result has no value")
        return Result(code, data=text)

    def _usage_line(self, line: str) -> Event | None:
        if len(self._usage) >= MAX_USAGE_LINES:
            return self._violation("a usage text does not end")
        if not line.startswith("520 "):
            self._usage.append(line)
            return None
        text, self._usage = "\n".join(self._usage), []
        return Result(520, data=text)

    def _violation(self, reason: str) -> Violation:
        self._over = True
        self._buffer = b""
        return Violation(reason)


def command(verb: str, *arguments: str | int) -> bytes:
    """Return the line that makes Asterisk run `verb` with `arguments`, quoted so that none becomes another.

    ValueError for a verb that is not of capitals and spaces, a control character, or over MAX_COMMAND bytes.
    """
    if not _VERB.fullmatch(verb):
        raise ValueError("an AGI verb is made of capital letters and single spaces")
    line = " ".join([verb, *(_quoted(argument) for argument in arguments)]).encode()
    if len(line) > MAX_COMMAND:
        raise ValueError("an AGI command is too long")
    return line + b"\n"


def _quoted(argument: str | int) -> str:
    text = str(argument)
    if _CONTROL.search(text):
        raise ValueError("an AGI argument holds a control character")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
