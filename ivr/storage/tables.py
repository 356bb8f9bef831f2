"""The tables of calls and texts; console_tables.py has those of the console.

    campaigns   1 ─── n  recipients   1 ─── n  attempts   1 ─── n  key_presses
                         recipients   1 ─ 0..1 texts      1 ─── n  text_parts

    campaigns    1 ─── n  tallies     recipients   1 ─── n  marks
    campaigns    1 ─── n  changes

    early_receipts   what was told of texts that nobody knew (yet)
    barred_numbers   who is to be sent no texts, by a keyed hash; outlives the campaigns

    engines     whoever dials from this store; an attempt names its own
    statistics  what stays of campaigns whose people were erased
    audit       what was done by whom, chained (ivr.domain.audit): texts as they are sealed, insert-only by triggers

`tallies` count what a million attempts are too many to be counted for, `changes` are numbered as they are stored
(`ivr.storage.tallying`, `ivr.storage.changes`).

What names a callee is sealed (`ivr.storage.sealing`); `recipients.id` is a keyed hash. `waiting`, `calling`, `settled`
are the states of a recipient. `claimed_by` is the engine that is about to call, until `claimed_until`: it keeps two
engines from preparing the same call, and nothing relies on it. `texted` is the state of the person's text, None where
there is none. At most one attempt of a recipient, and one of a number, has not ended: the database refuses a second
one, whatever the code above believes.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from ivr.storage.schema import UtcDateTime, metadata

OPEN = text("state <> 'ended'")
"""What makes an attempt an open one. Not bound: a partial index serves only the condition that it names."""

HANDING_OVER = text("state = 'queued'")
"""What makes a text one of which it is not known whether the network has it."""

SHARING = text("household IS NOT NULL")
"""What makes a person one who shares a number, where one call is for all who do."""

COUNTED = "ix_recipients_outcome"
"""The index by which people are counted, whose every column is one that they are counted by: nothing is sorted."""

TEXTED = "ix_texts_state"
"""The index by which texts are counted, likewise."""

TEXTED_NUMBERS = "ix_texts_number"
"""The index by which the texts to a number are found."""

SHOWN = "ix_recipients_shown"
STANDING = ("state", "outcome", "proven", "tries", "excluded", "texted", "last_at")
"""The index that holds all that people are chosen and put in order by: none of it needs their rows."""


campaigns = Table(
    "campaigns",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("scenario", Text, nullable=False),
    Column("scenario_file", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("sources", JSON),
    Column("created_by", String, nullable=False),
    Column("approved_by", String),
    Column("department_id", String),
)

recipients = Table(
    "recipients",
    metadata,
    Column("campaign_id", ForeignKey(campaigns.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", String, primary_key=True),
    Column("line", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("outcome", String),
    Column("due_at", UtcDateTime),
    Column("claimed_by", String),
    Column("claimed_until", UtcDateTime),
    Column("household", String),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("last_at", UtcDateTime),
    Column("settled_at", UtcDateTime),
    Column("settled_in", Integer),
    Column("proven", Boolean, nullable=False, server_default=false()),
    Column("excluded", String),
    Column("texted", String),
    Index("ix_recipients_due", "campaign_id", "state", "rank", "due_at"),
    Index(COUNTED, "campaign_id", "state", "outcome", "proven", "texted", "settled_in"),
    Index(
        "ix_recipients_household",
        "campaign_id",
        "household",
        sqlite_where=SHARING,
        postgresql_where=SHARING,
    ),
    Index(SHOWN, "campaign_id", "line", "id", *STANDING),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String, primary_key=True),
    Column("campaign_id", String, nullable=False),
    Column("recipient_id", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("number_hash", String, nullable=False),
    Column("person_hash", String, nullable=False),
    Column("state", String, nullable=False),
    Column("intended_at", UtcDateTime, nullable=False),
    Column("dialled_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("outcome", String),
    Column("sip", Integer),
    Column("q850", Integer),
    Column("heard_s", Float, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("marks", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("engine", String, nullable=False, server_default=""),
    Column("proven", Boolean, nullable=False, server_default=false()),
    Column("ordinal", Integer, nullable=False, server_default=text("0")),
    ForeignKeyConstraint(
        ["campaign_id", "recipient_id"], [recipients.c.campaign_id, recipients.c.id], ondelete="CASCADE"
    ),
    Index("ix_attempts_recipient", "campaign_id", "recipient_id"),
    Index("ix_attempts_number", "number_hash", "intended_at"),
    Index("ix_attempts_person", "person_hash", "intended_at"),
    Index(
        "uq_attempts_open",
        "campaign_id",
        "recipient_id",
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    ),
    Index("uq_attempts_number_open", "number_hash", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
)

key_presses = Table(
    "key_presses",
    metadata,
    Column("attempt_id", ForeignKey(attempts.c.id, ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
    Column("key", String, nullable=False),
    Column("confirms", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("mark", Text, primary_key=True),
    Column("recipient_id", String, primary_key=True),
    ForeignKeyConstraint(
        ["campaign_id", "recipient_id"], [recipients.c.campaign_id, recipients.c.id], ondelete="CASCADE"
    ),
    Index("ix_marks_recipient", "campaign_id", "recipient_id"),
)

tallies = Table(
    "tallies",
    metadata,
    Column("campaign_id", ForeignKey(campaigns.c.id, ondelete="CASCADE"), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("what", String, primary_key=True),
    Column("engine", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("proven", Integer, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("campaign_id", ForeignKey(campaigns.c.id, ondelete="CASCADE"), nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Index("ix_changes_campaign", "campaign_id"),
    sqlite_autoincrement=True,
)

texts = Table(
    "texts",
    metadata,
    Column("id", String, primary_key=True),
    Column("campaign_id", String, nullable=False),
    Column("recipient_id", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("number_hash", String, nullable=False),
    Column("person_hash", String, nullable=False),
    Column("state", String, nullable=False),
    Column("intended_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("parts", Integer, nullable=False),
    Column("why", Text, nullable=False),
    Column("alone", Boolean, nullable=False),
    Column("engine", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    ForeignKeyConstraint(
        ["campaign_id", "recipient_id"], [recipients.c.campaign_id, recipients.c.id], ondelete="CASCADE"
    ),
    UniqueConstraint("campaign_id", "recipient_id"),
    Index(TEXTED_NUMBERS, "number_hash", "intended_at"),
    Index("ix_texts_person", "person_hash", "intended_at"),
    Index("ix_texts_sent", "sent_at"),
    Index(TEXTED, "campaign_id", "state", "parts", "sent_at"),
    Index("ix_texts_open", "id", sqlite_where=HANDING_OVER, postgresql_where=HANDING_OVER),
)

text_parts = Table(
    "text_parts",
    metadata,
    Column("text_id", ForeignKey(texts.c.id, ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("reference", Text, nullable=False),
    Column("state", String, nullable=False),
    Index("ix_text_parts_reference", "reference"),
)

early_receipts = Table(
    "early_receipts",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("state", String, primary_key=True),
    Column("err", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

barred_numbers = Table(
    "barred_numbers",
    metadata,
    Column("number_hash", String, primary_key=True),
    Column("reason", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

exclusions = Table(
    "exclusions",
    metadata,
    Column("id", String, primary_key=True),
    Column("person_hash", String),
    Column("number_hash", String),
    Column("sealed", LargeBinary, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("department_id", String, nullable=False),
    Column("entered_at", UtcDateTime, nullable=False),
    Column("entered_by", String, nullable=False),
    Column("lifted_at", UtcDateTime),
    Column("lifted_by", String),
    Index("ix_exclusions_person", "person_hash"),
    Index("ix_exclusions_number", "number_hash"),
    Index("ix_exclusions_entered", "entered_at"),
)

engines = Table(
    "engines",
    metadata,
    Column("id", String, primary_key=True),
    Column("host", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

statistics = Table(
    "statistics",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_call_at", UtcDateTime),
    Column("outcomes", JSON, nullable=False),
    Column("held", JSON, nullable=False),
    Column("ordered", JSON, nullable=False),
    Column("texts", JSON, nullable=False, server_default="{}"),
    Column("erased_at", UtcDateTime),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("where", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("link", Text, nullable=False),
)
