"""The texts of a campaign: to whom, when, once, and what is stored of each answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.campaign.course import Halt
from ivr.campaign.send_texts import Texter
from ivr.campaign.texting import NotNow, Refused, Text
from ivr.domain.attempt import Ending, Intent
from ivr.domain.exclusion import ColumnRule, Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.sms import Template
from ivr.domain.text import TextState
from ivr.domain.texting_rules import NO_MOBILE, NOBODYS, REFUSED
from ivr.errors import ExclusionsUnknown, StoreFailed, TextUncertain
from ivr.exclusions import Register
from ivr.storage.text_results import SqlTexts
from tests.campaign.fakes import Watch
from tests.campaign.texting import (
    RULES,
    Answer,
    Provider,
    asked,
    ended,
    hurry,
    of,
    only,
    people,
    says,
    send,
    states,
    takes,
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


async def test_everybody_of_a_campaign_of_texts_alone_gets_one(tmp_path: Path) -> None:
    async with of(tmp_path, people(250)) as (results, row):
        provider = Provider()
        halt, watch = await send(results, row, provider)
        assert halt is Halt.SETTLED
        assert Counter(text.number for text in provider.handed) == Counter(one.numbers[0] for one in people(250))
        assert set(await states(results, row)) == {TextState.SENT}
        assert (await results.counts(row.id)).states["settled"] == 250
        assert watch.texts.count(TextState.SENT) == watch.settled_by_text == 250
        (record, *_) = await results.records(row.id)
        assert record.text is not None
        assert record.text.body == "市役所納税課です。ヤマダ タロウ様、お知らせをご確認ください。03-5722-0000"


async def test_only_those_whom_the_telephone_did_not_reach_are_texted(tmp_path: Path) -> None:
    listed = people(4)
    async with of(tmp_path, listed) as (results, row):
        for who, outcome in zip(
            listed, (Outcome.CONFIRMED, Outcome.NO_ANSWER, Outcome.HUNG_UP, Outcome.REJECTED), strict=True
        ):
            await ended(results, row, who, outcome)
        halt, _ = await send(results, row, Provider(), alone=False)
        assert halt is Halt.SETTLED
        assert await states(results, row) == [None, TextState.SENT, None, TextState.SENT]
        assert [one.outcome for one in await results.records(row.id)][1] is Outcome.NO_ANSWER


async def test_who_waits_for_a_further_call_is_texted_after_so_many_tries(tmp_path: Path) -> None:
    listed = people(2)
    async with of(tmp_path, listed) as (results, row):
        now = datetime.now(UTC)
        for number, who in enumerate(listed):
            for place in range(number + 1):
                intent = Intent(
                    id=f"{who.id}-{place}", campaign=row.id, recipient=who.id, number=who.numbers[0], at=now
                )
                assert await results.intend(intent)
                await results.end(intent.id, Ending(outcome=Outcome.BUSY, at=now), settled=None, due_at=now)
        await send(results, row, Provider(), alone=False, rules=replace(RULES, tries=2))
        assert await states(results, row) == [None, TextState.SENT]
        assert {one.state for one in await results.records(row.id)} == {"waiting"}, "they are still called"


async def test_texts_go_out_while_the_calls_go_on(tmp_path: Path) -> None:
    listed = people(2)
    async with of(tmp_path, listed) as (results, row):
        provider = Provider()

        async def calls(_texter: Texter) -> None:
            await ended(results, row, listed[0], Outcome.BUSY)
            while not provider.handed:
                await asyncio.sleep(0)
            await ended(results, row, listed[1], Outcome.BUSY)

        assert (await send(results, row, provider, alone=False, meanwhile=calls))[0] is Halt.SETTLED
        assert len(provider.handed) == 2


async def test_a_text_goes_to_a_mobile_that_exists(tmp_path: Path) -> None:
    (who,) = people(1)
    who = replace(who, numbers=("+81357220001", "+819012340001", "+818012340002"))
    async with of(tmp_path, [who]) as (results, row):
        await ended(results, row, who, Outcome.INVALID_NUMBER, "+819012340001")
        provider = Provider()
        await send(results, row, provider, alone=False)
        assert [text.number for text in provider.handed] == ["+818012340002"]


@pytest.mark.parametrize(
    ("numbers", "why"), [(("+81357220001",), NO_MOBILE), (("+815012340001",), NO_MOBILE), (("+819099990000",), REFUSED)]
)
async def test_who_can_be_sent_none_is_told_from_who_was(tmp_path: Path, numbers: tuple[str, ...], why: str) -> None:
    (who,) = people(1)
    async with of(tmp_path, [replace(who, numbers=numbers)]) as (results, row):
        await results.texts.bar("+819099990000", "opt_out", datetime.now(UTC))
        provider = Provider()
        halt, watch = await send(results, row, provider)
        record = await only(results, row)
        assert record.text is not None
        assert (halt, record.state, record.text.state, record.text.why) == (
            Halt.SETTLED,
            "settled",
            TextState.CANCELLED,
            why,
        )
        assert not provider.handed
        assert watch.texts == [TextState.CANCELLED]


async def test_a_text_that_a_row_makes_too_long_is_not_sent(tmp_path: Path) -> None:
    (who,) = people(1, 摘要="あ" * 700)
    async with of(tmp_path, [who]) as (results, row):
        provider = Provider()
        await send(results, row, provider, template=Template(body="{office}{office_phone}{摘要}"))
        record = await only(results, row)
        assert record.text is not None
        assert "660" in record.text.why
        assert not provider.handed


async def test_a_link_out_of_the_list_goes_to_nobody(tmp_path: Path) -> None:
    (who,) = people(1, 摘要="詳しくは bit.ly/abc へ")
    async with of(tmp_path, [who]) as (results, row):
        provider = Provider()
        await send(results, row, provider, template=Template(body="{office}{office_phone}{摘要}"))
        record = await only(results, row)
        assert record.text is not None
        assert "リンクになる「bit.ly/abc」" in record.text.why
        assert not provider.handed


async def test_a_mobile_that_is_nobodys_is_told_from_none(tmp_path: Path) -> None:
    (who,) = people(1)
    async with of(tmp_path, [who]) as (results, row):
        await ended(results, row, who, Outcome.INVALID_NUMBER)
        await send(results, row, Provider(), alone=False)
        record = await only(results, row)
        assert record.text is not None
        assert record.text.why == NOBODYS


async def test_whom_the_list_excludes_is_not_texted(tmp_path: Path) -> None:
    rule = ColumnRule(column="支援措置", reason="支援措置", harmless=frozenset({"無"}))
    async with of(tmp_path, people(1, 支援措置="有")) as (results, row):
        provider = Provider()
        _, watch = await send(results, row, provider, registers=Register([rule]))
        record = await only(results, row)
        assert record.text is not None
        assert (record.text.state, record.text.why, provider.handed) == (TextState.CANCELLED, "支援措置", [])
        assert watch.excluded_by == [Source.LIST]


async def test_who_paid_a_moment_ago_is_not_texted(tmp_path: Path) -> None:
    class PaysBetween(SqlTexts):
        """Staff exclude everybody between the look at who is due and the intent."""

        async def intend(self, intent: Any, ceilings: Any = ()) -> bool | None:
            await results.exclude(row.id, intent.recipient, Exclusion(reason="納付済", source=Source.STAFF))
            return await super().intend(intent, ceilings)

    (who,) = people(1)
    async with of(tmp_path, [who]) as (results, row):
        await ended(results, row, who, Outcome.BUSY)
        provider = Provider()
        await send(results, row, provider, alone=False, texts=PaysBetween(results))
        assert not provider.handed
        record = await only(results, row)
        assert record.text is not None
        assert (record.text.state, record.text.why) == (TextState.CANCELLED, "納付済")


async def test_the_collection_system_is_asked_just_before(tmp_path: Path) -> None:
    class Paid:
        async def excluded(self, recipient: Recipient) -> Exclusion | None:
            return Exclusion(reason="納付済", source=Source.COLLECTION) if recipient.id == "00001" else None

    async with of(tmp_path, people(3)) as (results, row):
        provider = Provider()
        await send(results, row, provider, enquiry=Paid())
        assert await states(results, row) == [TextState.SENT, TextState.CANCELLED, TextState.SENT]
        assert len(provider.handed) == 2


async def test_nobody_is_texted_while_nobody_can_tell_who_is_not_to_be(tmp_path: Path) -> None:
    class Unsure:
        left = 3

        async def excluded(self, recipient: Recipient) -> Exclusion | None:
            if self.left:
                self.left -= 1
                raise ExclusionsUnknown("no answer")
            return None

    async with of(tmp_path, people(2)) as (results, row):
        provider = Provider()
        _, watch = await send(results, row, provider, enquiry=Unsure())
        assert watch.holds.count("exclusions") == 3
        assert len(provider.handed) == 2
        assert set(await states(results, row)) == {TextState.SENT}


@pytest.mark.parametrize("state", [TextState.REFUSED, TextState.NO_NUMBER, TextState.FAILED])
async def test_what_is_refused_is_not_tried_again(tmp_path: Path, state: TextState) -> None:
    async with of(tmp_path, people(1)) as (results, row):
        provider = Provider(then=says(Refused(state=state, reason="だめです")))
        halt, watch = await send(results, row, provider)
        record = await only(results, row)
        assert record.text is not None
        assert (halt, record.text.state, record.text.why) == (Halt.SETTLED, state, "だめです")
        assert len(provider.handed) == 1
        assert watch.texts == [state]


async def test_what_the_provider_puts_off_is_sent_later_and_once(tmp_path: Path) -> None:
    async with of(tmp_path, people(5)) as (results, row):
        later = says(NotNow(reason="混んでいます"))
        provider = Provider(answers=[later, takes, later, later])
        halt, watch = await send(results, row, provider)
        assert halt is Halt.SETTLED
        assert "sms_later" in watch.holds
        assert len(provider.handed) == 5 + 3
        assert set(await states(results, row)) == {TextState.SENT}


async def test_without_credit_nobody_is_used_up_and_the_reason_is_told(tmp_path: Path) -> None:
    async with of(tmp_path, people(5)) as (results, row):
        unpaid = says(NotNow(reason="残高がありません", unpaid=True))
        provider = Provider(answers=[unpaid] * 3)
        halt, watch = await send(results, row, provider)
        assert (halt, watch.holds.count("sms_credit"), "sms_later" in watch.holds) == (Halt.SETTLED, 3, False)
        assert set(await states(results, row)) == {TextState.SENT}


async def test_what_nobody_can_tell_is_unknown_and_not_sent_again(tmp_path: Path) -> None:
    async with of(tmp_path, people(1)) as (results, row):
        provider = Provider(then=says(TextUncertain("切れました", ["p1"])))
        halt, _ = await send(results, row, provider)
        record = await only(results, row)
        assert record.text is not None
        assert (halt, record.text.state, record.text.parts) == (Halt.SETTLED, TextState.UNKNOWN, 1)
        assert len(provider.handed) == 1


async def test_it_waits_for_a_provider_that_is_away(tmp_path: Path) -> None:
    async with of(tmp_path, people(2)) as (results, row):
        provider = Provider(connected=False)
        watch = Watch()

        async def come_back(_texter: Texter) -> None:
            while "sms" not in watch.holds:
                await asyncio.sleep(0)
            assert not provider.handed
            provider.connected = True

        halt, _ = await send(results, row, provider, watch=watch, meanwhile=come_back)
        assert (halt, len(provider.handed)) == (Halt.SETTLED, 2)


async def test_a_store_that_fails_costs_no_answer_and_sends_nothing_twice(tmp_path: Path) -> None:
    failures = Counter[str]()

    class Failing(SqlTexts):
        async def intend(self, intent: Any, ceilings: Any = ()) -> bool | None:
            if failures["intend"] < 2:
                failures["intend"] += 1
                raise StoreFailed("disk full")
            return await super().intend(intent, ceilings)

        async def taken(self, text: str, references: Sequence[str], at: datetime) -> TextState | None:
            if failures["taken"] < 2:
                failures["taken"] += 1
                raise StoreFailed("disk full")
            return await super().taken(text, references, at)

    async with of(tmp_path, people(3)) as (results, row):
        provider = Provider()
        halt, watch = await send(results, row, provider, texts=Failing(results))
        assert (halt, len(provider.handed)) == (Halt.SETTLED, 3)
        assert watch.holds.count("store") == 4
        assert set(await states(results, row)) == {TextState.SENT}


async def test_an_intent_whose_commit_seemed_to_fail_is_taken_back(tmp_path: Path) -> None:
    failures = Counter[str]()

    class Doubtful(SqlTexts):
        async def intend(self, intent: Any, ceilings: Any = ()) -> bool | None:
            stored = await super().intend(intent, ceilings)
            failures["intend"] += 1
            if failures["intend"] == 1:
                raise StoreFailed("the connection was lost in the commit")
            return stored

    async with of(tmp_path, people(2)) as (results, row):
        provider = Provider()
        halt, _ = await send(results, row, provider, texts=Doubtful(results))
        assert (halt, len(provider.handed)) == (Halt.SETTLED, 2)
        assert await states(results, row) == [TextState.SENT, TextState.SENT]


async def test_no_more_intents_are_open_than_the_provider_owes_answers(tmp_path: Path) -> None:
    """Each would be unknown after a crash, whether or not a byte of it went out."""
    most = 0

    async with of(tmp_path, people(20)) as (results, row):

        async def counted(text: Text) -> Answer:
            nonlocal most
            await asyncio.sleep(0.01)
            found = await results.texts.counts(asked(row, alone=True))
            most = max(most, found.states.get(TextState.QUEUED, 0))
            return await takes(text)

        await send(results, row, Provider(then=counted), lanes=3)
        assert most == 3
        assert set(await states(results, row)) == {TextState.SENT}
