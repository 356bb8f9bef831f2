"""Whom an identity provider vouches for, and sessions that began by its word."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nobody is linked so far."""
    op.add_column("people", sa.Column("issuer", sa.String))
    op.add_column("people", sa.Column("subject", sa.String))
    op.create_index("ix_people_link", "people", ["issuer", "subject"], unique=True)
    op.add_column("sessions", sa.Column("openid", sa.Boolean, nullable=False, server_default=sa.false()))
