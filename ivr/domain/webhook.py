"""What another system of the office is told by itself: of what, how a message is proven, when it is tried again. Pure.

A message is signed as Standard Webhooks says (version 1.0.0, symmetric signatures): HMAC-SHA256 under the webhook's
secret over id, time and body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ivr.domain.outcome import Outcome

LONGEST_NAME = 40
LONGEST_URL = 500

MOST_WEBHOOKS = 50
"""Of all departments together."""

MOST_EVENTS = 100
"""In one message."""

LONGEST_FAILURE = timedelta(days=3)
"""After so long without one message taken a webhook is switched off,"""

LEAST_FAILURES = 10
"""but not before so many tries: an engine that was off has not tried."""

OVERLAP = timedelta(hours=24)
"""How long messages are also signed with the secret before the newest."""

SECRET_PREFIX = "whsec_"  # noqa: S105  what a secret begins with
SECRET_BYTES = 32

_PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1_800, 3_600, 2 * 3_600, 4 * 3_600, 6 * 3_600)
)


LONGEST_PAUSE = _PAUSES[-1] * 1.2


def rests(next_at: datetime | None, now: datetime) -> bool:
    """Tell whether a next try is still to be waited for; one that no pause leads to is of a clock that was wrong."""
    return next_at is not None and now < next_at <= now + LONGEST_PAUSE


class EventKind(StrEnum):
    """What a webhook may be told of."""

    CALL_ENDED = "call.ended"
    PERSON_SETTLED = "person.settled"
    CAMPAIGN_ENDED = "campaign.ended"


PING = "ping"
"""The kind of the event that tells of nothing: staff try whether it arrives."""

KIND_LABELS: Mapping[EventKind, str] = {
    EventKind.CALL_ENDED: "電話が一回終わったとき",
    EventKind.PERSON_SETTLED: "その人の最後の結果が決まったとき",
    EventKind.CAMPAIGN_ENDED: "催告が終わったとき（完了・打ち切り）",
}
"""What staff read."""

ENDED_STATES = ("done", "stopped", "cut")
"""States of a campaign that is over."""


class Off(StrEnum):
    """Why a webhook is told nothing."""

    BY_HAND = "by_hand"
    GONE = "gone"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook as it is kept, without its secret.

    `outcomes` choose among calls and people. `failing_since` is when the first try failed of the message that is not
    taken, `failures` how many did, `next_at` when it is tried again. `dropped` counts events that went with an erased
    campaign, `missed_at` is when events were lost that nobody had collected in time.
    """

    id: str
    name: str
    url: str
    department: str
    department_name: str
    kinds: frozenset[EventKind]
    outcomes: frozenset[Outcome]
    created_at: datetime
    created_by: str
    off: Off | None = None
    off_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    next_at: datetime | None = None
    tried_at: datetime | None = None
    taken_at: datetime | None = None
    answer: str = ""
    dropped: int = 0
    missed_at: datetime | None = None

    def wants(self, kind: EventKind, outcome: Outcome | None) -> bool:
        """Tell whether it is to be told of an event."""
        return kind in self.kinds and (outcome is None or outcome in self.outcomes)

    def due(self, now: datetime) -> bool:
        """Tell whether it may be tried."""
        return self.off is None and not rests(self.next_at, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that happened, and `content` that names nobody. Told twice it has the same `id`."""

    id: str
    kind: EventKind
    campaign: str
    subject: str
    at: datetime
    content: Mapping[str, object]


def id_of(*words: str) -> str:
    """Return the id that whatever `words` name always has."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]


def message_id(webhook: str, events: Sequence[str]) -> str:
    """Return the id of the message that tells a webhook of `events`, the same each time that it is tried."""
    return f"msg_{id_of(webhook, *events)}"


def written_secret(key: bytes) -> str:
    """Return a secret as it is handed to whoever receives."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def signed(keys: Sequence[bytes], message: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that prove `body` to who knows one of `keys`."""
    seconds = str(int(at.timestamp()))
    content = b".".join((message.encode(), seconds.encode(), body))
    signatures = (base64.b64encode(hmac.digest(key, content, "sha256")).decode("ascii") for key in keys)
    return {
        "webhook-id": message,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def pause(failures: int, chance: float, asked: timedelta = timedelta(0)) -> timedelta:
    """Return how long to wait after so many failures: the pauses grow, `chance` (0 to 1) spreads each by a fifth.

    At least as long as the receiver has `asked` for, within the longest.
    """
    base = _PAUSES[min(failures, len(_PAUSES)) - 1]
    return max(base * (0.8 + 0.4 * chance), min(asked, _PAUSES[-1]))
