"""A campaign's texts on a real store, with a provider that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ivr.campaign import course, persisting, send_texts
from ivr.campaign.course import Halt
from ivr.campaign.ports import Clock, Enquiry, Registers
from ivr.campaign.records import CampaignRow, RecipientRecord
from ivr.campaign.send_texts import LANES, Texter
from ivr.campaign.text_records import Texts, TextsAsked
from ivr.campaign.texting import Accepted, NotNow, NotTaken, Refused, Text, TextGateway
from ivr.domain.attempt import Ending, Intent
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.sms import Template
from ivr.domain.text import TextState
from ivr.domain.texting_rules import Sender, TextRules
from ivr.exclusions import Register
from ivr.storage import SqlResults
from tests.campaign.dialling import ALWAYS, campaign
from tests.campaign.fakes import SystemClock, Watch

TEMPLATE = Template(body="{office}です。{kana}様、お知らせをご確認ください。{office_phone}")
SENDER = Sender(office="市役所納税課", phone="03-5722-0000")
NOT_REACHED = frozenset({Outcome.NO_ANSWER, Outcome.BUSY, Outcome.REJECTED, Outcome.INVALID_NUMBER})
RULES = TextRules(calendar=ALWAYS, after=NOT_REACHED)
TOKYO = ZoneInfo("Asia/Tokyo")

Answer = Accepted | Refused | NotNow
Answering = Callable[[Text], Awaitable[Answer]]


async def takes(text: Text) -> Answer:
    return Accepted(references=(f"r-{text.id}",))


@dataclass
class Provider:
    """A gateway that answers each text by `answers`, in order, then as `then`; keeps what it was handed."""

    answers: list[Answering] = field(default_factory=list)
    then: Answering = takes
    handed: list[Text] = field(default_factory=list)
    connected: bool = True
    known: dict[str, Accepted | NotTaken | NotNow] = field(default_factory=dict)

    async def ready(self, within: float) -> bool:
        if not self.connected:
            await asyncio.sleep(min(within, 0.02))
        return self.connected

    async def submit(self, text: Text) -> Answer:
        self.handed.append(text)
        return await (self.answers.pop(0) if self.answers else self.then)(text)

    async def became(self, text: str) -> Accepted | NotTaken | NotNow | None:
        return self.known.get(text)


def asked(row: CampaignRow, rules: TextRules = RULES, *, alone: bool = False) -> TextsAsked:
    return TextsAsked(campaign=row.id, after=tuple(sorted(rules.after)), tries=rules.tries, alone=alone)


async def send(
    results: SqlResults,
    row: CampaignRow,
    provider: TextGateway,
    *,
    template: Template = TEMPLATE,
    rules: TextRules = RULES,
    alone: bool = True,
    registers: Registers | None = None,
    enquiry: Enquiry | None = None,
    texts: Texts | None = None,
    clock: Clock | None = None,
    watch: Watch | None = None,
    wait_for_windows: bool = False,
    lanes: int = LANES,
    meanwhile: Callable[[Texter], Awaitable[None]] | None = None,
    within: float = 30.0,
) -> tuple[Halt, Watch]:
    """Send the texts of a campaign whose calls are over, to the end."""
    watch = watch or Watch()
    async with asyncio.timeout(within), asyncio.TaskGroup() as tasks:
        texter = Texter(
            row,
            template,
            sender=SENDER,
            rules=rules,
            asked=asked(row, rules, alone=alone),
            registers=registers or Register(),
            enquiry=enquiry,
            results=results,
            texts=texts or results.texts,
            gateway=provider,
            clock=clock or SystemClock(),
            observer=watch,
            spawn=tasks.create_task,
            wait_for_windows=wait_for_windows,
            lanes=lanes,
        )
        running = tasks.create_task(texter.run())
        if meanwhile is not None:
            await meanwhile(texter)
        texter.calls_are_over()
        halt = await running
    return halt, watch


A_DAY = timedelta(days=1)


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


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for long."""
    for module in (course, send_texts):
        monkeypatch.setattr(module, "PATIENCE", 0.02)
        monkeypatch.setattr(module, "LOOK_AGAIN", 0.02)
    monkeypatch.setattr(persisting, "PATIENCE", 0.02)
    monkeypatch.setattr(send_texts, "DOUBT", 0.2)
