"""Keys and sound as AMI tells them, in whatever order they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ivr.asterisk.listening import GRACE, KEYS, Ear
from tests.asterisk.fake_asterisk import FakeManager, until
from tests.asterisk.test_ami import pair


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[FakeManager, Ear]]:
    async with pair() as (manager, ami):
        with Ear(ami, "id-1") as ear:
            yield manager, ear


async def press(manager: FakeManager, ear: Ear, key: str, direction: str = "Received") -> None:
    """Have AMI report a key, and return once that has arrived."""
    manager.event("DTMFBegin", Uniqueid="id-1", Digit=key, Direction=direction)
    manager.event("DTMFEnd", Uniqueid="id-1", Digit=key, Direction=direction)
    await ear.certain()


async def test_a_key_that_agi_returned_is_not_dropped_whichever_told_it_first() -> None:
    async with listening() as (manager, ear):
        await press(manager, ear, "#")
        ear.claim("#")
        assert ear.dropped(KEYS) == ""
        ear.claim("5")
        await press(manager, ear, "5")
        assert ear.dropped(KEYS) == ""
        await press(manager, ear, "5")
        assert ear.dropped(KEYS) == "5"
        assert ear.dropped(KEYS) == ""


async def test_only_keys_of_the_callee_and_only_wanted_ones_count() -> None:
    async with listening() as (manager, ear):
        await press(manager, ear, "1", direction="Sent")
        await press(manager, ear, "A")
        await press(manager, ear, "2")
        await press(manager, ear, "#")
        assert ear.dropped("#") == "#"
        await press(manager, ear, "2")
        ear.keep("#")
        assert ear.dropped(KEYS) == ""


async def test_a_dropped_key_is_told_once_agi_had_its_chance_to_return_it() -> None:
    async with listening() as (manager, ear):
        told = ear.watch(keys="#")
        began = asyncio.get_running_loop().time()
        await press(manager, ear, "#")
        await asyncio.wait_for(told, 2)
        assert asyncio.get_running_loop().time() - began >= GRACE

        ear.dropped("")
        claimed = ear.watch(keys="#")
        await press(manager, ear, "#")
        ear.claim("#")
        await asyncio.sleep(2 * GRACE)
        assert not claimed.done()


async def test_sound_is_what_the_detector_says_since_it_was_set() -> None:
    async with listening() as (manager, ear):
        assert not ear.sounding
        loud = ear.watch(sounding=True)
        manager.event("ChannelTalkingStart", Uniqueid="id-1")
        await asyncio.wait_for(loud, 2)
        assert ear.sounding
        quiet = ear.watch(sounding=False)
        assert not quiet.done()
        manager.event("ChannelTalkingStop", Uniqueid="id-1")
        await asyncio.wait_for(quiet, 2)
        manager.event("ChannelTalkingStart", Uniqueid="id-1")
        assert not await ear.certain(), "what came before the answer to a ping counts"
        ear.listen_anew()
        assert await ear.certain()


async def test_while_ami_is_away_and_until_the_detector_is_set_anew_nothing_counts_as_silent() -> None:
    async with listening() as (manager, ear):
        blind = ear.watch(sounding=True)
        generation = ear._ami.generation
        manager.cut()
        await asyncio.wait_for(blind, 2)
        ear.listen_anew()
        assert not await ear.certain() or ear._ami.generation > generation
        await until(lambda: ear._ami.generation > generation)
        assert ear.sounding
        ear.listen_anew()
        assert not ear.sounding


async def test_a_manager_that_does_not_answer_leaves_nothing_certain() -> None:
    async with listening() as (manager, ear):
        manager.silent = True
        assert not await ear.certain()
