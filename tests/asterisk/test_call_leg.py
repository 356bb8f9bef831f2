"""An answered call on a real PBX, with a callee behind a second one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from ivr.asterisk.channel import PlaybackFailed
from ivr.asterisk.listening import KEYS
from ivr.campaign.ports import CallLeg, Clip
from ivr.domain.call import HungUp, Left, NotLeft, Pressed, Silence, Spoken
from ivr.domain.line_rules import LeaveRule
from ivr.errors import PbxUnavailable
from tests.asterisk.calling import Calls, Line, calling

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "0357220001"

Answer = Callable[[Line], Awaitable[None]]
ACall = Callable[..., Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    async with calling(tmp_path_factory.mktemp("pbx"), {}) as calls:
        yield calls


@pytest.fixture
def a_call(pair: Calls) -> ACall:
    """Make one call, on which the callee plays its part and `talk` ours."""

    async def call(
        callee: Answer, talk: Callable[[Calls, CallLeg], Awaitable[None]], leave: LeaveRule | None = None
    ) -> None:
        async def answered(line: Line) -> None:
            await line.answer()
            await callee(line)

        ended = list[bool]()

        async def run(leg: CallLeg) -> None:
            await talk(pair, leg)
            ended.append(True)

        pair.callees[NUMBER] = answered
        pair.rule(leave)
        for values in pair.measured.values():
            values.clear()
        await pair.ami.wait_connected(10)
        disposition = await pair.dial(NUMBER, run)
        assert ended == [True], "pytest's own failures do not pass through the AGI server"
        assert disposition.answered_at is not None
        assert not disposition.lost

    return call


async def stays(line: Line) -> None:
    await line.wait(20)


async def test_clips_are_played_one_after_the_other_and_counted_in_seconds(a_call: ACall) -> None:
    async def talk(calls: Calls, leg: CallLeg) -> None:
        began = time.monotonic()
        spoken = await leg.speak([calls.clip(0.5), calls.clip(0.75), calls.clip(0.25)], "")
        assert spoken == Spoken(1.5)
        assert 1.45 < time.monotonic() - began < 2.5
        await leg.hang_up()
        await leg.hang_up()
        assert await leg.speak([calls.clip(0.5)], "") == HungUp(0.0)
        assert await leg.wait_key(1) == HungUp(0.0)
        assert await leg.leave([calls.clip(0.5)], "#") == HungUp(0.0)

    await a_call(stays, talk)


async def test_keys_interrupt_only_where_they_are_wanted_and_none_is_lost(a_call: ACall) -> None:
    ready = [asyncio.Event() for _ in range(6)]

    async def callee(line: Line) -> None:
        for key, event in zip("123456", ready, strict=True):
            await event.wait()
            await line.press(key)
        await line.wait(20)

    async def talk(calls: Calls, leg: CallLeg) -> None:
        ready[0].set()
        assert await leg.speak([calls.clip(1.0)], "") == Spoken(1.0), "a key during a message does nothing"
        assert await leg.wait_key(0.2) == Silence(), "and is not kept for later"

        ready[1].set()
        pressed = await leg.speak([calls.clip(0.1), calls.clip(5.0)], KEYS)
        assert isinstance(pressed, Pressed)
        assert pressed.key == "2"
        assert 0.1 < pressed.seconds < 1.5

        ready[2].set()
        assert await leg.wait_key(5) == Pressed("3", 0.0)

        assert await leg.speak([calls.clip(0.2)], KEYS) == Spoken(0.2)
        ready[3].set()
        await asyncio.sleep(0.8)
        began = time.monotonic()
        assert await leg.wait_key(5) == Pressed("4", 0.0), "a key between question and wait counts"
        assert time.monotonic() - began < 0.5

        assert await leg.speak([calls.clip(0.2)], KEYS) == Spoken(0.2)
        ready[4].set()
        await asyncio.sleep(0.8)
        assert await leg.speak([calls.clip(5.0)], KEYS) == Pressed("5", 0.0), "also between two clips"

        ready[5].set()
        assert await leg.speak([calls.clip(1.0)], "#") == Spoken(1.0), "a key that is not asked for does nothing"
        assert await leg.wait_key(0.3) == Silence()
        await leg.hang_up()
        assert len(calls.measured["first_audio"]) == 1
        assert calls.measured["first_audio"][0] < 0.5
        assert len(calls.measured["key_to_audio"]) == 3

    await a_call(callee, talk)


async def test_a_key_dropped_while_a_clip_starts_breaks_the_clip_off(a_call: ACall) -> None:
    """The key is read by Asterisk between two commands, and AMI's word of it comes when the clip has begun."""
    press = asyncio.Event()

    async def callee(line: Line) -> None:
        await press.wait()
        await line.press("#")
        await line.wait(20)

    async def talk(calls: Calls, leg: CallLeg) -> None:
        assert await leg.speak([calls.clip(0.2)], KEYS) == Spoken(0.2)
        held = list[object]()
        ear = leg._ear  # type: ignore[attr-defined]
        ear._note_key, note = held.append, ear._note_key
        press.set()
        while not held:
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.5, note, "#")
        pressed = await leg.speak([calls.clip(5.0)], KEYS)
        assert isinstance(pressed, Pressed)
        assert pressed.key == "#"
        assert 0.4 < pressed.seconds < 1.5
        assert await leg.speak([calls.clip(0.3)], "") == Spoken(0.3), "the channel goes on as before"
        ear._note_key = held.append
        asyncio.get_running_loop().call_later(0.5, note, "5")
        began = time.monotonic()
        assert await leg.wait_key(5) == Pressed("5", 0.0)
        assert time.monotonic() - began < 1.5
        await leg.hang_up()

    await a_call(callee, talk)


