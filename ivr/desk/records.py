"""The results store of the settings and its audit trail, opened for one command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ivr import identity
from ivr.audit import Audit
from ivr.parts.keys import audit_trail, key_store
from ivr.settings import Settings
from ivr.storage import SqlResults


@asynccontextmanager
async def store(chosen: Settings) -> AsyncIterator[SqlResults]:
    """Open the results store of the settings for a moment."""
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            yield results


@asynccontextmanager
async def recorded(chosen: Settings) -> AsyncIterator[tuple[SqlResults, Audit]]:
    """Open the results store and its audit trail, to which the person at this terminal adds."""
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            audit = audit_trail(chosen, results, keys, identity.person())
            try:
                yield results, audit
            finally:
                await audit.finish()
