"""An office with a console, for every test of the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.browsers import Office, office


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Office]:
    """An office in which nobody is registered yet and a second factor is everybody's own choice."""
    async with office(tmp_path) as opened:
        yield opened
