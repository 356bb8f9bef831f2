"""`ivr` whose time of day is as many seconds off as a file says: `python engine.py FILE ARGUMENT…`.

Nobody but the machine's administrator can step its clock, and every other process would feel it.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Run the command line with the clock of the file."""
    sys.path[0] = str(PROJECT)
    from ivr import cli
    from ivr.system_clock import SystemClock

    file = Path(sys.argv.pop(1))
    true_now = SystemClock.now

    def now(clock: SystemClock) -> datetime:
        return true_now(clock) + timedelta(seconds=float(file.read_text()))

    SystemClock.now = now  # type: ignore[method-assign]
    cli.main()


if __name__ == "__main__":
    main()
