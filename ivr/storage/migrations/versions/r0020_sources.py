"""What a campaign was made of, beside it: whoever approves it sees which list it was."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of campaigns that are there already only the audit trail knows."""
    op.add_column("campaigns", sa.Column("sources", sa.JSON))
