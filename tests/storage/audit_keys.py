"""Keys for a trail, and a process that adds to it with them: `python -m tests.storage.audit_keys URL FOLDER TIMES`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.audit import Audit
from ivr.domain.audit import Action, Author
from ivr.errors import KeysFailed
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.vault import KeyStore

MASTER = b"m" * 32
TOKYO = ZoneInfo("Asia/Tokyo")


class FillingKeys(KeyStore):
    """A key store whose disk is full as long as `full` is set, and that loses what it is told to forget."""

    full = False

    def note(self, name: str, content: bytes) -> None:
        if self.full:
            raise KeysFailed("full")
        super().note(name, content)

    def forget(self, name: str) -> None:
        (file,) = self.folder.glob(f"*/{name}.note")
        file.unlink()


def audit_of(store: SqlResults, keys: KeyStore) -> Audit:
    author = Author(who="tanaka", where="host")
    return Audit(store, keys, author, SystemClock(TOKYO), lock=keys.folder / "audit.lock")


async def add(url: str, folder: Path, times: int) -> None:
    with KeyStore.open(folder, MASTER) as keys:
        async with await SqlResults.open(url, keys) as store:
            audit = audit_of(store, keys)
            for _ in range(times):
                await audit.record(Action.EXPORTED, f"process {os.getpid()}")


if __name__ == "__main__":
    asyncio.run(add(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
