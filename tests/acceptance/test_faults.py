"""A short form of the trial by faults; the whole one is `python -m tests.faults`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.__main__ import report, trial

pytestmark = pytest.mark.timeout(300)

SEED = 20261125
FAULTS, PEOPLE, LINES = 8, 40, 4


def test_whatever_goes_down_nobody_is_lost_called_twice_or_told_to_have_confirmed(tmp_path: Path) -> None:
    verdict, done = trial(tmp_path, faults=FAULTS, dials=PEOPLE * 10 // 11, people=PEOPLE, seed=SEED, lines=LINES)
    assert verdict.clean, report(verdict, done)
    assert verdict.people == PEOPLE
    assert done.total() >= 5, "so many faults were done before everybody was settled"
    assert verdict.outcomes["confirmed"] >= 3, "the campaign goes on between the faults"
