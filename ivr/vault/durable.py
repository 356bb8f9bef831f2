"""Small private files that are on disk or not there: no half of one is ever seen, and what is gone is overwritten."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def add(file: Path, content: bytes) -> bool:
    """Write a file that is not there yet, for its owner only; tell whether it was this call that did it."""
    temporary = _temporary(file, content)
    try:
        os.link(temporary, file)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    settle(file.parent)
    return True


def replace(file: Path, content: bytes) -> None:
    """Write a file, in place of what was there."""
    _temporary(file, content).replace(file)
    settle(file.parent)


def shred(file: Path) -> None:
    """Overwrite a file where it lies and remove it; harmless where it is gone.

    A file system that copies on write, or a flash disk, may keep what was there: docs/decisions.md.
    """
    try:
        with file.open("r+b") as out:
            out.write(secrets.token_bytes(file.stat().st_size))
            out.flush()
            os.fsync(out.fileno())
        file.unlink()
        settle(file.parent)
    except FileNotFoundError:
        return


def settle(folder: Path) -> None:
    """Return once the names in `folder` are on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _temporary(file: Path, content: bytes) -> Path:
    temporary = file.with_name(f".{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(handle)
    return temporary
