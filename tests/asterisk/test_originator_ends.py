"""Dials that do not end by themselves, over real sockets on both AMI and AGI: limits, faults, tokens, cancellation."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from ivr.campaign.ports import CallLeg
from ivr.domain.attempt import Intent
from ivr.domain.call import HungUp
from ivr.errors import OwnError
from tests.asterisk.fake_asterisk import AgiCaller, until
from tests.asterisk.originating import CLIP, QUICK_PLAN, an_intent, bench, dialling


async def test_a_channel_without_an_end_is_hung_up_by_us_and_then_given_up() -> None:
    async with bench() as one:
        began = time.monotonic()
        found = await dialling(one, lambda intent: one.made(intent, "Ringing"))
        assert 1.0 < time.monotonic() - began < 4
        assert "Hangup" in one.manager.names()
        assert found.lost


async def test_a_call_without_an_end_is_hung_up_after_the_call_limit() -> None:
    async with bench(replace(QUICK_PLAN, call=0.3)) as one:

        async def play(intent: Intent) -> None:
            one.made(intent, "Up")
            one.manager.answers["Hangup"] = lambda _fields: [
                {"Response": "Success"},
                {"Event": "Hangup", "Uniqueid": intent.id, "Cause": "16"},
            ]
            async with AgiCaller.connect(one.agi_port, intent.id, one.token(intent)) as caller:
                await caller.command()
                assert await caller.closed()

        async def talk(leg: CallLeg) -> None:
            await leg.wait_key(60)

        found = await dialling(one, play, talk)
        assert found.answered_at is not None
        assert not found.lost


async def test_what_the_talk_raises_ends_the_call_first_and_is_raised_then() -> None:
    async with bench() as one:

        async def talk(_leg: CallLeg) -> None:
            raise RuntimeError("a defect")

        async def play(intent: Intent) -> None:
            one.made(intent, "Up")
            async with AgiCaller.connect(one.agi_port, intent.id, one.token(intent)) as caller:
                assert await caller.closed()
            assert one.originator.waiting == 1
            one.ended(intent, Cause="16")

        with pytest.raises(ExceptionGroup) as caught:
            await dialling(one, play, talk)
        assert isinstance(caught.value.exceptions[0], RuntimeError)
        assert one.originator.waiting == 0


async def test_an_answer_that_never_reaches_our_agi_server_is_our_own_error() -> None:
    async with bench() as one:

        def play(intent: Intent) -> None:
            one.made(intent, "Up")
            one.ended(intent, Cause="16")

        with pytest.raises(ExceptionGroup) as caught:
            await dialling(one, play)
        assert isinstance(caught.value.exceptions[0], OwnError)


async def test_an_answer_in_the_moment_of_our_own_hangup_is_no_fault() -> None:
    async with bench(replace(QUICK_PLAN, ring=0.1, margin=0.2)) as one:

        async def play(intent: Intent) -> None:
            one.made(intent, "Ringing")
            await until(lambda: "Hangup" in one.manager.names())
            one.made(intent, "Up")
            one.ended(intent, Cause="16")

        found = await dialling(one, play)
    assert found.answered_at is not None
    assert not found.lost


async def test_a_callee_who_hangs_up_before_the_agi_session_comes_simply_hung_up() -> None:
    async with bench() as one:

        def play(intent: Intent) -> None:
            one.made(intent, "Up")
            one.manager.event("HangupRequest", Uniqueid=intent.id, Cause="16")
            one.ended(intent, Cause="16")

        found = await dialling(one, play)
        assert found.answered_at is not None
        assert found.q850 == 16


async def test_a_token_works_once_and_only_with_its_own_channel() -> None:
    async with bench() as one:
        talks = list[object]()

        async def talk(leg: CallLeg) -> None:
            talks.append(await leg.wait_key(60))

        async def play(intent: Intent) -> None:
            one.made(intent, "Up")
            token = one.token(intent)
            for unique_id, presented in (("other", token), (intent.id, "guess"), (intent.id, "")):
                async with AgiCaller.connect(one.agi_port, unique_id, presented) as caller:
                    assert await caller.command() == ""
            async with AgiCaller.connect(one.agi_port, intent.id, token) as right:
                assert (await right.command()).startswith("WAIT FOR DIGIT")
                async with AgiCaller.connect(one.agi_port, intent.id, token) as replay:
                    assert await replay.command() == ""
                await right.answer("HANGUP\n200 result=-1")
                assert await right.closed()
            async with AgiCaller.connect(one.agi_port, intent.id, token) as late:
                assert await late.command() == ""
            one.ended(intent, Cause="16")

        await dialling(one, play, talk)
        assert len(one.bad_tokens) == 5
        assert talks == [HungUp()]


async def test_a_cancelled_dial_orders_the_hangup_and_ends_the_session() -> None:
    async with bench() as one:
        intent = an_intent()

        async def talk(leg: CallLeg) -> None:
            await leg.wait_key(60)

        async with asyncio.TaskGroup() as group:
            dial = group.create_task(one.originator.dial(intent, talk))
            await one.ordered(intent)
            one.made(intent, "Up")
            async with AgiCaller.connect(one.agi_port, intent.id, one.token(intent)) as caller:
                await caller.command()
                dial.cancel()
                assert await caller.closed()
        await until(lambda: "Hangup" in one.manager.names())
        assert one.originator.waiting == 0


async def test_a_hundred_calls_at_once_of_every_kind_all_end_and_leave_nothing_behind() -> None:
    """Busy, answered, hung up in mid-command, garbage, silence, defects, and AMI cut twice in the middle."""
    async with bench(replace(QUICK_PLAN, order=1.0)) as one:
        intents = [an_intent() for _ in range(100)]
        ends = dict[str, object]()

        async def talk(leg: CallLeg) -> None:
            await leg.speak([CLIP], "#")
            await leg.wait_key(1.0)

        async def dial(intent: Intent) -> None:
            try:
                ends[intent.id] = await one.originator.dial(intent, talk)
            except OwnError as error:
                ends[intent.id] = error

        async def play(number: int, intent: Intent) -> None:
            # Where the PBX was away for longer than an order waits, there is none.
            await until(lambda: intent.id in one.manager.orders or intent.id in ends, within=20)
            if intent.id not in one.manager.orders:
                return
            one.made(intent, "Ringing")
            match number % 5:
                case 0:
                    one.ended(intent, Cause="17", TechCause="486")
                    return
                case 1:
                    return
            one.made(intent, "Up")
            async with AgiCaller.connect(one.agi_port, intent.id, one.token(intent)) as caller:
                await caller.command()
                match number % 5:
                    case 2:
                        await caller.answer("200 result=35 endpos=4000")
                        await caller.command()
                        await caller.answer("200 result=0")
                    case 3:
                        await caller.answer("HANGUP\n200 result=-1 endpos=800")
                    case 4:
                        await caller.answer("garbage")
            one.ended(intent, Cause="16")

        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for intent in intents:
                group.create_task(dial(intent))
            for number, intent in enumerate(intents):
                group.create_task(play(number, intent))
            await asyncio.sleep(0.2)
            one.manager.cut()
            await until(lambda: one.ami.connected and one.ami.generation >= 2)
            one.manager.cut()
        assert len(ends) == 100
        assert one.originator.waiting == 0
        assert one.ami.followed == 0
        orders = [action["ChannelId"] for action in one.manager.actions if action["Action"] == "Originate"]
        assert orders
        assert len(orders) == len(set(orders))
