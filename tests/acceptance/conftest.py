"""One simulated network for all acceptance tests, and a desk for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.far_end import FarEnd
from tests.acceptance.office import Office


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
