"""What `tests.bench.live` measures, in a process of its own: the console, and calls stored as an engine stores them.

    python -m tests.bench.live_engine FOLDER PORT

Prints a line of JSON once it is ready, then one for each call that has ended; ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from ivr import logs
from ivr.app import meanwhile
from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.account import Department, Session, Stage
from ivr.domain.attempt import AttemptState, Ending, Intent
from ivr.domain.audit import Author
from ivr.domain.authority import Role
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.parts.keys import audit_trail, key_store
from ivr.service import spare_the_lasting
from ivr.settings import load
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.web import Console, Opening, open_console

PEOPLE, LINES, CALLS_A_SECOND = 10_000, 200, 31.0
RINGS = 2.0
LASTS = LINES / CALLS_A_SECOND
"""Seconds of a call, of which it rings for some."""

WATCHING_PEOPLE = 10
OUTCOMES = (Outcome.CONFIRMED, Outcome.VOICEMAIL, Outcome.HUNG_UP, Outcome.NO_ANSWER, Outcome.BUSY)
SCENARIO = "version: 1\ntitle: 案内\nstart: bye\nsteps:\n  bye: {say: 失礼いたします。, reached: true, then: end}\n"


async def main(folder: Path, port: int) -> None:
    """Serve and call until the input ends."""
    logs.configure(as_json=True, level="error")
    config = folder / "ivr.yaml"
    config.write_text(
        f"data_dir: var\nweb: {{port: {port}, second_factor: optional}}\n"
        f"trunk: {{lines: {LINES}, calls_per_second: {CALLS_A_SECOND}}}\n",
        "utf-8",
    )
    chosen = load(config)
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            console = Console(
                settings=chosen,
                results=results,
                audit=audit_trail(chosen, results, keys, Author(who="bench", where="bench")),
                clock=SystemClock(chosen.calling.timezone),
                health=dict,
            )
            department = Department(id="d" * 32, name="税務課")
            await results.accounts.add_department(department, console.clock.now())
            cookies = [await signed_in(console, department, number) for number in range(WATCHING_PEOPLE)]
            campaign = await _campaign(console, department)
            async with meanwhile(open_console(console, Opening())):
                await asyncio.sleep(0.5)
                spare_the_lasting()
                _tell({"campaign": campaign.id, "cookies": cookies})
                async with meanwhile(_calls(console, campaign)):
                    await asyncio.to_thread(sys.stdin.read)


async def signed_in(console: Console, department: Department, number: int) -> str:
    """Register somebody and return the token of a session of theirs."""
    register, now = console.register(Author(who="bench", where="bench")), console.clock.now()
    person, _ = await register.add(f"clerk{number}", f"clerk{number}", department.id, [Role.CLERK])
    await register.change_password(person, "correct horse battery")
    token = f"{number:032}"
    accounts = console.results.accounts
    session = Session(
        id=accounts.hash("session", token),
        person=person.id,
        stage=Stage.FULL,
        begun_at=now,
        seen_at=now,
        address="127.0.0.1",
        browser="bench",
    )
    await accounts.begin_session(session, most=3, older=now - timedelta(days=1))
    return token


async def _campaign(console: Console, department: Department) -> CampaignRow:
    new = NewCampaign(
        name="bench",
        scenario=SCENARIO,
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
