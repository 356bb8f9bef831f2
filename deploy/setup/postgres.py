"""`.asterisk/postgres`: a PostgreSQL for the tests, where the machine has none."""

from __future__ import annotations

import shutil
from pathlib import Path

import debian
from pbx import HOME
from work import say

_INSTALLED = Path("/usr/lib/postgresql")
_LAUNCHED = ("pg_dump", "pg_restore")
"""What `ivr backup` and `ivr restore` run, from PATH."""


def prepare(*, runtime_only: bool) -> None:
    root = HOME / "postgres"
    launchers = {name: HOME / "bin" / name for name in _LAUNCHED}
    if root.exists() and all(launcher.exists() for launcher in launchers.values()):
        return
    if shutil.which("initdb") or any(_INSTALLED.glob("*/bin/initdb")):
        return
    source = debian.host()
    HOME.mkdir(exist_ok=True)
    debian.unpack(["postgresql"], source=source, suite=source.codename, into=root, what="PostgreSQL")
    newest = max(root.glob("usr/lib/postgresql/*/bin"), key=lambda path: float(path.parts[-2]), default=root)
    for name, launcher in launchers.items():
        debian.write_launcher(launcher, root=root, program=str((newest / name).relative_to(root)))
    say("PostgreSQL is ready in .asterisk, for the tests.")
