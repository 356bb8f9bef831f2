"""Who people are is sealed with a key for each campaign; their rows are found by keyed hashes.

Each row is sealed where it stands. On SQLite the open copies in free pages and in the log go when the database is
cleaned after this (`ivr.storage.databases`); PostgreSQL's go with VACUUM.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from ivr.vault.fields import Fields

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BATCH = 1000

EMPTY = sa.text("''")
"""What a column that must not be null holds until its row is sealed."""

recipients = sa.table(
    "recipients",
    *(sa.column(name) for name in ("campaign_id", "id", "kana", "sealed")),
    sa.column("numbers", sa.JSON),
    sa.column("columns", sa.JSON),
)
attempts = sa.table(
    "attempts",
    *(sa.column(name) for name in ("campaign_id", "id", "recipient_id", "number", "sealed", "number_hash")),
)


def upgrade() -> None:
    """Seal every row."""
    connection = op.get_bind()
    fields: Fields = context.config.attributes["fields"]
    sqlite = connection.dialect.name == "sqlite"
    op.add_column("recipients", sa.Column("sealed", sa.LargeBinary, nullable=False, server_default=EMPTY))
    op.add_column("attempts", sa.Column("sealed", sa.LargeBinary, nullable=False, server_default=EMPTY))
    op.add_column("attempts", sa.Column("number_hash", sa.String, nullable=False, server_default=EMPTY))
    for (campaign,) in connection.execute(sa.text("SELECT id FROM campaigns")).all():
        if fields.erased(campaign):
            connection.execute(sa.text("DELETE FROM campaigns WHERE id = :id"), {"id": campaign})
        elif not fields.known(campaign):
            fields.begin(campaign)
    if sqlite:
        connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
    else:
        op.drop_constraint("fk_attempts_recipients", "attempts")
    _seal_attempts(connection, fields)
    _seal_recipients(connection, fields)
    for table, column in (
        ("recipients", "kana"),
        ("recipients", "numbers"),
        ("recipients", "columns"),
        ("attempts", "number"),
    ):
        op.drop_column(table, column)
    if not sqlite:
        op.create_foreign_key(
            "fk_attempts_recipients",
            "attempts",
            "recipients",
            ["campaign_id", "recipient_id"],
            ["campaign_id", "id"],
            ondelete="CASCADE",
        )


def _seal_attempts(connection: sa.Connection, fields: Fields) -> None:
    change = (
        sa.update(attempts)
        .where(attempts.c.id == sa.bindparam("attempt"))
        .values(
            recipient_id=sa.bindparam("recipient"),
            sealed=sa.bindparam("body", type_=sa.LargeBinary),
            number_hash=sa.bindparam("hash"),
        )
    )
    for rows in _batches(connection, sa.select(attempts), attempts.c.id):
        connection.execute(
            change,
            [
                {
                    "attempt": row.id,
                    "recipient": fields.hash("recipient", row.campaign_id, row.recipient_id),
                    "body": fields.seal("attempts", row.campaign_id, row.id, _packed([row.recipient_id, row.number])),
                    "hash": fields.hash("number", row.number),
                }
                for row in rows
            ],
        )


def _seal_recipients(connection: sa.Connection, fields: Fields) -> None:
    change = (
        sa.update(recipients)
        .where(recipients.c.campaign_id == sa.bindparam("campaign"), recipients.c.id == sa.bindparam("open"))
        .values(id=sa.bindparam("hash"), sealed=sa.bindparam("body", type_=sa.LargeBinary))
    )
    # Which rows there are is asked at the beginning: a row that is sealed gets another id.
    keys = [tuple(row) for row in connection.execute(sa.select(recipients.c.campaign_id, recipients.c.id))]
    for start in range(0, len(keys), BATCH):
        found = []
        for campaign, id_ in keys[start : start + BATCH]:
            row = connection.execute(
                sa.select(recipients).where(recipients.c.campaign_id == campaign, recipients.c.id == id_)
            ).one()
            key = fields.hash("recipient", campaign, id_)
            content = _packed([id_, row.kana, row.numbers, row.columns])
            found.append(
                {
                    "campaign": campaign,
                    "open": id_,
                    "hash": key,
                    "body": fields.seal("recipients", campaign, key, content),
                }
            )
        connection.execute(change, found)


def _batches(connection: sa.Connection, query: sa.Select[Any], key: Any) -> Iterator[list[Any]]:
    last = ""
    while rows := list(connection.execute(query.where(key > last).order_by(key).limit(BATCH))):
        yield rows
        last = rows[-1].id


def _packed(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
