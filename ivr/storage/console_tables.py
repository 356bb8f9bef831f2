"""The tables of the console, whose people are no callees.

    departments 1 ─── n  people      1 ─── n  sessions     `campaigns.department_id`: whose a campaign is
    departments 1 ─── n  tokens      of systems that ask
    departments 1 ─── n  scenarios   1 ─── n  editions     version by version
    departments 1 ─── n  webhooks    1 ─── n  deliveries   events that wait to be told, in order

`webhook_feed` is how far events were collected. Secrets of people and webhooks are sealed.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from ivr.storage.schema import UtcDateTime, metadata

departments = Table(
    "departments",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("display", String, nullable=False),
    Column("department_id", ForeignKey(departments.c.id), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("second_factor", Boolean, nullable=False),
    Column("last_step", Integer, nullable=False),
    Column("password_until", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("issuer", String),
    Column("subject", String),
    Index("ix_people_link", "issuer", "subject", unique=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String, primary_key=True),
    Column("person_id", ForeignKey(people.c.id, ondelete="CASCADE"), nullable=False),
    Column("stage", String, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("address", String, nullable=False),
    Column("browser", String, nullable=False),
    Column("openid", Boolean, nullable=False, server_default=false()),
    Index("ix_sessions_person", "person_id", "begun_at"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("department_id", ForeignKey(departments.c.id), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("hash", String, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

scenarios = Table(
    "scenarios",
    metadata,
    Column("id", String, primary_key=True),
    Column("file", String, nullable=False, unique=True),
    Column("department_id", ForeignKey(departments.c.id)),
    Column("newest", Integer, nullable=False),
    Column("retired_at", UtcDateTime),
    Column("retired_by", String),
)

editions = Table(
    "editions",
    metadata,
    Column("scenario_id", ForeignKey(scenarios.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", String),
    Column("why", String, nullable=False),
    Column("again", Integer),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("url", Text, nullable=False),
    Column("department_id", ForeignKey(departments.c.id), nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("outcomes", JSON, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("off", String),
    Column("off_at", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("failing_since", UtcDateTime),
    Column("next_at", UtcDateTime),
    Column("tried_at", UtcDateTime),
    Column("taken_at", UtcDateTime),
    Column("answer", Text, nullable=False),
    Column("dropped", Integer, nullable=False),
    Column("missed_at", UtcDateTime),
    Column("upto", BigInteger),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("webhook_id", ForeignKey(webhooks.c.id, ondelete="CASCADE"), nullable=False),
    Column("event", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("campaign_id", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("content", JSON, nullable=False),
    UniqueConstraint("webhook_id", "event"),
    Index("ix_deliveries_webhook", "webhook_id", "number"),
    Index("ix_deliveries_campaign", "campaign_id"),
    sqlite_autoincrement=True,
)

webhook_feed = Table(
    "webhook_feed",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("cursor", Text, nullable=False),
    Column("known", BigInteger),
    Column("engine", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("until", UtcDateTime),
)
