"""A database as the first released version left it, with people in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from ivr.domain.recipient import Recipient
from ivr.storage import databases, migrations
from tests.storage import filling

OLD = "f" * 32
"""The id of its campaign, which is called 旧. No digit of a 宛名番号, which a hash beside it might complete."""


BEFORE_FIGURES = (
    "ALTER TABLE campaigns DROP COLUMN sources",
    "ALTER TABLE campaigns DROP COLUMN department_id",
    "DROP TABLE editions",
    "DROP TABLE scenarios",
    "DROP TABLE webhook_feed",
    "DROP TABLE deliveries",
    "DROP TABLE webhooks",
    "DROP TABLE exclusions",
    "DROP TABLE tokens",
    "DROP TABLE sessions",
    "DROP TABLE people",
    "DROP TABLE departments",
    "DROP TABLE changes",
    "DROP TABLE tallies",
    "DROP TABLE marks",
    "DROP INDEX ix_texts_state",
    "DROP INDEX ix_recipients_shown",
    "DROP INDEX ix_recipients_outcome",
    "CREATE INDEX ix_recipients_outcome ON recipients (campaign_id, state, outcome)",
    "CREATE INDEX ix_attempts_proven ON attempts (campaign_id, recipient_id) WHERE proven",
    "ALTER TABLE recipients DROP COLUMN tries",
    "ALTER TABLE recipients DROP COLUMN last_at",
    "ALTER TABLE recipients DROP COLUMN settled_at",
    "ALTER TABLE recipients DROP COLUMN settled_in",
    "ALTER TABLE recipients DROP COLUMN proven",
    "ALTER TABLE recipients DROP COLUMN excluded",
    "ALTER TABLE recipients DROP COLUMN texted",
    "ALTER TABLE attempts DROP COLUMN ordinal",
    "UPDATE alembic_version SET version_num = '0011'",
)
"""What takes a database back to the revision before its figures were kept."""


def old_people() -> list[Recipient]:
    """Return the people in it: one who was called twice, one who is being called, one who waits."""
    return filling.people(3)


async def fill_0001(url: str, deleted: int = 0) -> None:
    """Make a database of version 0001 at `url`; of `deleted` people more it holds no row any longer."""
    database = await databases.connect(url, 5)
    try:
        await database.write(lambda connection: _fill(connection, deleted))
        await database.write(lambda connection: connection.execute(text("DELETE FROM recipients WHERE line > 4")))
    finally:
        await database.close()


def _fill(connection: Connection, deleted: int) -> None:
    connection.exec_driver_sql("PRAGMA secure_delete = OFF") if connection.dialect.name == "sqlite" else None
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    command.upgrade(config, "0001")
    noon = datetime(2026, 11, 24, 3, tzinfo=UTC)
    at: Any = "2026-11-24 03:00:00.000000" if connection.dialect.name == "sqlite" else noon
    connection.execute(
        text(
            "INSERT INTO campaigns (id, name, state, scenario, scenario_file, created_at, rules)"
            " VALUES (:id, '旧', 'running', '', '', :at, '{}')"
        ),
        {"id": OLD, "at": at},
    )
    connection.execute(
        text(
            "INSERT INTO recipients (campaign_id, id, line, kana, numbers, columns, state, due_at)"
            " VALUES (:campaign, :id, :line, :kana, :numbers, :columns, :state, :at)"
        ),
        [
            {
                "campaign": OLD,
                "id": person.id,
                "line": person.line,
                "kana": person.kana,
                "numbers": json.dumps(person.numbers),
                "columns": json.dumps(person.columns, ensure_ascii=False),
                "state": "calling" if person.id == "00000002" else "waiting",
                "at": at,
            }
            for person in filling.people(3 + deleted)
        ],
    )
    connection.execute(
        text(
            "INSERT INTO attempts (id, campaign_id, recipient_id, number, state, intended_at, outcome, heard_s,"
            " restarts, marks, evidence)"
            " VALUES (:id, :campaign, :recipient, :number, :state, :at, :outcome, 0, 0, '[]', '{}')"
        ),
        [
            {
                "id": id_,
                "campaign": OLD,
                "recipient": recipient,
                "number": number,
                "state": state,
                "at": at,
                "outcome": outcome,
            }
            for id_, recipient, number, state, outcome in (
                ("a1", "00000001", "+819012345678", "ended", "busy"),
                ("a2", "00000001", "+81357220000", "ended", "confirmed_partial"),
                ("a3", "00000002", "+819012345678", "intended", None),
            )
        ],
    )
    connection.execute(
        text(
            "INSERT INTO key_presses (attempt_id, ordinal, step, key, confirms, at)"
            " VALUES ('a2', 0, 'confirm', '#', true, :at)"
        ),
        {"at": at},
    )
