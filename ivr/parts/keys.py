"""The keys of the store, and the audit trail that they seal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ivr.audit import Audit, Rescue
from ivr.data_dir import made
from ivr.domain.audit import Author
from ivr.errors import InputError
from ivr.settings import Settings
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.vault import KeyStore, master


def key_store(settings: Settings, *, restoring: bool = False) -> KeyStore:
    """Return the keys of the settings, open; raise InputError, KeysFailed or KeysInUse.

    Refused while a restore is unfinished, but for who is `restoring`: the database has neither its trail nor its rest.
    """
    file, folder = master_key_file(settings), key_folder(settings)
    if file is not None and master.coming(file).exists() and _opens(folder, master.coming(file)):
        # A change of the master key was cut off after it had come into force.
        master.take_over(file)
    default = made(settings.data_dir) / "master.key"
    keys = KeyStore.open(folder, master.master_key(settings.keys.master_key_file, default, folder))
    if Rescue(folder).begun() and not restoring:
        keys.close()
        raise InputError("データベースの復元が途中で終わっています。もう一度 ivr restore で戻してください。")
    return keys


def key_folder(settings: Settings) -> Path:
    """Return where the keys are."""
    return settings.keys.dir or settings.data_dir / "keys"


def master_key_file(settings: Settings) -> Path | None:
    """Return where the master key is, None where it is in the environment."""
    if master.from_environment() is not None:
        return None
    return settings.keys.master_key_file or settings.data_dir / "master.key"


def _opens(folder: Path, file: Path) -> bool:
    try:
        KeyStore.open(folder, master.read(file)).close()
    except InputError:
        return False
    return True


def audit_trail(
    settings: Settings,
    results: SqlResults,
    keys: KeyStore,
    author: Author,
    on_failure: Callable[[], None] = lambda: None,
) -> Audit:
    """Return the audit trail of the store, as `author` adds to it."""
    return Audit(
        results,
        keys,
        author,
        SystemClock(settings.calling.timezone),
        lock=keys.folder / "audit.lock",
        on_failure=on_failure,
    )
