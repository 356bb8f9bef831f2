"""Many campaigns made by chance: `python -m tests.campaigns [--cases 20000] [--seed N]`; a wrong one ends it."""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import HealthCheck, given, seed, settings

from tests.campaigns.cases import Case, cases
from tests.campaigns.judging import judge
from tests.campaigns.running import run


def main() -> int:
    """Run them and print how many there were."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began, done, dials = time.monotonic(), 0, 0

    @seed(options.seed)
    @settings(max_examples=options.cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases)
    def campaign(case: Case) -> None:
        nonlocal done, dials
        found = run(case)
        judge(case, found)
        done += 1
        dials += len(found.dials)
        if done % 1000 == 0:
            print(f"{done} campaigns, {dials} dials, {time.monotonic() - began:.0f} s", flush=True)

    campaign()
    print(f"{done} campaigns, {dials} dials, nothing wrong, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
