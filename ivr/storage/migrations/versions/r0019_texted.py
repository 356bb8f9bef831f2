"""The state of a person's text in the person's row: it is counted and looked for along with where they stand."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TEXTED = """
    UPDATE recipients SET texted = texts.state FROM texts
    WHERE texts.campaign_id = recipients.campaign_id AND texts.recipient_id = recipients.id
"""

INDEXES = {
    "ix_recipients_outcome": ("recipients", ["campaign_id", "state", "outcome", "proven", "texted", "settled_in"]),
    "ix_recipients_shown": (
        "recipients",
        ["campaign_id", "line", "id", "state", "outcome", "proven", "tries", "excluded", "texted", "last_at"],
    ),
    "ix_texts_state": ("texts", ["campaign_id", "state", "parts", "sent_at"]),
}


def upgrade() -> None:
    """Add the column, fill it from the texts, and put it into the indexes."""
    op.add_column("recipients", sa.Column("texted", sa.String))
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
    op.execute(sa.text(TEXTED))
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)
