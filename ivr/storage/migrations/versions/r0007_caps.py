"""The caps count dials of numbers and people over all campaigns: each is found by a keyed hash and a time."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from ivr.errors import KeyDestroyed
from ivr.vault.fields import Fields

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BATCH = 1000

NOBODY = sa.text("''")
"""What stays where the key of a campaign is gone, so that nobody can tell who was dialled."""

attempts = sa.table("attempts", *(sa.column(name) for name in ("id", "campaign_id", "sealed", "person_hash")))


def upgrade() -> None:
    """Add the column, filled from what is sealed, and the indices."""
    connection = op.get_bind()
    fields: Fields = context.config.attributes["fields"]
    op.add_column("attempts", sa.Column("person_hash", sa.String, nullable=False, server_default=NOBODY))
    change = (
        sa.update(attempts).where(attempts.c.id == sa.bindparam("attempt")).values(person_hash=sa.bindparam("hash"))
    )
    last = ""
    query = sa.select(attempts).order_by(attempts.c.id).limit(BATCH)
    while rows := list(connection.execute(query.where(attempts.c.id > last))):
        connection.execute(change, [{"attempt": row.id, "hash": _hash(fields, row)} for row in rows])
        last = rows[-1].id
    op.create_index("ix_attempts_number", "attempts", ["number_hash", "intended_at"])
    op.create_index("ix_attempts_person", "attempts", ["person_hash", "intended_at"])


def _hash(fields: Fields, row: Any) -> str:
    try:
        recipient, _ = json.loads(fields.open("attempts", row.campaign_id, row.id, row.sealed))
    except KeyDestroyed:
        return ""
    return fields.hash("person", recipient)