async def test_a_callee_who_hangs_up_in_a_clip_is_told_with_the_seconds_heard(a_call: ACall) -> None:
    async def callee(line: Line) -> None:
        await line.wait(1.0)

    async def talk(calls: Calls, leg: CallLeg) -> None:
        hung_up = await leg.speak([calls.clip(0.5), calls.clip(5.0)], KEYS)
        assert isinstance(hung_up, HungUp)
        assert 0.6 < hung_up.seconds < 1.6
        assert await leg.wait_key(5) == HungUp(0.0)

    await a_call(callee, talk)


async def test_a_callee_who_hangs_up_while_we_wait_for_a_key_is_told_at_once(a_call: ACall) -> None:
    async def callee(line: Line) -> None:
        await line.wait(0.5)

    async def talk(_calls: Calls, leg: CallLeg) -> None:
        began = time.monotonic()
        assert await leg.wait_key(20) == HungUp(0.0)
        assert time.monotonic() - began < 5

    await a_call(callee, talk)


async def test_a_clip_that_is_missing_or_cut_short_is_an_error_and_not_silence(a_call: ACall) -> None:
    async def talk(calls: Calls, leg: CallLeg) -> None:
        with pytest.raises(PlaybackFailed):
            await leg.speak([Clip(path=calls.sounds / "nothing-here", seconds=1.0)], "")
        short = calls.clip(0.5)
        with pytest.raises(PlaybackFailed):
            await leg.speak([replace(short, seconds=2.0)], "")
        (calls.sounds / "empty.ulaw").write_bytes(b"")
        with pytest.raises(PlaybackFailed):
            await leg.speak([Clip(path=calls.sounds / "empty", seconds=1.0)], "")
        assert await leg.speak([short], "") == Spoken(0.5)
        await leg.hang_up()

    await a_call(stays, talk)


QUICK = LeaveRule(before=0.3, silence=0.6, total=12, look_again=0.3, restarts=3)


@pytest.mark.parametrize("packets", [True, False], ids=["with packets in the silence", "without packets"])
async def test_a_message_is_left_over_silence_from_its_start(a_call: ACall, packets: bool) -> None:
    """A greeting with a pause, a beep, then a recorder: the message starts anew after the beep."""
    spoken = asyncio.Event()

    async def callee(line: Line) -> None:
        quiet = line.stay_silent if packets else line.wait
        await line.sound(1.0)
        await quiet(1.2)
        await line.sound(0.5)
        await quiet(8)

    async def talk(calls: Calls, leg: CallLeg) -> None:
        began = time.monotonic()
        left = await leg.leave([calls.clip(1.0), calls.clip(1.0)], "#")
        took = time.monotonic() - began
        assert isinstance(left, Left)
        assert left.seconds == 2.0
        assert left.restarts == 1
        assert took > 1.0 + 1.2 + 0.5 + 0.6 + 2.0 - 0.2
        spoken.set()
        await leg.hang_up()

    await a_call(callee, talk, QUICK)
    assert spoken.is_set()


