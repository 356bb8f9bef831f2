"""Dialling against a PBX that misbehaves, over real sockets on both AMI and AGI."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ivr.asterisk.agi import AgiServer
from ivr.asterisk.ami import Ami
from ivr.asterisk.originator import AsteriskOriginator, DialPlan, Hooks, dialled
from ivr.campaign.ports import CallLeg, Clip, Disposition
from ivr.domain.attempt import Intent
from ivr.domain.call import HungUp, Spoken
from ivr.errors import OwnError, PbxUnavailable
from tests.asterisk.fake_asterisk import AgiCaller, FakeManager, until
from tests.asterisk.test_ami import QUICK, client

CLIP = Clip(path=Path("/clips/hello"), seconds=1.0)
QUICK_PLAN = DialPlan(caller_id="0357220000", ring=1.0, call=2.0, margin=0.4, order=0.4, ready=0.5)


class RealClock:
    """The time of day."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def an_intent(number: str = "+81312345678") -> Intent:
    return Intent(id=uuid4().hex, campaign="c", recipient="r", number=number, at=datetime.now(UTC))


async def silent(_leg: CallLeg) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Bench:
    """An originator and the fake PBX that it dials through."""

    manager: FakeManager
    ami: Ami
    originator: AsteriskOriginator
    agi_port: int
    bad_tokens: list[None]

    def token(self, intent: Intent) -> str:
        """Return the token of a dial as the PBX got it."""
        order = next(action for action in self.manager.actions if action.get("ChannelId") == intent.id)
        return next(part for part in order["Variable"].split(",") if part.startswith("IVR_TOKEN=")).partition("=")[2]

    async def ordered(self, intent: Intent) -> None:
        """Return once the PBX has the order."""
        await until(lambda: any(action.get("ChannelId") == intent.id for action in self.manager.actions))

    def made(self, intent: Intent, *states: str) -> None:
        """Send what AMI tells of a channel up to a state."""
        self.manager.channels.add(intent.id)
        self.manager.event("Newchannel", Uniqueid=intent.id, ChannelStateDesc="Down")
        for state in states:
            self.manager.event("Newstate", Uniqueid=intent.id, ChannelStateDesc=state)

    def ended(self, intent: Intent, **fields: str) -> None:
        """Send the channel's end."""
        self.manager.channels.discard(intent.id)
        self.manager.event("Hangup", Uniqueid=intent.id, **fields)


@asynccontextmanager
async def bench(plan: DialPlan = QUICK_PLAN) -> AsyncIterator[Bench]:
    async with FakeManager() as manager, client(manager.port, timing=QUICK) as ami:
        bad = list[None]()
        hooks = Hooks(bad_token=lambda: bad.append(None))
        originator = AsteriskOriginator(ami, RealClock(), plan=plan, hooks=hooks)
        async with AgiServer("127.0.0.1", 0, originator.handle) as server:
            await originator.ready()
            yield Bench(manager, ami, originator, server.port, bad)


async def dialling(
    one: Bench,
    play: Callable[[Intent], Any],
    talk: Callable[[CallLeg], Any] = silent,
    *,
    within: float = 10.0,
) -> Disposition:
    """Dial, and let `play` be the PBX."""
    intent = an_intent()
    async with asyncio.timeout(within), asyncio.TaskGroup() as group:
        dial = group.create_task(one.originator.dial(intent, talk))
        await one.ordered(intent)
        played = play(intent)
        if played is not None:
            await played
    assert one.originator.waiting == 0
    return dial.result()


async def test_the_order_names_the_channel_the_number_the_limits_and_a_fresh_token() -> None:
    async with bench() as one:
        first, second = an_intent(), an_intent("+819012345678")
        for intent in (first, second):
            async with asyncio.TaskGroup() as group:
                group.create_task(one.originator.dial(intent, silent))
                await one.ordered(intent)
                one.made(intent)
                one.ended(intent)
        orders = [action for action in one.manager.actions if action["Action"] == "Originate"]
        assert [order["Channel"] for order in orders] == ["PJSIP/0312345678@trunk", "PJSIP/09012345678@trunk"]
        assert orders[0]["ChannelId"] == first.id
        assert orders[0]["Timeout"] == "1000"
        assert orders[0]["CallerID"] == "0357220000"
        assert orders[0]["Context"] == "ivr-call"
        assert "TIMEOUT(absolute)=3" in orders[0]["Variable"]
        assert len(one.token(first)) >= 32
        assert one.token(first) != one.token(second)


@pytest.mark.parametrize(
    ("number", "form", "dial_string"),
    [
        ("+81312345678", "national", "0312345678"),
        ("+819012345678", "national", "09012345678"),
        ("+81312345678", "e164", "+81312345678"),
        ("+12025550123", "national", None),
        ("0312345678", "national", None),
        ("+813@evil/1", "national", None),
        ("+81312345678\n", "e164", None),
        ("", "e164", None),
    ],
)
def test_a_number_is_dialled_as_the_trunk_wants_it_or_not_at_all(
    number: str, form: Any, dial_string: str | None
) -> None:
    assert dialled(number, form) == dial_string


