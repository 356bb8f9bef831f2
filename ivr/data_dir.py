"""The directory that holds everything that an engine keeps: one engine at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from ivr.errors import Busy, EngineRuns, InputError, reason

PATIENCE_S = 10.0
"""How long to wait for somebody who writes a few bytes."""

LOOK_S = 0.005
"""Between two looks whether they are done."""


def made(data_dir: Path) -> Path:
    """Return `data_dir`, made where it was not there; raise InputError where nothing can be written to it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unwritable(data_dir, error) from None
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise _unwritable(data_dir, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return data_dir


def exports_of(data_dir: Path, campaign: str) -> Path:
    """Return where exports of a campaign are kept that were given no other place."""
    return data_dir / "exports" / campaign


def _unwritable(data_dir: Path, error: OSError) -> InputError:
    return InputError(f"データの置き場 {data_dir} に書けません：{reason(error)}（設定 data_dir）")


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for this engine alone; raise EngineRuns if another has it, InputError where it can't be made."""
    try:
        lock = (made(data_dir) / "engine.lock").open("a")
    except OSError as error:
        raise _unwritable(data_dir, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EngineRuns(
                f"{data_dir} は別の ivr が使っています。`ivr serve` などが動いていないか確かめてください。"
            ) from None
        yield


def engine_id(data_dir: Path) -> str:
    """Return the name of the engine that lives in `data_dir`, given to it when it is first asked for."""
    file = data_dir / "engine.id"
    try:
        if not file.exists():
            new = file.with_name("engine.id.new")
            new.write_text(uuid4().hex, encoding="ascii")
            new.replace(file)
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unwritable(data_dir, error if isinstance(error, OSError) else OSError(0, "engine.id")) from None


def engine_runs(data_dir: Path) -> bool:
    """Tell whether an engine holds `data_dir` now."""
    try:
        with (data_dir / "engine.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def exclusively(file: Path) -> Iterator[None]:
    """Be the only one inside with `file`, among all processes and threads; blocks meanwhile, so not for an event loop.

    Raises InputError where the file can't be made, Busy where another stays inside for longer than PATIENCE_S.
    """
    try:
        lock = file.open("a")
    except OSError as error:
        raise _unwritable(file.parent, error) from None
    with lock:
        deadline = time.monotonic() + PATIENCE_S
        while not _taken(lock):
            if time.monotonic() > deadline:
                raise Busy(f"{file} を別の ivr が使ったままです。止まっている ivr がないか確かめてください。")
            time.sleep(LOOK_S)
        yield


def _taken(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
