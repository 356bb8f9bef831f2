"""An engine that ends in the midst of calls: what is known of them is stored, and what was never dialled is no call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest

from ivr.campaign import persisting
from ivr.campaign.course import Halt
from ivr.campaign.ports import Originator
from ivr.campaign.records import CampaignRow
from ivr.domain.attempt import Ending, Intent
from ivr.domain.call import Pressed, Spoken
from ivr.domain.calling_rules import Ceiling
from ivr.domain.outcome import Outcome
from ivr.errors import StoreFailed
from ivr.storage.results import SqlResults
from ivr.tasks import Tasks
from tests.campaign.dialling import HANGS_UP, PRESSES, campaign, dialler_of, outcomes, people, run
from tests.campaign.fakes import ScriptedLeg, Telephone, answered

STAYS = answered(lambda: ScriptedLeg(Pressed("#"), Spoken(1.0), Spoken(1.0), None))
"""Presses the key, hears the message and does not hang up."""


class Faltering:
    """A store that refuses the first endings, and tells when it did, and when an intent is about to be stored."""

    def __init__(self, results: SqlResults, refuse: int = 0) -> None:
        self._results = results
        self._refuse = refuse
        self.intended = asyncio.Event()
        self.refused = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._results, name)

    async def intend(self, intent: Intent, ceilings: Sequence[Ceiling] = ()) -> bool:
        asyncio.get_running_loop().call_later(0.03, self.intended.set)
        return await self._results.intend(intent, ceilings)

    async def end(self, attempt_id: str, ending: Ending, *, settled: Outcome | None, due_at: datetime | None) -> bool:
        if self._refuse:
            self._refuse -= 1
            self.refused.set()
            raise StoreFailed("database is locked")
        return await self._results.end(attempt_id, ending, settled=settled, due_at=due_at)


async def cut_off(
    store: Faltering, row: CampaignRow, telephone: Originator, moment: asyncio.Event, *, how: str
) -> None:
    """Dial, and end the engine at a `moment`: as it ends by itself, or because a service of it fails."""

    async def fails() -> None:
        await moment.wait()
        raise RuntimeError("a service")

    with suppress(ExceptionGroup):
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            tasks = Tasks(group)
            try:
                dialler = dialler_of(store, row, telephone, spawn=tasks.spawn)  # type: ignore[arg-type]

                async def dial() -> None:
                    await dialler.run()

                tasks.spawn(dial())
                if how == "failure":
                    tasks.serve(fails())
                    await asyncio.sleep(30)
                await moment.wait()
            finally:
                await tasks.end()


@pytest.mark.parametrize("how", ["order", "failure"])
async def test_an_ending_that_the_store_refused_once_is_stored_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(persisting, "PATIENCE", 0.3)
    async with campaign(tmp_path, people(1)) as (results, row):
        store = Faltering(results, refuse=1)
        await cut_off(store, row, Telephone({}, PRESSES), store.refused, how=how)
        assert await results.open_attempts() == ()
        assert set((await outcomes(results, row)).values()) == {Outcome.CONFIRMED}


async def test_what_was_proven_is_stored_where_a_service_fails_and_the_store_falters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persisting, "PATIENCE", 0.3)
    async with campaign(tmp_path, people(1)) as (results, row):
        store, telephone, begun = Faltering(results, refuse=1), Telephone({}, STAYS), asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, begun.set)
        await cut_off(store, row, telephone, begun, how="failure")
        assert len(telephone.dials) == 1
        assert set((await outcomes(results, row)).values()) == {Outcome.CONFIRMED}


async def test_an_intent_that_was_stored_as_the_engine_ended_is_no_call(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(1)) as (results, row):
        store, telephone = Faltering(results), Telephone({}, HANGS_UP)
        await cut_off(store, row, telephone, store.intended, how="order")
        await results._writer.finish()
        assert telephone.dials == []
        assert await results.open_attempts() == ()
        (person,) = await results.records(row.id)
        assert person.state == "waiting"


async def test_a_campaign_that_is_erased_while_it_is_paused_ends_alone(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(3)) as (results, row):
        await results.move_campaign(row.id, expected=["running"], state="paused")

        async def erase() -> None:
            await asyncio.sleep(0.3)
            await results.begin_erasing(row, {}, {}, in_any_state=False)
            await results.erase_rows(row.id)
            await results.finish_erasing(row.id, row.created_at)

        erasing = asyncio.ensure_future(erase())
        halt, _ = await run(results, row, Telephone({}, HANGS_UP))
        await erasing
        assert halt is Halt.STOPPED
