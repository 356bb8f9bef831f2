"""What every page works with."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

from fastapi import Request

from ivr.accounts.door import Door
from ivr.accounts.passwords import Passwords
from ivr.accounts.register import Register
from ivr.audit import Audit
from ivr.campaign.ports import Clock, Registers
from ivr.doctor import Finding
from ivr.domain.audit import Author
from ivr.drafts.foreseeing import Foreseeing
from ivr.drafts.kept import Drafts
from ivr.editions import Book
from ivr.openid import Provider
from ivr.parts.openid import identity_provider
from ivr.parts.rules import register
from ivr.settings import Settings
from ivr.speech import TelephoneVoice
from ivr.storage import SqlResults

MOST_USED = 2_000


class Used:
    """What works once, of the latest few."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

    def use(self, one: str) -> bool:
        """Use it up; False where that was done."""
        if one in self._known:
            return False
        self._known[one] = None
        while len(self._known) > MOST_USED:
            self._known.popitem(last=False)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The engine as the console sees it.

    `ringing` are those of its attempts that ring, which no store knows. `first_key` opens the page for the first
    administrator while there is none.
    """

    settings: Settings
    results: SqlResults
    audit: Audit
    clock: Clock
    health: Callable[[], Mapping[str, bool]]
    ringing: Callable[[], Collection[str]] = frozenset
    passwords: Passwords = field(default_factory=Passwords)
    first_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    host: str = field(default_factory=socket.gethostname)
    voice: TelephoneVoice | None = None
    engine_registers: Registers | None = None
    """What the engine knows of whom settings and exclusion file exclude; without it the console looks itself."""
    trunk: Callable[[], Awaitable[Finding]] | None = None
    """Asks the running PBX how the trunk is."""
    door: Door = field(init=False, repr=False)
    registers: Registers = field(init=False, repr=False)
    provider: Provider | None = field(init=False, repr=False)
    """Who vouches for staff, where anybody does."""
    returns: Used = field(default_factory=Used, repr=False)
    """Ways to the provider and back that were gone."""
    drafts: Drafts = field(init=False, repr=False)
    book: Book = field(init=False, repr=False)
    foreseeing: Foreseeing = field(default_factory=Foreseeing)
    lists_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2), repr=False)
    """Lists that are read at the same time: each may fill some hundred megabytes."""
    checks_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2), repr=False)
    """Scenarios that are checked at the same time while somebody types."""
    measured_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1), repr=False)
    """Scenarios whose sentences are measured at the same time: each keeps one of the voice's workers busy."""
    sentences_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1), repr=False)
    """Sentences that are spoken for staff at the same time, beside those for calls."""

    def __post_init__(self) -> None:
        """Make the one door: it remembers who has knocked."""
        object.__setattr__(self, "registers", self.engine_registers or register(self.settings))
        openid = self.settings.web.openid
        by_password = openid is None or not openid.only
        door = Door(self.results, self.audit, self.clock, self.passwords, linked_by_password=by_password)
        object.__setattr__(self, "door", door)
        object.__setattr__(self, "provider", identity_provider(self.settings, self.clock.monotonic))
        object.__setattr__(self, "drafts", Drafts(self.settings.data_dir, self.results.sealing.fields))
        object.__setattr__(self, "book", Book(self.settings, self.results, self.audit, self.clock))

    def where(self, address: str) -> str:
        """Return where somebody acts from, for the audit trail."""
        return f"{self.host} web {address}"

    def register(self, author: Author) -> Register:
        """Return the register of people, as `author` changes it."""
        return Register(
            results=self.results, audit=self.audit, clock=self.clock, passwords=self.passwords, author=author
        )


def console_of(request: Request) -> Console:
    """Return what the application was built with."""
    found: Console = request.app.state.console
    return found
