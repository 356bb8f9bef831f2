"""Dialling against a PBX that misbehaves, over real sockets on both AMI and AGI."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ivr.asterisk.originator import dialled
from ivr.campaign.ports import CallLeg
from ivr.domain.attempt import Intent
from ivr.domain.call import Spoken
from ivr.errors import PbxUnavailable
from tests.asterisk.fake_asterisk import AgiCaller, until
from tests.asterisk.originating import CLIP, QUICK_PLAN, an_intent, bench, dialling, silent


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
