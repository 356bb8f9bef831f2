"""Listening to the callee's audio itself, on a real PBX."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from ivr.asterisk.listening import KEYS
from ivr.campaign.ports import CallLeg
from ivr.domain.call import Came, HungUp, Left, NotLeft, Opened, Pressed, Sounded, Spoken, TalkedOver
from ivr.domain.line_rules import LeaveRule
from ivr.domain.signs import Sign
from tests.asterisk.calling import Calls, Line, calling
from tests.asterisk.fake_asterisk import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "0357220001"
RULE = LeaveRule(before=0.2)
GREETING = 2.5
"""Seconds."""


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
        await line.murmur(GREETING)
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
        assert 0.1 <= beep.end - beep.start <= 0.5, "on a busy machine frames come too late, and count as silence"
        assert beep.end == pytest.approx(0.5 + GREETING + 0.8 + 0.4, abs=0.6), "half a second is what ANSWER takes"
        assert took == pytest.approx(beep.end + 0.5 + 2.0, abs=0.6)

    await call(calls, callee, talk)


async def test_a_beep_in_the_middle_of_the_message_starts_it_anew(calls: Calls) -> None:
    async def callee(line: Line) -> None:
        await line.murmur(GREETING)
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
        left = await leg.leave([calls.clip(2.0)], "#")
        assert isinstance(left, NotLeft | HungUp)
        assert (left.seconds, left.restarts) == (0.0, 0)

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
    reader, writer = await asyncio.open_connection(*calls.taps.address)
    writer.write(bytes((0x01, 0, 16)) + bytes(16))
    assert await reader.read() == b""
    writer.close()


# The first words, a telephone that rings behind the answer, and what turns a call.

ALL = frozenset(Sign)


async def test_who_says_nothing_is_spoken_to_after_a_second(calls: Calls) -> None:
    async def talk(leg: CallLeg) -> None:
        began = time.monotonic()
        assert await leg.open(ALL) == Opened()
        assert 0.8 < time.monotonic() - began < 1.6

    await call(calls, lambda line: line.wait(5), talk)


async def test_who_speaks_is_let_finish(calls: Calls) -> None:
    async def callee(line: Line) -> None:
        await line.sound(2.5)
        await line.wait(5)

    async def talk(leg: CallLeg) -> None:
        began = time.monotonic()
        opened = await leg.open(ALL)
        assert isinstance(opened, Opened)
        assert opened.seconds == pytest.approx(2.5, abs=0.3)
        assert 3.4 < time.monotonic() - began < 4.6

    await call(calls, callee, talk)


async def test_a_call_without_a_tap_is_spoken_to_soon(calls: Calls) -> None:
    async def talk(leg: CallLeg) -> None:
        await until(lambda: bool(calls.taps.connections))
        for transport in list(calls.taps.connections):
            transport.abort()
        began = time.monotonic()
        assert await leg.open(ALL) == Opened()
        assert time.monotonic() - began < 1.0

    calls.measured["deaf"].clear()
    await call(calls, lambda line: line.wait(5), talk)
    assert len(calls.measured["deaf"]) == 1
    assert calls.originator.deaf
    await call(calls, lambda line: line.wait(2), hears)
    assert not calls.originator.deaf, "the next one was heard"


async def hears(leg: CallLeg) -> None:
    await leg.open(ALL)


async def test_a_beep_breaks_a_question_off_only_after_a_greeting(calls: Calls) -> None:
    async def greets(line: Line) -> None:
        await line.murmur(3.0)
        await line.wait(0.5)
        await line.sound(0.4, hz=1000)
        await line.wait(8)

    async def beeps(line: Line) -> None:
        await line.wait(0.5)
        await line.sound(0.4, hz=1000)
        await line.wait(8)

    async def broken_off(leg: CallLeg) -> None:
        found = await leg.speak([calls.clip(5.0), calls.clip(5.0)], KEYS, ALL)
        assert isinstance(found, Sounded)
        assert found.sign is Sign.BEEP
        assert found.seconds == pytest.approx(4.2, abs=0.6)

    async def whole(leg: CallLeg) -> None:
        assert await leg.speak([calls.clip(2.0), calls.clip(2.0)], KEYS, ALL) == Spoken(4.0)

    await call(calls, greets, broken_off)
    await call(calls, beeps, whole)


async def test_ringing_is_held_until_somebody_speaks(calls: Calls) -> None:
    async def callee(line: Line) -> None:
        await line.rings(2)
        await line.wait(0.5)
        await line.murmur(1.0)
        await line.wait(8)

    async def talk(leg: CallLeg) -> None:
        ringing = await leg.wait_key(8, ALL)
        assert ringing == Sounded(Sign.RINGBACK)
        assert await leg.hold(frozenset()) == Came()
        opened = await leg.open(frozenset())
        assert isinstance(opened, Opened)
        assert opened.seconds == pytest.approx(1.0, abs=0.6)

    await call(calls, callee, talk)


async def test_who_picks_up_in_silence_is_there_once_it_rings_no_more(calls: Calls) -> None:
    async def callee(line: Line) -> None:
        await line.rings(1)
        await line.wait(10)

    async def talk(leg: CallLeg) -> None:
        assert await leg.wait_key(8, ALL) == Sounded(Sign.RINGBACK)
        began = time.monotonic()
        assert await leg.hold(frozenset()) == Came()
        assert 1.0 < time.monotonic() - began < 4.5

    await call(calls, callee, talk)


async def test_who_goes_on_as_we_begin_is_let_finish(calls: Calls) -> None:
    we_begin = asyncio.Event()

    async def callee(line: Line) -> None:
        await we_begin.wait()
        await line.murmur(1.2)
        await line.wait(6)

    async def talk(leg: CallLeg) -> None:
        await leg.wait_key(0.7)
        we_begin.set()
        began = time.monotonic()
        over = await leg.speak([calls.clip(3.0)], KEYS, ALL, yields=True)
        assert isinstance(over, TalkedOver)
        assert time.monotonic() - began < 1.0
        assert isinstance(await leg.open(ALL), Opened)
        assert time.monotonic() - began > 1.7
        assert await leg.speak([calls.clip(1.0)], KEYS, ALL, yields=True) == Spoken(1.0)

    await call(calls, callee, talk)


async def test_who_speaks_later_does_not_stop_us(calls: Calls) -> None:
    async def callee(line: Line) -> None:
        await line.wait(1.3)
        await line.murmur(1.2)
        await line.wait(6)

    async def talk(leg: CallLeg) -> None:
        assert await leg.speak([calls.clip(4.0)], KEYS, ALL, yields=True) == Spoken(4.0)

    await call(calls, callee, talk)
