"""Who shares a number with others of the campaign, so that one call is for them all."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SHARING = sa.text("household IS NOT NULL")


def upgrade() -> None:
    """Add the column; the households of older campaigns stay as they were decided."""
    op.add_column("recipients", sa.Column("household", sa.String))
    op.create_index(
        "ix_recipients_household",
        "recipients",
        ["campaign_id", "household"],
        sqlite_where=SHARING,
        postgresql_where=SHARING,
    )
