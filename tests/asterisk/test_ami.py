"""The AMI client against a peer that does what the real one does not show on demand."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from ivr.asterisk.ami import Ami, AmiTiming
from ivr.asterisk.ami_link import MAX_MESSAGE, NotSent
from ivr.errors import PbxUnavailable
from tests.asterisk.fake_asterisk import FakeManager, Fields, until

QUICK = AmiTiming(
    connect=0.5, login=0.3, boot=0.5, ping_every=0.1, ping=0.3, backoff_first=0.02, backoff_most=0.2, settled=60
)


@asynccontextmanager
async def client(port: int, *, secret: str = "secret", timing: AmiTiming = QUICK, **rest: Any) -> AsyncIterator[Ami]:
    ami = Ami(host="127.0.0.1", port=port, username="ivr", secret=secret, timing=timing, **rest)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ami.run())
        try:
            yield ami
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def pair(**rest: Any) -> AsyncIterator[tuple[FakeManager, Ami]]:
    async with FakeManager() as manager, client(manager.port, **rest) as ami:
        await ami.wait_connected(2)
        yield manager, ami


async def test_it_logs_in_and_says_so() -> None:
    told = list[bool]()
    async with pair(on_state=told.append) as (manager, ami):
        assert ami.connected
        assert ami.state == ""
        assert manager.actions[0]["Username"] == "ivr"
        assert (await ami.action({"Action": "Ping"}, within=1))["Ping"] == "Pong"
    assert told == [True, False]


async def test_a_wrong_secret_is_said_in_words_and_not_tried_again_and_again() -> None:
    async with FakeManager() as manager, client(manager.port, secret="wrong", timing=AmiTiming()) as ami:
        async with asyncio.timeout(5):
            with pytest.raises(PbxUnavailable, match="AMI の認証に失敗しました"):
                await ami.wait_connected(30)
        await asyncio.sleep(4 * AmiTiming().backoff_first)
        assert manager.connections == 1
        assert not ami.connected


async def test_a_pbx_that_is_not_there_yet_is_waited_for() -> None:
    async with FakeManager() as manager:
        await manager.stop()
        async with client(manager.port) as ami:
            with pytest.raises(PbxUnavailable, match="接続できません"):
                await ami.wait_connected(0.3)
            with pytest.raises(NotSent):
                await ami.action({"Action": "Originate"}, within=1)
            async with manager:
                await ami.wait_connected(2)
        assert "Originate" not in manager.names()


async def test_it_waits_until_the_pbx_has_booted() -> None:
    async with FakeManager() as manager:
        manager.boots = False
        async with client(manager.port, timing=AmiTiming(boot=5)) as ami:
            await until(lambda: manager.names() == ["Login"])
            with pytest.raises(PbxUnavailable):
                await ami.wait_connected(0.1)
            manager.event("FullyBooted")
            await ami.wait_connected(1)


async def test_a_pbx_that_never_finishes_booting_is_said_so() -> None:
    async with FakeManager() as manager:
        manager.boots = False
        async with client(manager.port, timing=AmiTiming(boot=0.05)) as ami:
            with pytest.raises(PbxUnavailable, match="起動"):
                await ami.wait_connected(0.3)


@pytest.mark.parametrize("banner", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\x00" * 500, b"Event: \r\n\r\n"])
async def test_a_peer_that_is_no_manager_is_given_up_in_time(banner: bytes) -> None:
    async with FakeManager() as manager:
        manager.banner, manager.silent = banner, True
        async with client(manager.port) as ami:
            with pytest.raises(PbxUnavailable, match="AMI"):
                await ami.wait_connected(0.5)
            manager.banner, manager.silent = b"Asterisk Call Manager/11.0.0\r\n", False
            await ami.wait_connected(3)


async def test_a_message_that_does_not_end_costs_the_connection_not_the_memory() -> None:
    async with pair() as (manager, ami):
        manager.raw(b"x" * (MAX_MESSAGE + 10))
        await until(lambda: ami.generation == 2)
        await ami.wait_connected(2)


async def test_a_lost_answer_costs_its_caller_the_limit_and_nothing_else() -> None:
    async with pair() as (manager, ami):
        manager.answers["Originate"] = lambda _fields: []
        began = time.monotonic()
        with pytest.raises(PbxUnavailable) as caught:
            await ami.action({"Action": "Originate"}, within=0.2)
        assert not isinstance(caught.value, NotSent)
        assert 0.15 < time.monotonic() - began < 2
        assert (await ami.action({"Action": "Ping"}, within=1))["Response"] == "Success"
        assert ami.generation == 1


async def test_nothing_is_kept_of_actions_whose_answer_was_lost_or_not_wanted() -> None:
    async with pair(timing=AmiTiming()) as (manager, ami):
        manager.answers["Originate"] = lambda _fields: []
        for _ in range(20):
            with suppress(PbxUnavailable):
                await ami.action({"Action": "Originate"}, within=0.001)
            ami.tell({"Action": "Hangup"})
        await ami.action({"Action": "Ping"}, within=1)
        link: Any = ami._link
        assert link.protocol.responses == {}


async def test_an_answer_that_comes_too_late_is_not_taken_for_another() -> None:
    async with pair() as (manager, ami):
        manager.answers["Originate"] = lambda _fields: []
        with pytest.raises(PbxUnavailable):
            await ami.action({"Action": "Originate", "ActionID": "one"}, within=0.05)
        manager.send({"Response": "Error", "ActionID": "one"})
        assert (await ami.action({"Action": "Ping"}, within=1))["Response"] == "Success"


async def test_a_cut_during_an_action_is_told_at_once_and_the_action_never_sent_again() -> None:
    async with pair() as (manager, ami):
        manager.answers["Originate"] = lambda _fields: []
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(refused(ami, {"Action": "Originate"}, within=60))
            await until(lambda: "Originate" in manager.names())
            began = time.monotonic()
            manager.cut()
        assert time.monotonic() - began < 2
        assert type(waiting.result()) is PbxUnavailable
        await until(lambda: ami.generation == 2)
        await ami.wait_connected(2)
        await ami.action({"Action": "Ping"}, within=1)
        assert manager.names().count("Originate") == 1


async def refused(ami: Ami, fields: Fields, within: float) -> PbxUnavailable:
    with pytest.raises(PbxUnavailable) as caught:
        await ami.action(fields, within=within)
    return caught.value


async def test_an_event_goes_to_those_who_follow_its_channel_and_to_no_other() -> None:
    one, two = list[str](), list[str]()
    async with pair() as (manager, ami):
        with ami.following("id-1", lambda event: one.append(event["Event"])):
            with ami.following("id-2", lambda event: two.append(event["Event"])):
                manager.event("Newstate", Uniqueid="id-1")
                manager.event("Hangup", Uniqueid="id-2")
                manager.event("Hangup", Uniqueid="id-3")
                manager.event("OriginateResponse", ActionID="id-1", Uniqueid="<null>")
                await ami.action({"Action": "Ping"}, within=1)
            manager.event("Hangup", Uniqueid="id-2")
            await ami.action({"Action": "Ping"}, within=1)
    assert one[:2] == ["Newstate", "OriginateResponse"]
    assert two == ["Hangup"]


async def test_the_answer_to_an_originate_is_the_queueing_not_the_later_event() -> None:
    events = list[str]()
    async with pair() as (manager, ami):
        manager.answers["Originate"] = lambda _fields: [
            {"Response": "Success", "Message": "Originate successfully queued"},
            {"Event": "OriginateResponse", "ActionID": "a", "Response": "Failure", "Uniqueid": "a"},
        ]
        with ami.following("a", lambda event: events.append(event["Event"])):
            answer = await ami.action({"Action": "Originate", "Async": "true", "ActionID": "a"}, within=1)
            await ami.action({"Action": "Ping"}, within=1)
            assert answer["Message"] == "Originate successfully queued"
            assert events == ["OriginateResponse"]


async def test_subscribers_are_told_that_events_may_be_missing() -> None:
    events = list[str]()
    async with pair() as (manager, ami):
        with ami.following("id-1", lambda event: events.append(event["Event"])):
            manager.cut()
            await until(lambda: ami.generation == 2)
            assert events == ["Disconnected", "Reconnected"]


async def test_a_subscriber_that_fails_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    events = list[str]()

    def fail(_event: object) -> None:
        raise RuntimeError("090")

    async with pair() as (manager, ami):
        with ami.following("id-1", fail), ami.following("id-2", lambda event: events.append(event["Event"])):
            manager.event("Hangup", Uniqueid="id-1")
            manager.event("Hangup", Uniqueid="id-2")
            await ami.action({"Action": "Ping"}, within=1)
            assert events == ["Hangup"]
            assert ami.generation == 1
    assert "RuntimeError" in caplog.text
    assert "090" not in caplog.text


async def test_a_connection_cut_in_the_middle_of_an_event_leaves_no_half_event() -> None:
    events = list[Any]()
    async with pair() as (manager, ami):
        with ami.following("id-1", events.append):
            manager.raw(b"Event: Hangup\r\nUniqueid: id-1\r\nCau")
            await asyncio.sleep(0)
            manager.cut()
            await until(lambda: ami.generation == 2)
            manager.raw(b"se: 16\r\n\r\n")
            manager.event("Newstate", Uniqueid="id-1")
            await until(lambda: len(events) == 3)
            assert [event["Event"] for event in events] == ["Disconnected", "Reconnected", "Newstate"]


async def test_bytes_that_come_one_by_one_are_the_same_events() -> None:
    events = list[Any]()
    async with pair() as (manager, ami):
        manager.chunk = 1
        with ami.following("id-1", events.append):
            manager.event("Newstate", Uniqueid="id-1", ChannelStateDesc="Ringing", CallerIDName="山田")
            await ami.action({"Action": "Ping"}, within=2)
            assert events[0]["ChannelStateDesc"] == "Ringing"


@pytest.mark.parametrize(
    "message",
    [
        b"Event: A\r\nEvent: B\r\nUniqueid: id-1\r\n\r\n",
        b"Response: Success\r\nResponse: Success\r\nActionID: x\r\n\r\n",
        b": \r\n: \r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"\xff\xfe\xfd\r\n\r\n",
    ],
)
async def test_a_malformed_message_never_stops_the_client(message: bytes) -> None:
    events = list[Any]()
    async with pair() as (manager, ami):
        manager.raw(message)
        await until(lambda: ami.connected)
        for _ in range(200):
            with suppress(PbxUnavailable):
                await ami.wait_connected(1)
                await ami.action({"Action": "Ping"}, within=0.5)
                break
        with ami.following("id-1", events.append):
            manager.event("Hangup", Uniqueid="id-1")
            await until(lambda: len(events) > 0)


async def test_a_peer_that_died_without_a_word_is_noticed_and_replaced() -> None:
    told = list[bool]()
    async with pair(on_state=told.append) as (manager, ami):
        manager.silent = True
        await until(lambda: not ami.connected)
        manager.silent = False
        await ami.wait_connected(3)
    assert told == [True, False, True, False]


async def test_reconnecting_slows_down_but_goes_on() -> None:
    async with FakeManager() as manager:
        manager.banner, manager.silent = b"", True
        timing = AmiTiming(login=0.01, backoff_first=0.01, backoff_most=0.2)
        async with client(manager.port, timing=timing) as ami:
            await asyncio.sleep(1)
            assert 4 <= manager.connections <= 12
            assert not ami.connected


async def test_a_listing_is_its_events() -> None:
    async with pair() as (manager, ami):
        manager.channels = {"id-1", "id-2"}
        listed = await ami.listing("CoreShowChannels", within=1)
        assert [channel["Uniqueid"] for channel in listed] == ["id-1", "id-2"]
        manager.channels = set()
        assert await ami.listing("CoreShowChannels", within=1) == []


async def test_a_listing_that_is_refused_or_does_not_end_is_an_error_in_time() -> None:
    async with pair() as (manager, ami):
        manager.answers["CoreShowChannels"] = lambda _fields: [{"Response": "Error", "Message": "Permission denied"}]
        with pytest.raises(PbxUnavailable, match="CoreShowChannels"):
            await ami.listing("CoreShowChannels", within=1)
        manager.answers["CoreShowChannels"] = lambda _fields: [{"Response": "Success", "EventList": "start"}]
        with pytest.raises(PbxUnavailable):
            await ami.listing("CoreShowChannels", within=0.1)


@pytest.mark.parametrize("value", ["a\r\nAction: Command", "a\nb", "\0", "\ud800"])
async def test_no_value_becomes_a_header_of_its_own(value: str) -> None:
    async with pair() as (manager, ami):
        for fields in ({"Action": "Originate", "Channel": value}, {"Action": "Originate", "Variable": ["A=1", value]}):
            with pytest.raises(ValueError, match="AMI"):
                await ami.action(fields, within=1)
        assert "Originate" not in manager.names()


async def test_neither_the_secret_nor_a_number_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with FakeManager(secret="hush-hush") as manager, client(manager.port, secret="hush-hush") as ami:
        await ami.wait_connected(2)
        manager.answers["Originate"] = lambda _fields: []
        with suppress(PbxUnavailable):
            await ami.action({"Action": "Originate", "Channel": "PJSIP/09012345678@trunk"}, within=0.05)
        manager.event("Newstate", Uniqueid="id-1", CallerIDNum="09012345678")
        await ami.action({"Action": "Ping"}, within=1)
        ami.tell({"Action": "Hangup", "Channel": "09012345678"})
        manager.cut()
        await until(lambda: ami.generation == 2)
    assert "AMI" in caplog.text
    assert "hush" not in caplog.text
    assert "0901" not in caplog.text
