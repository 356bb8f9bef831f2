"""Waiting on a channel: short times, and what is no time at all."""

from __future__ import annotations

import asyncio

import pytest

from ivr.asterisk.agi import AgiSession
from ivr.asterisk.channel import Channel, ignore
from ivr.asterisk.listening import Ear
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
