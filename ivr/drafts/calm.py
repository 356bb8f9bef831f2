"""A long list in memory, without pauses for calls: no look of the garbage collector through it all."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away: a look at 200,000 people stops everything else for a quarter of a second.

    Lists have no circles, so that nothing is kept for longer by that. For seconds at a time.
    """
    global _inside
    with _lock:
        _inside += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                gc.enable()
