"""The keys, each in a small file of its own, wrapped by a master key that is kept elsewhere.

    <folder>/lock              held shared by everyone who has the store open, alone by who changes its locks
    <folder>/current           names the set in use
    <folder>/<set>/check       tells the right master key from a wrong one
    <folder>/<set>/*.secret    made when first asked for
    <folder>/<set>/*.note      a few bytes that somebody wants kept apart from the database, and authentic
    <folder>/<set>/<campaign>.<generation>.key
    <folder>/<campaign>.destroyed

A file is a nonce and AES-256-GCM of its content, with its name as associated data, so that no file passes for another.
Files appear whole, on disk, or not at all. A campaign whose key was destroyed never gets another. A new master key
makes a new set beside the old one, and one rename puts it to use.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.errors import KeyDestroyed, KeysFailed, KeysInUse, WrongMasterKey, reason
from ivr.vault import durable

KEY = 32
"""Bytes of a key: AES-256."""

NONCE = 12
"""Bytes; random. NIST SP 800-38D, 8.3, allows 2^32 of them for one key."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_KNOWN = b"yobirin"


def _random() -> bytes:
    return secrets.token_bytes(KEY)


class KeyStore:
    """The keys in one folder, for as long as the object lives. Any number of processes may have it open.

    Reading is cheap but not free: keep what is asked for often. Every method raises KeysFailed where the disk
    refuses or a file has been tampered with.
    """

    def __init__(self, folder: Path, master: bytes, lock: int) -> None:
        self._folder = folder
        self._set = folder
        self._master = AESGCM(master)
        self._lock = lock
        self._close = weakref.finalize(self, os.close, lock)

    @property
    def folder(self) -> Path:
        """Where the keys are."""
        return self._folder

    @classmethod
    def open(cls, folder: Path, master: bytes) -> Self:
        """Open the store in `folder`, made where there is none; `master` is 32 bytes.

        Raises WrongMasterKey where the store was locked with another master key, KeysInUse while its locks are being
        changed.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            _failed(folder, error)
        store = cls(folder, master, lock)
        try:
            store._take(fcntl.LOCK_SH)
            store._open()
        except OSError as error:
            store.close()
            _failed(folder, error)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the store; harmless where that was done."""
        self._close()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Let go of the store."""
        self.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the store for this object alone; raise KeysInUse where another has it open."""
        self._take(fcntl.LOCK_EX)
        try:
            yield
        finally:
            self._take(fcntl.LOCK_SH)

    def secret(self, name: str, make: Callable[[], bytes] = _random) -> bytes:
        """Return what `make` made at first use, 32 random bytes unless told; every process gets the same."""
        file = self._file(f"{_plain(name)}.secret")
        found = self._read(file)
        if found is None:
            self._add(file, make())
            found = self._read(file)
        if found is None:
            _failed(file, FileNotFoundError(2, os.strerror(2)))
        return found

    def note(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`, in place of what was there."""
        file = self._file(f"{_plain(name)}.note")
        try:
            durable.replace(file, self._wrap(file.name, content))
        except OSError as error:
            _failed(file, error)

    def noted(self, name: str) -> bytes | None:
        """Return what was kept under `name` last, None if nothing was."""
        return self._read(self._file(f"{_plain(name)}.note"))

    def new_data_key(self, campaign: str) -> int:
        """Make a key for a campaign, in addition to those that it has; return its generation, from 1.

        Raises KeyDestroyed where the campaign has been erased.
        """
        self._see_alive(campaign)
        while True:
            generation = max(self._generations(campaign), default=0) + 1
            if self._add(self._file(f"{campaign}.{generation}.key"), secrets.token_bytes(KEY)):
                return generation

    def data_keys(self, campaign: str) -> Mapping[int, bytes]:
        """Return the keys of a campaign by generation, the newest last; raise KeyDestroyed where it was erased.

        A campaign that never had a key has none.
        """
        self._see_alive(campaign)
        keys = {}
        for generation in sorted(self._generations(campaign)):
            key = self._read(self._file(f"{campaign}.{generation}.key"))
            if key is not None:
                keys[generation] = key
        return keys

    def retire(self, campaign: str, generation: int) -> None:
        """Destroy one key of a campaign that has a newer one."""
        durable.shred(self._file(f"{_plain(campaign)}.{generation}.key"))

    def destroy(self, campaign: str) -> None:
        """Destroy every key of a campaign for good: what they locked can't be read again, by us or anyone."""
        try:
            # First of all, so that a crash half-way is no way back.
            durable.replace(self._grave(campaign), b"")
            for file in self._folder.glob(f"*/{campaign}.*.key"):
                durable.shred(file)
        except OSError as error:
            _failed(self._folder, error)

    def destroyed(self, campaign: str) -> bool:
        """Tell whether the keys of a campaign were destroyed."""
        return self._grave(campaign).exists()

    def rewrap(self, master: bytes) -> None:
        """Lock every key with the new `master`; raise KeysInUse where another has the store open.

        A crash leaves either the old master key in force or the new one.
        """
        with self.alone():
            old, new = self._set, str(int(self._set.name) + 1)
            other = AESGCM(master)
            target = self._folder / new
            try:
                target.mkdir(mode=0o700)
                for file in old.glob("[!.]*"):
                    content = self._read(file)
                    if content is not None:
                        durable.replace(target / file.name, _wrapped(other, file.name, content))
                durable.replace(self._folder / "current", new.encode())
                self._master, self._set = other, target
                _remove(old)
            except OSError as error:
                _failed(self._folder, error)

    def _open(self) -> None:
        current = self._folder / "current"
        if not current.exists():
            # Asked again behind the look: another process may have made the store, and keys in it, in between.
            if any(file.name != "check" for file in self._folder.glob("*/[!.]*")) and not current.exists():
                raise KeysFailed(f"鍵の置き場 {self._folder} が壊れています（current がありません）。")
            first = self._folder / "1"
            first.mkdir(exist_ok=True, mode=0o700)
            self._add(first / "check", _KNOWN)
            durable.add(current, b"1")
        self._set = self._folder / current.read_text("ascii").strip()
        try:
            known = self._read(self._set / "check")
        except KeysFailed:
            known = None
        if known != _KNOWN:
            raise WrongMasterKey(
                f"マスター鍵が、鍵の置き場 {self._folder} のものと違います。元のマスター鍵を指定してください。"
            )
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder != self._set:
                _remove(folder)
        for grave in self._folder.glob("*.destroyed"):
            for file in self._set.glob(f"{grave.stem}.*.key"):
                durable.shred(file)

    def _take(self, how: int) -> None:
        try:
            fcntl.flock(self._lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KeysInUse(
                f"鍵の置き場 {self._folder} は別の ivr が使っています。終わってから、もう一度お試しください。"
            ) from None

    def _see_alive(self, campaign: str) -> None:
        if self.destroyed(campaign):
            raise KeyDestroyed("この催告は消去されています。鍵がないので、名前も番号ももう読めません。")

    def _grave(self, campaign: str) -> Path:
        return self._folder / f"{_plain(campaign)}.destroyed"

    def _generations(self, campaign: str) -> Iterator[int]:
        for file in self._set.glob(f"{_plain(campaign)}.*.key"):
            yield int(file.name.split(".")[1])

    def _file(self, name: str) -> Path:
        return self._set / name

    def _wrap(self, name: str, content: bytes) -> bytes:
        return _wrapped(self._master, name, content)

    def _read(self, file: Path) -> bytes | None:
        try:
            wrapped = file.read_bytes()
            return self._master.decrypt(wrapped[:NONCE], wrapped[NONCE:], file.name.encode())
        except FileNotFoundError:
            return None
        except OSError as error:
            _failed(file, error)
        except (InvalidTag, ValueError):
            raise KeysFailed(f"鍵のファイル {file} が壊れているか、すり替えられています。") from None

    def _add(self, file: Path, content: bytes) -> bool:
        try:
            return durable.add(file, self._wrap(file.name, content))
        except OSError as error:
            _failed(file, error)


def _plain(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("not a name for a key")
    return name


def _wrapped(master: AESGCM, name: str, content: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE)
    return nonce + master.encrypt(nonce, content, name.encode())


def _failed(path: Path, error: OSError) -> NoReturn:
    raise KeysFailed(f"鍵の置き場 {path} を読み書きできません：{reason(error)}（設定 keys.dir）") from None


def _remove(folder: Path) -> None:
    """Remove a set of keys that is no longer, or was never, in use; somebody else may be at it too."""
    for file in folder.glob("*"):
        durable.shred(file)
    shutil.rmtree(folder, ignore_errors=True)
