"""The office's own scenarios, version by version."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "scenarios",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("file", sa.String, nullable=False, unique=True),
        sa.Column("department_id", sa.String, sa.ForeignKey("departments.id")),
        sa.Column("newest", sa.Integer, nullable=False),
        sa.Column("retired_at", moment),
        sa.Column("retired_by", sa.String),
    )
    op.create_table(
        "editions",
        sa.Column("scenario_id", sa.String, sa.ForeignKey("scenarios.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.String),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("again", sa.Integer),
    )
