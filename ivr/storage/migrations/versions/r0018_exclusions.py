"""People and numbers that staff have excluded from every campaign."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "exclusions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("person_hash", sa.String),
        sa.Column("number_hash", sa.String),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("ends_at", moment),
        sa.Column("department_id", sa.String, nullable=False),
        sa.Column("entered_at", moment, nullable=False),
        sa.Column("entered_by", sa.String, nullable=False),
        sa.Column("lifted_at", moment),
        sa.Column("lifted_by", sa.String),
    )
    op.create_index("ix_exclusions_person", "exclusions", ["person_hash"])
    op.create_index("ix_exclusions_number", "exclusions", ["number_hash"])
    op.create_index("ix_exclusions_entered", "exclusions", ["entered_at"])
