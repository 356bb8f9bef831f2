"""The texts of a campaign: to whom, when, once, and what is stored of each answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.campaign import send_texts
from ivr.campaign.dial import Halt
from ivr.campaign.records import CampaignRow, RecipientRecord
from ivr.campaign.send_texts import LANES, Texter
from ivr.campaign.text_news import TextNews
from ivr.campaign.text_records import TextIntent
from ivr.campaign.texting import Accepted, NotNow, NotTaken, Receipt, Refused, Text
from ivr.domain.attempt import Ending, Intent
from ivr.domain.calendar import Calendar, Window
from ivr.domain.calling_rules import Cap, Of
from ivr.domain.exclusion import ColumnRule, Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.sms import Template
from ivr.domain.text import TextState
from ivr.domain.texting_rules import NO_MOBILE, NOBODYS, REFUSED
from ivr.errors import ExclusionsUnknown, StoreFailed, TextUncertain
from ivr.exclusions import Register
from ivr.storage import SqlResults
from ivr.storage.barred import NO_NUMBER
from ivr.storage.text_results import SqlTexts
from tests.campaign.dialling import PRESSES, campaign, run
from tests.campaign.fakes import SystemClock, Telephone, Watch
from tests.campaign.texting import RULES, TOKYO, Answer, Provider, asked, send, takes


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_texts, "PATIENCE", 0.02)
    monkeypatch.setattr(send_texts, "LOOK_AGAIN", 0.02)


def people(count: int, **columns: str) -> list[Recipient]:
    return [
        Recipient(id=f"{n:05}", line=n + 2, kana="ヤマダ タロウ", numbers=(f"+81901234{n:04}",), columns=columns)
        for n in range(count)
    ]


@asynccontextmanager
async def of(path: Path, listed: Sequence[Recipient]) -> AsyncIterator[tuple[SqlResults, CampaignRow]]:
    async with campaign(path, listed) as made:
        yield made


async def ended(results: SqlResults, row: CampaignRow, who: Recipient, outcome: Outcome, number: str = "") -> None:
    """One dial that ended the person's calls."""
    now = datetime.now(UTC)
    intent = Intent(
        id=f"a-{who.id}-{now.timestamp()}", campaign=row.id, recipient=who.id, number=number or who.numbers[0], at=now
    )
    assert await results.intend(intent)
    await results.end(intent.id, Ending(outcome=outcome, at=now), settled=outcome, due_at=None)


async def states(results: SqlResults, row: CampaignRow) -> list[TextState | None]:
    return [one.text.state if one.text else None for one in await results.records(row.id)]


async def only(results: SqlResults, row: CampaignRow) -> RecipientRecord:
    (record,) = await results.records(row.id)
    return record


def says(answer: Answer | Exception) -> Any:
    async def answering(_text: Text) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return answering


async def test_everybody_of_a_campaign_of_texts_alone_gets_one(tmp_path: Path) -> None:
    async with of(tmp_path, people(250)) as (results, row):
        provider = Provider()
        halt, watch = await send(results, row, provider)
        assert halt is Halt.SETTLED
        assert Counter(text.number for text in provider.handed) == Counter(one.numbers[0] for one in people(250))
        assert set(await states(results, row)) == {TextState.SENT}
        assert (await results.counts(row.id)).states["settled"] == 250
        assert watch.texts.count(TextState.SENT) == 250
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


NINE_TO_TEN = Calendar(windows=(Window(days=frozenset({"tue"}), start=540, until=600),), zone=TOKYO)


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
