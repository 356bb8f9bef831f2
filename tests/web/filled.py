"""A campaign with calls behind it, as pages of results show it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.attempt import Ending, Intent, TimedKey
from ivr.domain.call import KeyPress
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.settings import NOTHING
from tests.web.browsers import NOON, Office

SCENARIO = """version: 1
title: 案内
start: greet
steps:
  greet: {ask: 市役所です。ご本人でしたら「＃」を押してください。, keys: {"#": tell, "1": back}}
  tell: {say: 納付のお願いです。, reached: true, then: end}
  back: {say: おかけ直しします。, mark: callback, then: end}
"""

EVIDENCE = {
    "ended_by": "callee",
    "steps": [{"step": "greet", "at": 0.5, "seconds": 4.2, "whole": True}],
    "sounds": [{"at": 0.0, "seconds": 1.5, "voice": 1.2}],
}
BEEP = {**EVIDENCE, "tones": [{"sign": "beep", "at": 6.0, "seconds": 0.8, "hz": 1000}], "proof": "beep"}

ENDS = (Outcome.CONFIRMED, Outcome.VOICEMAIL, Outcome.NO_ANSWER, Outcome.VOICEMAIL, Outcome.HUNG_UP, Outcome.BUSY)
"""How people end, in turn: every second message is behind a beep."""

ANSWERED = {Outcome.CONFIRMED, Outcome.VOICEMAIL, Outcome.HUNG_UP}


def somebody(at: int) -> Recipient:
    number = f"+8190123{at:05}" if at % 2 else f"+8135722{at:04}"
    name = "=HYPERLINK(1)" if at == 2 else "ヤマダ タロウ"
    return Recipient(
        id=f"1000{at:06}", line=at + 2, kana=name, numbers=(number,), columns={"宛名番号": "", "住所": "桜町一丁目"}
    )


async def filled(
    at: Office,
    name: str = "住民税",
    *,
    people: int = 8,
    department: str = "税務課",
    waiting: int = 2,
    rules: Mapping[str, object] = NOTHING,
) -> CampaignRow:
    """Make a campaign of which all but `waiting` people are settled; the first of them at the second dial."""
    part = await at.department(department)
    new = NewCampaign(
        name=name,
        scenario=SCENARIO,
        scenario_file="annai.yaml",
        created_at=NOON - timedelta(days=3),
        created_by="hanako",
        department=part.id,
        rules=rules,
    )
    campaign = await at.console.results.create_campaign(new, [somebody(one) for one in range(people)])
    for one in range(people - waiting):
        begun = NOON - timedelta(days=1 + one % 2, hours=one % 5)
        if one == 0:
            await dialled(at, campaign, one, begun - timedelta(hours=1), Outcome.NO_ANSWER, over=False)
        await dialled(at, campaign, one, begun, ENDS[one % len(ENDS)], over=True)
    return campaign


async def dialled(
    at: Office, campaign: CampaignRow, one: int, begun: datetime, outcome: Outcome, *, over: bool
) -> None:
    """Dial somebody once."""
    person = somebody(one)
    intent = Intent(id=attempt_id(begun), campaign=campaign.id, recipient=person.id, number=person.numbers[0], at=begun)
    assert await at.console.results.intend(intent)
    answered = outcome in ANSWERED
    key = TimedKey(press=KeyPress("greet", "#", confirms=True), at=begun + timedelta(seconds=5))
    ending = Ending(
        outcome=outcome,
        at=begun + timedelta(seconds=20),
        dialled_at=begun,
        answered_at=begun + timedelta(seconds=2) if answered else None,
        sip=200 if answered else 486 if outcome is Outcome.BUSY else 480,
        heard_s=4.2 if answered else 0.0,
        keys=(key,) if outcome is Outcome.CONFIRMED else (),
        marks=("callback",) if outcome is Outcome.HUNG_UP else (),
        evidence={} if not answered else BEEP if outcome is Outcome.VOICEMAIL and one % 6 == 1 else EVIDENCE,
    )
    due = None if over else begun + timedelta(minutes=30)
    assert await at.console.results.end(intent.id, ending, settled=outcome if over else None, due_at=due)
