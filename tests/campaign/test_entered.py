"""Whom staff enter on the page while a campaign runs is not dialled again, also where the call was prepared before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from ivr.campaign.course import Halt
from ivr.campaign.ports import Disposition, Talk
from ivr.domain.attempt import Intent
from ivr.domain.entered import EnteredExclusion
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.storage import SqlResults
from ivr.storage.exclusions import ELSEWHERE
from ivr.storage.text_results import SqlTexts
from tests.campaign import texting
from tests.campaign.dialling import PRESSES, campaign, people, run
from tests.campaign.fakes import Telephone

SAID = Exclusion(reason=ELSEWHERE, source=Source.STAFF)


async def enter(results: SqlResults, *, person: str = "", number: str = "") -> None:
    await results.exclusions.add(
        EnteredExclusion(
            id=uuid4().hex,
            person=person,
            number=number,
            reason="本人の申し出",
            department="tax",
            entered_at=datetime.now(UTC),
            entered_by="hanako",
        )
    )


async def test_whoever_is_entered_while_others_are_dialled_is_not_dialled(tmp_path: Path) -> None:
    listed = people(8)
    unwanted = {"00001", "00002", "00007"}
    async with campaign(tmp_path, listed) as (results, row):

        async def answer(intent: Intent, talk: Talk) -> Disposition:
            if len(telephone.dials) == 1:
                # With one line ten people are prepared ahead: all of these are in hand by now.
                await enter(results, person="1")
                for one in listed[2], listed[7]:
                    await enter(results, number=one.numbers[0])
            return await PRESSES(intent, talk)

        telephone = Telephone({}, answer)
        halt, watch = await run(results, row, telephone, lines=1)
        assert halt is Halt.SETTLED
        assert [intent.recipient for intent in telephone.dials] == ["00000", "00003", "00004", "00005", "00006"]
        found = {one.recipient.id: (one.outcome, one.excluded) for one in await results.records(row.id)}
        assert {one for one, end in found.items() if end == (Outcome.CANCELLED, SAID)} == unwanted
        assert watch.excluded_by == [Source.STAFF] * 3


async def test_whoever_is_entered_a_moment_before_is_not_texted(tmp_path: Path) -> None:
    class EntersBetween(SqlTexts):
        """Staff enter everybody between the look at who is due and the intent."""

        async def intend(self, intent: Any, ceilings: Any = ()) -> bool | None:
            await enter(results, number=intent.number)
            return await super().intend(intent, ceilings)

    (who,) = texting.people(1)
    async with texting.of(tmp_path, [who]) as (results, row):
        provider = texting.Provider()
        await texting.send(results, row, provider, texts=EntersBetween(results))
        assert not provider.handed
        record = await texting.only(results, row)
        assert record.text is not None
        assert (record.text.state, record.text.why) == (TextState.CANCELLED, SAID.reason)
