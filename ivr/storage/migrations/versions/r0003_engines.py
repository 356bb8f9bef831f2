"""The engines that share a store, whose attempt each one is, and who is about to be called by whom."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

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
