"""Texts (SMS): what was sent to whom, what became of it, and who is to be sent none."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

HANDING_OVER = sa.text("state = 'queued'")


def upgrade() -> None:
    """Make the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "texts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("campaign_id", sa.String, nullable=False),
        sa.Column("recipient_id", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("number_hash", sa.String, nullable=False),
        sa.Column("person_hash", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("intended_at", moment, nullable=False),
        sa.Column("sent_at", moment),
        sa.Column("ended_at", moment),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("alone", sa.Boolean, nullable=False),
        sa.Column("engine", sa.String, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id", "recipient_id"], ["recipients.campaign_id", "recipients.id"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("campaign_id", "recipient_id"),
    )
    op.create_index("ix_texts_number", "texts", ["number_hash", "intended_at"])
    op.create_index("ix_texts_person", "texts", ["person_hash", "intended_at"])
    op.create_index("ix_texts_sent", "texts", ["sent_at"])
    op.create_index("ix_texts_open", "texts", ["id"], sqlite_where=HANDING_OVER, postgresql_where=HANDING_OVER)
    op.create_table(
        "text_parts",
        sa.Column("text_id", sa.String, sa.ForeignKey("texts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
    )
    op.create_index("ix_text_parts_reference", "text_parts", ["reference"])
    op.create_table(
        "early_receipts",
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("state", sa.String, primary_key=True),
        sa.Column("err", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
    )
    op.create_table(
        "barred_numbers",
        sa.Column("number_hash", sa.String, primary_key=True),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("at", moment, nullable=False),
    )
    op.add_column("statistics", sa.Column("texts", sa.JSON, nullable=False, server_default="{}"))
