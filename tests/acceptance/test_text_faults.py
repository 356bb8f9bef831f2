"""A short form of the trial of texts by faults; the whole one is `python -m tests.text_faults`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.text_faults.__main__ import report, trial

pytestmark = pytest.mark.timeout(180)

SEED = 14
PEOPLE, FAULTS = 150, 6


def test_whatever_goes_down_nobody_is_sent_two_texts_or_lost_or_lied_about(tmp_path: Path) -> None:
    plan, course, verdict = trial(tmp_path, people=PEOPLE, faults=FAULTS, seed=SEED)
    assert verdict.clean, report(plan, course, verdict)
    assert (verdict.people, course.done.total()) == (PEOPLE, FAULTS)
    assert course.done["engine_killed"] >= 2
    assert verdict.states["delivered"] > PEOPLE / 2, "the campaign goes on between the faults"
    assert verdict.states["cancelled"] >= 5, "some have no mobile, or are excluded"
