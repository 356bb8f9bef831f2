"""People of the console, their departments and sessions: what is asked and what changes. Secrets go in sealed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, insert, select, update

from ivr.domain.account import Department, Link, Person, Secrets, Session, Stage, is_last_local, shut_for
from ivr.domain.authority import Role
from ivr.errors import InputError, NotFound
from ivr.storage.console_tables import departments, people, sessions
from ivr.storage.tables import campaigns
from ivr.vault.fields import Fields

PEOPLE = "people"
"""The table, as its fields are bound to it."""

LAST_LOCAL = (
    "パスワードで入れる管理者は、あなただけです。庁内アカウントが使えないときのために、結び付けません。"
    "利用者名とパスワードでサインインしてください。"
)

_PEOPLE = select(people, departments.c.name.label("department_name")).join_from(people, departments)


def all_departments(connection: Connection) -> tuple[Department, ...]:
    """Return the departments by name."""
    rows = connection.execute(select(departments.c.id, departments.c.name).order_by(departments.c.name))
    return tuple(Department(id=row.id, name=row.name) for row in rows)


def add_department(connection: Connection, department: Department, at: datetime) -> None:
    """Store a department; InputError where there is one by that name."""
    if connection.execute(select(exists().where(departments.c.name == department.name))).scalar():
        raise InputError(f"部署「{department.name}」は、すでにあります。")
    connection.execute(insert(departments).values(id=department.id, name=department.name, created_at=at))


def add(connection: Connection, fields: Fields, person: Person, secrets: Secrets) -> None:
    """Store a person; InputError where the name is taken, NotFound where the department is not there."""
    if connection.execute(select(exists().where(people.c.name == person.name))).scalar():
        raise InputError(f"利用者「{person.name}」は、すでに登録されています。")
    _see_department(connection, person.department.id)
    connection.execute(
        insert(people).values(
            id=person.id,
            name=person.name,
            display=person.display,
            department_id=person.department.id,
            roles=sorted(person.roles),
            active=person.active,
            sealed=_sealed(fields, person.id, secrets),
            second_factor=secrets.seed is not None,
            last_step=0,
            password_until=person.password_until,
            failures=0,
            created_at=person.created_at,
            issuer=person.link.issuer if person.link else None,
            subject=person.link.subject if person.link else None,
        )
    )


def any_person(connection: Connection) -> bool:
    """Tell whether anybody is registered."""
    return bool(connection.execute(select(exists().select_from(people))).scalar())


def everybody(connection: Connection) -> tuple[Person, ...]:
    """Return the people by name."""
    return tuple(_person(row) for row in connection.execute(_PEOPLE.order_by(people.c.name)))


def by_name(connection: Connection, name: str) -> Person | None:
    """Return the person who signs in as `name`."""
    row = connection.execute(_PEOPLE.where(people.c.name == name)).first()
    return _person(row) if row is not None else None


def by_link(connection: Connection, link: Link) -> Person | None:
    """Return the person whom a provider vouches for."""
    row = connection.execute(_PEOPLE.where(people.c.issuer == link.issuer, people.c.subject == link.subject)).first()
    return _person(row) if row is not None else None


def put_link(connection: Connection, person_id: str, link: Link, *, keep_local: bool) -> bool:
    """Let a provider vouch for a person; False where one does already.

    InputError where `keep_local` is asked for and this would be the last administrator for whom none does.
    """
    if keep_local and is_last_local(by_id(connection, person_id), everybody(connection)):
        raise InputError(LAST_LOCAL)
    linked = update(people).where(people.c.id == person_id, people.c.subject.is_(None))
    return connection.execute(linked.values(issuer=link.issuer, subject=link.subject)).rowcount == 1


def end_link(connection: Connection, person_id: str) -> None:
    """Let no provider vouch for a person any more, and end their sessions; NotFound."""
    by_id(connection, person_id)
    connection.execute(update(people).where(people.c.id == person_id).values(issuer=None, subject=None))
    connection.execute(delete(sessions).where(sessions.c.person_id == person_id))


def by_id(connection: Connection, person_id: str) -> Person:
    """Return a person; NotFound."""
    row = connection.execute(_PEOPLE.where(people.c.id == person_id)).first()
    if row is None:
        raise NotFound("その利用者は登録されていません。")
    return _person(row)


def change(
    connection: Connection,
    person_id: str,
    *,
    display: str,
    department_id: str,
    roles: Collection[Role],
    active: bool | None,
) -> None:
    """Store who a person is from now on; NotFound; InputError where no administrator would be left.

    `active` is None where that stays as it is.
    """
    by_id(connection, person_id)
    _see_department(connection, department_id)
    values: dict[str, Any] = {"display": display, "department_id": department_id, "roles": sorted(roles)}
    if active is not None:
        values["active"] = active
    connection.execute(update(people).where(people.c.id == person_id).values(values))
    if not any(Role.ADMINISTRATOR in one.roles and one.active for one in everybody(connection)):
        raise InputError("使える管理者が一人もいなくなるので、この変更はできません。先に別の管理者を登録してください。")
    if active is False:
        connection.execute(delete(sessions).where(sessions.c.person_id == person_id))


def secrets_of(connection: Connection, fields: Fields, person_id: str, *, to_change: bool = False) -> Secrets:
    """Return what a person proves with who they are, held for this transaction where it is `to_change`; NotFound."""
    query = select(people.c.sealed).where(people.c.id == person_id)
    return _opened(fields, person_id, connection.execute(query.with_for_update() if to_change else query).scalar())


def put_secrets(
    connection: Connection, fields: Fields, person_id: str, secrets: Secrets, values: Mapping[str, object]
) -> None:
    """Store what a person proves with who they are from now on, and `values` of other columns with it."""
    connection.execute(
        update(people)
        .where(people.c.id == person_id)
        .values(
            {
                "sealed": _sealed(fields, person_id, secrets),
                "second_factor": secrets.seed is not None,
                **values,
            }
        )
    )


def fail(connection: Connection, person_id: str, now: datetime) -> datetime | None:
    """Count a wrong password or code; return until when the door is shut from now on, None where it is not."""
    row = update(people).where(people.c.id == person_id)
    connection.execute(row.values(failures=people.c.failures + 1))
    wait = shut_for(connection.execute(select(people.c.failures).where(people.c.id == person_id)).scalar() or 0)
    until = now + wait if wait is not None else None
    connection.execute(row.values(locked_until=until))
    return until


def succeed(connection: Connection, person_id: str) -> None:
    """Forget the wrong tries."""
    connection.execute(update(people).where(people.c.id == person_id).values(failures=0, locked_until=None))


def use_step(connection: Connection, person_id: str, step: int) -> bool:
    """Use the code of `step` up, and all before it; False where that was done."""
    used = connection.execute(
        update(people).where(people.c.id == person_id, people.c.last_step < step).values(last_step=step)
    )
    return used.rowcount == 1


def use_recovery(connection: Connection, fields: Fields, person_id: str, code_hash: str) -> int | None:
    """Use a recovery code up; return how many are left, None where it is none of the person's."""
    secrets = secrets_of(connection, fields, person_id, to_change=True)
    if code_hash not in secrets.recovery:
        return None
    left = tuple(one for one in secrets.recovery if one != code_hash)
    put_secrets(
        connection,
        fields,
        person_id,
        Secrets(password=secrets.password, seed=secrets.seed, recovery=left),
        {},
    )
    return len(left)


