"""The engines that share a store: who lives, and who has fallen silent.

An engine joins with a new epoch and says every few seconds that it lives. One that is silent for longer than its lease
is buried: its epoch is raised, so that whatever it still intends finds no place (fencing), and its open attempts are
for whoever buried it to end. The time is the database's own: the clocks of two machines never agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, exists, func, insert, select, text, update

from ivr.storage.tables import OPEN, attempts, engines

_LOCK = 5_717_220_002
"""As in `ivr.storage.migrations`: any number that no other program uses."""


@dataclass(frozen=True, slots=True)
class Member:
    """An engine in one of its lives; `epoch` is 0 for who only looks.

    `most` is how many calls all engines together may have open when it begins one; 0: it counts its own lines alone.
    """

    engine: str = ""
    epoch: int = 0
    most: int = 0


NOBODY = Member()


def join(connection: Connection, engine: str, host: str, most: int) -> Member:
    """Begin a life of `engine`: whatever was intended in an earlier one is fenced off."""
    now = time(connection)
    epoch = connection.execute(select(engines.c.epoch).where(engines.c.id == engine).with_for_update()).scalar()
    if epoch is None:
        connection.execute(insert(engines).values(id=engine, host=host, epoch=1, joined_at=now, seen_at=now))
        return Member(engine, 1, most)
    changed = {"host": host, "epoch": epoch + 1, "joined_at": now, "seen_at": now}
    connection.execute(update(engines).where(engines.c.id == engine).values(changed))
    return Member(engine, epoch + 1, most)


def line_free(connection: Connection, most: int) -> bool:
    """Tell whether fewer than `most` calls are open, and keep others from asking until this transaction is over."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return connection.execute(select(func.count()).select_from(attempts).where(OPEN)).scalar_one() < most


def renew(connection: Connection, member: Member) -> bool:
    """Note that `member` lives; False where it was buried meanwhile."""
    renewed = connection.execute(
        update(engines)
        .where(engines.c.id == member.engine, engines.c.epoch == member.epoch)
        .values(seen_at=time(connection))
    )
    return renewed.rowcount == 1


def bury(connection: Connection, member: Member, lease: timedelta) -> tuple[str, ...]:
    """Fence off every other engine that has calls open and was silent for `lease`; return which."""
    silent = connection.execute(
        select(engines.c.id)
        .where(
            engines.c.id != member.engine,
            engines.c.seen_at < time(connection) - lease,
            exists().where(attempts.c.engine == engines.c.id, OPEN),
        )
        .with_for_update(skip_locked=True)
    )
    found = tuple(row.id for row in silent)
    if found:
        connection.execute(update(engines).where(engines.c.id.in_(found)).values(epoch=engines.c.epoch + 1))
    return found


def time(connection: Connection) -> datetime:
    """Return the database's time."""
    if connection.dialect.name == "postgresql":
        now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return now
    return datetime.now(UTC)
