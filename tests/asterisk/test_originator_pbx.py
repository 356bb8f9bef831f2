"""Dialling on a real PBX: what the network says, what goes away in the middle, and who may talk."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from ivr.asterisk.originator import DialPlan
from ivr.campaign.ports import CallLeg, Disposition
from ivr.domain.call import HungUp, Pressed, Silence, Spoken
from ivr.errors import CallLost
from tests.asterisk.calling import Calls, Line, calling
from tests.asterisk.fake_asterisk import AgiCaller, until
from tests.asterisk.pbx_pair import OFFICE

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "0357220001"
RING = 1.5


async def answers(line: Line) -> None:
    await line.answer()
    await line.wait(20)


async def rings(line: Line) -> None:
    await line.ring()
    await line.wait(20)


async def presses(line: Line) -> None:
    await line.ring()
    await line.answer()
    await line.wait(0.6)
    await line.press("#")
    await line.wait(20)


async def drops(line: Line) -> None:
    await line.answer()
    await line.refuse(16)


async def stays_mute(line: Line) -> None:
    """Say nothing to the INVITE: no ringing, no answer."""
    await line.wait(20)


def refuses(q850: int, *, ringing: bool = False) -> object:
    async def callee(line: Line) -> None:
        if ringing:
            await line.ring()
            await line.wait(0.3)
        await line.refuse(q850)

    return callee


async def silent(_leg: CallLeg) -> None:
    """Say nothing."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    plan = DialPlan(caller_id=OFFICE, ring=RING, call=30, margin=4)
    async with calling(tmp_path_factory.mktemp("pbx"), {}, plan=plan) as calls:
        yield calls


async def test_a_callee_answers_hears_and_presses_a_key(calls: Calls) -> None:
    calls.callees[NUMBER] = presses
    heard = list[object]()

    async def talk(leg: CallLeg) -> None:
        heard.append(await leg.speak([calls.clip(5.0)], "#"))
        heard.append(await leg.speak([calls.clip(0.5)], ""))

    found = await calls.dial(NUMBER, talk)
    assert isinstance(heard[0], Pressed)
    assert heard[1] == Spoken(0.5)
    assert (found.lost, found.refused, found.rang, found.q850) == (False, None, True, 16)
    assert found.dialled_at is not None
    assert found.answered_at is not None
    assert found.answered_at > found.dialled_at
    assert len(calls.measured["originated"]) == 1
    assert (await calls.channels()).startswith("0 active channels")


@pytest.mark.parametrize(
    ("q850", "ringing", "sip", "cause", "rang"),
    [
        (17, False, 486, 17, False),
        (1, False, 404, 1, False),
        (18, True, 408, None, True),
        (20, False, 480, None, False),
        (20, True, 480, None, True),
        (21, True, 403, 21, True),
        (34, False, 503, None, False),
        (38, False, 500, None, False),
    ],
)
async def test_what_the_network_says_is_told_by_its_status_and_cause(
    calls: Calls, q850: int, ringing: bool, sip: int, cause: int | None, rang: bool
) -> None:
    calls.callees[NUMBER] = refuses(q850, ringing=ringing)  # type: ignore[assignment]
    found = await calls.dial(NUMBER, silent)
    assert (found.sip, found.rang, found.lost, found.refused) == (sip, rang, False, None)
    assert found.q850 is not None
    assert cause in (None, found.q850)
    assert found.answered_at is None


async def progresses(line: Line) -> None:
    await line.do("EXEC", "Progress")
    await line.wait(30)


@pytest.mark.parametrize(
    ("callee", "rang", "progressed"),
    [(rings, True, False), (progresses, False, True), (stays_mute, False, False)],
)
async def test_a_callee_who_does_not_answer_is_rung_for_so_long_and_no_longer(
    calls: Calls, callee: object, rang: bool, progressed: bool
) -> None:
    calls.callees[NUMBER] = callee  # type: ignore[assignment]
    began = time.monotonic()
    found = await calls.dial(NUMBER, silent)
    assert RING - 0.1 < time.monotonic() - began < RING + 2
    assert (found.sip, found.q850, found.lost) == (None, 19, False)
    assert (found.rang, found.progressed) == (rang, progressed)


