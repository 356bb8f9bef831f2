"""The register of who may use the console, and of departments. Each change is on record before it is done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from ivr.accounts import second_factor
from ivr.accounts.passwords import Passwords, made_password
from ivr.audit import Audit
from ivr.campaign.ports import Clock
from ivr.campaign.records import CampaignRow
from ivr.domain.account import (
    LONGEST_DEPARTMENT,
    LONGEST_DISPLAY,
    Department,
    Link,
    Person,
    Secrets,
    is_last_local,
    unfit_name,
    unfit_password,
    unfit_words,
)
from ivr.domain.audit import Action, Author
from ivr.domain.authority import Role
from ivr.errors import InputError, NotFound
from ivr.identity import ENGINE
from ivr.storage import SqlResults
from ivr.storage.accounts import LAST_LOCAL

HANDED_OVER_FOR = timedelta(days=7)
"""How long a password holds that is handed over, until its owner has changed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """The register, as `author` changes it."""

    results: SqlResults
    audit: Audit
    clock: Clock
    passwords: Passwords
    author: Author

    async def first(self, name: str, display: str, department: str, password: str) -> Person:
        """Register the first person, an administrator, with a password of their own choice; InputError."""
        _see(_unfit_new(name), _unfit_display(display), _unfit_department(department), unfit_password(password, name))
        person = _person(
            name,
            display,
            await self._department_named(department),
            {Role.ADMINISTRATOR},
            self.clock.now(),
        )
        secrets = Secrets(password=await self.passwords.hash(password))
        await self._record(Action.PERSON_ADDED, name, roles="administrator", department=department)
        if not await self.results.accounts.add_first(person, secrets):
            raise InputError("最初の管理者は、すでに登録されています。")
        return person

    async def add(self, name: str, display: str, department_id: str, roles: Collection[Role]) -> tuple[Person, str]:
        """Register somebody; return them, and the password to hand over to them. InputError, NotFound."""
        _see(_unfit_new(name), _unfit_display(display), _unfit_roles(roles))
        department = await self._department(department_id)
        now = self.clock.now()
        until = now + HANDED_OVER_FOR
        person = _person(name, display, department, roles, now, password_until=until)
        if await self.results.accounts.named(name) is not None:
            raise InputError(f"利用者「{name}」は、すでに登録されています。")
        password = made_password()
        secrets = Secrets(password=await self.passwords.hash(password))
        await self._record(Action.PERSON_ADDED, name, roles=_told(roles), department=department.name)
        await self.results.accounts.add(person, secrets)
        return person, password

    async def change(
        self, person: Person, *, display: str, department_id: str, roles: Collection[Role], active: bool | None
    ) -> None:
        """Change who somebody is; InputError where no administrator would be left, NotFound.

        `active` is None where that stays as it is.
        """
        _see(_unfit_display(display), _unfit_roles(roles))
        department = await self._department(department_id)
        await self._record(
            Action.PERSON_CHANGED,
            person.name,
            roles=_told(roles),
            department=department.name,
            **({} if active is None else {"active": "yes" if active else "no"}),
        )
        await self.results.accounts.change(
            person.id, display=display, department_id=department_id, roles=roles, active=active
        )

    async def reset(self, person: Person) -> str:
        """Take away somebody's password, second factor and wrong tries, end their sessions; return the new password."""
        password = made_password()
        secrets = Secrets(password=await self.passwords.hash(password))
        await self._record(Action.PERSON_RESET, person.name)
        values = {"password_until": self.clock.now() + HANDED_OVER_FOR, "failures": 0, "locked_until": None}
        await self.results.accounts.replace_secrets(person.id, secrets, values)
        await self.results.accounts.end_sessions(person.id)
        return password

    async def link(self, person: Person, link: Link, *, keep_local: bool) -> bool:
        """Let an identity provider vouch for somebody from now on; False where one does already.

        InputError where `keep_local` is asked for and no administrator with a password of ours would be left.
        """
        if keep_local and is_last_local(person, await self.results.accounts.everybody()):
            raise InputError(LAST_LOCAL)
        await self._record(Action.PERSON_LINKED, person.name, issuer=link.issuer, account=link.subject)
        return await self.results.accounts.put_link(person.id, link, keep_local=keep_local)

    async def unlink(self, person: Person) -> None:
        """Let no identity provider vouch for somebody any more, and end their sessions; InputError."""
        if person.link is None:
            raise InputError(f"{person.display}さんは、庁内アカウントに結び付いていません。")
        await self._record(Action.PERSON_UNLINKED, person.name, issuer=person.link.issuer, account=person.link.subject)
        await self.results.accounts.end_link(person.id)

    async def change_password(self, person: Person, password: str) -> None:
        """Give somebody the password that they have chosen; InputError."""
        _see(unfit_password(password, person.name))
        held = await self.results.accounts.secrets(person.id)
        if await self.passwords.verify(held.password, password):
            raise InputError("いまと同じパスワードです。別のものにしてください。")
        hashed = await self.passwords.hash(password)
        await self._record(Action.PASSWORD_CHANGED, person.name)
        await self.results.accounts.put_secrets(
            person.id, lambda kept: replace(kept, password=hashed), {"password_until": None}
        )

    async def set_second_factor(self, person: Person, seed: str, code: str) -> tuple[str, ...]:
        """Take the telephone that shows `code` as a second factor; return codes for the paper. InputError."""
        step = second_factor.step_of(seed, code, self.clock.now())
        if step is None:
            raise InputError("確認コードが違います。アプリに表示されている 6 桁の数字を入力してください。")
        codes = second_factor.new_paper_codes()
        await self._record(Action.SECOND_FACTOR_SET, person.name)
        hashes = self._hashes(person, codes)
        await self.results.accounts.put_secrets(
            person.id, lambda kept: replace(kept, seed=seed, recovery=hashes), {"last_step": step}
        )
        return codes

    async def end_sessions(self, person: Person, *, but: str = "", only: str | None = None) -> int:
        """End sessions of somebody, all `but` one, or one `only`; return how many."""
        await self._record(Action.SESSIONS_ENDED, person.name)
        return await self.results.accounts.end_sessions(person.id, but=but, only=only)

    async def add_department(self, name: str) -> Department:
        """Register a department; InputError."""
        _see(_unfit_department(name))
        if any(one.name == name for one in await self.results.accounts.departments()):
            raise InputError(f"部署「{name}」は、すでにあります。")
        department = Department(id=uuid4().hex, name=name)
        await self._record(Action.DEPARTMENT_ADDED, name)
        await self.results.accounts.add_department(department, self.clock.now())
        return department

    async def assign(self, campaign: CampaignRow, department_id: str) -> Department:
        """Let a campaign be a department's; NotFound."""
        department = await self._department(department_id)
        await self._record(Action.DEPARTMENT_ASSIGNED, campaign.name, department=department.name)
        await self.results.accounts.assign(campaign.id, department.id)
        return department

    async def _record(self, action: Action, subject: str, **details: str) -> None:
        await self.audit.by(self.author).record(action, subject, **details)

    async def _department(self, department_id: str) -> Department:
        for one in await self.results.accounts.departments():
            if one.id == department_id:
                return one
        raise NotFound("その部署は登録されていません。")

    async def _department_named(self, name: str) -> Department:
        for one in await self.results.accounts.departments():
            if one.name == name:
                return one
        return Department(id=uuid4().hex, name=name)

    def _hashes(self, person: Person, codes: Collection[str]) -> tuple[str, ...]:
        accounts = self.results.accounts
        return tuple(accounts.hash("paper", person.id, second_factor.plain_paper_code(code)) for code in codes)


