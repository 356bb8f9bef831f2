"""One moment of the store, for whoever watches: a single look, so that nothing is told twice and nothing is missed."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from ivr.campaign.figures import CHANGES, ChangeKind, Changes, Glance
from ivr.errors import InputError
from ivr.storage import changes, figures

MOST = 5_000
"""Changes between two glances: an hour of a full trunk. After more, everything is looked at anew."""


def glance(
    connection: Connection,
    cursor: str | None,
    joined: Collection[str],
    watched: Collection[str],
    anew: Collection[str],
) -> Glance:
    """Return what `ivr.campaign.figures.FiguresStore.glance` promises."""
    found = _since(connection, cursor, MOST)
    ended = {one.campaign for one in found.changes if one.kind is ChangeKind.ATTEMPT}
    moved = ended if found.whole else set(watched)
    return Glance(
        changes=found,
        joined={one: _since(connection, one, CHANGES) for one in set(joined)},
        lines=figures.lines(connection),
        dials={one: figures.dials(connection, one) for one in sorted(moved.intersection(watched).union(anew))},
    )


def _since(connection: Connection, cursor: str | None, limit: int) -> Changes:
    """Return all that changed since `cursor`; nothing, and not whole, where that cannot be told."""
    try:
        found = changes.since(connection, cursor, limit) if cursor is not None else None
    except InputError:
        found = None
    if found is None or found.more:
        return Changes(changes=(), cursor=changes.now(connection), whole=False)
    return found
