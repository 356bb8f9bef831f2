"""What becomes of the attempts that a killed engine left open, by what the PBX has recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.campaign.ports import Trace
from ivr.campaign.reconcile import reconcile
from ivr.campaign.records import CampaignRow
from ivr.domain.attempt import AttemptState, Ending, Intent
from ivr.domain.outcome import Outcome
from ivr.errors import PbxUnavailable
from ivr.storage.results import SqlResults
from tests.campaign.dialling import HANGS_UP, campaign, people, run
from tests.campaign.fakes import SystemClock, Telephone

AT = datetime(2026, 11, 25, 10, tzinfo=UTC)
FIRST = "a" * 32


class Recorded:
    """A PBX that has recorded `traces`, or does not answer."""

    def __init__(self, traces: Mapping[str, Trace] | None = None, *, away: bool = False) -> None:
        self.traces = traces or {}
        self.away = away
        self.asked: list[str] = []
        self.forgotten = False

    async def ended(self, ids: Collection[str]) -> Mapping[str, Trace]:
        if self.away:
            raise PbxUnavailable("away")
        self.asked = list(ids)
        return self.traces

    async def forget(self) -> None:
        self.forgotten = True


async def left_open(results: SqlResults, row: CampaignRow, attempt: str = FIRST) -> None:
    await results.intend(Intent(id=attempt, campaign=row.id, recipient="00000", number="+81357220000", at=AT))


async def outcome(results: SqlResults, row: CampaignRow) -> Outcome | None:
    return next(record.outcome for record in await results.records(row.id) if record.recipient.id == "00000")


async def test_a_dial_of_which_nothing_is_recorded_ends_unknown_and_is_not_repeated(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(2)) as (results, row):
        await left_open(results, row)
        record = Recorded()
        assert await reconcile(results, record, SystemClock()) == (Outcome.UNKNOWN,)
        assert record.asked == [FIRST]
        assert record.forgotten
        telephone = Telephone({}, HANGS_UP)
        await run(results, row, telephone)
        assert [intent.recipient for intent in telephone.dials] == ["00001"]
        assert await outcome(results, row) is Outcome.UNKNOWN


async def test_a_dial_that_the_network_turned_away_is_told_as_recorded_and_the_rules_go_on(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(1)) as (results, row):
        await left_open(results, row)
        busy = Trace(began=AT, ended=AT, q850=17)
        assert await reconcile(results, Recorded({FIRST: busy}), SystemClock()) == (Outcome.BUSY,)
        (person,) = await results.records(row.id)
        assert person.state == "waiting"
        assert person.attempts[0].q850 == 17
        assert person.attempts[0].dialled_at == AT
        assert person.attempts[0].evidence["recorded"] == ["began", "ended"]


@pytest.mark.parametrize(
    "trace",
    [
        Trace(began=AT),
        Trace(began=AT, ended=AT),
        Trace(began=AT, ended=AT, q850=19),
        Trace(began=AT, answered=AT),
        Trace(began=AT, answered=AT, ended=AT, q850=16),
        Trace(began=AT, answered=AT, ended=AT, q850=17),
    ],
)
async def test_whatever_leaves_it_open_what_was_heard_ends_unknown(tmp_path: Path, trace: Trace) -> None:
    async with campaign(tmp_path, people(1)) as (results, row):
        await left_open(results, row)
        assert await reconcile(results, Recorded({FIRST: trace}), SystemClock()) == (Outcome.UNKNOWN,)
        (person,) = await results.records(row.id)
        assert person.state == "settled"
        assert person.attempts[0].evidence["answered"] is (trace.answered is not None)


async def test_an_answer_that_only_the_store_knows_of_counts(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(1)) as (results, row):
        await left_open(results, row)
        await results.advance(FIRST, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=AT)
        busy = Trace(began=AT, ended=AT, q850=17)
        assert await reconcile(results, Recorded({FIRST: busy}), SystemClock()) == (Outcome.UNKNOWN,)


async def test_nothing_is_ended_before_the_pbx_has_told(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(1)) as (results, row):
        await left_open(results, row)
        record = Recorded(away=True)
        with pytest.raises(PbxUnavailable):
            await reconcile(results, record, SystemClock())
        assert len(await results.open_attempts()) == 1
        assert not record.forgotten


async def test_an_unknown_end_does_not_hide_what_was_reached_before(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(1)) as (results, row):
        await left_open(results, row)
        voicemail = Ending(outcome=Outcome.VOICEMAIL, at=datetime.now(UTC))
        await results.end(FIRST, voicemail, settled=None, due_at=None)
        await left_open(results, row, "b" * 32)
        await reconcile(results, Recorded(), SystemClock())
        assert await outcome(results, row) is Outcome.VOICEMAIL
