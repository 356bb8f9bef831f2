"""Telephone audio by the content it was made from, on disk.

A phrase is three files, `<key>.ulaw`, `<key>.alaw` and `<key>.json`; the last holds the digests of the first two, so
that a file that is damaged, cut short or missing is found out and rendered again. Phrases that all share lie apart
from those that name a person; the latter by scope, to be erased with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tts.telephone import RATE

_SUFFIXES = (".ulaw", ".alaw", ".json")
_PLAIN_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A phrase in the cache: its path without the extension, and its length in seconds, pause included."""

    path: Path
    seconds: float


class Cache:
    """The cache under `root`, which any number of processes may use at once."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def find(self, key: str, scope: str | None) -> Entry | None:
        """Return the phrase of `key`, or None if it is not there or not whole; `scope` None means shared.

        Files are read through once, and again only when they have changed.
        """
        path = self._path(key, scope)
        try:
            stamps = tuple(_stamp(f"{path}{suffix}") for suffix in _SUFFIXES)
            whole = _whole(path, stamps)
        except OSError:
            return None
        return Entry(path, stamps[0][0] / RATE) if whole else None

    def store(self, key: str, scope: str | None, *, ulaw: bytes, alaw: bytes) -> None:
        """Write a phrase, in full or not at all. Raises OSError."""
        path = self._path(key, scope)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            if self.find(key, scope) is not None:
                return
            for left_over in path.parent.glob("*.tmp"):
                left_over.unlink()
            digests = {"ulaw": _digest(ulaw), "alaw": _digest(alaw)}
            _write(path.with_suffix(".ulaw"), ulaw)
            _write(path.with_suffix(".alaw"), alaw)
            _write(path.with_suffix(".json"), json.dumps(digests).encode())

    def erase(self, scope: str) -> int:
        """Remove every phrase of `scope` and return how many there were. Raises OSError."""
        folder = self._folder(scope)
        if not folder.exists():
            return 0
        count = sum(1 for _ in folder.glob("*/*.json"))
        shutil.rmtree(folder)
        return count

    def files(self, scope: str) -> tuple[Path, ...]:
        """Return every file of `scope`."""
        return tuple(file for file in self._folder(scope).rglob("*") if file.is_file())

    def _path(self, key: str, scope: str | None) -> Path:
        return self._folder(scope) / key[:2] / key

    def _folder(self, scope: str | None) -> Path:
        if scope is None:
            return self._root / "shared"
        # A PBX splits paths at some characters, and a name may hold any: what is not plain is named by its digest.
        if _PLAIN_SCOPE.fullmatch(scope):
            return self._root / "personal" / scope
        return self._root / "personal" / f"~{_digest(scope.encode('utf-8', 'surrogatepass'))[:32]}"


def _stamp(path: str) -> _Stamp:
    status = os.stat(path)  # noqa: PTH116 - asked for every phrase of every call
    return status.st_size, status.st_mtime_ns, status.st_ino


@lru_cache(maxsize=65536)
def _whole(path: Path, stamps: tuple[_Stamp, ...]) -> bool:
    """Return whether the files of a phrase are what was written; `stamps` tell one version of them from another."""
    try:
        digests = json.loads(path.with_suffix(".json").read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(digests, dict) and all(
        digests.get(law) == _digest(path.with_suffix(f".{law}").read_bytes()) for law in ("ulaw", "alaw")
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process alone, among those that ask."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o640)
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
