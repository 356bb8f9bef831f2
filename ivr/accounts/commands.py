"""What whoever runs the machine does of people at a terminal: also where nobody can sign in any more.

Each function prints its answer and returns the exit status.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ivr import identity, settings
from ivr.accounts.passwords import Passwords
from ivr.accounts.register import HANDED_OVER_FOR, Register
from ivr.desk.answers import print_json
from ivr.desk.records import recorded
from ivr.domain.authority import ROLE_LABELS, Role
from ivr.errors import NotFound
from ivr.system_clock import SystemClock


async def add(config: Path | None, name: str, display: str, department: str, roles: Sequence[Role]) -> int:
    """Register somebody, and their department where it is a new one; print the password to hand over."""
    async with _register(config) as register:
        known = {one.name: one for one in await register.results.accounts.departments()}
        chosen = known.get(department) or await register.add_department(department)
        person, password = await register.add(name, display or name, chosen.id, roles)
    print(f"{person.name}（{person.display}、{chosen.name}）を登録しました。")
    _hand_over(password)
    return 0


async def list_all(config: Path | None, *, json: bool) -> int:
    """Print who is registered."""
    async with _register(config) as register:
        people = await register.results.accounts.everybody()
        now = register.clock.now()
    if json:
        print_json(
            [
                {
                    "name": one.name,
                    "display": one.display,
                    "department": one.department.name,
                    "roles": sorted(one.roles),
                    "active": one.active,
                    "second_factor": one.second_factor,
                    "locked": one.locked_until is not None and one.locked_until > now,
                    "linked": one.link is not None,
                }
                for one in people
            ]
        )
        return 0
    for one in people:
        labels = "・".join(ROLE_LABELS[role] for role in Role if role in one.roles)
        notes = [
            *([] if one.active else ["利用停止中"]),
            *([] if one.second_factor or one.link else ["確認コード未設定"]),
            *(["庁内アカウント"] if one.link else []),
            *(["続けて間違えたので待ち時間中"] if one.locked_until is not None and one.locked_until > now else []),
        ]
        noted = f"（{'、'.join(notes)}）" if notes else ""
        print(f"{one.name}：{one.display}、{one.department.name}、{labels}{noted}")
    if not people:
        print("まだだれも登録されていません。")
    return 0


async def reset(config: Path | None, name: str) -> int:
    """Give somebody a new password, take away their second factor and the wait; print what to hand over."""
    async with _register(config) as register:
        person = await register.results.accounts.named(name)
        if person is None:
            raise NotFound(f"利用者「{name}」は登録されていません。")
        password = await register.reset(person)
    print(f"{person.name}（{person.display}）のパスワードと確認コードを取り消し、待ち時間をなくしました。")
    _hand_over(password)
    return 0


async def unlink(config: Path | None, name: str) -> int:
    """Let no identity provider vouch for somebody any more: with their password they come in again."""
    async with _register(config) as register:
        person = await register.results.accounts.named(name)
        if person is None:
            raise NotFound(f"利用者「{name}」は登録されていません。")
        await register.unlink(person)
    print(f"{person.name}（{person.display}）と庁内アカウントの結び付けを外しました。")
    return 0


def _hand_over(password: str) -> None:
    print(f"仮のパスワード：{password}")
    print(f"本人だけに渡してください。{HANDED_OVER_FOR.days} 日以内にサインインして、自分のパスワードに変えます。")


@asynccontextmanager
async def _register(config: Path | None) -> AsyncIterator[Register]:
    chosen = settings.load(config)
    async with recorded(chosen) as (results, audit):
        yield Register(
            results=results,
            audit=audit,
            clock=SystemClock(chosen.calling.timezone),
            passwords=Passwords(),
            author=identity.person(),
        )
