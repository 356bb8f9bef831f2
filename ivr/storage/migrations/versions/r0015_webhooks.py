"""Systems that are told of results, what waits to be told, and how far it was collected."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the one row of the feed."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("department_id", sa.String, sa.ForeignKey("departments.id"), nullable=False),
        sa.Column("kinds", sa.JSON, nullable=False),
        sa.Column("outcomes", sa.JSON, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("off", sa.String),
        sa.Column("off_at", moment),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", moment),
        sa.Column("next_at", moment),
        sa.Column("tried_at", moment),
        sa.Column("taken_at", moment),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("dropped", sa.Integer, nullable=False),
        sa.Column("missed_at", moment),
        sa.Column("upto", sa.BigInteger),
    )
    op.create_table(
        "deliveries",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True),
        sa.Column("webhook_id", sa.String, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("campaign_id", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.UniqueConstraint("webhook_id", "event"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_webhook", "deliveries", ["webhook_id", "number"])
    op.create_index("ix_deliveries_campaign", "deliveries", ["campaign_id"])
    feed = op.create_table(
        "webhook_feed",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("known", sa.BigInteger),
        sa.Column("engine", sa.String, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("until", moment),
    )
    op.bulk_insert(feed, [{"id": 1, "cursor": "0", "known": None, "engine": "", "epoch": 0, "until": None}])
