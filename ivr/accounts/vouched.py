"""Who it is for whom an identity provider vouches.

    linked to (issuer, subject) ──────────────────────► that person, whatever the provider calls them now
    registered under that name, linked to nobody ──link──► that person, from now on
    in a group that the settings name ──register, link──► somebody new

Nobody else. Where the settings name groups, these say at each sign-in what somebody is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.accounts.register import Register
from ivr.domain.account import Department, Person
from ivr.domain.authority import Role
from ivr.errors import InputError, NotLetIn
from ivr.openid import Identity
from ivr.settings.openid import Group

STRANGER = "この庁内アカウントの人は、呼鈴に登録されていません。管理者に登録を頼んでください。"
TAKEN = "同じ利用者名の人が、別の庁内アカウントに結び付いています。管理者に、結び付けを外してもらってください。"
NO_GROUP = "呼鈴を使うグループに入っていません。庁内アカウントの担当者に相談してください。"
SEVERAL = "部署の違う、二つ以上のグループに入っています。庁内アカウントの担当者に相談してください。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Finds people in the register, as whom the trail names the one who comes. `groups`: of the settings.

    `keep_local`: the last administrator with a password of ours is linked to nobody.
    """

    register: Register
    groups: Sequence[Group]
    keep_local: bool

    async def find(self, identity: Identity) -> Person:
        """Return who that is, linked and as their groups say; NotLetIn."""
        try:
            return await self._found(identity)
        except NotLetIn:
            raise
        except InputError as error:
            raise NotLetIn(str(error)) from None

    async def _found(self, identity: Identity) -> Person:
        accounts = self.register.results.accounts
        person = await accounts.linked(identity.link)
        if person is not None and not person.active:
            return person
        place = await self._place(identity)
        if person is None:
            person = await accounts.named(identity.name) if identity.name else None
            if person is not None and person.link is not None:
                raise NotLetIn(TAKEN)
            if person is not None and not person.active:
                return person
            keep_local = self.keep_local and person is not None
            if person is None:
                if place is None or not identity.name or not await accounts.any_person():
                    raise NotLetIn(STRANGER)
                department, roles = place
                # Nobody is told that password: it is the provider who vouches.
                person, _ = await self.register.add(identity.name, identity.display, department.id, roles)
            if not await self.register.link(person, identity.link, keep_local=keep_local):
                raise NotLetIn(TAKEN)
        if place is not None:
            department, roles = place
            if (person.department, person.roles) != (department, roles):
                # Who is switched off in this very moment stays so.
                await self.register.change(
                    person, display=person.display, department_id=department.id, roles=roles, active=None
                )
        return await accounts.person(person.id)

    async def _place(self, identity: Identity) -> tuple[Department, frozenset[Role]] | None:
        """Return the department and the roles that the groups give, None where the settings name none."""
        if not self.groups:
            return None
        fit = [one for one in self.groups if one.group in identity.groups]
        if not fit:
            raise NotLetIn(NO_GROUP)
        names = {one.department for one in fit}
        if len(names) > 1:
            raise NotLetIn(SEVERAL)
        for department in await self.register.results.accounts.departments():
            if department.name in names:
                return department, frozenset(role for one in fit for role in one.roles)
        raise NotLetIn(f"部署「{names.pop()}」が登録されていません。管理者に登録を頼んでください。")
