"""Who is asked just before each dial."""

from __future__ import annotations

from collections.abc import Callable

from ivr.collection import Collection
from ivr.settings import Settings


def collection(settings: Settings, *, on_answer: Callable[[str], None] = lambda kind: None) -> Collection | None:
    """Return the office's collection system, None where the settings name none; raise InputError for its token."""
    chosen = settings.exclusions.check
    if chosen is None:
        return None
    return Collection(
        chosen.url,
        seconds=chosen.timeout.total_seconds(),
        token=chosen.token(),
        call_unknown=chosen.no_answer == "call",
        on_answer=on_answer,
    )
