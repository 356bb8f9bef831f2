"""What else is in the store of an office that has worked for years: campaigns, people, entries of the audit trail."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, insert

from ivr.campaign.records import NewCampaign
from ivr.domain.audit import Author
from ivr.domain.authority import Role
from ivr.domain.recipient import Recipient
from ivr.storage import SqlResults
from ivr.storage.tables import audit
from tests.bench.console_engine import BYE
from tests.web.browsers import Office

CAMPAIGNS, OF_EACH, OPEN = 200, 50, 5
"""Campaigns, people of each, and how many of them are not over."""

ENTRIES, CLERKS = 100_000, 100


async def make(store: SqlResults, now: datetime) -> None:
    """Store campaigns and an audit trail that nobody judges."""
    for number in range(CAMPAIGNS):
        new = NewCampaign(
            name=f"以前の催告{number}",
            scenario=BYE,
            scenario_file="bye.yaml",
            created_at=now - timedelta(days=number + 1),
        )
        people = [
            Recipient(id=f"{at:08}", line=at + 2, kana="ヤマダ タロウ", numbers=(f"+8190{at:08}",), columns={})
            for at in range(OF_EACH)
        ]
        row = await store.create_campaign(new, people)
        await store.move_campaign(row.id, expected=["created"], state="paused" if number < OPEN else "done")

    def write(connection: Connection) -> None:
        rows = [
            {
                "number": number, "at": "2026-10-01T00:00:00.000000Z", "who": "hanako", "where": "",
                "action": "started",
                "subject": f"以前の催告{number % CAMPAIGNS}", "details": "{}", "previous": "", "link": "",
            }
            for number in range(1, ENTRIES + 1)
        ]  # fmt: skip
        connection.execute(insert(audit), rows)

    await store.write(write)


async def register(office: Office) -> None:
    """Register people."""
    (department,) = await office.console.results.accounts.departments()
    register = office.console.register(Author(who="bench", where="bench"))
    for number in range(CLERKS):
        await register.add(f"clerk{number}", f"職員{number}", department.id, [Role.CLERK])
