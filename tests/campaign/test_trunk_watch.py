"""A trunk that refuses everybody is told from callees who refuse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.campaign.ports import Disposition
from ivr.campaign.trunk_watch import FIRST_PAUSE, IN_A_ROW, LONGEST_PAUSE, TrunkWatch
from tests.campaign.dialling import PRESSES, campaign, people, run
from tests.campaign.fakes import Telephone, Watch

FORBIDDEN = Disposition(sip=403, q850=21)


@dataclass
class StandingClock:
    at: float = 1000.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


def refused(watch: TrunkWatch, disposition: Disposition, times: int) -> None:
    for _ in range(times):
        watch.ended(disposition)


@pytest.mark.parametrize(
    "same",
    [
        FORBIDDEN,
        Disposition(sip=404, q850=1),
        Disposition(sip=503, q850=34),
        Disposition(refused="x"),
        Disposition(q850=19),
    ],
)
def test_the_same_refusal_of_ten_in_a_row_holds_the_dialling(clock: StandingClock, same: Disposition) -> None:
    watch = TrunkWatch(clock)
    refused(watch, same, IN_A_ROW - 1)
    assert watch.may_dial()
    watch.ended(same)
    assert watch.holds
    assert watch.status == same.sip
    assert not watch.may_dial()


@pytest.mark.parametrize(
    "other",
    [
        Disposition(sip=486, q850=17),
        Disposition(sip=403, q850=21, rang=True),
        Disposition(sip=200, q850=16, answered_at=datetime.now(UTC)),
        Disposition(lost=True),
    ],
)
def test_one_that_ends_in_another_way_shows_that_the_trunk_is_well(clock: StandingClock, other: Disposition) -> None:
    watch = TrunkWatch(clock)
    refused(watch, FORBIDDEN, IN_A_ROW - 1)
    watch.ended(other)
    refused(watch, FORBIDDEN, IN_A_ROW - 1)
    assert watch.may_dial()
    refused(watch, FORBIDDEN, 1)
    assert not watch.may_dial()
    watch.ended(other)
    assert watch.may_dial()
    assert not watch.holds


def test_callees_who_are_rung_and_do_not_answer_are_no_sign(clock: StandingClock) -> None:
    watch = TrunkWatch(clock)
    refused(watch, Disposition(q850=19, rang=True), 5 * IN_A_ROW)
    assert watch.may_dial()


def test_while_it_is_held_one_dial_is_made_after_each_pause_and_the_pauses_grow(clock: StandingClock) -> None:
    watch = TrunkWatch(clock)
    refused(watch, FORBIDDEN, IN_A_ROW)
    pauses, began = [], clock.at
    for _ in range(8):
        while not watch.may_dial():
            clock.at += 1.0
        pauses.append(clock.at - began)
        began = clock.at
        assert not watch.may_dial()
        watch.ended(FORBIDDEN)
    assert pauses == [min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(8)]


async def test_a_trunk_that_refuses_everybody_does_not_burn_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.campaign.course.LOOK_AGAIN", 0.05)
    telephone = Telephone({}, FORBIDDEN)
    watch = Watch()

    def mended() -> None:
        if len(watch.outcomes) == IN_A_ROW + 1:
            telephone.default = PRESSES

    watch.on_end = mended
    async with campaign(tmp_path, people(40)) as (results, row):
        await run(results, row, telephone, lines=1, watch=watch, pause=0.3)
        counts = await results.counts(row.id)
    assert "trunk" in watch.holds
    assert {outcome.value: count for outcome, count in counts.outcomes.items()} == {
        "rejected": IN_A_ROW + 1,
        "confirmed": 40 - IN_A_ROW - 1,
    }
