"""What figures and pages ask for: where people stand, counts kept as attempts end, marks, and what changed.

What older databases tell of attempts is counted here. When somebody was settled was not stored: it is taken for the end
of their last attempt, or of their text, else for the creation of the campaign.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from ivr.errors import KeyDestroyed
from ivr.vault.fields import Fields

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BATCH = 1000

MOMENT = sa.DateTime(timezone=True)

recipients = sa.table("recipients", *(sa.column(name) for name in ("campaign_id", "id", "sealed", "excluded")))

ORDINALS = """
    UPDATE attempts SET ordinal = counted.place
    FROM (
        SELECT id, row_number() OVER (PARTITION BY campaign_id, recipient_id ORDER BY intended_at, id) AS place
        FROM attempts
    ) AS counted
    WHERE counted.id = attempts.id
"""

STANDING = """
    UPDATE recipients SET tries = counted.tries, last_at = counted.last_at, proven = counted.proven
    FROM (
        SELECT campaign_id, recipient_id, count(*) AS tries, max(intended_at) AS last_at,
            max(CASE WHEN proven THEN 1 ELSE 0 END) = 1 AS proven
        FROM attempts GROUP BY campaign_id, recipient_id
    ) AS counted
    WHERE counted.campaign_id = recipients.campaign_id AND counted.recipient_id = recipients.id
"""

SETTLED = """
    UPDATE recipients SET settled_at = coalesce(
        (SELECT max(attempts.ended_at) FROM attempts
            WHERE attempts.campaign_id = recipients.campaign_id AND attempts.recipient_id = recipients.id),
        (SELECT coalesce(texts.sent_at, texts.ended_at) FROM texts
            WHERE texts.campaign_id = recipients.campaign_id AND texts.recipient_id = recipients.id),
        (SELECT campaigns.created_at FROM campaigns WHERE campaigns.id = recipients.campaign_id)
    )
    WHERE state = 'settled'
"""

SETTLED_IN = {
    "sqlite": "UPDATE recipients SET settled_in = CAST(strftime('%s', settled_at) AS INTEGER) / 900",
    "postgresql": "UPDATE recipients SET settled_in = CAST(floor(extract(epoch FROM settled_at) / 900) AS integer)",
}

QUARTER = {
    "sqlite": "strftime('%Y-%m-%dT%H:', {0}) || printf('%02d', CAST(strftime('%M', {0}) AS INTEGER) / 15 * 15)",
    "postgresql": """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:')
        || to_char(floor(extract(minute FROM {0} AT TIME ZONE 'UTC') / 15) * 15, 'FM00')""",
}

TALLIES = """
    INSERT INTO tallies (campaign_id, kind, place, what, engine, number, answered, proven)
    SELECT campaign_id, '{kind}', {place}, outcome, '', count(*), count(answered_at),
        sum(CASE WHEN proven THEN 1 ELSE 0 END)
    FROM attempts WHERE state = 'ended' GROUP BY campaign_id, {place}, outcome
"""

KEYS = """
    INSERT INTO tallies (campaign_id, kind, place, what, engine, number, answered, proven)
    SELECT attempts.campaign_id, 'key', step, "key", '', count(*), 0, 0
    FROM key_presses JOIN attempts ON attempts.id = key_presses.attempt_id
    GROUP BY attempts.campaign_id, step, "key"