async def test_a_callee_who_never_falls_silent_gets_no_message(a_call: ACall) -> None:
    async def talk(calls: Calls, leg: CallLeg) -> None:
        began = time.monotonic()
        assert await leg.leave([calls.clip(2.0)], "#") == NotLeft(0.0, 0)
        assert 2.5 < time.monotonic() - began < 6
        await leg.hang_up()

    await a_call(lambda line: line.sound(15), talk, replace(QUICK, total=3))


async def test_a_callee_who_speaks_again_and_again_gets_so_many_starts_and_no_more(a_call: ACall) -> None:
    async def callee(line: Line) -> None:
        for _ in range(12):
            await line.wait(1.5)
            await line.sound(0.3)

    async def talk(calls: Calls, leg: CallLeg) -> None:
        found = await leg.leave([calls.clip(3.0)], "#")
        assert isinstance(found, NotLeft)
        assert found.restarts == 2
        assert 0.2 < found.seconds < 1.5
        await leg.hang_up()

    await a_call(callee, talk, replace(QUICK, restarts=2))


async def test_the_key_of_the_question_ends_the_leaving_at_any_moment(a_call: ACall) -> None:
    pressing = [asyncio.Event(), asyncio.Event()]

    async def callee(line: Line) -> None:
        for event in pressing:
            await event.wait()
            await line.press("#")
        await line.wait(20)

    async def talk(calls: Calls, leg: CallLeg) -> None:
        pressing[0].set()
        assert await leg.leave([calls.clip(3.0)], "#") == Pressed("#", 0.0)
        asyncio.get_running_loop().call_later(1.5, pressing[1].set)
        pressed = await leg.leave([calls.clip(5.0)], "#")
        assert isinstance(pressed, Pressed)
        assert 0.1 < pressed.seconds < 2.0
        assert await leg.speak([calls.clip(0.2)], "") == Spoken(0.2)
        await leg.hang_up()

    await a_call(callee, talk, QUICK)


async def test_a_machine_that_hangs_up_in_the_message_is_told_with_the_seconds_left(a_call: ACall) -> None:
    async def callee(line: Line) -> None:
        await line.sound(0.5)
        await line.wait(3.0)

    async def talk(calls: Calls, leg: CallLeg) -> None:
        found = await leg.leave([calls.clip(8.0)], "#")
        assert isinstance(found, HungUp)
        assert 1.0 < found.seconds < 3.0

    await a_call(callee, talk, QUICK)


async def test_without_ami_nothing_counts_as_left_because_nothing_was_listened_to(a_call: ACall) -> None:
    async def talk(calls: Calls, leg: CallLeg) -> None:
        async with calls.without_ami():
            assert await leg.leave([calls.clip(0.5)], "#") == NotLeft(0.0, 0)
        await leg.hang_up()

    await a_call(stays, talk, replace(QUICK, total=2))


async def test_a_cut_of_ami_during_the_message_starts_it_over(a_call: ACall) -> None:
    async def talk(calls: Calls, leg: CallLeg) -> None:
        asyncio.get_running_loop().call_later(1.6, calls.drop_ami)
        left = await leg.leave([calls.clip(2.0)], "#")
        assert left == Left(2.0, 1)
        await leg.hang_up()

    await a_call(stays, talk, QUICK)


async def test_a_clip_broken_off_for_a_key_that_is_gone_is_played_again_and_whole(a_call: ACall) -> None:
    async def talk(calls: Calls, leg: CallLeg) -> None:
        ear = leg._ear  # type: ignore[attr-defined]
        asyncio.get_running_loop().call_later(0.3, lambda: ear._watch.set_result(None))
        assert await leg.speak([calls.clip(0.75)], KEYS) == Spoken(0.75)
        await leg.hang_up()

    await a_call(stays, talk)


async def test_a_message_is_not_left_while_ami_gives_no_answer(a_call: ACall) -> None:
    """A stalled manager tells of no sound, which is no silence."""

    async def talk(calls: Calls, leg: CallLeg) -> None:
        async def no_answer(*_args: object, **_named: object) -> dict[str, str]:
            raise PbxUnavailable("no answer")

        action = calls.ami.action
        calls.ami.action = no_answer  # type: ignore[method-assign]
        try:
            found = await leg.leave([calls.clip(1.0)], "#")
        finally:
            calls.ami.action = action  # type: ignore[method-assign]
        assert isinstance(found, NotLeft)
        assert found.seconds == 1.0
        await leg.hang_up()

    await a_call(stays, talk, replace(QUICK, total=2.5))
