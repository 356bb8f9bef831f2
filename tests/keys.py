"""Keys for tests: one store for the whole run, in a folder of its own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from ivr.vault import KeyStore

MASTER = bytes(range(32))


@cache
def keys() -> KeyStore:
    """Return the keys that stores in tests are locked with."""
    folder = Path(tempfile.mkdtemp(prefix="ivr-keys-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return KeyStore.open(folder, MASTER)