"""


def upgrade() -> None:
    """Add columns and tables, and fill them from what is stored."""
    connection = op.get_bind()
    nought, no = sa.text("0"), sa.false()
    for column in (
        sa.Column("tries", sa.Integer, nullable=False, server_default=nought),
        sa.Column("last_at", MOMENT),
        sa.Column("settled_at", MOMENT),
        sa.Column("settled_in", sa.Integer),
        sa.Column("proven", sa.Boolean, nullable=False, server_default=no),
        sa.Column("excluded", sa.String),
    ):
        op.add_column("recipients", column)
    op.add_column("attempts", sa.Column("ordinal", sa.Integer, nullable=False, server_default=nought))
    _make_tables()
    for statement in (ORDINALS, STANDING, SETTLED):
        op.execute(sa.text(statement))
    connection.exec_driver_sql(SETTLED_IN[connection.dialect.name])
    _mark_excluded(connection, context.config.attributes["fields"])
    _gather_marks(connection)
    for kind, place in places(connection.dialect.name).items():
        connection.exec_driver_sql(TALLIES.format(kind=kind, place=place))
    op.execute(sa.text(KEYS))
    op.drop_index("ix_attempts_proven", "attempts")  # where people stand tells it now
    op.create_index("ix_texts_state", "texts", ["campaign_id", "state", "recipient_id"])
    op.drop_index("ix_recipients_outcome", "recipients")
    counted = ["campaign_id", "state", "outcome", "proven", "settled_in"]
    op.create_index("ix_recipients_outcome", "recipients", counted)
    op.create_index(
        "ix_recipients_shown",
        "recipients",
        [
            "campaign_id", "line", "id", "state", "outcome", "proven", "tries", "excluded", "last_at",
        ],
    )  # fmt: skip


def places(dialect: str) -> dict[str, str]:
    """Return by what attempts are counted, in the words of `dialect`."""
    quarter = QUARTER[dialect].format("coalesce(dialled_at, intended_at)")
    return {"quarter": quarter, "try": "CAST(ordinal AS varchar)"}


def _make_tables() -> None:
    op.create_table(
        "marks",
        sa.Column("campaign_id", sa.String, primary_key=True),
        sa.Column("mark", sa.Text, primary_key=True),
        sa.Column("recipient_id", sa.String, primary_key=True),
        sa.ForeignKeyConstraint(
            ["campaign_id", "recipient_id"], ["recipients.campaign_id", "recipients.id"], ondelete="CASCADE"
        ),
    )
    op.create_index("ix_marks_recipient", "marks", ["campaign_id", "recipient_id"])
    op.create_table(
        "tallies",
        sa.Column("campaign_id", sa.String, sa.ForeignKey("campaigns.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("what", sa.String, primary_key=True),
        sa.Column("engine", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.Column("proven", sa.Integer, nullable=False),
    )
    op.create_table(
        "changes",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True),
        sa.Column("campaign_id", sa.String, sa.ForeignKey("campaigns.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_changes_campaign", "changes", ["campaign_id"])


def _mark_excluded(connection: sa.Connection, fields: Fields) -> None:
    """Note beside what is sealed, by whom somebody was excluded; the reason stays sealed."""
    change = (
        sa.update(recipients)
        .where(recipients.c.campaign_id == sa.bindparam("campaign"), recipients.c.id == sa.bindparam("row"))
        .values(excluded=sa.bindparam("source"))
    )
    for (campaign,) in connection.execute(sa.text("SELECT id FROM campaigns")).all():
        people = sa.select(recipients.c.id, recipients.c.sealed).where(recipients.c.campaign_id == campaign)
        for rows in _batches(connection, people, recipients.c.id):
            found = [
                {"campaign": campaign, "row": row.id, "source": source}
                for row in rows
                if (source := _source(fields, campaign, row)) is not None
            ]
            if found:
                connection.execute(change, found)


def _source(fields: Fields, campaign: str, row: Any) -> str | None:
    try:
        _, _, _, _, *excluded = json.loads(fields.open("recipients", campaign, row.id, row.sealed))
    except KeyDestroyed:
        return None
    return excluded[1] if excluded else None


def _gather_marks(connection: sa.Connection) -> None:
    attempts = sa.table(
        "attempts", *(sa.column(name) for name in ("id", "campaign_id", "recipient_id")), sa.column("marks", sa.JSON)
    )
    marks = sa.table("marks", *(sa.column(name) for name in ("campaign_id", "mark", "recipient_id")))
    marked = sa.select(attempts).where(sa.cast(attempts.c.marks, sa.Text) != "[]")
    known: set[tuple[str, str, str]] = set()
    for rows in _batches(connection, marked, attempts.c.id):
        found = {(row.campaign_id, mark, row.recipient_id) for row in rows for mark in row.marks} - known
        if found:
            known |= found
            connection.execute(
                sa.insert(marks),
                [
                    {"campaign_id": campaign, "mark": mark, "recipient_id": recipient}
                    for campaign, mark, recipient in sorted(found)
                ],
            )


def _batches(connection: sa.Connection, query: sa.Select[Any], key: Any) -> Iterator[list[Any]]:
    last = ""
    while rows := list(connection.execute(query.where(key > last).order_by(key).limit(BATCH))):
        yield rows
        last = rows[-1].id
