"""Files that are there whole or not at all, for their owner alone: they hold names and numbers."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ivr.errors import InputError, reason

Seal = Callable[[bytes], bytes]
"""Makes of a file's content what only its reader opens."""


@contextmanager
def replacing(path: Path, seal: Seal | None = None) -> Iterator[BinaryIO]:
    """Open a file for writing which takes the place of `path` at the end, and is gone if anything fails.

    With `seal` what is written stays in memory until it is sealed.
    Mode 0600 whatever was there before. What is not a regular file (a pipe, /dev/stdout) is written to as it is.
    Raises InputError where the disk or the permissions refuse.
    """
    if seal is not None:
        content = io.BytesIO()
        yield content
        with replacing(path) as file:
            file.write(seal(content.getvalue()))
        return
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        target = path.resolve()
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} に書き込めません（{reason(error)}）。") from error


def see_writable(path: Path) -> None:
    """Raise InputError where `replacing(path)` could not write, before any call is made for it; nothing is changed."""
    try:
        if path.exists() and not path.is_file():
            return
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            return
    except OSError as error:
        raise InputError(f"{path} に書き込めません（{reason(error)}）。") from error
