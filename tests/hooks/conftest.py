"""What tests of sending work with."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr.domain.audit import Author
from ivr.hooks import sending
from ivr.parts.keys import audit_trail, key_store
from ivr.settings import load
from ivr.storage import SqlResults, results
from tests.hooks.desks import OFFICE, Desk
from tests.storage.filling import NOON
from tests.web.browsers import HandClock, empty_office, filled


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(sending, "AFTER_TROUBLE", 0.1)
    monkeypatch.setattr(sending, "COUNT_EVERY", 0.0)
    monkeypatch.setattr(results, "LEISURE_S", 0.0)


@pytest.fixture
async def desk(tmp_path: Path, quickly: None) -> AsyncIterator[Desk]:
    shutil.copytree((await filled(empty_office())) / "var", tmp_path / "var")
    (tmp_path / "ivr.yaml").write_text("data_dir: var\n", "utf-8")
    chosen = load(tmp_path / "ivr.yaml")
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as store:
            await store.join("engine", "here")
            await store.accounts.add_department(OFFICE, NOON)
            clock = HandClock(chosen.calling.timezone)
            yield Desk(chosen, store, clock, audit_trail(chosen, store, keys, Author(who="engine", where="test")))
