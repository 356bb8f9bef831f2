"""The office's own scenarios, version by version: what is kept of each, what a file that was found is taken for. Pure.

A scenario is a file that the command line, the wizard and lists that are pushed read, and a row of versions in the
store, of which the newest is the file. Who edits the file by hand makes a version too, whose author nobody knows.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LARGEST = 64 * 1024
"""Bytes of a text that is written in the console: thirty times what comes with us."""

LONGEST_NAME = 40
LONGEST_WHY = 100
SUFFIX = ".yaml"

OUTSIDE = "画面の外で変更"
"""As whose a version is shown that nobody has saved in the console."""

_NAME = re.compile(rf"[^\W_][\w-]{{0,{LONGEST_NAME - 1}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A version of a scenario, but for its text. `by` is None where it was made outside of the console.

    `again` is the number of the older version whose text it is, where one was restored.
    """

    number: int
    at: datetime
    by: str | None
    why: str = ""
    again: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A scenario of the office as it is now: its newest version, whose it is, whether it is retired."""

    id: str
    file: str
    department: str | None
    newest: Edition
    text: str
    retired_at: datetime | None = None
    retired_by: str | None = None

    @property
    def retired(self) -> bool:
        """Tell whether it is offered to nobody any longer."""
        return self.retired_at is not None

    def of(self, department: str) -> bool:
        """Tell whether people of a department may change it; what came from outside is everybody's."""
        return self.department in (None, department)


class Course(StrEnum):
    """What is to be done about a scenario's file."""

    NOTHING = "nothing"
    BEGIN = "begin"
    """A file that nobody knew: its first version."""
    ADD = "add"
    """Edited by hand: a version."""
    WRITE = "write"
    """Behind what was saved, here or on another machine: the file is made anew."""
    RETIRE = "retire"
    """Deleted by hand."""
    REMOVE = "remove"
    """Retired on another machine, or in the moment of a crash: the file goes."""


def course(kept: Kept | None, text: str | None, noted: str | None) -> Course:
    """Return what is to be done where the store has `kept` and the file has `text` (None: there is none).

    `noted` is the digest of what the console left in the file last. A file that is not as it was left was edited by
    hand, and is never written over.
    """
    if kept is None:
        return Course.BEGIN if text is not None else Course.NOTHING
    untouched = text is not None and digest(text) == noted
    if kept.retired:
        if text is None:
            return Course.NOTHING
        return Course.REMOVE if untouched else Course.ADD
    if text is None:
        return Course.RETIRE if noted is not None else Course.WRITE
    if text == kept.text:
        return Course.NOTHING
    return Course.WRITE if untouched else Course.ADD


def normal(text: str) -> str:
    """Return a text as it is kept: lines end as in Unix, and the last one ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    return lines if lines.endswith("\n") or not lines else lines + "\n"


def digest(text: str) -> str:
    """Return what tells whether a text is the same."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unfit_name(name: str) -> str | None:
    """Return why a scenario can't be called so, None where it can. The name is that of its file."""
    if _NAME.fullmatch(name) and unicodedata.normalize("NFC", name) == name:
        return None
    return (
        f"シナリオの名前には、文字、数字、_、- だけを {LONGEST_NAME} 字まで使えます。先頭は文字か数字にしてください。"
    )


def written(name: str) -> str:
    """Return a name as somebody has typed it, in the characters that it is kept in."""
    return unicodedata.normalize("NFC", name.strip().removesuffix(SUFFIX).removesuffix(".yml"))


def alike(file: str) -> str:
    """Return what is the same of two files whose names nobody can tell apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", file.rpartition(".")[0]).casefold())
