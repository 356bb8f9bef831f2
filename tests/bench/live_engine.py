"""What `tests.bench.live` measures, in a process of its own: the console, and calls stored as an engine stores them.

    python -m tests.bench.live_engine FOLDER PORT

Prints a line of JSON once it is ready, then one for each call that has ended; ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import datetime
from pathlib import Path

from ivr.app import meanwhile
from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.account import Department
from ivr.domain.attempt import AttemptState, Ending, Intent
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.service import spare_the_lasting
from ivr.storage import SqlResults
from ivr.web import Console, Opening, open_console
from tests.bench.console_engine import BYE, console_in, signed_in

PEOPLE, LINES, CALLS_A_SECOND = 10_000, 200, 31.0
RINGS = 2.0
LASTS = LINES / CALLS_A_SECOND
"""Seconds of a call, of which it rings for some."""

WATCHING_PEOPLE = 10
OUTCOMES = (Outcome.CONFIRMED, Outcome.VOICEMAIL, Outcome.HUNG_UP, Outcome.NO_ANSWER, Outcome.BUSY)


async def main(folder: Path, port: int) -> None:
    """Serve and call until the input ends."""
    trunk = f"trunk: {{lines: {LINES}, calls_per_second: {CALLS_A_SECOND}}}\n"
    async with console_in(folder, port, trunk) as (console, department):
        cookies = [await signed_in(console, department, number) for number in range(WATCHING_PEOPLE)]
        campaign = await _campaign(console, department)
        async with meanwhile(open_console(console, Opening())):
            await asyncio.sleep(0.5)
            spare_the_lasting()
            _tell({"campaign": campaign.id, "cookies": cookies})
            async with meanwhile(_calls(console, campaign)):
                await asyncio.to_thread(sys.stdin.read)


async def _campaign(console: Console, department: Department) -> CampaignRow:
    new = NewCampaign(
        name="bench",
        scenario=BYE,
        scenario_file="bye.yaml",
        created_at=console.clock.now(),
        department=department.id,
    )
    people = [
        Recipient(id=f"{at:08}", line=at + 2, kana="ヤマダ タロウ", numbers=(f"+8190{at:08}",), columns={})
        for at in range(PEOPLE)
    ]
    campaign = await console.results.create_campaign(new, people)
    await console.results.move_campaign(campaign.id, expected=["created"], state="running")
    return campaign


async def _calls(console: Console, campaign: CampaignRow) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(PEOPLE):
            group.create_task(_call(console.results, campaign, number))
            await asyncio.sleep(1 / CALLS_A_SECOND)


async def _call(results: SqlResults, campaign: CampaignRow, number: int) -> None:
    begun = datetime.now().astimezone()
    intent = Intent(
        id=attempt_id(begun), campaign=campaign.id, recipient=f"{number:08}", number=f"+8190{number:08}", at=begun
    )
    if not await results.intend(intent):
        raise AssertionError("nobody waits for this call")
    await asyncio.sleep(RINGS)
    answered = datetime.now().astimezone()
    await results.advance(intent.id, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=answered)
    await asyncio.sleep(LASTS - RINGS)
    at = datetime.now().astimezone()
    outcome = OUTCOMES[number % len(OUTCOMES)]
    ending = Ending(outcome=outcome, at=at, dialled_at=begun, answered_at=answered)
    await results.end(intent.id, ending, settled=outcome, due_at=None)
    _tell({"at": at.timestamp(), "stored": time.time()})


def _tell(what: dict[str, object]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
