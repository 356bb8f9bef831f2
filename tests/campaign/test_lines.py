"""Lines: so many at once, lent by the hour, shared by weight, at a pace that spares a congested network."""

from __future__ import annotations

import asyncio
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from ivr.campaign.lines import Hours, Limits, Lines, Share
from ivr.campaign.ports import Disposition
from ivr.campaign.trunk_watch import SLOWEST
from ivr.rehearsal import virtual_time
from ivr.rehearsal.virtual_time import VirtualClock

TOKYO = ZoneInfo("Asia/Tokyo")
MORNING = datetime(2026, 11, 20, 11, 59, 50, tzinfo=TOKYO)
NOON = (Hours(start=12 * 60, until=13 * 60, lines=4),)
REACHED = Disposition(sip=200, rang=True)
CONGESTED = Disposition(sip=503, q850=34)


def lines_of(number: int, *, hours: tuple[Hours, ...] = (), per_second: float = 1000.0) -> Lines:
    limits = Limits(lines=number, calls_per_second=per_second, call=180, hours=hours, zone=TOKYO)
    return Lines(limits, VirtualClock(MORNING, TOKYO))


def test_at_noon_the_offices_lines_are_lent() -> None:
    limits = Limits(lines=1, calls_per_second=5, call=180, hours=NOON, zone=TOKYO)
    assert [limits.at(MORNING.replace(hour=hour)) for hour in (11, 12, 13)] == [1, 4, 1]
    assert limits.most == 4

    async def run() -> tuple[int, int]:
        lines = lines_of(1, hours=NOON)
        share = lines.share()
        waiting = [asyncio.create_task(share.reserve()) for _ in range(6)]
        await asyncio.sleep(5)
        before = share.used
        await asyncio.sleep(15)
        after = share.used
        for task in waiting:
            task.cancel()
        return before, after

    assert virtual_time.run(run()) == (1, 4)


def test_when_the_hour_ends_calls_go_on_and_no_new_ones_begin() -> None:
    async def run() -> list[int]:
        lines = lines_of(4, hours=(Hours(start=12 * 60, until=13 * 60, lines=1),))
        share = lines.share()
        for _ in range(4):
            await share.reserve()
        await asyncio.sleep(20)
        waiting = asyncio.create_task(share.reserve())
        used = []
        for _ in range(4):
            share.release()
            await asyncio.sleep(2)
            used.append(share.used)
        await waiting
        return used

    assert virtual_time.run(run()) == [3, 2, 1, 1], "the last release gives way to the one who waits"


def test_two_campaigns_share_scarce_lines_by_weight() -> None:
    async def run() -> tuple[int, int]:
        lines = lines_of(9)
        heavy, light = lines.share(2), lines.share(1)
        begun = {heavy: 0, light: 0}

        async def dials(share: Share) -> None:
            while True:
                await share.reserve()
                begun[share] += 1
                await asyncio.sleep(30)
                share.release()

        tasks = [asyncio.create_task(dials(share)) for share in (heavy, light) for _ in range(9)]
        await asyncio.sleep(3600)
        for task in tasks:
            task.cancel()
        return begun[heavy], begun[light]

    heavy, light = virtual_time.run(run())
    assert heavy + light == pytest.approx(9 * 120, abs=20), "no line lies idle"
    assert heavy / light == pytest.approx(2, rel=0.05)


def test_a_campaign_alone_has_every_line_whatever_its_weight() -> None:
    async def run() -> int:
        lines = lines_of(9)
        lines.share(100)
        share = lines.share(1)
        for _ in range(9):
            await share.reserve()
        return share.used

    assert virtual_time.run(run()) == 9


@pytest.mark.parametrize("meanwhile", [1.0, 0.0])
def test_a_line_that_comes_free_after_or_while_somebody_gives_up_goes_to_the_next(meanwhile: float) -> None:
    async def run() -> int:
        lines = lines_of(1)
        share = lines.share()
        await share.reserve()
        gives_up, next_one = (asyncio.create_task(share.reserve()) for _ in range(2))
        await asyncio.sleep(1)
        gives_up.cancel()
        if meanwhile:
            await asyncio.sleep(meanwhile)
        share.release()
        await next_one
        return share.used

    assert virtual_time.run(run()) == 1


def test_who_gives_up_at_the_pace_gives_the_line_back() -> None:
    async def run() -> int:
        lines = lines_of(2, per_second=0.1)
        share = lines.share()
        await share.reserve()
        waiting = asyncio.create_task(share.reserve())
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.sleep(1)
        return share.used

    assert virtual_time.run(run()) == 1


def test_who_is_stopped_at_an_hour_without_lines_waits_no_longer() -> None:
    async def run() -> tuple[list[bool], int]:
        lines = lines_of(0)
        stopped, goes_on = lines.share(), lines.share()
        waiting = [asyncio.create_task(stopped.reserve()) for _ in range(2)]
        other = asyncio.create_task(goes_on.reserve())
        await asyncio.sleep(1)
        stopped.give_up()
        told = await asyncio.gather(*waiting)
        assert not other.done(), "another campaign waits on"
        other.cancel()
        return told, stopped.used

    assert virtual_time.run(run()) == ([False, False], 0)


def test_a_congested_network_is_dialled_more_slowly_and_at_the_usual_pace_again() -> None:
    async def run() -> list[float]:
        lines = lines_of(1000, per_second=1.0)
        share, loop = lines.share(), asyncio.get_running_loop()
        begun: list[float] = []
        for said in (None, CONGESTED, CONGESTED, REACHED, REACHED, REACHED):
            if said is not None:
                lines.trunk.ended(said)
            await share.reserve()
            begun.append(loop.time())
        return [round(later - one, 1) for one, later in pairwise(begun)]

    assert virtual_time.run(run()) == [1.0, 2.0, 4.0, 2.0, 1.0]


def test_a_congestion_that_stays_is_dialled_slowly_and_not_for_ever() -> None:
    async def run() -> tuple[float, bool]:
        lines = lines_of(1)
        for _ in range(20):
            lines.trunk.ended(CONGESTED)
        return lines.trunk.slowness, lines.trunk.holds

    assert virtual_time.run(run()) == (SLOWEST, True)
