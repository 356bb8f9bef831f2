"""A form with a file (multipart/form-data, RFC 7578), taken apart as it comes in, into memory and no further.

`Taker` is pure on bytes. One file a form; what is too big is refused before more of it is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Request
from starlette.requests import ClientDisconnect

from ivr.errors import InputError

KIND = "multipart/form-data"

LARGEST_FILE = 64 * 1024**2
"""Bytes: 200,000 rows of three hundred."""

MOST_IN_FIELDS = 64 * 1024
MOST_HEADERS = 8 * 1024
MOST_PARTS = 50
LONGEST_NAME = 100
"""Characters of a file's name."""

TOO_BIG = f"ファイルが大きすぎます（上限 {LARGEST_FILE // 1024**2} MB）。名簿を分けてください。"
UNREADABLE = "送られた内容を読めません。画面を開き直して、もう一度送ってください。"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as it was sent; its name has no folders and nothing that can't be shown."""

    name: str
    content: bytes = field(repr=False)


async def read(request: Request) -> tuple[Mapping[str, list[str]], UploadedFile | None]:
    """Return the fields and the file that a form brings; InputError."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > LARGEST_FILE + MOST_IN_FIELDS:
        raise InputError(TOO_BIG)
    found = re.search(r'boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?', request.headers.get("content-type", ""))
    if found is None:
        raise InputError(UNREADABLE)
    taker = Taker(found[1].strip().encode())
    try:
        async for chunk in request.stream():
            taker.take(chunk)
    except ClientDisconnect:
        raise InputError("送信が途中で切れました。もう一度送ってください。") from None
    return taker.fields(), taker.file()


class Taker:
    """Takes a form in pieces; raises InputError for what is none, or too big."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"\r\n--" + boundary
        # The first mark has no line before it.
        self._rest = bytearray(b"\r\n")
        self._fields: dict[str, list[bytearray]] = {}
        self._file: tuple[str, bytearray] | None = None
        self._into: bytearray | None = None
        self._skips = True
        self._parts = 0
        self._over = False

    def take(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._rest += chunk
        while not self._over and (self._content() if self._skips or self._into is not None else self._headers()):
            pass

    def fields(self) -> dict[str, list[str]]:
        """Return the fields by name, once everything was taken."""
        self._see_over()
        return {
            name: [bytes(one).decode("utf-8", "replace") for one in several] for name, several in self._fields.items()
        }

    def file(self) -> UploadedFile | None:
        """Return the file, once everything was taken; None where none was chosen."""
        self._see_over()
        if self._file is None or (not self._file[0] and not self._file[1]):
            return None
        return UploadedFile(self._file[0] or "名簿", bytes(self._file[1]))

    def _content(self) -> bool:
        """Take what belongs to this part; tell whether a mark has ended it."""
        at = self._rest.find(self._mark)
        end = at if at >= 0 else max(0, len(self._rest) - len(self._mark) + 1)
        if self._into is not None:
            self._into += self._rest[:end]
            self._see_size()
        del self._rest[:end]
        if at < 0:
            return False
        after = len(self._mark)
        if len(self._rest) < after + 2:
            return False
        follows = bytes(self._rest[after : after + 2])
        if follows not in (b"--", b"\r\n"):
            # It only begins like a mark.
            if self._into is not None:
                self._into += self._rest[:after]
            del self._rest[:after]
            return True
        self._over = follows == b"--"
        del self._rest[:after]
        self._into, self._skips = None, False
        return True

    def _headers(self) -> bool:
        """Begin a part where its headers are there; tell whether they are."""
        end = self._rest.find(b"\r\n\r\n")
        if end > MOST_HEADERS or (end < 0 and len(self._rest) > MOST_HEADERS):
            raise InputError(UNREADABLE)
        if end < 0:
            return False
        told = bytes(self._rest[:end]).decode("utf-8", "replace")
        del self._rest[: end + 4]
        self._parts += 1
        disposition = re.search(r"^content-disposition:\s*form-data\s*;(.*)$", told, re.IGNORECASE | re.MULTILINE)
        name = re.search(r'(?:^|[;\s])name="([^"]*)"', disposition[1]) if disposition else None
        if disposition is None or name is None or self._parts > MOST_PARTS:
            raise InputError(UNREADABLE)
        self._into = bytearray()
        filename = re.search(r'filename="([^"]*)"', disposition[1])
        if filename is None:
            self._fields.setdefault(name[1], []).append(self._into)
        elif self._file is not None:
            raise InputError("ファイルは一つだけ選んでください。")
        else:
            self._file = (_shown(filename[1]), self._into)
        return True

    def _see_size(self) -> None:
        if self._file is not None and len(self._file[1]) > LARGEST_FILE:
            raise InputError(TOO_BIG)
        if sum(len(one) for several in self._fields.values() for one in several) > MOST_IN_FIELDS:
            raise InputError(UNREADABLE)

    def _see_over(self) -> None:
        if not self._over:
            raise InputError(UNREADABLE)


def _shown(name: str) -> str:
    base = re.split(r"[/\\]", name.replace("%22", '"'))[-1]
    return "".join(letter for letter in base if letter.isprintable())[-LONGEST_NAME:].strip()
