"""`.node/`: the packages of npm that the tests take, run by the Node.js of `.venv/`."""

from __future__ import annotations

import hashlib

import npm
from work import CHECKOUT, SetupError, is_stamped, say, write_atomically

HOME = CHECKOUT / ".node"
WANTED = CHECKOUT / "tests/messaging/centre"


def prepare(*, runtime_only: bool) -> None:
    stamp = hashlib.sha256(b"".join((WANTED / file).read_bytes() for file in npm.FILES)).hexdigest()
    if is_stamped(HOME / "setup.stamp", stamp) and (HOME / "node_modules").exists():
        return
    try:
        npm.install(WANTED, HOME, what="Packages of npm for the tests")
    except SetupError as error:
        # Neither the engine nor the demo needs them.
        say(f"{error}\nOnly tests/messaging/test_other_centre.py needs this; the next set-up tries again.")
        return
    write_atomically(HOME / "setup.stamp", stamp)
    say("An SMS centre for the tests is ready in .node.")
