"""The faults of the simulated SMS centre, as fault runs order them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ivr.campaign.texting import Accepted, NotNow
from ivr.errors import TextUncertain
from ivr.rehearsal.handsets import habit
from ivr.rehearsal.sms_centre import SmsCentre
from tests.messaging.centres import LIMIT, QUICK, Heard, gateway, text
from tests.rehearsal.habits import soon
from tests.rehearsal.test_sms_centre import again, bound

PATIENT = replace(QUICK, part_tries=200)
LONG = "市役所からのお知らせです。" * 12 + "𠮷"


async def test_a_centre_that_stops_serving_serves_again_at_the_same_port() -> None:
    heard = Heard()
    async with bound(habit("late", after=0.05), heard) as (centre, sms):
        await sms.submit(text())
        await centre.stop_serving()
        await heard.until(lambda: heard.states == [True, False])
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(centre.host, centre.port)
        assert isinstance(await sms.submit(text()), NotNow)
        await centre.serve_again()
        await heard.until(lambda: bool(heard.receipts))
        assert isinstance(await again(sms), Accepted)
    assert heard.states[:3] == [True, False, True]


async def test_a_throttled_centre_takes_nothing_for_a_while() -> None:
    async with bound(soon("delivered"), Heard()) as (centre, sms):
        centre.throttle(60.0)
        assert isinstance(await sms.submit(text()), NotNow)
        assert centre.taken == ()
        centre.throttle(0.0)
        assert isinstance(await again(sms), Accepted)


async def test_a_stalled_centre_takes_and_does_not_answer() -> None:
    heard = Heard()
    timing = replace(QUICK, answer=0.2)
    async with SmsCentre() as centre, gateway(centre.port, heard, timing) as sms:
        centre.stall(60.0)
        with pytest.raises(TextUncertain):
            await sms.submit(text())
        assert len(centre.taken) == 1
        assert heard.receipts == []
        centre.stall(0.0)
        await heard.until(lambda: bool(heard.receipts))
        assert heard.receipts[0].reference == centre.taken[0].ids[0]
        assert isinstance(await again(sms), Accepted)


async def test_answers_are_dropped_as_often_as_is_said() -> None:
    heard = Heard()
    async with bound(soon("delivered"), heard) as (centre, sms):
        centre.drop_answers(2)
        for count in (1, 2):
            with pytest.raises(TextUncertain):
                await again(sms)
            assert len(centre.taken) == count
        assert isinstance(await again(sms), Accepted)
        await centre.quiet(within=LIMIT)
    assert [len(one.ids) for one in centre.taken] == [1, 1, 1]
    assert len(centre.cuts) == 2
    assert {one.reference for one in heard.receipts} == {one.ids[0] for one in centre.taken}


async def test_what_is_dropped_under_a_full_window_is_taken_once_and_its_receipts_come() -> None:
    heard, numbers = Heard(), [f"+8190123400{index:02d}" for index in range(40)]
    async with SmsCentre() as centre, gateway(centre.port, heard) as sms:
        centre.drop_answers(3)
        said = await asyncio.gather(*(again(sms, number) for number in numbers), return_exceptions=True)
        await sms.ready(LIMIT)
        await centre.quiet(within=LIMIT)
    assert {type(one) for one in said} == {Accepted, TextUncertain}
    assert set(centre.count_by_number().values()) == {1}
    certain = {number for number, one in zip(numbers, said, strict=True) if isinstance(one, Accepted)}
    assert certain <= centre.count_by_number().keys()
    assert {one.reference for one in heard.receipts} == {name for one in centre.taken for name in one.ids}


async def test_a_lying_centre_tells_of_strangers_and_repeats_itself_backwards() -> None:
    heard = Heard()
    async with bound(soon("receipt_wrong_first"), heard) as (centre, sms):
        accepted = await sms.submit(text())
        assert isinstance(accepted, Accepted)
        await centre.quiet(within=LIMIT)
        truth = [*heard.receipts]
        heard.receipts.clear()
        assert centre.lie() == 5
        await centre.quiet(within=LIMIT)
    strangers, repeats = heard.receipts[:3], heard.receipts[3:]
    assert len({one.reference for one in strangers} - set(accepted.references)) == 3
    assert repeats == [*reversed(truth)]


# Others
