"""Campaigns, people and attempts, as the tests of the store want them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.attempt import Ending, Intent
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.storage import SqlResults

TOKYO = ZoneInfo("Asia/Tokyo")
NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, TOKYO)
MINUTE = timedelta(minutes=1)


def people(number: int) -> list[Recipient]:
    return [
        Recipient(
            id=f"{n:08}",
            line=n + 1,
            kana="ヤマダ タロウ",
            numbers=("+819012345678", "+81357220000"),
            columns={"宛名番号": f"{n:08}", "期別": "第3期", "b": "2", "a": "1"},
        )
        for n in range(1, number + 1)
    ]


async def campaign(
    store: SqlResults, number: int = 3, name: str = "住民税", *, department: str | None = None
) -> CampaignRow:
    new = NewCampaign(
        department=department,
        name=name,
        scenario="version: 1\ntitle: 納付のご案内\n",
        scenario_file="scenarios/reminder.yaml",
        created_at=NOON,
        rules={"total": 3, "windows": [{"days": ["mon"]}]},
    )
    return await store.create_campaign(new, people(number))


def intent(of: CampaignRow, recipient: str = "00000001", at: datetime = NOON, *, number: str | None = None) -> Intent:
    """An intent to dial; without `number`, one that nobody else has."""
    own = "+819012345678" if recipient == "00000001" else f"+8135{recipient:0>8}"
    return Intent(id=uuid4().hex, campaign=of.id, recipient=recipient, number=number or own, at=at)


async def attempt(
    store: SqlResults,
    of: CampaignRow,
    outcome: Outcome,
    *,
    recipient: str = "00000001",
    at: datetime = NOON,
    settled: Outcome | None = None,
    due_at: datetime | None = None,
    marks: Sequence[str] = (),
    evidence: Mapping[str, object] | None = None,
) -> Intent:
    """Dial once, with that end."""
    dial = intent(of, recipient, at)
    assert await store.intend(dial)
    ending = Ending(outcome=outcome, at=at + MINUTE, marks=tuple(marks), evidence=evidence or {})
    assert await store.end(dial.id, ending, settled=settled, due_at=due_at)
    return dial