def _person(
    name: str,
    display: str,
    department: Department,
    roles: Collection[Role],
    now: datetime,
    *,
    password_until: datetime | None = None,
) -> Person:
    return Person(
        id=uuid4().hex,
        name=name,
        display=display,
        department=department,
        roles=frozenset(roles),
        active=True,
        second_factor=False,
        password_until=password_until,
        locked_until=None,
        created_at=now,
    )


def _see(*unfit: str | None) -> None:
    for why in unfit:
        if why is not None:
            raise InputError(why)


def _unfit_new(name: str) -> str | None:
    """Return why nobody is registered under `name`: nobody acts in the trail as what acts by itself."""
    if name == ENGINE:
        return f"「{name}」は、監査証跡では呼鈴そのものの名前です。別の利用者名にしてください。"
    return unfit_name(name)


def _unfit_display(display: str) -> str | None:
    return unfit_words(display, "氏名", LONGEST_DISPLAY)


def _unfit_department(name: str) -> str | None:
    return unfit_words(name, "部署の名前", LONGEST_DEPARTMENT)


def _unfit_roles(roles: Collection[Role]) -> str | None:
    return None if roles else "役割を一つ以上選んでください。"


def _told(roles: Collection[Role]) -> str:
    return " ".join(sorted(roles))
