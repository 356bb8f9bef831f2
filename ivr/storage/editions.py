"""The office's own scenarios and every version of them; nothing here is ever deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from ivr.domain.edition import Edition, Kept
from ivr.errors import NotFound
from ivr.storage.console_tables import editions, scenarios
from ivr.storage.lending import Store

_KEPT = select(scenarios, editions).join_from(
    scenarios, editions, (editions.c.scenario_id == scenarios.c.id) & (editions.c.number == scenarios.c.newest)
)

MISSING = "そのシナリオはありません。"


class SqlEditions:
    """Scenarios and their versions; every method raises StoreFailed where the database refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> tuple[Kept, ...]:
        """Return every scenario as it is now, by the name of its file."""
        query = _KEPT.order_by(scenarios.c.file)
        return await self._store.read(lambda connection: tuple(_kept(row) for row in connection.execute(query)))

    async def one(self, scenario_id: str) -> Kept:
        """Return a scenario as it is now; NotFound."""
        return _kept(await self._first(_KEPT.where(scenarios.c.id == scenario_id)))

    async def of(self, scenario_id: str) -> tuple[Edition, ...]:
        """Return the versions of a scenario, the newest first."""
        columns = [column for column in editions.c if column is not editions.c.text]
        query = select(*columns).where(editions.c.scenario_id == scenario_id).order_by(editions.c.number.desc())
        return await self._store.read(lambda connection: tuple(_edition(row) for row in connection.execute(query)))

    async def text(self, scenario_id: str, number: int) -> tuple[Edition, str]:
        """Return a version and its text; NotFound."""
        query = select(editions).where(editions.c.scenario_id == scenario_id, editions.c.number == number)
        row = await self._first(query)
        return _edition(row), row.text

    async def knows(self, scenario_id: str, text: str) -> bool:
        """Tell whether a text is one of a scenario's versions."""
        query = select(editions.c.number).where(editions.c.scenario_id == scenario_id, editions.c.text == text)
        return await self._store.read(lambda connection: connection.execute(query).first()) is not None

    async def begin(self, kept: Kept) -> bool:
        """Store a new scenario with its first version; tell whether its file's name was free."""

        def work(connection: Connection) -> bool:
            if connection.execute(select(scenarios.c.id).where(scenarios.c.file == kept.file)).first() is not None:
                return False
            values = {"id": kept.id, "file": kept.file, "department_id": kept.department, "newest": kept.newest.number}
            connection.execute(insert(scenarios).values(values))
            _insert(connection, kept.id, kept.newest, kept.text)
            return True

        return await self._store.write(work)

    async def add(self, scenario_id: str, edition: Edition, text: str, *, department: str | None = None) -> bool:
        """Store the version that follows the newest, and let the scenario be live; tell whether it still follows it.

        A scenario that is nobody's becomes `department`'s.
        """

        def work(connection: Connection) -> bool:
            values: dict[str, Any] = {"newest": edition.number, "retired_at": None, "retired_by": None}
            expected = scenarios.c.id == scenario_id, scenarios.c.newest == edition.number - 1
            if connection.execute(update(scenarios).where(*expected).values(values)).rowcount != 1:
                return False
            if department is not None:
                nobodys = scenarios.c.id == scenario_id, scenarios.c.department_id.is_(None)
                connection.execute(update(scenarios).where(*nobodys).values(department_id=department))
            _insert(connection, scenario_id, edition, text)
            return True

        return await self._store.write(work)

    async def retire(self, scenario_id: str, at: datetime | None, by: str | None) -> None:
        """Store since when a scenario is retired, and by whom; None: it is not."""
        statement = update(scenarios).where(scenarios.c.id == scenario_id).values(retired_at=at, retired_by=by)
        await self._store.write(lambda connection: connection.execute(statement))

    async def _first(self, query: Select[Any]) -> Row[Any]:
        row = await self._store.read(lambda connection: connection.execute(query).first())
        if row is None:
            raise NotFound(MISSING)
        return row


def _insert(connection: Connection, scenario_id: str, edition: Edition, text: str) -> None:
    values = {
        "scenario_id": scenario_id,
        "number": edition.number,
        "text": text,
        "at": edition.at,
        "by": edition.by,
        "why": edition.why,
        "again": edition.again,
    }
    connection.execute(insert(editions).values(values))


def _edition(row: Row[Any]) -> Edition:
    return Edition(number=row.number, at=row.at, by=row.by, why=row.why, again=row.again)


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        id=row.id,
        file=row.file,
        department=row.department_id,
        newest=_edition(row),
        text=row.text,
        retired_at=row.retired_at,
        retired_by=row.retired_by,
    )
