"""Logs, to stderr: ours and every library's through one door, where names, numbers and key presses are hidden.

Nobody logs personal data on purpose; the door is for what slips through: a number in a library's message, a name in
the text of an exception. It hides too much rather than too little. Ids stay readable: an attempt's id (a UUID in hex)
and the tail of a channel's name, so that a call can be followed from our log into the PBX's.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import PurePath
from typing import IO, Any

import structlog

HIDDEN = "***"

LONGEST = 4_000
"""Characters of a text that is logged: the patterns take a time that grows with the square of it."""

_PERSONAL_FIELDS = frozenset(
    {"kana", "name", "names", "number", "numbers", "phone", "phones", "callee", "caller", "caller_id", "digit"}
    | {"digits", "dtmf", "key", "keys", "pressed", "columns", "values", "text", "recipient", "recipients"}
    | {"氏名", "カナ氏名", "宛名番号", "電話番号"}
)
"""Fields that are hidden whatever they hold."""

_DIGIT = "[0-9０-９]"
_HYPHEN = r"[-‐‑‒–—−－ー()（）]"
_KATAKANA = r"[ァ-ヺー・ｦ-ﾟ]"

_OPEN_END = re.compile(rf"[{_KATAKANA[1:-1]}{_DIGIT[1:-1]}\s()+＋=:'\"-]{{1,100}}\Z")
"""What may go on behind the cut, and would no longer be known for what it is."""

_ID_OR_PERSONAL = re.compile(
    # What must not be taken for a number comes first: ids, dates and times, a channel's tail, fractions, addresses.
    r"(?P<keep>"
    r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9A-Za-z])"
    r"|(?<![0-9])\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?(?![0-9])"
    r"|(?<=[A-Za-z])-[0-9a-f]{8}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z.])\d{1,5}\.\d+(?![0-9.-])"
    r"|(?<![0-9.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9.])"
    r")"
    rf"|(?P<number>[+＋]?{_DIGIT}(?:{_HYPHEN}{{0,2}}{_DIGIT}){{6,}}"
    rf"|(?:[+＋]{_DIGIT}|[0０]){_DIGIT}{{0,3}}(?:[ 　.]{_DIGIT}{{2,4}}){{2,3}})"
    rf"|(?P<person>{_KATAKANA}{{2,}}(?:[ 　]{_KATAKANA}+)?(?=[ 　]?[様さ殿]))"
    r"|(?P<field>(?i:\b(?:kana|name|caller\s?id\s?(?:num|name)?|number|phone|digits?|keys?|dtmf|pressed)|氏名|カナ|番号|キー)"
    r"[\"']?\s?[=:：]\s?)(?P<value>\"[^\"]*\"|'[^']*'|[0-9A-D*#]+(?![\w.])|[^\x00-\x7f]+(?: [^\x00-\x7f]+)*)"
)


def configure(*, as_json: bool, level: str = "info", stream: IO[str] | None = None) -> None:
    """Send every log to `stream` (stderr), as JSON lines or for people; may be called again."""
    stream = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _timestamp,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        # The plain traceback: the others print local variables, and with them people.
        else structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    )
    door: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, mask, renderer]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *door],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Ours go through the same door by a shorter way: the standard library's costs a line three times as much.
    structlog.configure(
        processors=[*shared, *door],
        logger_factory=lambda name="": _Lines(name, stream),
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("alembic", "aiosqlite", "asyncio", "httpcore", "httpx", "panoramisk", "sqlalchemy", "uvicorn"):
        # Below this they tell single statements, whole AMI messages and headers, at a price.
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Lines:
    """Writes lines, each at one go; one that can't be written is lost, as from a logging.Handler."""

    def __init__(self, name: str, stream: IO[str]) -> None:
        self.name = name
        self._stream = stream

    def write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = write


def _timestamp(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Give an event its time, with the offset of the machine's zone (a structlog processor)."""
    event["timestamp"] = datetime.now().astimezone().isoformat(timespec="milliseconds")
    return event


def mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what may be a person's name, number or key press in a log event (a structlog processor)."""
    for field, value in event.items():
        if field == "attempt" and isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{32,36}", value):
            continue
        event[field] = _masked_field(field, value)
    return event


def masked(text: str) -> str:
    """Return `text` with what may be a name, a number or a key press hidden; what is longer than LONGEST is cut off."""
    if len(text) > LONGEST:
        text = f"{_OPEN_END.sub('', text[:LONGEST])}…"
    return _ID_OR_PERSONAL.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    if match["keep"] is not None:
        return match["keep"]
    return f"{match['field']}{HIDDEN}" if match["field"] is not None else HIDDEN


def _masked_field(field: object, value: object) -> object:
    if isinstance(field, str) and field.lower() in _PERSONAL_FIELDS:
        return HIDDEN
    if field in ("timestamp", "level", "logger"):
        return value
    return _masked_value(value)


def _masked_value(value: object) -> object:
    match value:
        case None | bool() | float() | datetime() | date() | time() | timedelta():
            return value if not isinstance(value, date | time | timedelta) else str(value)
        case Enum():
            return _masked_value(value.value)
        case int():
            return HIDDEN if len(str(abs(value))) >= 9 else value
        case str():
            return masked(value)
        case PurePath():
            return masked(str(value))
        case BaseException():
            return f"{type(value).__name__}: {masked(str(value))}"
        case Mapping():
            return {masked(str(key)): _masked_field(key, inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked_value(inner) for inner in value]
        case _:
            # Its repr may show anything that it holds.
            return f"<{type(value).__name__}>"
