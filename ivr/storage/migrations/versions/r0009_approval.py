"""Who has created a campaign and who has approved it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of older campaigns nobody knows."""
    op.add_column("campaigns", sa.Column("created_by", sa.String, nullable=False, server_default=sa.text("''")))
    op.add_column("campaigns", sa.Column("approved_by", sa.String))
