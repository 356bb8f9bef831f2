"""`.asterisk/bin/sipp`: a SIP peer that is not Asterisk, for the tests only."""

from __future__ import annotations

import debian
from pbx import HOME
from work import say

_LAUNCHER = HOME / "bin/sipp"


def prepare(*, runtime_only: bool) -> None:
    root = HOME / "sipp"
    if root.exists() and _LAUNCHER.exists():
        return
    source = debian.host()
    HOME.mkdir(exist_ok=True)
    debian.unpack(["sip-tester"], source=source, suite=source.codename, into=root, what="sipp")
    debian.write_launcher(_LAUNCHER, root=root, program="usr/bin/sipp")
    say("sipp is ready in .asterisk.")
