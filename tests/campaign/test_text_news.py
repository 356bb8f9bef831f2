"""What comes to be known of texts that are out: by the network, by people who write back, after a crash."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.campaign import text_news
from ivr.campaign.text_news import TextNews
from ivr.campaign.text_records import TextIntent
from ivr.campaign.texting import LONGEST_EXCHANGE, Accepted, NotNow, NotTaken, Receipt
from ivr.domain.text import TextState
from ivr.storage.barred import NO_NUMBER
from tests.campaign.dialling import PRESSES, run
from tests.campaign.fakes import SystemClock, Telephone
from tests.campaign.texting import (
    Provider,
    asked,
    hurry,
    of,
    people,
    says,
    send,
    states,
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_what_a_crash_left_is_told_by_who_can_be_asked(tmp_path: Path) -> None:
    async with of(tmp_path, people(4)) as (results, row):
        await results.join("engine", "here")
        left = Provider(then=says(NotNow(reason="x")))
        intents = []
        for who in people(4):
            due = next(one for one in await results.texts.due(asked(row, alone=True), 10) if one.recipient.id == who.id)
            intents.append(
                TextIntent(
                    id=f"t-{due.recipient.id}",
                    campaign=row.id,
                    recipient=due.recipient.id,
                    at=datetime.now(UTC),
                    number=who.numbers[0],
                    body="x",
                    alone=True,
                )
            )
            assert await results.texts.intend(intents[-1])
        await results.join("engine", "here")
        left.known = {
            intents[0].id: Accepted(references=("m1",)),
            intents[1].id: NotTaken(),
            intents[2].id: NotNow(reason="つながりません"),
        }
        told = list[TextState]()
        news = TextNews(
            results.texts, SystemClock(), opt_out=(), on_state=told.append, on_opt_out=lambda: asyncio.sleep(0)
        )
        assert await news.recover(left) == (TextState.SENT, TextState.UNKNOWN)
        assert await states(results, row) == [TextState.SENT, None, TextState.QUEUED, TextState.UNKNOWN]
        assert await news.recover(None) == (TextState.UNKNOWN,)
        assert told == [TextState.SENT, TextState.UNKNOWN, TextState.UNKNOWN]


async def test_that_another_engines_text_never_came_is_heeded_once_it_can_come_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_news, "LEASE", timedelta(0))
    async with of(tmp_path, people(1)) as (results, row):
        await results.join("stood-still", "there")
        (due,) = await results.texts.due(asked(row, alone=True), 10)
        now = datetime.now(UTC)
        intent = TextIntent(
            id="t", campaign=row.id, recipient=due.recipient.id, at=now, number="+819012340000", body="x", alone=True
        )
        assert await results.texts.intend(intent)
        await results.join("engine", "here")
        provider = Provider(known={"t": NotTaken()})
        for passed, left in ((timedelta(0), TextState.QUEUED), (LONGEST_EXCHANGE + timedelta(seconds=1), None)):
            news = TextNews(
                results.texts,
                SystemClock(start=now + passed),
                opt_out=(),
                on_state=lambda _: None,
                on_opt_out=lambda: asyncio.sleep(0),
            )
            assert await news.recover(provider) == ()
            assert await states(results, row) == [left]


@pytest.mark.parametrize(
    ("body", "leaves"), [("停止", True), ("配信を停止してください", True), ("ｓｔｏｐ", True), ("ありがとう", False)]
)
async def test_who_writes_back_that_they_want_none_gets_none(tmp_path: Path, body: str, leaves: bool) -> None:
    async with of(tmp_path, people(1)) as (results, row):
        left = list[bool]()

        async def opted_out() -> None:
            left.append(True)

        news = TextNews(
            results.texts, SystemClock(), opt_out=("停止", "STOP"), on_state=lambda _: None, on_opt_out=opted_out
        )
        await news.message("+819012340000", body)
        await news.message("nobody", body)
        provider = Provider()
        await send(results, row, provider)
        assert (len(provider.handed), left) == ((0, [True]) if leaves else (1, []))


async def test_a_number_that_a_text_found_to_be_nobodys_is_not_called_either(tmp_path: Path) -> None:
    one, other = people(2)
    other = replace(other, numbers=(*other.numbers, "+81357220001"))
    async with of(tmp_path, [one, other]) as (results, row):
        for number in (one.numbers[0], other.numbers[0]):
            await results.texts.bar(number, NO_NUMBER, datetime.now(UTC))
        telephone = Telephone({}, PRESSES)
        await run(results, row, telephone)
        assert [dial.number for dial in telephone.dials] == ["+81357220001"]
        excluded = (await results.records(row.id))[0].excluded
        assert excluded is not None
        assert "使われていない番号" in excluded.reason


async def test_who_refuses_texts_is_still_called(tmp_path: Path) -> None:
    (one,) = people(1)
    async with of(tmp_path, [one]) as (results, row):
        await results.texts.bar(one.numbers[0], "opt_out", datetime.now(UTC))
        telephone = Telephone({}, PRESSES)
        await run(results, row, telephone)
        assert len(telephone.dials) == 1


async def test_a_receipt_moves_the_text_and_is_counted_once(tmp_path: Path) -> None:
    async with of(tmp_path, people(1)) as (results, row):
        provider = Provider()
        await send(results, row, provider)
        told = list[TextState]()
        news = TextNews(
            results.texts, SystemClock(), opt_out=(), on_state=told.append, on_opt_out=lambda: asyncio.sleep(0)
        )
        (text,) = provider.handed
        assert await news.outstanding() == (f"r-{text.id}",)
        for _ in range(3):
            await news.receipt(Receipt(reference=f"r-{text.id}", state=TextState.DELIVERED))
        assert told == [TextState.DELIVERED]
        assert await news.outstanding() == ()


async def test_what_the_network_never_tells_keeps_no_other_text_from_being_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_news, "MOST_ASKED", 2)
    async with of(tmp_path, people(5)) as (results, row):
        await send(results, row, Provider())
        news = TextNews(
            results.texts, SystemClock(), opt_out=(), on_state=lambda _: None, on_opt_out=lambda: asyncio.sleep(0)
        )
        oldest = await news.outstanding()
        for reference in oldest:
            await news.receipt(Receipt(reference=reference, state=TextState.UNKNOWN))
        rounds = [await news.outstanding() for _ in range(3)]
        assert len({*oldest, *rounds[0], *rounds[1]}) == 5
        assert rounds[2] == oldest
