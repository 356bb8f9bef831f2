"""How many texts (SMS) a second go out through one bind, with all that is stored of them, and what of it costs what.

The centre is smpp34's, in a process of its own, and sends a receipt for each text. Beside the whole way: our client
alone, and smpplib's, under the same load with the same window.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ivr.campaign.course import Halt
from ivr.campaign.records import CampaignRow
from ivr.campaign.text_news import TextNews
from ivr.campaign.texting import Accepted, Receipt, Text
from ivr.domain.recipient import Recipient
from ivr.domain.text import TextState
from ivr.messaging import SmppAccount, SmppGateway
from ivr.rehearsal.ports import HOST
from ivr.settings import Settings
from ivr.storage import SqlResults
from tests.bench.table import Figure
from tests.bench.texts_centre import ROOT, WITHIN, bare_centre
from tests.bench.texts_smpplib import BODY
from tests.campaign.dialling import campaign
from tests.campaign.fakes import SystemClock
from tests.campaign.texting import RULES, asked, send

TEXTS = 2000
WINDOW = 10
"""That of the settings, where nothing else is said."""

ROUNDS = 3
LIMIT = 120.0
"""Seconds for all texts."""


CAPPED = replace(RULES, caps=Settings().text_rules({}).caps)
"""Rules with the caps of the settings: what was sent before is looked up for each text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Texts a second: answered, and with their receipts stored."""

    answered: float
    told: float = 0.0


async def bench_texts() -> list[Figure]:
    """Return the medians of three rounds, in each of which all three are measured in turn."""
    whole, ours, theirs = [], [], []
    for _ in range(ROUNDS):
        async with bare_centre() as port:
            whole.append(await _whole(port))
            ours.append(await _ours(port))
            theirs.append(await _theirs(port))
    most = statistics.median(one.answered for one in whole)
    mine, other = statistics.median(ours), statistics.median(theirs)

    def figure(name: str, value: float, note: str = "") -> Figure:
        return Figure(bench="texts", name=name, value=value, note=note)

    return [
        Figure(
            bench="texts",
            name="texts a second, intents and answers stored",
            value=most,
            target=100,
            sense="at least",
            note=f"{TEXTS} texts, window {WINDOW}; SQLite; receipts are stored meanwhile",
        ),
        figure("… until the last receipt is stored", statistics.median(one.told for one in whole)),
        figure("… our client alone", mine, "nothing stored"),
        figure("… smpplib's client alone", other, "it has no window; the bench keeps one for it"),
        figure("the whole to our client alone", most / mine),
        figure("our client to smpplib's", mine / other),
    ]


async def _whole(port: int) -> Speed:
    """Return the speed of a campaign of texts alone, on SQLite."""
    listed = [
        Recipient(id=f"{n:05}", line=n + 2, kana="ヤマダ タロウ", numbers=(f"+81903{n:07}",)) for n in range(TEXTS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with campaign(Path(folder), listed) as (results, row):
            news = TextNews(
                results.texts, SystemClock(), opt_out=(), on_state=lambda _state: None, on_opt_out=_nobody_leaves
            )
            async with _gateway(port, news) as gateway:
                began = time.perf_counter()
                halt, _ = await send(results, row, gateway, rules=CAPPED, lanes=WINDOW, within=LIMIT)
                answered = time.perf_counter() - began
                async with asyncio.timeout(LIMIT):
                    while await _delivered(results, row) < TEXTS:
                        await asyncio.sleep(0.05)
                told = time.perf_counter() - began
    if halt is not Halt.SETTLED:
        raise AssertionError(halt)
    return Speed(answered=TEXTS / answered, told=TEXTS / told)


async def _delivered(results: SqlResults, row: CampaignRow) -> int:
    return (await results.texts.counts(asked(row, alone=True))).states.get(TextState.DELIVERED, 0)


async def _ours(port: int) -> float:
    """Return how many texts a second our client hands over, with as many at once as its window."""
    waiting = iter(range(TEXTS))

    async def lane() -> None:
        for number in waiting:
            answer = await gateway.submit(Text(id=f"{number}", number=f"+81903{number:07}", body=BODY))
            if not isinstance(answer, Accepted):
                raise AssertionError(answer)

    async with _gateway(port, _Nobody()) as gateway, asyncio.timeout(LIMIT):
        began = time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(WINDOW)))
        return TEXTS / (time.perf_counter() - began)


async def _theirs(port: int) -> float:
    """Return how many texts a second smpplib hands over."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.texts_smpplib", str(port), str(TEXTS), str(WINDOW)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT):
        said, _ = await process.communicate()
    return TEXTS / float(said)


class _Nobody:
    """Hears receipts and answers, and stores nothing."""

    async def receipt(self, receipt: Receipt) -> None:
        """Nothing to store."""

    async def message(self, number: str, body: str) -> None:
        """Nothing to store."""


@asynccontextmanager
async def _gateway(port: int, news: TextNews | _Nobody) -> AsyncIterator[SmppGateway]:
    """Keep our client bound while inside."""
    account = SmppAccount(
        host=HOST, port=port, system_id="bench", password="secret", source="81357220000", window=WINDOW
    )
    gateway = SmppGateway(account, on_receipt=news.receipt, on_message=news.message)
    running = asyncio.ensure_future(gateway.run())
    try:
        if not await gateway.ready(WITHIN):
            raise AssertionError(gateway.state)
        yield gateway
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _nobody_leaves() -> None:
    """Nobody has written back."""
