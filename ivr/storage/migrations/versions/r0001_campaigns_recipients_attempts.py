"""Campaigns, the people on their lists, the dials to them and the keys they pressed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
OPEN = sa.text("state <> 'ended'")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("scenario", sa.Text, nullable=False),
        sa.Column("scenario_file", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
        sa.UniqueConstraint("name", name="uq_campaigns_name"),
    )
    op.create_table(
        "recipients",
        sa.Column("campaign_id", sa.String, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("kana", sa.Text, nullable=False),
        sa.Column("numbers", sa.JSON, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("outcome", sa.String),
        sa.Column("due_at", MOMENT),
        sa.PrimaryKeyConstraint("campaign_id", "id", name="pk_recipients"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_recipients_campaigns", ondelete="CASCADE"),
    )
    op.create_index("ix_recipients_due", "recipients", ["campaign_id", "state", "line", "due_at"])
    op.create_table(
        "attempts",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("campaign_id", sa.String, nullable=False),
        sa.Column("recipient_id", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("intended_at", MOMENT, nullable=False),
        sa.Column("dialled_at", MOMENT),
        sa.Column("answered_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("outcome", sa.String),
        sa.Column("sip", sa.Integer),
        sa.Column("q850", sa.Integer),
        sa.Column("heard_s", sa.Float, nullable=False),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("marks", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.ForeignKeyConstraint(
            ["campaign_id", "recipient_id"],
            ["recipients.campaign_id", "recipients.id"],
            name="fk_attempts_recipients",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_attempts_recipient", "attempts", ["campaign_id", "recipient_id"])
    op.create_index(
        "uq_attempts_open",
        "attempts",
        ["campaign_id", "recipient_id"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "key_presses",
        sa.Column("attempt_id", sa.String, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("confirms", sa.Boolean, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "ordinal", name="pk_key_presses"),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_key_presses_attempts", ondelete="CASCADE"),
    )
