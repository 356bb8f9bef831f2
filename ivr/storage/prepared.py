"""A statement that is compiled once and run often, at the driver's own cursor.

`Connection.execute` finds a statement in its cache, sorts and processes the values and gets ready for rows each time,
which costs several times what SQLite takes for the statement. What a call writes always has the same shape, and gives
back the number of rows that it changed, or one row at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, Connection, Dialect, Insert, Update
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]


class Prepared:
    """An INSERT of `columns`, or an UPDATE, RETURNING or not; compiled for a connection when it first runs there.

    The values to run with are named by the columns or by the statement's bindparams, and go through the types' own
    processing. What Connection.execute does beyond that does not happen: no list is expanded for an IN, no column gets
    a default of Python's, and the driver's errors are raised as they are.
    """

    def __init__(self, statement: Insert | Update, columns: Sequence[str] = ()) -> None:
        self._statement = statement
        self._columns = list(columns) or None

    def run(self, connection: Connection, values: Values) -> int:
        """Run it; return how many rows it changed."""
        form = self._form(connection)
        cursor = connection.connection.cursor()
        cursor.execute(form.sql, form.parameters(values))
        return cursor.rowcount

    def fetch(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """Run it, an UPDATE of one row at most; return what it returns of that, None where it changed nothing."""
        form = self._form(connection)
        cursor = connection.connection.cursor()
        cursor.execute(form.sql, form.parameters(values))
        rows = cursor.fetchall()
        return form.row(rows[0], [column[1] for column in cursor.description]) if rows else None

    def run_each(self, connection: Connection, many: Sequence[Values]) -> None:
        """Run it for each of `many`, at least one, in one round."""
        form = self._form(connection)
        connection.connection.cursor().executemany(form.sql, [form.parameters(values) for values in many])

    def _form(self, connection: Connection) -> _Form:
        known = connection.info
        form: _Form | None = known.get(self)
        if form is None:
            form = known[self] = _Form(self._statement, self._columns, connection.dialect)
        return form


class _Form:
    """A statement in the words of one dialect, and how its parameters are made, in their order."""

    def __init__(self, statement: Insert | Update, columns: list[str] | None, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        self.sql = str(compiled)
        self._places = [_place(name, binds[name], dialect) for name in compiled.positiontup or ()]
        self._returned = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        self._dialect = dialect
        self._reads: list[Callable[[Any], Any]] = []

    def parameters(self, values: Values) -> tuple[Any, ...]:
        return tuple([place(values) for place in self._places])

    def row(self, row: Sequence[Any], kinds: Sequence[Any]) -> tuple[Any, ...]:
        """Return a row as it is in Python; `kinds` are the driver's words for the types of its columns."""
        if not self._reads:
            self._reads = [
                _reading(type_, kind, self._dialect) for type_, kind in zip(self._returned, kinds, strict=True)
            ]
        return tuple([read(value) for read, value in zip(self._reads, row, strict=True)])


def _place(name: str, bind: BindParameter[Any], dialect: Dialect) -> Callable[[Values], Any]:
    """Return what takes the parameter `name` from the values, or gives what the statement itself holds."""
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if not bind.required:
        fixed = bind.value if process is None else process(bind.value)
        return lambda _: fixed
    if process is None:
        return itemgetter(name)
    return lambda values: process(values[name])


def _reading(type_: TypeEngine[Any], kind: Any, dialect: Dialect) -> Callable[[Any], Any]:
    """Return what makes of a value as the driver returns it what it is in Python."""
    process = type_.result_processor(dialect, kind)
    return (lambda value: value) if process is None else process
