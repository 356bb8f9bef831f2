"""Who is asked just before each dial: whether the person is still to be called."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.campaign import course
from ivr.domain.calendar import Calendar
from ivr.domain.calling_rules import Retry, Rules
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.errors import ExclusionsUnknown
from tests.campaign.dialling import ALWAYS, PRESSES, campaign, outcomes, people, run
from tests.campaign.fakes import BUSY, SystemClock, Telephone, Watch

PAID = Exclusion(reason="納付済", source=Source.COLLECTION)


@dataclass
class Office:
    """Says of each person who is asked for what it is told to say, once each; after that, that they may be called."""

    says: dict[str, list[Exclusion | None]] = field(default_factory=dict)
    silent: int = 0
    asked: list[str] = field(default_factory=list)
    takes: float = 0.0

    async def excluded(self, recipient: Recipient) -> Exclusion | None:
        self.asked.append(recipient.id)
        await asyncio.sleep(self.takes)
        if self.silent:
            self.silent -= 1
            raise ExclusionsUnknown("nobody answers")
        said = self.says.get(recipient.id)
        return said.pop(0) if said else None


async def test_who_has_paid_since_is_not_dialled_and_the_results_say_why(tmp_path: Path) -> None:
    office = Office(says={"00001": [PAID]})
    async with campaign(tmp_path, people(3)) as (results, row):
        telephone = Telephone({}, PRESSES)
        _, watch = await run(results, row, telephone, enquiry=office)
        assert sorted(office.asked) == ["00000", "00001", "00002"]
        assert len(telephone.dials) == 2
        assert (await outcomes(results, row))["00001"] is Outcome.CANCELLED
        assert [record.excluded for record in await results.records(row.id)] == [None, PAID, None]
        assert watch.excluded_by == [Source.COLLECTION]


async def test_who_pays_between_two_tries_is_not_dialled_again(tmp_path: Path) -> None:
    rules = Rules(calendar=ALWAYS, retries={Outcome.BUSY: Retry(times=2, after=timedelta(0))}, per_day=9)
    office = Office(says={"00000": [None, PAID]})
    async with campaign(tmp_path, people(1)) as (results, row):
        telephone = Telephone({}, BUSY)
        await run(results, row, telephone, rules=rules, enquiry=office)
        assert len(telephone.dials) == 1
        assert office.asked == ["00000", "00000"]


async def test_while_nobody_answers_nobody_is_dialled_and_afterwards_all_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "PATIENCE", 0.05)
    office = Office(silent=6)
    async with campaign(tmp_path, people(3)) as (results, row):
        telephone = Telephone({}, PRESSES)
        watch = Watch()
        await run(results, row, telephone, enquiry=office, watch=watch)
        assert len(telephone.dials) == 3
        assert len(office.asked) == 9
        assert "exclusions" in watch.holds


async def test_nobody_is_dialled_whose_window_has_closed_while_it_was_asked(tmp_path: Path) -> None:
    begin = datetime(2026, 11, 20, 10, 59, 59, tzinfo=UTC)
    closing = Calendar(windows=tuple(replace(one, until=20 * 60) for one in ALWAYS.windows), zone=ALWAYS.zone)
    async with campaign(tmp_path, people(1)) as (results, row):
        telephone = Telephone({}, PRESSES)
        office = Office(takes=1.5)
        await run(
            results, row, telephone, rules=Rules(calendar=closing), enquiry=office, clock=SystemClock(start=begin)
        )
        assert office.asked == ["00000"]
        assert telephone.dials == []
