"""Tokens of systems that ask the API."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "tokens",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("department_id", sa.String, sa.ForeignKey("departments.id"), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("hash", sa.String, nullable=False, unique=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment),
        sa.Column("revoked_at", moment),
    )
