"""Texts of which nobody can tell at once whether they were taken: lost answers, engines that end or stand still."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.campaign import send_texts
from ivr.campaign.course import Halt
from ivr.campaign.send_texts import MOST_LOST
from ivr.campaign.texting import Accepted, NotNow, NotTaken, Text
from ivr.domain.text import TextState
from ivr.errors import TextUncertain
from ivr.storage.text_results import SqlTexts
from tests.campaign.texting import (
    Answer,
    Provider,
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


async def test_where_an_answer_was_lost_the_provider_is_asked_until_it_tells(tmp_path: Path) -> None:
    """Of three, one was taken, one was not and goes out again, and of one nothing is told for as long as is waited."""
    async with of(tmp_path, people(3)) as (results, row):
        tells: dict[str, list[Accepted | NotTaken | NotNow]] = {}

        class Telling(Provider):
            async def became(self, text: str) -> Accepted | NotTaken | NotNow | None:
                left = tells[text]
                return left.pop(0) if len(left) > 1 else left[0]

        async def lost(text: Text) -> Answer:
            end = (Accepted(references=("a",)), NotTaken(), NotNow(reason="x"))[len(tells)]
            tells[text.id] = [NotNow(reason="まだです"), NotNow(reason="まだです"), end]
            raise TextUncertain("切れました")

        provider = Telling(answers=[lost] * 3)
        halt, watch = await send(results, row, provider)
        assert halt is Halt.SETTLED
        assert len(provider.handed) == 4
        found = Counter(await states(results, row))
        assert found == {TextState.SENT: 2, TextState.UNKNOWN: 1}
        assert (watch.settled_by_text, sorted(watch.texts)) == (3, ["sent", "sent", "unknown"])


async def test_a_text_that_is_lost_each_time_and_never_taken_ends_as_failed(tmp_path: Path) -> None:
    class Telling(Provider):
        async def became(self, text: str) -> NotTaken:
            return NotTaken()

    async with of(tmp_path, people(1)) as (results, row):
        provider = Telling(then=says(TextUncertain("切れました")))
        halt, _ = await send(results, row, provider)
        assert (halt, len(provider.handed)) == (Halt.SETTLED, MOST_LOST)
        assert await states(results, row) == [TextState.FAILED]


async def test_an_engine_that_ends_while_it_asks_leaves_the_text_to_the_next(tmp_path: Path) -> None:
    asked = asyncio.Event()

    class Telling(Provider):
        async def became(self, text: str) -> Accepted | NotTaken | NotNow | None:
            asked.set()
            return NotNow(reason="まだです")

    async with of(tmp_path, people(1)) as (results, row):
        sending = asyncio.ensure_future(send(results, row, Telling(then=says(TextUncertain("切れました")))))
        await asked.wait()
        sending.cancel()
        await asyncio.wait([sending])
        assert await states(results, row) == [TextState.QUEUED]


async def test_an_engine_that_stood_still_after_its_intent_takes_it_back_and_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_texts, "LATEST", timedelta(seconds=0.5))

    intents: list[str] = []

    class Slow(SqlTexts):
        async def intend(self, intent: Any, ceilings: Any = ()) -> bool | None:
            stored = await super().intend(intent, ceilings)
            intents.append(intent.id)
            if len(intents) == 1:
                await asyncio.sleep(0.6)
            return stored

    async with of(tmp_path, people(1)) as (results, row):
        provider = Provider()
        halt, _ = await send(results, row, provider, texts=Slow(results))
        assert halt is Halt.SETTLED
        (text,) = provider.handed
        assert [text.id] == intents[1:]
        assert not text.late()
        monkeypatch.setattr(send_texts, "LEASE", timedelta(0))
        assert text.late(), "nor is it sent by a gateway that stands still"
