"""One simulated network and one demo for all acceptance tests, and a desk for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance import demo as demos
from tests.acceptance.command import Command
from tests.acceptance.far_end import FarEnd
from tests.acceptance.office import Office
from tests.storage.conftest import postgres

__all__ = ["postgres"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what looks at the demo come last: the demo takes two minutes, and the other tests run beside it."""
    places = [index for index, item in enumerate(items) if item.path.is_relative_to(HERE)]
    ordered = sorted((items[index] for index in places), key=_looks_at_the_demo)
    for index, item in zip(places, ordered, strict=True):
        items[index] = item


def _looks_at_the_demo(item: pytest.Item) -> bool:
    return "demo" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def demo_beside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command | None]:
    """The demo, begun before the first acceptance test where one of them looks at it."""
    if not any(_looks_at_the_demo(item) for item in request.session.items):
        yield None
        return
    folder = tmp_path_factory.mktemp("demo")
    with Command(folder, "rehearse", "--demo", "--lines", str(demos.LINES), "-o", "out") as command:
        yield command


@pytest.fixture(scope="session")
def demo(demo_beside: Command | None) -> demos.Demo:
    """The demo, when it is over."""
    assert demo_beside is not None
    return demos.looked_at(demo_beside.ended(demos.WITHIN), demo_beside.folder / "out")


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
