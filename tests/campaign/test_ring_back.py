"""Somebody rings back: known by their number or kept, whatever the store does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.campaign import ring_back
from ivr.campaign.ring_back import RingBacks
from ivr.errors import StoreFailed
from tests.campaign.dialling import HANGS_UP, campaign, people, run
from tests.campaign.fakes import SystemClock, Telephone


async def test_who_was_called_is_matched_in_whatever_form_the_number_comes(tmp_path: Path) -> None:
    for number in ("+81357220000", "0357220000"):
        path = tmp_path / number
        path.mkdir()
        async with campaign(path, people(1)) as (results, row):
            await run(results, row, Telephone({}, HANGS_UP))
            notes = RingBacks(results, SystemClock(), match=timedelta(days=1), pause=timedelta(days=1))
            await notes.note(number, True)
            (record,) = await results.records(row.id)
            assert record.marks == ("called_back", "callback_requested")
            assert [one.name for one in await results.campaigns()] == ["test"]


async def test_a_stranger_who_wants_a_call_is_kept_by_the_month_and_others_are_not(tmp_path: Path) -> None:
    clock = SystemClock(start=datetime(2026, 11, 20, 3, tzinfo=UTC))
    async with campaign(tmp_path, people(1)) as (results, _):
        notes = RingBacks(results, clock, match=timedelta(days=1), pause=timedelta(days=1))
        for number, wanted in (("0312345678", True), ("0312345678", True), ("0312345679", False), (None, True)):
            await notes.note(number, wanted)
        await notes.note("12", True)
        kept = await results.campaign("折り返し-2026-11")
        assert kept.state == "done"
        (person,) = await results.records(kept.id)
        assert person.recipient.numbers == ("+81312345678",)


async def test_a_store_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_back, "AGAIN", 0.01)
    async with campaign(tmp_path, people(1)) as (results, row):
        await run(results, row, Telephone({}, HANGS_UP))
        real, failures = results.rang_back, 3

        async def rang_back(number: str, *, since: datetime, wanted: bool, wait_until: datetime) -> bool:
            nonlocal failures
            if failures:
                failures -= 1
                raise StoreFailed("disk full")
            return await real(number, since=since, wanted=wanted, wait_until=wait_until)

        monkeypatch.setattr(results, "rang_back", rang_back)
        notes = RingBacks(results, SystemClock(), match=timedelta(days=1), pause=timedelta(days=1))
        await notes.note("0357220000", False)
        (record,) = await results.records(row.id)
        assert record.marks == ("called_back",)
