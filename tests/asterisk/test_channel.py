"""Waiting on a channel: short times, and what is no time at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.asterisk.agi import AgiSession
from ivr.asterisk.channel import Channel, Played, ignore
from ivr.asterisk.listening import Ear
from ivr.campaign.ports import Clip
from ivr.domain.call import Silence
from tests.asterisk.agi_serving import serving
from tests.asterisk.fake_asterisk import AgiCaller
from tests.asterisk.test_ami import pair


@pytest.mark.parametrize(("seconds", "order"), [(0.25, "250"), (0.0004, "1"), (5.6e-17, "1"), (0.0, ""), (-3.0, "")])
async def test_a_wait_of_any_length_asks_the_pbx_and_gives_way(seconds: float, order: str) -> None:
    found = list[object]()

    async def handler(session: AgiSession) -> None:
        async with pair() as (_manager, ami):
            with Ear(ami, "id-1") as ear:
                now = asyncio.get_running_loop().time()
                channel = Channel(session, ear, answered=now, on_first_audio=ignore, on_key_to_audio=ignore)
                found.append(await channel.wait(seconds))

    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        if order:
            assert await caller.command() == f'WAIT FOR DIGIT "{order}"'
            await asyncio.sleep(max(0.01, seconds))
            await caller.answer("200 result=0")
        assert await caller.closed()
    assert found == [Silence()]


async def test_a_result_that_is_no_key_of_a_telephone_is_none_pressed() -> None:
    found = list[object]()

    async def handler(session: AgiSession) -> None:
        async with pair() as (_manager, ami):
            with Ear(ami, "id-1") as ear:
                now = asyncio.get_running_loop().time()
                channel = Channel(session, ear, answered=now, on_first_audio=ignore, on_key_to_audio=ignore)
                clip = Clip(path=Path("/clips/one"), seconds=0.1)
                found.extend([await channel.play(clip, "#", None), await channel.wait(0.01, "#")])

    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        for answer in ("200 result=55296 endpos=800", "200 result=99999999"):
            await caller.command()
            await asyncio.sleep(0.02)
            await caller.answer(answer)
        assert await caller.closed()
    assert found == [Played(seconds=0.1), Silence()]
