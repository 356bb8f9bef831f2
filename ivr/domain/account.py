"""An account of the console: who has it, what a password must be like, how long the door stays shut. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ivr.domain.authority import Role

SHORTEST, LONGEST = 12, 128
"""Characters of a password. NIST SP 800-63B-4, 3.1.1.2: length counts, rules of composition don't."""

FEWEST = 5
"""Different characters of a password."""

LONGEST_DISPLAY = 40
LONGEST_DEPARTMENT = 40

FREE_TRIES = 5
"""Wrong passwords or codes in a row that cost no waiting."""

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""How long the door stays shut after the last free try; it doubles with each try from then on."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")


def at_terminal(name: str) -> str:
    """Return how somebody is called who acted at a terminal, by the name that they have on the machine."""
    return f"{name}（端末）"


class Stage(StrEnum):
    """How far somebody has come who is signing in."""

    PASSWORD = "password"  # noqa: S105  the name of a stage
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """A part of the office; what is one's is not shown to another."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Whom an identity provider vouches for: `subject` is its own name for them, which it gives nobody else."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may sign in. `name` is what they type, and what the audit trail calls them."""

    id: str
    name: str
    display: str
    department: Department
    roles: frozenset[Role]
    active: bool
    second_factor: bool
    password_until: datetime | None
    """Until when a password holds that somebody else has made and that is to be changed; None for one's own."""
    locked_until: datetime | None
    created_at: datetime
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What somebody proves with who they are: a password (hashed), the seed of the codes, recovery codes (hashed)."""

    password: str = field(repr=False)
    seed: str | None = field(default=None, repr=False)
    recovery: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser in which somebody is signed in, or half so. `id` is a hash: the token itself is the browser's alone."""

    id: str
    person: str
    stage: Stage
    begun_at: datetime
    seen_at: datetime
    address: str
    browser: str
    openid: bool = False
    """Whether an identity provider has vouched for who they are, not a password of ours."""


def unfit_name(name: str) -> str | None:
    """Return why nobody can be called so, None where they can."""
    if _NAME.fullmatch(name):
        return None
    return "利用者名は、半角の英小文字と数字（と . _ -）で、2 字から 32 字にしてください（例：yamada）。"


def unfit_words(text: str, what: str, longest: int) -> str | None:
    """Return why `text` can't be shown as a name of a person or department, None where it can."""
    if text.strip() and text == text.strip() and text.isprintable() and len(text) <= longest:
        return None
    return f"{what}は、前後に空白のない 1 字から {longest} 字にしてください。"


def unfit_password(password: str, name: str) -> str | None:
    """Return why `password` is too easily guessed for `name`, None where it will do."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"パスワードは、{SHORTEST} 字から {LONGEST} 字にしてください。言葉をいくつかつなぐと覚えやすくなります。"
    if len(set(password)) < FEWEST or name in password.casefold() or password in "0123456789" * 20:
        return "このパスワードは、ほかの人に当てられやすいものです。別のものにしてください。"
    return None


def is_last_local(person: Person, everybody: Iterable[Person]) -> bool:
    """Tell whether `person` alone is an administrator who comes in by a password of ours and nobody's word."""
    local = [one.id for one in everybody if one.active and one.link is None and Role.ADMINISTRATOR in one.roles]
    return local == [person.id]


def shut_for(failures: int) -> timedelta | None:
    """Return for how long nobody may try after so many failures in a row, None where they may at once."""
    beyond = failures - FREE_TRIES
    if beyond < 0:
        return None
    return min(FIRST_WAIT * (1 << min(beyond, 16)), LONGEST_WAIT)


def is_over(session: Session, now: datetime, *, idle: timedelta, longest: timedelta) -> bool:
    """Tell whether a session has ended by rule: not used for `idle`, or begun `longest` ago."""
    return now - session.seen_at >= idle or now - session.begun_at >= longest
