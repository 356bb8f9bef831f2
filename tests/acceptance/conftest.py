"""One simulated network and one demo for all acceptance tests, and a desk for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance import demo as demos
from tests.acceptance.command import PROGRAM, Command
from tests.acceptance.far_end import FarEnd
from tests.acceptance.office import Office
from tests.storage.conftest import postgres

__all__ = ["postgres"]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> demos.Demo:
    """The demo, when it is over."""
    folder = tmp_path_factory.mktemp("demo")
    words = ("rehearse", "--demo", "--lines", str(demos.LINES), "-o", "out")
    with Command(folder, *words, program=PROGRAM) as command:
        return demos.looked_at(command.ended(demos.WITHIN), folder / "out")


@pytest.fixture(scope="session")
def far_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarEnd]:
    network = FarEnd(tmp_path_factory.mktemp("far-end") / "network")
    with network.command:
        network.ready()
        yield network


@pytest.fixture
def office(tmp_path: Path, far_end: FarEnd) -> Iterator[Office]:
    with ExitStack() as stack:
        yield Office(tmp_path / "office", far_end.port, stack)
