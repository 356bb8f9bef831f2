"""Every parser, fuzzed for a moment; `python -m tests.fuzz --seconds 600` is the long form."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from tests.fuzz.watching import moment

INPUTS = {"ami": 700, "sounds": 40, "recording": 200, "scenario": 800, "settings": 400, "callees": 200, "masking": 400}
"""Where an input takes more than about a millisecond."""


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """Let those speak again that a target silences: other tests read what they say."""
    yield
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_only_refuses_what_it_cannot_take(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for finding in moment(TARGETS[name], inputs=INPUTS.get(name, 1500), seed=20261125):
        pytest.fail(f"{finding.place}\n{finding.data!r}\n{finding.trace}")


@pytest.mark.parametrize("name", TARGETS)
def test_the_samples_of_a_target_show_more_than_one_way(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = TARGETS[name].start()
    assert len({run(sample) for sample in TARGETS[name].samples}) > 1