async def test_a_callee_who_answers_and_drops_at_once_was_answered_and_hung_up(calls: Calls) -> None:
    calls.callees[NUMBER] = drops
    heard = list[object]()

    async def talk(leg: CallLeg) -> None:
        heard.append(await leg.speak([calls.clip(5.0)], ""))

    found = await calls.dial(NUMBER, talk)
    assert found.answered_at is not None
    assert (found.q850, found.lost) == (16, False)
    for hung_up in heard:
        assert isinstance(hung_up, HungUp)
        assert hung_up.seconds < 1


async def test_the_pbx_itself_ends_a_call_that_nobody_ends(calls: Calls) -> None:
    calls.callees[NUMBER] = answers
    plan = calls.originator._plan
    calls.originator._plan = replace(plan, ring=0.5, call=0.5, margin=1)
    heard = list[object]()

    async def talk(leg: CallLeg) -> None:
        calls.originator._plan = replace(plan, call=600)
        heard.append(await leg.wait_key(20))

    try:
        began = time.monotonic()
        found = await calls.dial(NUMBER, talk)
        assert time.monotonic() - began < 8
    finally:
        calls.originator._plan = plan
    assert heard == [HungUp()]
    assert not found.lost


async def test_a_call_over_its_limit_is_hung_up_by_us(calls: Calls) -> None:
    calls.callees[NUMBER] = answers
    plan = calls.originator._plan
    calls.originator._plan = replace(plan, ring=10, call=0.5, margin=0.5)

    async def talk(leg: CallLeg) -> None:
        await leg.wait_key(20)

    try:
        began = time.monotonic()
        found = await calls.dial(NUMBER, talk)
        assert 0.9 < time.monotonic() - began < 5
    finally:
        calls.originator._plan = plan
    assert found.answered_at is not None
    assert not found.lost


async def test_a_cancelled_dial_stops_the_ringing(calls: Calls) -> None:
    calls.callees[NUMBER] = rings
    dial = asyncio.create_task(calls.dial(NUMBER, silent))
    await until_channels(calls, "1 active")
    dial.cancel()
    await until_channels(calls, "0 active")
    assert calls.originator.waiting == 0


async def until_channels(calls: Calls, count: str) -> None:
    async with asyncio.timeout(10):
        while not (await calls.channels()).startswith(count):
            await asyncio.sleep(0.05)


async def test_a_call_goes_on_while_ami_is_cut_and_ends_as_it_would_have(calls: Calls) -> None:
    calls.callees[NUMBER] = presses
    heard = list[object]()
    generation = calls.ami.generation

    async def talk(leg: CallLeg) -> None:
        heard.append(await leg.speak([calls.clip(0.2)], ""))
        calls.drop_ami()
        heard.append(await leg.speak([calls.clip(5.0)], "#"))
        await until(lambda: calls.ami.connected and calls.ami.generation > generation)
        heard.append(await leg.wait_key(0.1))

    found = await calls.dial(NUMBER, talk)
    assert isinstance(heard[1], Pressed)
    assert heard[2] == Silence()
    assert (found.lost, found.q850) == (False, 16)
    assert found.answered_at is not None


async def test_a_dial_whose_end_fell_into_a_cut_of_ami_is_lost(calls: Calls) -> None:
    async def rings_shortly(line: Line) -> None:
        await line.ring()
        await line.wait(0.7)
        await line.refuse(17)

    calls.callees[NUMBER] = rings_shortly
    dial = asyncio.create_task(calls.dial(NUMBER, silent))
    await until_channels(calls, "1 active")
    await asyncio.sleep(0.2)
    async with calls.without_ami():
        await until_channels(calls, "0 active")
    found = await dial
    assert found.lost
    assert found.rang


async def test_ringing_goes_on_through_a_cut_of_ami(calls: Calls) -> None:
    async def rings_then_refuses(line: Line) -> None:
        await line.ring()
        await line.wait(1.0)
        await line.refuse(17)

    calls.callees[NUMBER] = rings_then_refuses
    generation = calls.ami.generation
    dial = asyncio.create_task(calls.dial(NUMBER, silent))
    await until_channels(calls, "1 active")
    calls.drop_ami()
    found = await dial
    assert calls.ami.generation > generation
    assert (found.sip, found.lost) == (486, False)


