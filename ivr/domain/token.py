"""A key with which a system of the office asks the API: for which department, for what, until when. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_NAME = 40

LONGEST_LIFE = timedelta(days=366)
"""A key that nobody renews is a key that nobody misses."""

SYSTEM = "system:"
"""What stands before a system's name where the audit trail names it; no person can be called so."""


class Scope(StrEnum):
    """What a token is good for; one may be for several."""

    PUSH_LISTS = "push_lists"
    READ_RESULTS = "read_results"


SCOPE_LABELS: Mapping[Scope, str] = {
    Scope.PUSH_LISTS: "名簿を渡して催告を作る",
    Scope.READ_RESULTS: "催告の結果を読む",
}
"""What staff read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is kept, without what it is: of that the store holds a keyed hash."""

    id: str
    name: str
    department: str
    department_name: str
    scopes: frozenset[Scope]
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether it may still be used."""
        return self.revoked_at is None and now < self.expires_at

    @property
    def who(self) -> str:
        """Return as whom the audit trail names what is done with it."""
        return f"{SYSTEM}{self.name}"
