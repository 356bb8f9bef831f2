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

HERE = Path(__file__).parent
LIGHT = ("test_several_engines", "test_excluding", "test_interruptions", "test_commands", "test_audit", "test_texts")
"""What mostly waits. It runs beside the demo, whose callees listen and are listened to in real time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the demo come first, since one worker waits minutes for it, then what is light, then the rest."""
    places = [index for index, item in enumerate(items) if item.path.is_relative_to(HERE)]
    ordered = sorted((items[index] for index in places), key=_turn)
    for index, item in zip(places, ordered, strict=True):
        items[index] = item


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the pictures of the console are, if this run has taken any."""
    if any(
        "test_browser" in report.nodeid for one in ("passed", "failed") for report in terminalreporter.getreports(one)
    ):
        from tests.acceptance.browsing import SHOTS

        terminalreporter.write_line(f"The console's pages, to be looked at: {SHOTS}")


def _turn(item: pytest.Item) -> int:
    if "demo" in getattr(item, "fixturenames", ()):
        return -1
    return LIGHT.index(item.path.stem) if item.path.stem in LIGHT else len(LIGHT)


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
