"""The audit trail of a database, taken along when another is put in its place.

A backup ends where it was made, and the trail does not: what was done since is read before the restore, kept in a file
until it is over, and added behind the backup's own entries, as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Connection, insert

from ivr.domain.audit import Entry
from ivr.errors import StoreFailed
from ivr.storage import audit, tables
from ivr.storage.audit import EVERYTHING
from ivr.storage.databases import CONNECT_S, connect
from ivr.storage.failures import translated

BATCH = 5_000

Entries = Mapping[int, Entry]
"""By number."""


async def read(url: str) -> Entries:
    """Return the trail of the database at `url` as far as it can be read; of a schema without one, nothing."""
    found: dict[int, Entry] = {}

    def more(connection: Connection) -> tuple[Entry, ...]:
        return audit.entries(connection, max(found, default=0), BATCH, EVERYTHING)

    # It may be damaged, and be why it is replaced.
    with suppress(StoreFailed), translated():
        database = await connect(url, CONNECT_S)
        try:
            while batch := await database.read(more):
                found |= {entry.number: entry for entry in batch}
        finally:
            await database.close()
    return found


def add(connection: Connection, entries: Entries) -> int:
    """Add what of `entries` comes behind the trail's end, if they go on from it; return how many those are."""
    found = audit.last(connection)
    if found is not None and entries.get(found.number) != found:
        return 0
    end = found.number if found is not None else 0
    later = [asdict(entry) for number, entry in sorted(entries.items()) if number > end]
    if later:
        connection.execute(insert(tables.audit), later)
    return len(later)


def written(entries: Entries) -> bytes:
    """Return `entries` as the text of a file, a line each."""
    lines = (json.dumps(asdict(entry), ensure_ascii=False) for _, entry in sorted(entries.items()))
    return "".join(f"{line}\n" for line in lines).encode()


def read_file(file: Path) -> Entries:
    """Return what `written` put into `file`; nothing where it is not there."""
    if not file.exists():
        return {}
    entries = (Entry(**json.loads(line)) for line in file.read_text("utf-8").splitlines())
    return {entry.number: entry for entry in entries}
