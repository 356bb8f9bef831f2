"""The door of the console: a name and a password, then a code; wrong tries make it stay shut for longer and longer.

    name, password ──► Stage.PASSWORD ── code of the telephone or of the paper ──► Stage.FULL
                  └──────────────── who has no second factor yet ────────────────►

One try at a time: what a try costs of the free ones is known before the next begins. What is refused never says
whether there is anybody by that name.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from ivr.accounts import second_factor
from ivr.accounts.passwords import Passwords
from ivr.audit import Audit
from ivr.campaign.ports import Clock
from ivr.domain.account import LONGEST, Person, shut_for, unfit_name
from ivr.domain.audit import Action, Author
from ivr.errors import NotLetIn
from ivr.storage import SqlResults

MOST_WAITING = 30
"""Tries that may wait for their turn; with more, somebody is knocking at the door by machine."""

MOST_REMEMBERED = 2_000
"""Names that nobody has, and addresses, of which wrong tries are remembered."""

FREE_TRIES_OF_AN_ADDRESS = 25
"""Wrong tries in a row from one address, whatever the names: an office may share one."""

STRANGER = "?"
"""Whom the audit trail names where nobody has proven who they are."""

WRONG = "利用者名かパスワードが違います。"
WRONG_CODE = "確認コードが違うか、古くなっています。新しいコードを入力してください。"


class Door:
    """Lets people in. `audit` is told of everybody who was let in or refused."""

    def __init__(
        self, results: SqlResults, audit: Audit, clock: Clock, passwords: Passwords, *, linked_by_password: bool = True
    ) -> None:
        """Open it; `linked_by_password`: also for those for whom an identity provider vouches."""
        self._accounts = results.accounts
        self._audit = audit
        self._clock = clock
        self._passwords = passwords
        self._linked_by_password = linked_by_password
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._strangers = _Failures(0)
        self._addresses = _Failures(FREE_TRIES_OF_AN_ADDRESS)

    async def enter(self, name: str, password: str, where: str) -> Person:
        """Return who proves by `password` to be `name`; NotLetIn. `where` is where they try it from."""
        async with self._queue():
            now = self._clock.now()
            self._see_open(self._addresses.shut_until(where))
            # Not every database bears any text, and nobody has a name that can't be one.
            person = await self._accounts.named(name) if unfit_name(name) is None else None
            if person is not None and person.link is not None and not self._linked_by_password:
                person = None
            self._see_open(person.locked_until if person else self._strangers.shut_until(name))
            kept = (await self._accounts.secrets(person.id)).password if person and person.active else None
            if len(password) > LONGEST or not await self._passwords.verify(kept, password):
                await self._refuse(person, name, where, "password")
                raise NotLetIn(WRONG)
            if person is None or kept is None:
                raise NotLetIn(WRONG)
            if person.password_until is not None and person.password_until <= now:
                await self._tell_refused(where, person.name, why="password too old")
                raise NotLetIn("この仮パスワードは期限が切れています。管理者に、もう一度作ってもらってください。")
            if self._passwords.outdated(kept):
                renewed = await self._passwords.hash(password)
                await self._accounts.put_secrets(person.id, lambda held: replace(held, password=renewed))
            if not person.second_factor:
                await self._let_in(person, where, "password")
            return person

    def knock(self, where: str) -> None:
        """See that an address may try; NotLetIn: before anybody else is troubled for it."""
        self._see_open(self._addresses.shut_until(where))

    async def admit(
        self, found: Callable[[], Awaitable[Person]], where: str, *, account: str, ask_code: bool
    ) -> Person:
        """Return whom an identity provider vouches for, as `found` finds them; NotLetIn.

        `account` is what the provider calls them, for the record. `ask_code`: who has a second factor of ours is asked
        for it yet.
        """
        async with self._queue():
            self.knock(where)
            try:
                person = await found()
                if not person.active:
                    raise NotLetIn("利用が止められています。管理者に相談してください。")
            except NotLetIn as error:
                await self._turn_away(where, account, str(error))
                raise
            self._see_open(person.locked_until)
            if not (ask_code and person.second_factor):
                await self._let_in(person, where, "openid")
            return person

    async def disprove(self, where: str, why: str) -> None:
        """Take note that what came from an identity provider proves nobody; NotLetIn where there is too much of it."""
        async with self._queue():
            self.knock(where)
            await self._turn_away(where, "", why)

    async def confirm(self, person: Person, code: str, where: str) -> int | None:
        """Take a code of the telephone or of the paper; return how many are left on that, if it was one. NotLetIn."""
        async with self._queue():
            person = await self._accounts.person(person.id)
            self._see_open(person.locked_until)
            secrets = await self._accounts.secrets(person.id)
            left: int | None = None
            step = second_factor.step_of(secrets.seed, code, self._clock.now()) if secrets.seed else None
            if step is not None:
                right = await self._accounts.use_step(person.id, step)
            else:
                left = await self._accounts.use_recovery(person.id, self._paper_hash(person.id, code))
                right = left is not None
            if not right:
                await self._refuse(person, person.name, where, "code")
                raise NotLetIn(WRONG_CODE)
            await self._let_in(person, where, "paper code" if left is not None else "code")
            return left

    async def prove_again(self, person: Person, password: str, where: str) -> None:
        """See that whoever is signed in still knows the password; NotLetIn, counted as at the door."""
        async with self._queue():
            self._see_open((await self._accounts.person(person.id)).locked_until)
            kept = (await self._accounts.secrets(person.id)).password
            if len(password) > LONGEST or not await self._passwords.verify(kept, password):
                await self._refuse(person, person.name, where, "password")
                raise NotLetIn("いまのパスワードが違います。")

    def _paper_hash(self, person_id: str, code: str) -> str:
        """Return what is kept of a code on paper."""
        return self._accounts.hash("paper", person_id, second_factor.plain_paper_code(code))

    async def _let_in(self, person: Person, where: str, by: str) -> None:
        await self._accounts.succeed(person.id)
        self._addresses.forget(where)
        author = Author(who=person.name, where=where)
        await self._audit.by(author).mention(Action.SIGNED_IN, person.name, by=by)

    async def _refuse(self, person: Person | None, name: str, where: str, why: str) -> None:
        now = self._clock.now()
        self._addresses.count(where, now)
        if person is not None:
            until = await self._accounts.fail(person.id, now)
            shut = {"shut_until": f"{until:%H:%M:%S}"} if until else {}
            await self._tell_refused(where, person.name, why=why, **shut)
            return
        self._strangers.count(name, now)
        # Not the name as it was typed: it may be a password in the wrong field.
        await self._tell_refused(where, "", why="nobody by that name")

    async def _turn_away(self, where: str, account: str, why: str) -> None:
        self._addresses.count(where, self._clock.now())
        details = {"account": account} if account else {}
        await self._tell_refused(where, "", why=f"openid: {why}", **details)

    async def _tell_refused(self, where: str, name: str, **details: str) -> None:
        await self._audit.by(Author(who=STRANGER, where=where)).mention(Action.SIGN_IN_REFUSED, name, **details)

    def _see_open(self, until: datetime | None) -> None:
        now = self._clock.now()
        if until is not None and until > now:
            raise NotLetIn(
                f"続けて間違えたので、しばらくサインインできません。{until.astimezone(now.tzinfo):%H:%M} を過ぎてから、"
                "もう一度試してください。"
            )

    @asynccontextmanager
    async def _queue(self) -> AsyncIterator[None]:
        """Wait for the turn, unless too many do."""
        if self._waiting >= MOST_WAITING:
            raise NotLetIn("混み合っています。少し待ってから、もう一度試してください。")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1


class _Failures:
    """Wrong tries by who makes them, of the latest few; in memory only."""

    def __init__(self, more: int) -> None:
        self._more = more
        """Tries that are free beyond those of a person."""
        self._known: OrderedDict[str, tuple[int, datetime | None]] = OrderedDict()

    def shut_until(self, who: str) -> datetime | None:
        return self._known.get(who, (0, None))[1]

    def count(self, who: str, now: datetime) -> None:
        failures = self._known.pop(who, (0, None))[0] + 1
        wait = shut_for(failures - self._more)
        self._known[who] = (failures, now + wait if wait else None)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, who: str) -> None:
        self._known.pop(who, None)