async def test_no_stranger_gets_a_call_from_our_agi_port(calls: Calls) -> None:
    calls.callees[NUMBER] = answers
    talks = list[object]()

    async def talk(leg: CallLeg) -> None:
        (token,) = calls.originator._waiting
        for presented in (token, "", "guess"):
            async with AgiCaller.connect(calls.agi.port, "id-1", presented) as stranger:
                assert await stranger.command() == ""
        mute = await AgiCaller.raw(calls.agi.port, b"")
        talks.append(await leg.speak([calls.clip(0.2)], ""))
        await mute.close()

    before = len(calls.measured["bad_token"])
    await calls.dial(NUMBER, talk)
    assert talks == [Spoken(0.2)]
    assert len(calls.measured["bad_token"]) == before + 3


async def test_twenty_calls_at_once_are_twenty_conversations(calls: Calls) -> None:
    numbers = [f"035722{n:04}" for n in range(100, 120)]
    for n, number in enumerate(numbers):
        calls.callees[number] = (presses, refuses(17))[n % 2]  # type: ignore[assignment]
    pressed = list[str]()

    async def talk(leg: CallLeg) -> None:
        match await leg.speak([calls.clip(4.0)], "#"):
            case Pressed(key):
                pressed.append(key)

    found = await asyncio.gather(*(calls.dial(number, talk) for number in numbers))
    assert pressed == ["#"] * 10
    assert [one.sip for one in found[1::2]] == [486] * 10
    assert not any(one.lost for one in found)
    assert calls.originator.waiting == 0
    assert calls.ami.followed == 0


async def killed(calls: Calls) -> None:
    pid = calls.pair.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not calls.ami.connected)


async def test_a_pbx_killed_during_the_ringing_loses_the_dial_and_the_next_is_refused(tmp_path: Path) -> None:
    plan = DialPlan(caller_id=OFFICE, ring=2, call=30, margin=1, ready=0.2)
    async with calling(tmp_path, {NUMBER: rings}, plan=plan) as calls:
        dial = asyncio.create_task(calls.dial(NUMBER, silent))
        await until_channels(calls, "1 active")
        began = time.monotonic()
        await killed(calls)
        found = await dial
        assert found.lost
        assert time.monotonic() - began < 8
        refused = await calls.dial(NUMBER, silent)
        assert refused.refused
        assert refused.dialled_at is None
        assert not refused.lost


async def test_a_pbx_killed_in_a_call_ends_the_talk_at_once_and_calls_work_once_it_is_back(tmp_path: Path) -> None:
    async with calling(tmp_path, {NUMBER: answers}) as calls:
        supervising = asyncio.create_task(calls.pair.engine.run())
        lost = list[Exception]()

        async def talk(leg: CallLeg) -> None:
            asyncio.get_running_loop().call_later(0.3, os.kill, calls.pair.engine.pid, signal.SIGKILL)
            try:
                await leg.speak([calls.clip(20.0)], "")
            except CallLost as error:
                lost.append(error)

        try:
            began = time.monotonic()
            found: Disposition = await calls.dial(NUMBER, talk)
            assert len(lost) == 1
            assert time.monotonic() - began < 10
            assert found.answered_at is not None
            assert not found.lost, "what the call was is known from the talk"

            await calls.ami.wait_connected(20)
            heard = list[object]()

            async def again(leg: CallLeg) -> None:
                heard.append(await leg.speak([calls.clip(0.3)], ""))

            found = await calls.dial(NUMBER, again)
            assert heard == [Spoken(0.3)]
        finally:
            supervising.cancel()
            await asyncio.wait({supervising})


async def test_without_a_way_to_our_agi_server_the_callee_hears_nothing_and_we_say_so(tmp_path: Path) -> None:
    async with calling(tmp_path, {NUMBER: answers}) as calls:
        await calls.agi.__aexit__()
        with pytest.raises(Exception, match="AGI"):
            await calls.dial(NUMBER, silent)
