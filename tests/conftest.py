"""What tests of several rooms use."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from tests import offices

# How long one example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that may take longest, by their own limits: no worker is left alone with one at the end."""
    limits: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        limits[item.path] = max(limits.get(item.path, 0.0), float(mark.args[0]) if mark else 0.0)
    items.sort(key=lambda item: -limits[item.path])


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a command that was run in this process has set up: other tests read what is logged."""
    root = logging.getLogger()
    level, handlers = root.level, {*root.handlers}
    yield
    if root.level != level or structlog.is_configured():
        root.setLevel(level)
        for handler in {*root.handlers} - handlers:
            if type(handler) is logging.StreamHandler:
                root.removeHandler(handler)
        logging.captureWarnings(False)
        structlog.reset_defaults()


@pytest.fixture
def ivr(tmp_path: Path) -> offices.Ivr:
    """Run a command in an office of its own, whose temporary files are there too."""
    run = offices.office(tmp_path / "office")
    offices.give_voice(tmp_path / "office")
    return run


@pytest.fixture
def clerk(tmp_path: Path) -> Path:
    """The clerk's folder, with a list in it."""
    folder = tmp_path / "clerk"
    folder.mkdir()
    (folder / "meibo.csv").write_text(offices.LIST, encoding="cp932")
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of an office with SQLite."""
    (tmp_path / "office").mkdir(exist_ok=True)
    file = tmp_path / "office" / "ivr.yaml"
    file.write_text("data_dir: var\nspeech: {workers: 1}\n", encoding="utf-8")
    return file
