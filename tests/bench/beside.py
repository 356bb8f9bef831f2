"""What the store keeps beside attempts, made for those that were put there in bulk: by the migration's statements."""

from __future__ import annotations

from sqlalchemy import Connection

from ivr.storage.migrations.versions import r0012_figures, r0019_texted


def stand(connection: Connection) -> None:
    """Tell where people stand after their attempts and texts."""
    settled_in = r0012_figures.SETTLED_IN[connection.dialect.name]
    for statement in (r0012_figures.STANDING, r0012_figures.SETTLED, settled_in, r0019_texted.TEXTED):
        connection.exec_driver_sql(statement)


def count(connection: Connection) -> None:
    """Count all attempts anew."""
    connection.exec_driver_sql("DELETE FROM tallies")
    connection.exec_driver_sql(r0012_figures.KEYS)
    for kind, place in r0012_figures.places(connection.dialect.name).items():
        connection.exec_driver_sql(r0012_figures.TALLIES.format(kind=kind, place=place))
