"""The engines that share a store, whose attempt each one is, who is about to be called by whom; a number rings once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OPEN = sa.text("state <> 'ended'")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the engines, and the columns that name one."""
    op.create_table(
        "engines",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_engines"),
    )
    op.add_column("attempts", sa.Column("engine", sa.String, nullable=False, server_default=""))
    op.add_column("recipients", sa.Column("claimed_by", sa.String))
    op.add_column("recipients", sa.Column("claimed_until", MOMENT))
    # Two engines of an earlier schema may have a number on two calls; they are accounted for as they are.
    op.execute(
        "UPDATE attempts SET number_hash = number_hash || ' ' || id WHERE state <> 'ended' AND number_hash IN"
        " (SELECT number_hash FROM attempts WHERE state <> 'ended' GROUP BY number_hash HAVING count(*) > 1)"
    )
    op.create_index(
        "uq_attempts_number_open", "attempts", ["number_hash"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
