"""What holds the texts of a campaign back: a stop, a pause, a closed window, a cap."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from ivr.campaign import persisting
from ivr.campaign.course import Halt
from ivr.campaign.send_texts import LANES, Texter
from ivr.campaign.text_records import TextIntent
from ivr.campaign.texting import Text
from ivr.domain.calendar import Calendar, Window
from ivr.domain.calling_rules import Cap, Ceiling, Of
from ivr.domain.text import TextState
from ivr.domain.texting_rules import LEAST_VALID
from ivr.errors import StoreFailed
from tests.campaign.fakes import SystemClock, Watch
from tests.campaign.texting import (
    RULES,
    TOKYO,
    Answer,
    Provider,
    hurry,
    of,
    people,
    send,
    states,
    takes,
)

NINE_TO_TEN = Calendar(windows=(Window(days=frozenset({"tue"}), start=540, until=600),), zone=TOKYO)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_an_engine_that_is_stopped_leaves_nothing_half_said(tmp_path: Path) -> None:
    """Cancelled while the provider has not answered, a text is unknown; those not begun are as they were."""
    stuck = asyncio.Event()

    async def never(_text: Text) -> Answer:
        stuck.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with of(tmp_path, people(1)) as (results, row):
        sending = asyncio.ensure_future(send(results, row, Provider(then=never)))
        await stuck.wait()
        sending.cancel()
        await asyncio.wait([sending])
        assert await states(results, row) == [TextState.UNKNOWN]


async def test_an_answer_that_the_store_refused_once_is_stored_though_the_engine_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persisting, "PATIENCE", 0.2)
    refused = asyncio.Event()
    async with of(tmp_path, people(1)) as (results, row):
        taken = results.texts.taken

        async def falters(text: str, references: Sequence[str], at: datetime) -> TextState | None:
            if not refused.is_set():
                refused.set()
                raise StoreFailed("database is locked")
            return await taken(text, references, at)

        monkeypatch.setattr(results.texts, "taken", falters)
        sending = asyncio.ensure_future(send(results, row, Provider()))
        await refused.wait()
        sending.cancel()
        await asyncio.wait([sending])
        assert await states(results, row) == [TextState.SENT]


async def test_an_intent_that_was_stored_as_the_engine_was_stopped_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = asyncio.Event()
    async with of(tmp_path, people(1)) as (results, row):
        intend = results.texts.intend

        async def slowly(intent: TextIntent, ceilings: Sequence[Ceiling] = ()) -> bool | None:
            done = await intend(intent, ceilings)
            stored.set()
            await asyncio.sleep(30)
            return done

        monkeypatch.setattr(results.texts, "intend", slowly)
        provider = Provider()
        sending = asyncio.ensure_future(send(results, row, provider))
        await stored.wait()
        sending.cancel()
        await asyncio.wait([sending])
        assert not provider.handed
        assert await states(results, row) == [None]


async def test_a_stop_lets_what_is_handed_over_end(tmp_path: Path) -> None:
    async with of(tmp_path, people(LANES + 50)) as (results, row):
        gate = asyncio.Event()

        async def slowly(text: Text) -> Answer:
            await gate.wait()
            return await takes(text)

        provider = Provider(then=slowly)

        async def stop(texter: Texter) -> None:
            while len(provider.handed) < LANES:
                await asyncio.sleep(0)
            texter.stop()
            gate.set()

        halt, _ = await send(results, row, provider, meanwhile=stop)
        assert halt is Halt.STOPPED
        found = Counter(await states(results, row))
        assert found[TextState.SENT] == len(provider.handed)
        assert found[None] == LANES + 50 - len(provider.handed) > 0


@pytest.mark.parametrize("state", ["paused", "halted", "stopped"])
async def test_staff_who_halt_a_campaign_halt_its_texts(tmp_path: Path, state: str) -> None:
    async with of(tmp_path, people(2)) as (results, row):
        await results.move_campaign(row.id, expected=["running"], state=state)
        provider, watch = Provider(), Watch()

        async def go_on(_texter: Texter) -> None:
            if state == "paused":
                while "paused" not in watch.holds:
                    await asyncio.sleep(0)
                assert not provider.handed
                await results.move_campaign(row.id, expected=["paused"], state="running")

        halt, _ = await send(results, row, provider, watch=watch, meanwhile=go_on)
        expected = (Halt.SETTLED, 2) if state == "paused" else (Halt.STOPPED, 0)
        assert (halt, len(provider.handed)) == expected


@pytest.mark.parametrize("state", ["paused", "halted", "stopped"])
async def test_a_halt_is_heeded_amid_many_and_while_the_provider_is_away(tmp_path: Path, state: str) -> None:
    async with of(tmp_path, people(300)) as (results, row):
        provider = Provider()

        async def one_at_a_time(text: Text) -> Answer:
            await asyncio.sleep(0.01)
            return await takes(text)

        provider.then = one_at_a_time
        watch = Watch()

        async def halt(texter: Texter) -> None:
            while not provider.handed:
                await asyncio.sleep(0)
            provider.connected = False
            await results.move_campaign(row.id, expected=["running"], state=state)
            while state == "paused" and "paused" not in watch.holds:
                await asyncio.sleep(0.01)
            texter.stop()

        await send(results, row, provider, watch=watch, meanwhile=halt)
        found = Counter(await states(results, row))
        assert found[TextState.SENT] == len(provider.handed) < 300


async def test_outside_its_window_nothing_is_sent(tmp_path: Path) -> None:
    async with of(tmp_path, people(2)) as (results, row):
        provider = Provider()
        clock = SystemClock(datetime(2026, 11, 24, 10, 0, tzinfo=TOKYO))
        halt, _ = await send(results, row, provider, rules=replace(RULES, calendar=NINE_TO_TEN), clock=clock)
        assert (halt, provider.handed) == (Halt.WINDOW, [])
        assert await states(results, row) == [None, None]


async def test_it_waits_for_its_window_where_it_is_to(tmp_path: Path) -> None:
    async with of(tmp_path, people(2)) as (results, row):
        provider = Provider()
        clock = SystemClock(datetime(2026, 11, 24, 8, 59, 59, 700_000, tzinfo=TOKYO))
        halt, watch = await send(
            results,
            row,
            provider,
            rules=replace(RULES, calendar=NINE_TO_TEN),
            clock=clock,
            wait_for_windows=True,
        )
        assert (halt, len(provider.handed)) == (Halt.SETTLED, 2)
        assert watch.holds[0] == "text_window"
        assert {text.valid_for for text in provider.handed} == {LEAST_VALID}


async def test_a_cap_puts_a_text_off(tmp_path: Path) -> None:
    """Two people with one number: the second text waits for another day."""
    first, second = people(2)
    async with of(tmp_path, [first, replace(second, numbers=first.numbers)]) as (results, row):
        rules = replace(RULES, caps=(Cap(of=Of.NUMBER, times=1, days=1),))
        provider = Provider()
        halt, watch = await send(results, row, provider, rules=rules)
        assert halt is Halt.WINDOW
        assert len(provider.handed) == 1
        assert "text_cap" in watch.holds
        assert sorted(await states(results, row), key=str) == [None, TextState.SENT]
