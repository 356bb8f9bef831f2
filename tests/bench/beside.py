"""What the store keeps beside attempts, made for attempts that were put there in bulk: by the migration's statements."""

from __future__ import annotations

from sqlalchemy import Connection

from ivr.storage.migrations.versions import r0012_figures


def count(connection: Connection, *, ordinals: bool = True) -> None:
    """Count what is stored; `ordinals` tells that nobody has said which attempt of its person each is."""
    dialect = connection.dialect.name
    connection.exec_driver_sql("DELETE FROM tallies")
    if ordinals:
        connection.exec_driver_sql(r0012_figures.ORDINALS)
    for statement in (r0012_figures.STANDING, r0012_figures.SETTLED, r0012_figures.SETTLED_IN[dialect]):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(r0012_figures.KEYS)
    for kind, place in r0012_figures.places(dialect).items():
        connection.exec_driver_sql(r0012_figures.TALLIES.format(kind=kind, place=place))