def begin_session(connection: Connection, session: Session, *, most: int, older: datetime) -> None:
    """Store a session; end those begun before `older`, and the oldest of the person's beyond `most`.

    Those of another stage stay: who knows a password alone ends nobody's session.
    """
    connection.execute(delete(sessions).where(sessions.c.begun_at < older))
    connection.execute(
        insert(sessions).values(
            id=session.id,
            person_id=session.person,
            stage=session.stage.value,
            begun_at=session.begun_at,
            seen_at=session.seen_at,
            address=session.address,
            browser=session.browser,
            openid=session.openid,
        )
    )
    alike = and_(sessions.c.person_id == session.person, sessions.c.stage == session.stage.value)
    newest = (
        connection.execute(select(sessions.c.id).where(alike).order_by(sessions.c.begun_at.desc(), sessions.c.id))
        .scalars()
        .all()
    )
    kept = [session.id, *(one for one in newest if one != session.id)][:most]
    connection.execute(delete(sessions).where(alike, sessions.c.id.not_in(kept)))


def session(connection: Connection, session_id: str) -> tuple[Session, Person] | None:
    """Return a session with whose it is; None where there is none, or they may not sign in any more."""
    found = connection.execute(select(sessions).where(sessions.c.id == session_id)).first()
    if found is None:
        return None
    person = by_id(connection, found.person_id)
    return (_session(found), person) if person.active else None


