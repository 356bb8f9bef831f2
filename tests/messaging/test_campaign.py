"""A campaign of texts over real SMS centres of different origin: sent once each, and every receipt in the store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivr.campaign.text_news import TextNews
from ivr.campaign.text_records import TextCounts
from ivr.domain.recipient import Recipient
from ivr.domain.sms import Template
from ivr.domain.text import TextState
from ivr.messaging import SmppAccount, SmppGateway
from ivr.rehearsal.handsets import Manner, habit
from ivr.rehearsal.sms_centre import SmsCentre
from tests.campaign.dialling import campaign
from tests.campaign.fakes import SystemClock
from tests.campaign.texting import asked, send
from tests.messaging.centres import LIMIT, QUICK
from tests.messaging.test_other_centre import other_centre

TEXTS = 60
NOBODY, THROTTLED = "1", "2"
"""The last digit of a number whose owner does not exist, and of one whose first try is put off; at both centres."""

LONG = Template(body="{office}です。" + "大切なお知らせを送付しましたので、ご確認ください。" * 3 + "{office_phone}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """A running centre; `taken` returns how many messages it has taken for each number, by its digits."""

    port: int
    ids: str
    taken: Callable[[], Counter[str]]


def people() -> list[Recipient]:
    return [
        Recipient(id=f"{n:05}", line=n + 2, kana="ヤマダ タロウ", numbers=(f"+81901234{n:04}",)) for n in range(TEXTS)
    ]


@asynccontextmanager
async def python_centre() -> AsyncIterator[Centre]:
    """smpp34's server."""
    manners = {NOBODY: Manner.NO_NUMBER, THROTTLED: Manner.THROTTLED}
    handsets = {f"0901234{n:04}": habit(manners[f"{n}"[-1]], times=1) for n in range(TEXTS) if f"{n}"[-1] in manners}
    async with SmsCentre(handsets) as centre:

        def taken() -> Counter[str]:
            return Counter({one.number[1:]: one.parts for one in centre.taken})

        yield Centre(port=centre.port, ids="same", taken=taken)


@asynccontextmanager
async def node_centre() -> AsyncIterator[Centre]:
    """The server of npm `smpp`."""
    async with other_centre() as centre:

        def taken() -> Counter[str]:
            tries = Counter(one["to"] for one in centre.said if "submitted" in one)
            return Counter({to: count - (to[-1] == THROTTLED) for to, count in tries.items() if to[-1] != NOBODY})

        yield Centre(port=centre.port, ids="decimal_to_hex", taken=taken)


Started = Callable[[], AbstractAsyncContextManager[Centre]]


@pytest.mark.parametrize("started", [python_centre, node_centre])
@pytest.mark.parametrize("parts", [1, 2])
async def test_everybody_is_sent_one_and_every_receipt_is_stored(tmp_path: Path, started: Started, parts: int) -> None:
    template = LONG if parts == 2 else Template(body="{office}です。{kana}様、ご確認ください。{office_phone}")
    async with campaign(tmp_path, people()) as (results, row), started() as centre:
        told = Counter[TextState]()
        news = TextNews(
            results.texts,
            SystemClock(),
            opt_out=("停止",),
            on_state=lambda state: told.update([state]),
            on_opt_out=nothing,
        )
        account = SmppAccount(
            host="127.0.0.1",
            port=centre.port,
            system_id="yobirin",
            password="secret12",
            source="81357220000",
            receipt_ids=centre.ids,  # type: ignore[arg-type]
        )
        sms = SmppGateway(account, on_receipt=news.receipt, on_message=news.message, timing=QUICK)
        async with asyncio.timeout(6 * LIMIT), asyncio.TaskGroup() as group:
            running = group.create_task(sms.run())
            await send(results, row, sms, template=template, within=3 * LIMIT)
            await until(lambda: delivered(results.texts.counts(asked(row, alone=True)), TEXTS * 9 // 10))
            running.cancel()
        states = Counter(one.text.state for one in await results.records(row.id) if one.text)
    assert states == {TextState.DELIVERED: TEXTS * 9 // 10, TextState.NO_NUMBER: TEXTS // 10}
    assert centre.taken() == Counter({one.numbers[0][1:]: parts for one in people() if one.numbers[0][-1] != NOBODY})
    assert told[TextState.DELIVERED] <= TEXTS, "a receipt is counted once, however often it comes"


async def nothing() -> None:
    """Nobody writes that here."""


async def delivered(counting: Awaitable[TextCounts], wanted: int) -> bool:
    states = (await counting).states
    return bool(states.get(TextState.DELIVERED, 0) == wanted)


async def until(seen: Callable[[], Awaitable[bool]]) -> None:
    while not await seen():
        await asyncio.sleep(0.02)
