"""What tests of several rooms use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import offices


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
