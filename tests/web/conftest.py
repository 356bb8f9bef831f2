"""An office with a console, for every test of the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr.web.live import page as live
from ivr.web.live import watching
from tests.web.browsers import Office, office


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Office]:
    """An office in which nobody is registered yet and a second factor is everybody's own choice."""
    async with office(tmp_path) as opened:
        yield opened


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is asked now and then be asked often."""
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(watching, "COUNT_EVERY", 0.02)
    monkeypatch.setattr(live, "ASK_AGAIN", 0.05)
    monkeypatch.setattr(live, "BEAT", 0.1)
