"""The part of the store that keeps who may sign in to the console, on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection

from ivr.domain.account import Department, Link, Person, Secrets, Session
from ivr.domain.authority import Role
from ivr.storage import accounts
from ivr.storage.lending import Store

NOTHING_MORE: Mapping[str, object] = {}


class SqlAccounts:
    """People, departments and sessions; every method raises StoreFailed where the database refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fields = store.sealing.fields

    def hash(self, *words: str) -> str:
        """Return what finds `words` again (a session, a recovery code); nobody can tell what they were."""
        return self._fields.hash(*words)

    async def departments(self) -> tuple[Department, ...]:
        """Return the departments by name."""
        return await self._store.read(accounts.all_departments)

    async def add_department(self, department: Department, at: datetime) -> None:
        """Store a department; InputError where there is one by that name."""
        await self._store.write(lambda connection: accounts.add_department(connection, department, at))

    async def any_person(self) -> bool:
        """Tell whether anybody is registered."""
        return await self._store.read(accounts.any_person)

    async def everybody(self) -> tuple[Person, ...]:
        """Return the people by name."""
        return await self._store.read(accounts.everybody)

    async def named(self, name: str) -> Person | None:
        """Return the person who signs in as `name`."""
        return await self._store.read(lambda connection: accounts.by_name(connection, name))

    async def linked(self, link: Link) -> Person | None:
        """Return the person whom a provider vouches for."""
        return await self._store.read(lambda connection: accounts.by_link(connection, link))

    async def put_link(self, person_id: str, link: Link, *, keep_local: bool) -> bool:
        """Let a provider vouch for a person; False where one does already; InputError: see `keep_local` there."""
        return await self._store.write(
            lambda connection: accounts.put_link(connection, person_id, link, keep_local=keep_local)
        )

    async def end_link(self, person_id: str) -> None:
        """Let no provider vouch for a person any more, and end their sessions; NotFound."""
        await self._store.write(lambda connection: accounts.end_link(connection, person_id))

    async def person(self, person_id: str) -> Person:
        """Return a person; NotFound."""
        return await self._store.read(lambda connection: accounts.by_id(connection, person_id))

    async def add(self, person: Person, secrets: Secrets) -> None:
        """Store a person; InputError where the name is taken, NotFound where the department is not there."""
        await self._store.write(lambda connection: accounts.add(connection, self._fields, person, secrets))

    async def add_first(self, person: Person, secrets: Secrets) -> bool:
        """Store the first person and their department, whose the campaigns so far become; False if others are there."""

        def work(connection: Connection) -> bool:
            if accounts.any_person(connection):
                return False
            if person.department not in accounts.all_departments(connection):
                accounts.add_department(connection, person.department, person.created_at)
            accounts.add(connection, self._fields, person, secrets)
            accounts.assign_ownerless(connection, person.department.id)
            return True

        return await self._store.write(work)

    async def change(
        self, person_id: str, *, display: str, department_id: str, roles: Collection[Role], active: bool | None
    ) -> None:
        """Store who a person is from now on; NotFound; InputError where no administrator would be left."""
        await self._store.write(
            lambda connection: accounts.change(
                connection, person_id, display=display, department_id=department_id, roles=roles, active=active
            )
        )

    async def secrets(self, person_id: str) -> Secrets:
        """Return what a person proves with who they are; NotFound."""
        return await self._store.read(lambda connection: accounts.secrets_of(connection, self._fields, person_id))

    async def put_secrets(
        self, person_id: str, make: Callable[[Secrets], Secrets], values: Mapping[str, object] = NOTHING_MORE
    ) -> None:
        """Store what `make` makes of a person's secrets, and `values` of other columns with it."""

        def work(connection: Connection) -> None:
            held = accounts.secrets_of(connection, self._fields, person_id, to_change=True)
            accounts.put_secrets(connection, self._fields, person_id, make(held), values)

        await self._store.write(work)

    async def replace_secrets(self, person_id: str, secrets: Secrets, values: Mapping[str, object]) -> None:
        """Store a person's secrets in the place of others, whether or not those can be opened any more."""
        await self._store.write(
            lambda connection: accounts.put_secrets(connection, self._fields, person_id, secrets, values)
        )

    async def fail(self, person_id: str, now: datetime) -> datetime | None:
        """Count a wrong password or code; return until when the door is shut from now on."""
        return await self._store.write(lambda connection: accounts.fail(connection, person_id, now))

    async def succeed(self, person_id: str) -> None:
        """Forget the wrong tries."""
        await self._store.write(lambda connection: accounts.succeed(connection, person_id))

    async def use_step(self, person_id: str, step: int) -> bool:
        """Use the code of `step` up, and all before it; False where that was done."""
        return await self._store.write(lambda connection: accounts.use_step(connection, person_id, step))

    async def use_recovery(self, person_id: str, code_hash: str) -> int | None:
        """Use a recovery code up; return how many are left, None where it is none of the person's."""
        return await self._store.write(
            lambda connection: accounts.use_recovery(connection, self._fields, person_id, code_hash)
        )

    async def begin_session(self, session: Session, *, most: int, older: datetime) -> None:
        """Store a session; end those begun before `older`, and the oldest of the person's beyond `most`."""
        await self._store.write(lambda connection: accounts.begin_session(connection, session, most=most, older=older))

    async def session(self, session_id: str) -> tuple[Session, Person] | None:
        """Return a session with whose it is; None where there is none, or they may not sign in any more."""
        return await self._store.read(lambda connection: accounts.session(connection, session_id))

    async def sessions_of(self, person_id: str) -> tuple[Session, ...]:
        """Return the sessions of a person, the newest first."""
        return await self._store.read(lambda connection: accounts.sessions_of(connection, person_id))

    async def see_session(self, session_id: str, now: datetime) -> None:
        """Store when a session was used last."""
        await self._store.write(lambda connection: accounts.see_session(connection, session_id, now))

    async def end_sessions(self, person_id: str | None, *, but: str = "", only: str | None = None) -> int:
        """End the sessions of a person (of everybody: None), all `but` one, or one `only`; return how many ended."""
        return await self._store.write(
            lambda connection: accounts.end_sessions(connection, person_id, but=but, only=only)
        )

    async def assign(self, campaign_id: str, department_id: str) -> None:
        """Let a campaign be a department's; NotFound."""
        await self._store.write(lambda connection: accounts.assign(connection, campaign_id, department_id))
