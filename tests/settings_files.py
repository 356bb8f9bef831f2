"""Settings that a test writes, in a folder where there are no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ivr import settings
from ivr.settings import Settings


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("IVR_")]:
        monkeypatch.delenv(name)


def loaded(text: str) -> Settings:
    Path("ivr.yaml").write_text(text, encoding="utf-8")
    return settings.load(Path("ivr.yaml"))
