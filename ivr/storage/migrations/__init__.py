"""The way of a database from one schema to the next: Alembic revisions, run from `bring_up_to_date`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ivr.vault.fields import Fields

HEAD = "0020"
"""The schema that this engine works with. Held here too, so that opening a current database needs no Alembic."""

_LOCK = 5_717_220_000
"""Any number that no other program uses: PostgreSQL's advisory locks are shared by all of a database."""


class NewerSchema(Exception):
    """The database was made by a newer engine than this."""


def version(connection: Connection) -> str | None:
    """Return the schema of the database, None where it has none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def bring_up_to_date(connection: Connection, fields: Fields) -> None:
    """Run the revisions that are missing, within the transaction of `connection`; raise NewerSchema.

    `fields` seal what earlier schemas held open.

    On SQLite the transaction holds the write lock already (BEGIN IMMEDIATE); on PostgreSQL an advisory lock keeps a
    second engine waiting. Whoever waited finds nothing left to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = version(connection)
    if found == HEAD:
        return

    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection, "fields": fields})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise NewerSchema(found)
    command.upgrade(config, "head")
