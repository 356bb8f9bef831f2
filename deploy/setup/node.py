"""`.node/`: the packages of npm that the tests take, run by the Node.js of `.venv/`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import npm
from work import CHECKOUT, SetupError, is_stamped, say, write_atomically

HOME = CHECKOUT / ".node"
WANTED: Mapping[Path, tuple[Path, str, str]] = {
    HOME: (CHECKOUT / "tests/messaging/centre", "An SMS centre", "tests/messaging/test_other_centre.py"),
    HOME / "openid": (CHECKOUT / "tests/web/provider", "An identity provider", "tests/web/test_openid.py"),
}
"""By where they go: what pins them, what they are, and which test needs them."""


def prepare(*, runtime_only: bool) -> None:
    for home, (wanted, what, test) in WANTED.items():
        stamp = hashlib.sha256(b"".join((wanted / file).read_bytes() for file in npm.FILES)).hexdigest()
        if is_stamped(home / "setup.stamp", stamp) and (home / "node_modules").exists():
            continue
        try:
            npm.install(wanted, home, what="Packages of npm for the tests")
        except SetupError as error:
            # Neither the engine nor the demo needs them.
            say(f"{error}\nOnly {test} needs this; the next set-up tries again.")
            continue
        write_atomically(home / "setup.stamp", stamp)
        say(f"{what} for the tests is ready in {home.relative_to(CHECKOUT)}.")
