"""Prepare a checkout: `.venv/` (Python), `.asterisk/` (the PBX), the console's colours, the
typeface of PDFs; for the tests sipp, PostgreSQL, `.node/` and `.browser/`.

Standard library only: it runs before anything is installed. Touches nothing outside the checkout, needs no
root, may be interrupted at any point, and does nothing when everything is there.
"""

from __future__ import annotations

import argparse
import signal
import sys

import browser
import console
import environment
import node
import pbx
import postgres
import sipp
from work import CHECKOUT, SetupError, only_one_at_a_time

PARTS = {
    "venv": environment.prepare,
    "asterisk": pbx.prepare,
    "console": console.prepare,
    "sipp": sipp.prepare,
    "postgres": postgres.prepare,
    "node": node.prepare,
    "browser": browser.prepare,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="setup", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; all if none is named")
    parser.add_argument("--runtime", action="store_true", help="leave out what only tests and checks need")
    options = parser.parse_args()
    parts = options.parts or (["venv", "asterisk", "console"] if options.runtime else list(PARTS))
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}")
    # As for Ctrl-C: the running pip or apt ends before the lock is given up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with only_one_at_a_time(CHECKOUT / ".setup.lock"):
            for part in parts:
                PARTS[part](runtime_only=options.runtime)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the next run goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
