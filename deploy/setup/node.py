"""`.node/`: the packages of npm that the tests take, run by the Node.js of `.venv/`."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from environment import HOME as VENV
from work import CHECKOUT, SetupError, is_stamped, run, say, write_atomically

HOME = CHECKOUT / ".node"
WANTED = CHECKOUT / "tests/messaging/centre"
FILES = ("package.json", "package-lock.json")
HOSTS = (Path("/etc/npmrc"), Path("/usr/etc/npmrc"), Path("/usr/local/etc/npmrc"))
"""Where a host says where its packages come from; the npm of a wheel does not look there by itself."""


def prepare(*, runtime_only: bool) -> None:
    stamp = hashlib.sha256(b"".join((WANTED / file).read_bytes() for file in FILES)).hexdigest()
    if is_stamped(HOME / "setup.stamp", stamp) and (HOME / "node_modules").exists():
        return
    HOME.mkdir(exist_ok=True)
    for file in FILES:
        shutil.copyfile(WANTED / file, HOME / file)
    env = {"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": f"{VENV / 'bin'}:{os.environ.get('PATH', '')}"}
    if (host := next((file for file in HOSTS if file.exists()), None)) is not None:
        env.setdefault("NPM_CONFIG_GLOBALCONFIG", str(host))
    try:
        _install(env)
    except SetupError as error:
        # Neither the engine nor the demo needs them.
        say(f"{error}\nOnly tests/messaging/test_other_centre.py needs this; the next set-up tries again.")
        return
    write_atomically(HOME / "setup.stamp", stamp)
    say("An SMS centre for the tests is ready in .node.")


def _install(env: dict[str, str]) -> None:
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    run(
        [VENV / "bin/npm", "ci", "--prefix", HOME, "--cache", HOME / "cache", *options],
        what="Packages of npm for the tests",
        limit=300,
        tries=2,
        env=env,
    )
    shutil.rmtree(HOME / "cache", ignore_errors=True)