async def test_a_number_of_no_known_form_is_refused_without_an_order() -> None:
    async with bench() as one:
        found = await one.originator.dial(an_intent("+12025550123"), silent)
        assert found.refused
        assert "2025550123" not in found.refused
        assert "Originate" not in one.manager.names()


async def test_busy_is_told_by_status_and_cause() -> None:
    async with bench() as one:

        def play(intent: Intent) -> None:
            one.made(intent)
            one.manager.event("HangupRequest", Uniqueid=intent.id, Cause="17", TechCause="486")
            one.manager.event(
                "OriginateResponse", ActionID=intent.id, Uniqueid=intent.id, Response="Failure", Reason="0"
            )
            one.ended(intent, Cause="17", TechCause="486")

        found = await dialling(one, play)
    assert (found.sip, found.q850, found.rang, found.lost, found.refused) == (486, 17, False, False, None)
    assert found.dialled_at is not None
    assert found.answered_at is None


async def test_our_own_ring_limit_is_no_answer_and_not_the_status_that_asterisk_invents() -> None:
    async with bench() as one:

        def play(intent: Intent) -> None:
            one.made(intent, "Ringing")
            one.manager.event(
                "OriginateResponse", ActionID=intent.id, Uniqueid=intent.id, Response="Failure", Reason="3"
            )
            one.ended(intent, Cause="19", TechCause="480")

        found = await dialling(one, play)
    assert (found.sip, found.q850, found.rang) == (None, 19, True)


async def test_an_order_that_the_pbx_refuses_dialled_nothing() -> None:
    async with bench() as one:
        one.manager.answers["Originate"] = lambda _fields: [
            {"Response": "Error", "Message": "Extension does not exist."}
        ]
        found = await dialling(one, lambda _intent: None)
    assert found.refused
    assert found.dialled_at is None
    assert not found.lost


async def test_an_order_that_makes_no_channel_dialled_nothing() -> None:
    async with bench() as one:
        found = await dialling(
            one,
            lambda intent: one.manager.event(
                "OriginateResponse", ActionID=intent.id, Uniqueid="<unknown>", Response="Failure", Reason="0"
            ),
        )
    assert found.refused
    assert not found.lost


async def test_without_ami_nothing_is_dialled_and_ready_says_why() -> None:
    async with bench() as one:
        await one.manager.stop()
        await until(lambda: not one.ami.connected)
        found = await one.originator.dial(an_intent(), silent)
        assert found.refused
        assert found.dialled_at is None
        with pytest.raises(PbxUnavailable, match="AMI"):
            await one.originator.ready()
        assert "Originate" not in one.manager.names()


async def test_an_order_whose_answer_is_lost_is_never_repeated_and_the_dial_lost() -> None:
    async with bench() as one:
        one.manager.answers["Originate"] = lambda _fields: []

        async def play(_intent: Intent) -> None:
            one.manager.cut()
            await until(lambda: one.ami.generation == 2)

        found = await dialling(one, play)
        assert found.lost
        assert found.refused is None
        assert found.dialled_at is not None
        assert one.manager.names().count("Originate") == 1


async def test_a_dial_whose_order_was_taken_though_its_answer_was_lost_goes_on() -> None:
    async with bench() as one:
        one.manager.answers["Originate"] = lambda _fields: []

        async def play(intent: Intent) -> None:
            one.made(intent, "Ringing")
            one.manager.cut()
            await until(lambda: one.ami.connected and one.ami.generation == 2)
            await until(lambda: "CoreShowChannels" in one.manager.names())
            one.ended(intent, Cause="17", TechCause="486")

        found = await dialling(one, play)
        assert (found.sip, found.rang, found.lost) == (486, True, False)


async def test_a_channel_that_went_while_ami_was_away_is_lost_as_soon_as_that_is_known() -> None:
    async with bench(replace(QUICK_PLAN, ring=60)) as one:

        async def play(intent: Intent) -> None:
            one.made(intent, "Ringing")
            await asyncio.sleep(0.05)
            one.manager.channels.clear()
            one.manager.cut()

        found = await dialling(one, play)
        assert found.lost
        assert found.rang


async def test_a_call_goes_on_while_ami_is_away_and_is_not_lost() -> None:
    async with bench() as one:
        heard = list[object]()

        async def talk(leg: CallLeg) -> None:
            heard.append(await leg.speak([CLIP], ""))

        async def play(intent: Intent) -> None:
            one.made(intent, "Up")
            async with AgiCaller.connect(one.agi_port, intent.id, one.token(intent)) as caller:
                await caller.command()
                await one.manager.stop()
                await until(lambda: not one.ami.connected)
                await caller.answer("200 result=0 endpos=8000")
                assert await caller.closed()

        found = await dialling(one, play, talk)
        assert heard == [Spoken(1.0)]
        assert found.answered_at is not None
        assert not found.lost


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
        ends = list[object]()

        async def talk(leg: CallLeg) -> None:
            await leg.speak([CLIP], "#")
            await leg.wait_key(1.0)

        async def dial(intent: Intent) -> None:
            try:
                ends.append(await one.originator.dial(intent, talk))
            except OwnError as error:
                ends.append(error)

        async def play(number: int, intent: Intent) -> None:
            await one.ordered(intent)
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
        assert len(orders) == len(set(orders))
