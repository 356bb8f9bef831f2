"""Listening to the callee's audio itself, on a real PBX."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from ivr.asterisk.call_leg import LeaveRule
from ivr.campaign.ports import CallLeg
from ivr.domain.callflow import HungUp, Left, NotLeft, Pressed
from ivr.domain.line_sounds import Sign
from tests.asterisk.calling import Calls, Line, calling
from tests.asterisk.fake_asterisk import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "0357220001"
RULE = LeaveRule(before=0.2)
GREETING = 2.5
"""Seconds of one tone: too long for a beep."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    async with calling(tmp_path_factory.mktemp("pbx"), {}) as started:
        yield started


async def call(
    calls: Calls, callee: Callable[[Line], Awaitable[None]], talk: Callable[[CallLeg], Awaitable[None]]
) -> None:
    ended = list[bool]()

    async def answered(line: Line) -> None:
        await line.answer()
        await callee(line)

    async def run(leg: CallLeg) -> None:
        leg.listen()
        await talk(leg)
        ended.append(True)
        await leg.hang_up()

    calls.callees[NUMBER] = answered
    calls.rule(RULE)
    await calls.ami.wait_connected(10)
    await calls.dial(NUMBER, run)
    assert ended == [True], "pytest's own failures do not pass through the AGI server"


@pytest.mark.parametrize("packets", [True, False], ids=["with packets in the silence", "without packets"])
async def test_after_a_beep_the_message_starts_half_a_second_later_and_the_beep_is_told(
    calls: Calls, packets: bool
) -> None:
    async def callee(line: Line) -> None:
        quiet = line.stay_silent if packets else line.wait
        await line.sound(GREETING)
        await quiet(0.8)
        await line.sound(0.4, hz=1000)
        await quiet(8)

    async def talk(leg: CallLeg) -> None:
        began = time.monotonic()
        left = await leg.leave([calls.clip(1.0), calls.clip(1.0)], "#")
        took = time.monotonic() - began
        assert left == Left(2.0, 0)
        (beep,) = leg.found()
        assert beep.sign is Sign.BEEP
        assert beep.hz == pytest.approx(1000, abs=5)
        assert beep.end - beep.start == pytest.approx(0.4, abs=0.1)
        assert beep.end == pytest.approx(GREETING + 0.8 + 0.4, abs=0.6)
        assert took == pytest.approx(beep.end + 0.5 + 2.0, abs=0.6)

    await call(calls, callee, talk)


async def test_a_beep_in_the_middle_of_the_message_starts_it_anew(calls: Calls) -> None:
    async def callee(line: Line) -> None:
        await line.sound(GREETING)
        await line.stay_silent(2.2)
        await line.sound(0.3, hz=1400)
        await line.stay_silent(8)

    async def talk(leg: CallLeg) -> None:
        left = await leg.leave([calls.clip(3.0)], "#")
        assert left == Left(3.0, 1)
        assert [one.sign for one in leg.found()] == [Sign.BEEP]

    await call(calls, callee, talk)


async def test_a_key_ends_the_leaving_while_the_line_is_tapped(calls: Calls) -> None:
    async def callee(line: Line) -> None:
        await line.sound(1.0)
        await line.press("#")
        await line.wait(10)

    async def talk(leg: CallLeg) -> None:
        assert await leg.leave([calls.clip(5.0)], "#") == Pressed("#", 0.0)

    await call(calls, callee, talk)


async def test_a_callee_who_never_falls_silent_gets_no_message(calls: Calls) -> None:
    async def talk(leg: CallLeg) -> None:
        calls.rule(RULE)
        assert await leg.leave([calls.clip(2.0)], "#") in (NotLeft(0.0, 0), HungUp(0.0, 0))

    await call(calls, lambda line: line.sound(4), talk)


async def test_where_the_tap_breaks_off_the_call_goes_on_by_what_ami_tells(calls: Calls) -> None:
    async def callee(line: Line) -> None:
        await line.sound(GREETING)
        await line.stay_silent(8)

    async def talk(leg: CallLeg) -> None:
        await until(lambda: bool(calls.taps.connections))
        for transport in list(calls.taps.connections):
            transport.abort()
        assert await leg.leave([calls.clip(1.0)], "#") == Left(1.0, 0)

    await call(calls, callee, talk)


async def test_the_tap_ends_with_the_call_and_a_strangers_connection_is_dropped(calls: Calls) -> None:
    async def talk(leg: CallLeg) -> None:
        await until(lambda: bool(calls.taps.connections))

    await call(calls, lambda line: line.wait(5), talk)
    await until(lambda: not calls.taps.connections)
    reader, writer = await asyncio.open_connection("127.0.0.1", calls.taps.port)
    writer.write(bytes((0x01, 0, 16)) + bytes(16))
    assert await reader.read() == b""
    writer.close()
