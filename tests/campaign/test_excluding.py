"""Who must not be called is not: by list, by file, by staff, at any moment of a campaign."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ivr import exclusions
from ivr.campaign import course
from ivr.campaign.course import Halt
from ivr.campaign.ports import Disposition, Talk
from ivr.campaign.records import RecipientRecord
from ivr.domain.attempt import Intent
from ivr.domain.calling_rules import Retry, Rules
from ivr.domain.exclusion import ColumnRule, Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.exclusions import Register
from tests.campaign.dialling import ALWAYS, PRESSES, campaign, people, run
from tests.campaign.fakes import BUSY, Telephone

SUPPORT = ColumnRule(column="支援措置", reason="支援措置", harmless=frozenset({"", "無"}))
AGAIN = Rules(calendar=ALWAYS, retries={Outcome.BUSY: Retry(times=2, after=timedelta(seconds=0.05))}, per_day=3)
STAFF = Exclusion(reason="納付済", source=Source.STAFF)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusions, "FRESH", 0.0)
    monkeypatch.setattr(course, "PATIENCE", 0.05)
    monkeypatch.setattr(course, "LOOK_AGAIN", 0.05)


def ends(records: tuple[RecipientRecord, ...]) -> dict[str, tuple[Outcome | None, Exclusion | None]]:
    return {record.recipient.id: (record.outcome, record.excluded) for record in records}


async def test_whom_the_list_excludes_is_never_dialled_and_the_reason_is_kept(tmp_path: Path) -> None:
    listed = [replace(one, columns={"支援措置": "有" if n % 3 == 0 else "無"}) for n, one in enumerate(people(9))]
    async with campaign(tmp_path, listed) as (results, row):
        telephone = Telephone({}, PRESSES)
        halt, watch = await run(results, row, telephone, registers=Register([SUPPORT]))
        assert halt is Halt.SETTLED
        assert {intent.recipient for intent in telephone.dials} == {one.id for n, one in enumerate(listed) if n % 3}
        found = ends(await results.records(row.id))
        assert found["00000"] == (Outcome.CANCELLED, Exclusion(reason="支援措置", source=Source.LIST))
        assert found["00001"] == (Outcome.CONFIRMED, None)
        assert watch.excluded_by == [Source.LIST] * 3


async def test_of_a_number_in_the_file_the_persons_other_number_is_dialled(tmp_path: Path) -> None:
    (tmp_path / "jogai.csv").write_text("電話番号,理由\n03-5722-0000,架電拒否\n", encoding="utf-8")
    one, other = people(2)
    both = replace(one, numbers=(*one.numbers, "+819012345678"))
    async with campaign(tmp_path, [both, replace(other, numbers=one.numbers)]) as (results, row):
        telephone = Telephone({}, PRESSES)
        await run(results, row, telephone, registers=Register(file=tmp_path / "jogai.csv"))
        assert [intent.number for intent in telephone.dials] == ["+819012345678"]
        assert ends(await results.records(row.id))["00001"] == (
            Outcome.CANCELLED,
            Exclusion(reason="架電拒否", source=Source.FILE),
        )


async def test_who_comes_into_the_file_between_two_tries_is_not_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "jogai.csv"
    file.write_text("宛名番号,理由\nx,y\n", encoding="utf-8")

    async def busy(intent: Intent, talk: Talk) -> Disposition:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f"{intent.recipient},納付済\n")
        return BUSY

    async with campaign(tmp_path, people(3)) as (results, row):
        telephone = Telephone({}, busy)
        halt, _ = await run(results, row, telephone, rules=AGAIN, registers=Register(file=file))
        assert halt is Halt.SETTLED
        assert len(telephone.dials) == 3
        found = set(ends(await results.records(row.id)).values())
        assert found == {(Outcome.CANCELLED, Exclusion(reason="納付済", source=Source.FILE))}


async def test_while_the_file_is_gone_nobody_is_dialled_and_then_everybody_is(tmp_path: Path) -> None:
    file = tmp_path / "jogai.csv"
    file.write_text("宛名番号,理由\nx,y\n", encoding="utf-8")
    gone = tmp_path / "gone.csv"
    dials_while_gone: list[str] = []

    async def answer(intent: Intent, talk: Talk) -> Disposition:
        if gone.exists():
            dials_while_gone.append(intent.id)
        elif len(telephone.dials) == 5:
            file.rename(gone)
        return await PRESSES(intent, talk)

    async with campaign(tmp_path, people(20)) as (results, row):
        telephone = Telephone({}, answer)
        missed: list[bool] = []

        def looked(known: bool) -> None:
            if not known:
                missed.append(True)
            if len(missed) == 10 and gone.exists():
                gone.rename(file)

        register = Register(file=file, on_look=looked)
        halt, watch = await run(results, row, telephone, lines=1, registers=register)
        assert halt is Halt.SETTLED
        assert len(telephone.dials) == 20
        assert dials_while_gone == []
        assert "exclusions" in watch.holds
        assert {outcome for outcome, _ in ends(await results.records(row.id)).values()} == {Outcome.CONFIRMED}


async def test_without_the_column_nobody_is_dialled(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(3)) as (results, row):
        telephone = Telephone({}, PRESSES)
        with pytest.raises(TimeoutError):
            await run(results, row, telephone, registers=Register([SUPPORT]), within=1.0)
        assert telephone.dials == []
        assert {record.state for record in await results.records(row.id)} == {"waiting"}


async def test_whom_staff_exclude_during_a_call_is_not_called_again(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(1)) as (results, row):

        async def busy(intent: Intent, talk: Talk) -> Disposition:
            assert await results.exclude(row.id, intent.recipient, STAFF) == "calling"
            return BUSY

        telephone = Telephone({}, busy)
        await run(results, row, telephone, rules=AGAIN)
        assert len(telephone.dials) == 1
        assert ends(await results.records(row.id)) == {"00000": (Outcome.CANCELLED, STAFF)}


async def test_whom_staff_exclude_while_they_wait_is_not_called(tmp_path: Path) -> None:
    async with campaign(tmp_path, people(2)) as (results, row):
        assert await results.exclude(row.id, "00001", STAFF) == "waiting"
        telephone = Telephone({}, PRESSES)
        await run(results, row, telephone)
        assert [intent.recipient for intent in telephone.dials] == ["00000"]
        assert ends(await results.records(row.id))["00001"] == (Outcome.CANCELLED, STAFF)