def sessions_of(connection: Connection, person_id: str) -> tuple[Session, ...]:
    """Return the sessions of a person, the newest first."""
    query = select(sessions).where(sessions.c.person_id == person_id).order_by(sessions.c.begun_at.desc())
    return tuple(_session(row) for row in connection.execute(query))


def see_session(connection: Connection, session_id: str, now: datetime) -> None:
    """Store when a session was used last."""
    connection.execute(update(sessions).where(sessions.c.id == session_id).values(seen_at=now))


def end_sessions(connection: Connection, person_id: str | None, *, but: str = "", only: str | None = None) -> int:
    """End the sessions of a person (of everybody: None), all `but` one, or one `only`; return how many ended."""
    statement = delete(sessions).where(sessions.c.id != but)
    if person_id is not None:
        statement = statement.where(sessions.c.person_id == person_id)
    if only is not None:
        statement = statement.where(sessions.c.id == only)
    return connection.execute(statement).rowcount


def assign(connection: Connection, campaign_id: str, department_id: str) -> None:
    """Let a campaign be a department's; NotFound."""
    _see_department(connection, department_id)
    connection.execute(update(campaigns).where(campaigns.c.id == campaign_id).values(department_id=department_id))


def assign_ownerless(connection: Connection, department_id: str) -> int:
    """Let every campaign of no department be this one's; return how many."""
    ownerless = update(campaigns).where(campaigns.c.department_id.is_(None))
    return connection.execute(ownerless.values(department_id=department_id)).rowcount


def _see_department(connection: Connection, department_id: str) -> None:
    if not connection.execute(select(func.count()).where(departments.c.id == department_id)).scalar():
        raise NotFound("その部署は登録されていません。")


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        display=row.display,
        department=Department(id=row.department_id, name=row.department_name),
        roles=frozenset(Role(one) for one in row.roles),
        active=row.active,
        second_factor=row.second_factor,
        password_until=row.password_until,
        locked_until=row.locked_until,
        created_at=row.created_at,
        link=Link(issuer=row.issuer, subject=row.subject) if row.subject is not None else None,
    )


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        person=row.person_id,
        stage=Stage(row.stage),
        begun_at=row.begun_at,
        seen_at=row.seen_at,
        address=row.address,
        browser=row.browser,
        openid=row.openid,
    )


def _sealed(fields: Fields, person_id: str, secrets: Secrets) -> bytes:
    content = json.dumps([secrets.password, secrets.seed, secrets.recovery])
    return fields.seal_own(PEOPLE, person_id, content.encode())


def _opened(fields: Fields, person_id: str, sealed: bytes | None) -> Secrets:
    if sealed is None:
        raise NotFound("その利用者は登録されていません。")
    password, seed, recovery = json.loads(fields.open_own(PEOPLE, person_id, sealed))
    return Secrets(password=password, seed=seed, recovery=tuple(recovery))
