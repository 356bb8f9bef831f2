"""The whole trial: `python -m tests.faults --faults 100 --dials 2000`. Exit 1 where a call is lost or doubled."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import fields
from pathlib import Path

from tests.faults.campaign import LINES, suffer
from tests.faults.desk import Desk
from tests.faults.faults import drawn
from tests.faults.network import Town
from tests.faults.verdict import Verdict

PEOPLE = 160
"""In each campaign."""


def main() -> int:
    """Run campaigns until there were enough dials and faults, and print what came of them."""
    wanted = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    wanted.add_argument("--faults", type=int, default=100)
    wanted.add_argument("--dials", type=int, default=2000)
    wanted.add_argument("--people", type=int, default=PEOPLE, help="in each campaign")
    wanted.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    wanted.add_argument("-o", "--out", type=Path, default=None, help="where the records are kept")
    chosen = wanted.parse_args()
    out = chosen.out or Path(tempfile.mkdtemp(prefix="faults-"))
    print(f"seed {chosen.seed}, records in {out}", flush=True)
    verdict, done = trial(out, faults=chosen.faults, dials=chosen.dials, people=chosen.people, seed=chosen.seed)
    kept = {counted.name: getattr(verdict, counted.name) for counted in fields(verdict)}
    (out / "verdict.json").write_text(
        json.dumps({**kept, "faults": done, "seed": chosen.seed}, indent=1, ensure_ascii=False)
    )
    print(report(verdict, done))
    return 0 if verdict.clean and done.total() >= chosen.faults and verdict.dials >= chosen.dials else 1


def trial(
    out: Path, *, faults: int, dials: int, people: int, seed: int, lines: int = LINES
) -> tuple[Verdict, Counter[str]]:
    """Return the verdict over as many campaigns of `people` as `dials` take, with the faults that were done."""
    rng = random.Random(seed)
    campaigns = -(-dials * 11 // (people * 10))
    town = Town(out / "network", campaigns * people, rng)
    verdict, done = Verdict(), Counter[str]()
    with town.network.command:
        town.network.ready()
        left: list[str] = []
        for index in range(campaigns):
            began = time.monotonic()
            with Desk(out / f"office-{index}", town.network.port) as desk:
                due = faults * (index + 1) // campaigns - done.total() - len(left)
                left = drawn(due, rng, small_disk=desk.disk.mounted) + left
                suffer(
                    desk,
                    town,
                    town.numbers[index * people : (index + 1) * people],
                    left,
                    rng,
                    verdict,
                    done,
                    lines=lines,
                )
            took = time.monotonic() - began
            print(
                f"campaign {index + 1} of {campaigns}: {took:.0f} s; so far {done.total()} faults, "
                f"{verdict.dials} dials, {verdict.double} double, {verdict.lost} lost, "
                f"{verdict.false_confirmed} falsely confirmed",
                flush=True,
            )
    return verdict, done


def report(verdict: Verdict, done: Counter[str]) -> str:
    """Return the counts as text."""
    lines = [
        f"faults        {done.total():6}  " + ", ".join(f"{name} {times}" for name, times in sorted(done.items())),
        f"people        {verdict.people:6}  " + ", ".join(f"{name} {n}" for name, n in verdict.outcomes.most_common()),
        f"dials         {verdict.dials:6}  as the far end counts them",
        f"attempts      {verdict.attempts:6}  {verdict.undialled} never seen by the network, failed or unknown",
        f"double        {verdict.double:6}",
        f"lost          {verdict.lost:6}",
        f"false confirm {verdict.false_confirmed:6}",
        f"unwitnessed   {verdict.unwitnessed:6}  confirmed, and the network itself stood still in the call",
        f"invented      {verdict.invented:6}  answers that the results tell of and the far end does not",
        f"unseen        {verdict.unseen_confirmed:6}  confirmed, and the engine or its PBX died before it was stored",
    ]
    return "\n".join([*lines, *verdict.offences[:50]])


if __name__ == "__main__":
    sys.exit(main())
