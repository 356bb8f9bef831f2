"""The whole trial: `python -m tests.text_faults --texts 1000 --faults 20`. Exit 1 where a text is lost or doubled."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.text_faults.campaign import Course, suffer
from tests.text_faults.faults import Planned, planned
from tests.text_faults.town import Town
from tests.text_faults.verdict import Verdict

SILENT = 0.01
"""Share of the people of whose texts the network says nothing."""


def main() -> int:
    """Run one campaign with the faults that the seed draws, and print what came of it."""
    wanted = argparse.ArgumentParser(prog="python -m tests.text_faults", description=__doc__)
    wanted.add_argument("--texts", type=int, default=1000, help="people on the list")
    wanted.add_argument("--faults", type=int, default=20)
    wanted.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    wanted.add_argument("-o", "--out", type=Path, default=None, help="where the records are kept")
    chosen = wanted.parse_args()
    out = chosen.out or Path(tempfile.mkdtemp(prefix="text-faults-"))
    print(f"seed {chosen.seed}, records in {out}", flush=True)
    began = time.monotonic()
    plan, course, verdict = trial(
        out, people=chosen.texts, faults=chosen.faults, seed=chosen.seed, silent=round(chosen.texts * SILENT)
    )
    print(report(plan, course, verdict))
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if verdict.clean and course.done.total() >= chosen.faults else 1


def trial(
    out: Path, *, people: int, faults: int, seed: int, silent: int = 0
) -> tuple[Sequence[Planned], Course, Verdict]:
    """Return the faults that were planned, what was done, and the verdict over everybody."""
    rng = random.Random(seed)
    town = Town(people, rng, silent=silent)
    plan = planned(faults, town.takers, rng)
    course, verdict = asyncio.run(suffer(out, town, plan, rng))
    return plan, course, verdict


def report(plan: Sequence[Planned], course: Course, verdict: Verdict) -> str:
    """Return the faults and the counts as text."""
    by_name = ", ".join(f"{name} {times}" for name, times in sorted(course.done.items()))
    worst = max(verdict.by_break.values(), default=0)
    broken = Counter(one.what for one in course.breaks)
    states = ", ".join(f"{name} {number}" for name, number in verdict.states.most_common())
    arrived = f"{verdict.arrived_unknown} of them arrived; by one break {worst} at most"
    lines = [
        *(f"after {one.taken:5} texts  {one.name}" for one in plan),
        f"faults        {course.done.total():6}  {by_name}",
        f"engines       {course.engines:6}  one after the other",
        f"breaks        {broken.total():6}  " + ", ".join(f"{what} {times}" for what, times in broken.most_common()),
        f"people        {verdict.people:6}  each with one text on record, or one that was withheld",
        f"texts         {verdict.taken:6}  as the centre counts them, and {verdict.in_part} of which a part is missing",
        f"states        {verdict.states.total():6}  {states}",
        f"unknown       {verdict.states['unknown']:6}  {arrived}",
        f"double        {verdict.double:6}",
        f"lost          {verdict.lost:6}",
        f"unrecorded    {verdict.unrecorded:6}  at the centre, and not in the results",
        f"uncalled for  {verdict.uncalled_for:6}  to who is excluded, or on no list",
        f"unsaid        {verdict.unsaid:6}  sent nothing, and the results do not say why",
        f"false claim   {verdict.false_claim:6}  delivered, and not there",
        f"changed       {verdict.changed:6}  not the text that was to be sent",
        f"wrong         {verdict.wrong:6}  another state than the handset's habit leads to",
        f"unexplained   {verdict.unexplained:6}  unknown, and nothing broke off meanwhile",
    ]
    return "\n".join([*lines, *verdict.offences[:50], "clean" if verdict.clean else "NOT CLEAN"])


if __name__ == "__main__":
    sys.exit(main())
