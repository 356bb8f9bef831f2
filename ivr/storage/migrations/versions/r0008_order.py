"""People are called in an order of the campaign's; until now it was that of the list."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, the line until now, and find those who are due by it."""
    op.add_column("recipients", sa.Column("rank", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.execute(sa.text("UPDATE recipients SET rank = line"))
    op.drop_index("ix_recipients_due", "recipients")
    op.create_index("ix_recipients_due", "recipients", ["campaign_id", "state", "rank", "due_at"])
