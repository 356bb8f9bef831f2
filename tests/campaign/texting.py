"""A campaign's texts on a real store, with a provider that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from ivr.campaign.dial import Halt
from ivr.campaign.ports import Clock, Enquiry, Registers
from ivr.campaign.records import CampaignRow
from ivr.campaign.send_texts import LANES, Texter
from ivr.campaign.text_records import Texts, TextsAsked
from ivr.campaign.texting import Accepted, NotNow, NotTaken, Refused, Text, TextGateway
from ivr.domain.outcome import Outcome
from ivr.domain.sms import Template
from ivr.domain.texting_rules import Sender, TextRules
from ivr.exclusions import Register
from ivr.storage import SqlResults
from tests.campaign.dialling import ALWAYS
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
