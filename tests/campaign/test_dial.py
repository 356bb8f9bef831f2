"""The dialler on a real store, with a telephone that answers at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.campaign import course, persisting
from ivr.campaign.course import Halt
from ivr.campaign.ports import Disposition, Talk
from ivr.campaign.records import Due
from ivr.domain.attempt import Ending, Intent
from ivr.domain.calendar import DAYS, Window
from ivr.domain.call import Pressed, Spoken
from ivr.domain.calling_rules import Ceiling, Retry, Rules
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.errors import StoreFailed
from ivr.storage.results import SqlResults
from tests.campaign.dialling import ALWAYS, HANGS_UP, PRESSES, campaign, outcomes, people, run
from tests.campaign.fakes import BUSY, Answer, ScriptedLeg, SilentVoice, SystemClock, Telephone, Watch


async def test_everybody_is_dialled_once_and_settled(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(250)) as (results, row):
        telephone = Telephone({"+81357220003": BUSY}, PRESSES)
        halt, watch = await run(results, row, telephone)
        assert halt is Halt.SETTLED
        assert sorted(intent.number for intent in telephone.dials) == sorted(p.numbers[0] for p in people(250))
        assert telephone.most <= 5
        found = await outcomes(results, row)
        assert found["00003"] is Outcome.BUSY
        assert set(found.values()) == {Outcome.BUSY, Outcome.CONFIRMED}
        assert len(watch.outcomes) == 250


async def test_the_intent_is_stored_before_the_dial(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(3)) as (results, row):
        stored: list[bool] = []

        async def look(intent: Intent, talk: Talk) -> Disposition:
            stored.append(intent.id in {attempt.intent.id for attempt in await results.open_attempts()})
            return BUSY

        await run(results, row, Telephone({}, look))
        assert stored == [True] * 3


async def test_a_texts_that_names_nobody_is_prepared_once(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(20)) as (results, row):
        voice = SilentVoice()
        await run(results, row, Telephone({}, PRESSES), voice=voice)
        assert voice.asked["税務課です。"] == 1
        assert voice.asked["ヤマダ タロウ様でいらっしゃいますか。"] == 20


async def test_a_busy_number_is_tried_again_as_the_rules_say_and_no_more(tmp_path: Path) -> None:
    rules = Rules(
        calendar=ALWAYS, retries={Outcome.BUSY: Retry(times=2, after=timedelta(seconds=0.05))}, total=5, per_day=5
    )
    async with campaign(tmp_path, people(2)) as (results, row):
        telephone = Telephone({}, BUSY)
        await run(results, row, telephone, rules=rules)
        assert len(telephone.dials) == 6
        assert await outcomes(results, row) == {"00000": Outcome.BUSY, "00001": Outcome.BUSY}


async def test_a_person_whose_call_ends_while_the_store_is_read_is_not_called_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = Rules(calendar=ALWAYS, retries={Outcome.BUSY: Retry(times=1, after=timedelta(hours=1))})
    async with campaign(tmp_path, people(1)) as (results, row):
        telephone = Telephone({}, BUSY)
        watch, looks, dialled = Watch(), 0, asyncio.Event()
        watch.on_end = dialled.set
        real_due, real_intend, read = results.due, results.intend, asyncio.Event()

        async def intend(intent: Intent, ceilings: Sequence[Ceiling] = ()) -> bool:
            await read.wait()
            return await real_intend(intent, ceilings)

        async def due(
            campaign_id: str, now: datetime, limit: int, *, after: int = 0, counted: datetime | None = None
        ) -> tuple[Due, ...]:
            nonlocal looks
            looks += 1
            batch = await real_due(campaign_id, now, limit, after=after, counted=counted)
            if looks == 2:
                assert len(batch) == 1
                read.set()
                await dialled.wait()
            elif looks > 2:
                await results.move_campaign(row.id, expected=["running"], state="stopped")
            return batch

        monkeypatch.setattr(results, "intend", intend)
        monkeypatch.setattr(results, "due", due)
        await run(results, row, telephone, rules=rules, watch=watch)
        assert len(telephone.dials) == 1


async def test_a_dead_number_leads_to_the_persons_next_one(tmp_path: Path) -> None:
    person = Recipient(id="1", line=2, kana="ヤマダ", numbers=("+81357220001", "+819012345678"))
    async with campaign(tmp_path, [person]) as (results, row):
        telephone = Telephone({"+81357220001": Disposition(sip=404, q850=1)}, PRESSES)
        await run(results, row, telephone)
        assert [intent.number for intent in telephone.dials] == list(person.numbers)
        assert await outcomes(results, row) == {"1": Outcome.CONFIRMED}


async def test_outside_every_window_nothing_is_dialled(tmp_path: Path) -> None:
    sunday = SystemClock(start=datetime(2026, 11, 22, 12, 0, tzinfo=ZoneInfo("Asia/Tokyo")))
    weekdays = replace(ALWAYS, windows=(Window(days=frozenset(DAYS[:5]), start=540, until=1200),))
    async with campaign(tmp_path, people(3)) as (results, row):
        telephone = Telephone({}, PRESSES)
        halt, _ = await run(results, row, telephone, rules=Rules(calendar=weekdays), clock=sunday)
        assert halt is Halt.WINDOW
        assert telephone.dials == []


async def test_a_stop_lets_calls_end_and_leaves_the_rest_waiting(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(200)) as (results, row):
        telephone = Telephone({}, PRESSES)
        halt, _ = await run(results, row, telephone, stop_after=20)
        assert halt is Halt.STOPPED
        assert 20 <= len(telephone.dials) < 200
        assert await results.open_attempts() == ()
        halt, _ = await run(results, row, telephone)
        assert halt is Halt.SETTLED
        assert len({intent.recipient for intent in telephone.dials}) == len(telephone.dials) == 200


async def test_a_stop_does_not_wait_for_the_voice(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(200)) as (results, row):
        voice = SilentVoice()
        voice.stuck_after = 30
        telephone = Telephone({}, PRESSES)
        halt, _ = await run(results, row, telephone, voice=voice, stop_after=20, afterwards=voice.unstuck.set)
        assert halt is Halt.STOPPED
        assert 20 <= len(telephone.dials) < 200


async def test_a_defect_in_one_call_ends_that_call_alone_and_loses_no_line(tmp_path: Path) -> None:
    async def breaks(intent: Intent, talk: Talk) -> Disposition:
        raise RuntimeError("defect")

    async with campaign(tmp_path, people(30)) as (results, row):
        halt, watch = await run(results, row, Telephone({"+81357220004": breaks}, HANGS_UP), lines=1)
        assert halt is Halt.SETTLED
        found = await outcomes(results, row)
        assert found.pop("00004") is Outcome.UNKNOWN
        assert set(found.values()) == {Outcome.HUNG_UP}
        assert len(watch.defects) == 1


async def test_what_cannot_be_spoken_is_our_failure_and_is_not_dialled(tmp_path: Path) -> None:
    people_ = [*people(3), Recipient(id="x", line=9, kana="ムオン", numbers=("+81357229999",))]
    async with campaign(tmp_path, people_) as (results, row):
        telephone = Telephone({}, HANGS_UP)
        await run(results, row, telephone, voice=SilentVoice(mute="ムオン"))
        assert len(telephone.dials) == 3
        assert (await outcomes(results, row))["x"] is Outcome.FAILED


async def test_a_voice_out_of_order_holds_the_dialling_and_settles_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "PATIENCE", 0.01)
    async with campaign(tmp_path, people(20)) as (results, row):
        voice = SilentVoice()
        voice.out_of_order = 50
        _, watch = await run(results, row, Telephone({}, HANGS_UP), voice=voice)
        assert "voice" in watch.holds
        assert set((await outcomes(results, row)).values()) == {Outcome.HUNG_UP}


async def test_while_the_pbx_or_the_store_is_down_it_waits_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persisting, "PATIENCE", 0.01)
    monkeypatch.setattr(course, "PATIENCE", 0.01)
    async with campaign(tmp_path, people(10)) as (results, row):
        telephone = Telephone({}, HANGS_UP)
        telephone.down = 3
        refuse = {"intend": 2, "end": 2}
        real_intend, real_end = results.intend, results.end

        async def intend(intent: Intent, ceilings: Sequence[Ceiling] = ()) -> bool:
            if refuse["intend"]:
                refuse["intend"] -= 1
                raise StoreFailed("disk full")
            return await real_intend(intent, ceilings)

        async def end(attempt_id: str, ending: Ending, *, settled: Outcome | None, due_at: datetime | None) -> bool:
            if refuse["end"]:
                refuse["end"] -= 1
                raise StoreFailed("disk full")
            return await real_end(attempt_id, ending, settled=settled, due_at=due_at)

        monkeypatch.setattr(results, "intend", intend)
        monkeypatch.setattr(results, "end", end)
        halt, watch = await run(results, row, telephone)
        assert halt is Halt.SETTLED
        assert {"pbx", "store"} <= set(watch.holds)
        assert len(telephone.dials) == 10
        assert set((await outcomes(results, row)).values()) == {Outcome.HUNG_UP}


class NoPbx(Telephone):
    """A telephone that never takes orders, and is slow to say so."""

    async def ready(self) -> None:
        await asyncio.sleep(30)


async def test_a_stop_does_not_wait_for_a_pbx_that_does_not_come(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(3)) as (results, row):
        watch = Watch()

        async def stop() -> None:
            while "pbx" not in watch.holds:
                await asyncio.sleep(0.01)
            await results.move_campaign(row.id, expected=["running"], state="stopped")

        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(stop())
            halt, _ = await run(results, row, NoPbx({}, BUSY), watch=watch)
        assert halt is Halt.STOPPED
        assert (await results.counts(row.id)).states["waiting"] == 3


async def test_the_wait_for_a_pbx_ends_with_the_window(tmp_path: Path) -> None:
    evening = SystemClock(start=datetime(2026, 11, 24, 19, 59, 58, tzinfo=ZoneInfo("Asia/Tokyo")))
    weekdays = replace(ALWAYS, windows=(Window(days=frozenset(DAYS[:5]), start=540, until=1200),))
    async with campaign(tmp_path, people(3)) as (results, row), asyncio.timeout(10):
        halt, watch = await run(results, row, NoPbx({}, BUSY), rules=Rules(calendar=weekdays), clock=evening)
        assert halt is Halt.WINDOW
        assert "pbx" in watch.holds
        assert (await results.counts(row.id)).states["waiting"] == 3


async def test_a_pause_holds_the_dialling_and_a_resume_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.campaign.course.LOOK_AGAIN", 0.05)
    async with campaign(tmp_path, people(100)) as (results, row):

        async def slow(intent: Intent, talk: Talk) -> Disposition:
            await asyncio.sleep(0.005)
            return Disposition(sip=480, q850=18, rang=True)

        telephone = Telephone({}, slow)
        watch = Watch()

        async def pause_and_resume() -> None:
            while len(telephone.dials) < 20:
                await asyncio.sleep(0.005)
            await results.move_campaign(row.id, expected=["running"], state="paused")
            while "paused" not in watch.holds:
                await asyncio.sleep(0.005)
            paused.append(datetime.now(UTC))
            await asyncio.sleep(0.1)
            paused.append(datetime.now(UTC))
            assert len(telephone.dials) < 100
            await results.move_campaign(row.id, expected=["paused"], state="running")

        paused: list[datetime] = []
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pause_and_resume())
            halt, _ = await run(results, row, telephone, lines=2, watch=watch)
        assert halt is Halt.SETTLED
        assert len(telephone.dials) == 100
        began, ended = paused
        assert not [intent for intent in telephone.dials if began < intent.at < ended], "decided while it was paused"


async def test_an_aborted_engine_stores_what_was_proven_and_a_restart_leaves_nothing_open(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(5)) as (results, row):
        answering = asyncio.Event()

        async def hangs(intent: Intent, talk: Talk) -> Disposition:
            answering.set()
            await talk(ScriptedLeg(Pressed("#"), Spoken(1.0), None))
            raise AssertionError

        async def abort() -> None:
            await answering.wait()
            await asyncio.sleep(0.05)
            raise KeyError("abort")

        with pytest.raises(ExceptionGroup):  # noqa: PT012 - the group is what is raised
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(abort())
                await run(results, row, Telephone({}, hangs), lines=1)
        assert await results.open_attempts() == ()
        found = list((await outcomes(results, row)).values())
        assert found.count(Outcome.CONFIRMED) == 1


class ForgetfulStore:
    """A store that keeps an intent and yet says no, once: its answer was lost."""

    def __init__(self, results: SqlResults) -> None:
        self._results = results
        self.lost = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._results, name)

    async def intend(self, intent: Intent, ceilings: Sequence[Ceiling] = ()) -> bool:
        stored = await self._results.intend(intent, ceilings)
        if not self.lost:
            self.lost += 1
            raise StoreFailed("the answer is lost")
        return stored


async def test_an_intent_whose_storing_is_in_doubt_is_withdrawn_and_the_person_is_called_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "PATIENCE", 0.02)
    async with campaign(tmp_path, people(1)) as (results, row):
        store, telephone = ForgetfulStore(results), Telephone({}, PRESSES)
        again = Rules(calendar=ALWAYS, retries={Outcome.FAILED: Retry(times=1, after=timedelta(0))})
        halt, _ = await run(store, row, telephone, rules=again)  # type: ignore[arg-type]
        assert halt is Halt.SETTLED
        assert store.lost == 1
        assert len(telephone.dials) == 1
        (person,) = await results.records(row.id)
        assert [attempt.outcome for attempt in person.attempts] == [Outcome.FAILED, Outcome.CONFIRMED]
        assert person.attempts[0].dialled_at is None


async def test_an_emergency_stop_ends_every_call_and_keeps_what_was_proven(tmp_path: Path) -> None:
    begun: list[str] = []
    telephone = Telephone({}, BUSY)

    async def rings(intent: Intent, talk: Talk) -> Disposition:
        begun.append(intent.id)
        await telephone.hung_up[intent.id].wait()
        return Disposition(rang=True, q850=16)

    def talks(*events: Pressed | Spoken | None) -> Answer:
        async def answer(intent: Intent, talk: Talk) -> Disposition:
            begun.append(intent.id)
            await talk(ScriptedLeg(*events))
            await telephone.hung_up[intent.id].wait()
            return Disposition(sip=200, q850=16, answered_at=intent.at, dialled_at=intent.at)

        return answer

    asked, heard = talks(None), talks(Pressed("#"), Spoken(1.0), None)
    telephone.answers = {"+81357220000": rings, "+81357220001": asked, "+81357220002": heard}
    async with campaign(tmp_path, people(5)) as (results, row), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run(results, row, telephone, lines=3))
        while len(begun) < 3:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await results.move_campaign(row.id, expected=["running"], state="halted")
        halt, _ = await running
        assert halt is Halt.STOPPED
        assert await outcomes(results, row) == {
            "00000": Outcome.CANCELLED,
            "00001": Outcome.CANCELLED,
            "00002": Outcome.CONFIRMED,
            "00003": None,
            "00004": None,
        }
        (called, *_) = await results.records(row.id)
        assert called.attempts[0].evidence["reason"] == "emergency stop"
