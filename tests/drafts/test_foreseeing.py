"""Which forecasts are made: the one that is wanted, and no other before it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from ivr.drafts.foreseeing import Foreseeing
from ivr.errors import InputError
from ivr.forecast import Plan

LIMIT = 30.0


def plan(folder: Path, version: int) -> Plan:
    """Leave a sign that the forecast was begun, in its own process."""
    (folder / str(version)).touch()
    raise InputError(f"version {version}")


def test_of_the_forecasts_that_wait_only_the_one_that_is_wanted_is_made(tmp_path: Path) -> None:
    foreseeing = Foreseeing()
    with foreseeing._one:
        for version in range(1, 4):
            foreseeing.begin("changed", version, 10, partial(plan, tmp_path, version))
        foreseeing.begin("gone", 7, 10, partial(plan, tmp_path, 7))
        foreseeing.forget("gone")
    until = time.monotonic() + LIMIT
    while (seen := foreseeing.of("changed")) is None or not seen.over:
        assert time.monotonic() < until
        time.sleep(0.01)
    foreseeing.begin("changed", 4, 10, partial(plan, tmp_path, 4))
    while (seen := foreseeing.of("changed")) is None or not seen.over:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert seen.wrong == "version 4"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["3", "4"]
