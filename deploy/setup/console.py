"""`ivr/web/static/vendor/`: what the console's pages take from npm, put beside our own; no page asks elsewhere."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import npm
from work import CHECKOUT, SetupError, is_stamped, say, write_atomically

WANTED = CHECKOUT / "deploy/setup/console"
VENDOR = CHECKOUT / "ivr/web/static/vendor"
TOKENS = "node_modules/@digital-go-jp/design-tokens"
COPIED = {f"{TOKENS}/dist/tokens.css": "tokens.css", f"{TOKENS}/LICENSE": "tokens.LICENSE"}
"""Files of the packages, and their names beside the pages."""


def prepare(*, runtime_only: bool) -> None:
    stamp = hashlib.sha256(b"".join((WANTED / file).read_bytes() for file in npm.FILES)).hexdigest()
    if is_stamped(VENDOR / "setup.stamp", stamp) and all((VENDOR / name).exists() for name in COPIED.values()):
        return
    VENDOR.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="console-") as folder:
            npm.install(WANTED, Path(folder), what="Packages of npm for the console")
            for source, name in COPIED.items():
                shutil.copyfile(Path(folder) / source, VENDOR / name)
    except (SetupError, OSError) as error:
        # The pages have values of their own behind each token.
        say(f"{error}\nThe console works without it, in the same colours; the next set-up tries again.")
        return
    write_atomically(VENDOR / "setup.stamp", stamp)
    say("The console's colours are ready in ivr/web/static/vendor.")
