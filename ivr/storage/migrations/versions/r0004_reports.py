"""Reports over very many attempts: what proves a message left has a column, and what is counted an index."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PROVEN = sa.text("proven")


def upgrade() -> None:
    """Add the column, true where the evidence says so, and the indices."""
    op.add_column("attempts", sa.Column("proven", sa.Boolean, nullable=False, server_default=sa.false()))
    attempts = sa.table(
        "attempts", sa.column("outcome"), sa.column("evidence", sa.JSON), sa.column("proven", sa.Boolean)
    )
    told = attempts.c.evidence["proof"].as_string().is_not(None)
    op.execute(attempts.update().where(attempts.c.outcome == "voicemail", told).values(proven=True))
    op.create_index(
        "ix_attempts_proven",
        "attempts",
        ["campaign_id", "recipient_id"],
        sqlite_where=PROVEN,
        postgresql_where=PROVEN,
    )
    op.create_index("ix_recipients_outcome", "recipients", ["campaign_id", "state", "outcome"])
