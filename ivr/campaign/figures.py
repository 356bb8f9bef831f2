"""What pages and figures ask of the store: people page by page, one person's history, a campaign counted, what changed.

Times are moments; in which hour or on which day of an office they fall is for whoever shows them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ivr.campaign.records import CampaignRow, Counts, RecipientRecord
from ivr.domain.attempt import AttemptState
from ivr.domain.exclusion import Exclusion
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.text import TextState

PAGE = 50
"""People on a page."""

CHANGES = 500
"""Changes told at a time."""


class Order(StrEnum):
    """In which order people are shown."""

    LIST = "list"
    """As they stand in the list."""

    LAST = "last"
    """Who was dialled last comes first; who was not dialled comes last, in the order of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which people are shown: those of whom all of this is true; None and empty ask nothing.

    `endings` are outcomes with whether a beep proves the message (`ivr.domain.outcome_class.outcomes_of` a class);
    `texted` may hold None for those without a text.
    """

    state: str | None = None
    outcome: Outcome | None = None
    endings: Collection[tuple[Outcome, bool]] = ()
    mark: str | None = None
    texted: Collection[TextState | None] = ()
    excluded: bool | None = None
    tries: int | None = None


EVERYBODY = Chosen()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person as a line of a page. `key` finds them again, and tells nobody who they are.

    `tries` are the dials that were begun, the one under way included, and `last_at` is when the last one was.
    `proven` tells that a beep proves a message left; `settled_at` is None until they are settled.
    """

    key: str
    recipient: Recipient
    state: str
    outcome: Outcome | None
    proven: bool
    marks: tuple[str, ...]
    tries: int
    last_at: datetime | None
    due_at: datetime | None
    settled_at: datetime | None
    excluded: Exclusion | None
    text: TextState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """A page of people; `after` asks for the next one, `before` for the one before, None where there is none."""

    rows: tuple[PersonRow, ...]
    after: str | None
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """Ended dials of one kind: how many, how many of them were answered, of how many a beep proves a message."""

    number: int
    answered: int
    proven: int

    def __add__(self, other: Dials) -> Dials:
        """Return both together."""
        return Dials(
            number=self.number + other.number,
            answered=self.answered + other.answered,
            proven=self.proven + other.proven,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A campaign counted.

    `quarters` are the ended dials by the quarter of an hour in which they began, and by outcome; `tries` by which dial
    of their person they were, 1 for the first. `keys` are key presses by step and key. `settled` are the people who are
    settled by the quarter of an hour in which they were, by outcome and whether that is proven by a beep; the outcome
    is None for who was settled without any. `texts` are people by the state of their text, `marks` people by mark.
    """

    counts: Counts
    quarters: Mapping[tuple[datetime, Outcome], Dials]
    tries: Mapping[tuple[int, Outcome], Dials]
    keys: Mapping[tuple[str, str], int]
    settled: Mapping[tuple[datetime, Outcome | None, bool], int]
    texts: Mapping[TextState, int]
    marks: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What was done for a campaign in a time: its dials and its settled people, as `Figures` has them.

    `texts` are those that were handed over in it, by what is known of them now.
    """

    campaign: CampaignRow
    quarters: Mapping[tuple[datetime, Outcome], Dials]
    settled: Mapping[tuple[datetime, Outcome | None, bool], int]
    texts: Mapping[TextState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLine:
    """A call under way, and since when; `answered_at` is None while it rings."""

    attempt: str
    campaign: str
    key: str
    state: AttemptState
    begun_at: datetime
    answered_at: datetime | None
    engine: str


class ChangeKind(StrEnum):
    """What a change is of: the subject is the id of the attempt or campaign, or the key of the person."""

    ATTEMPT = "attempt"
    PERSON = "person"
    CAMPAIGN = "campaign"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that was stored: an attempt ended, a person settled or excluded otherwise, a campaign, a text.

    Of an attempt it tells `outcome`, `ended_at` and the person's `key`; of a person their `key`; of a campaign its
    `state`. None of that where it is gone meanwhile.
    """

    number: int
    kind: ChangeKind
    campaign: str
    subject: str
    key: str | None = None
    outcome: Outcome | None = None
    ended_at: datetime | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What was stored since a cursor, and the `cursor` to ask with the next time.

    `whole` is False where more was stored than is kept, or the cursor is of another database: what is shown has to be
    asked anew. `more` tells that there is more to ask for at once.
    """

    changes: tuple[Change, ...]
    cursor: str
    whole: bool = True
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One moment, for whoever watches: what changed since the last glance, and the calls under way.

    `joined` is what changed since each cursor of those who come to watch, `dials` the ended dials by outcome of the
    campaigns that were asked for or in which one ended.
    """

    changes: Changes
    joined: Mapping[str, Changes]
    lines: tuple[OpenLine, ...]
    dials: Mapping[str, Mapping[Outcome, Dials]]


class FiguresStore(Protocol):
    """The part of the results store that pages are made from. Each method sees one moment; StoreFailed."""

    async def people(
        self,
        campaign_id: str,
        chosen: Chosen = EVERYBODY,
        *,
        order: Order = Order.LIST,
        after: str | None = None,
        before: str | None = None,
        limit: int = PAGE,
    ) -> People:
        """Return a page of people, the one behind `after` or before `before`; InputError where that is of no page.

        Before the second page is the first, whole.
        """
        ...

    async def how_many(self, campaign_id: str, chosen: Chosen = EVERYBODY) -> int:
        """Return how many people are chosen."""
        ...

    async def key_of(self, campaign_id: str, recipient_id: str) -> str:
        """Return the key of the person with exactly this 宛名番号; NotFound."""
        ...

    async def history(self, campaign_id: str, key: str) -> RecipientRecord:
        """Return a person with every attempt and text; NotFound."""
        ...

    async def batch(
        self, campaign_id: str, *, after: str | None, limit: int
    ) -> tuple[tuple[RecipientRecord, ...], str | None]:
        """Return some people with every attempt and text, in the order of the list, and what asks for the next.

        That is None behind the last.
        """
        ...

    async def reasons(self, campaign_id: str) -> Mapping[str, int]:
        """Return how many people are excluded for which reason, the most frequent first."""
        ...

    async def figures(self, campaign_id: str) -> Figures:
        """Return a campaign counted."""
        ...

    async def period(self, start: datetime, end: datetime) -> tuple[Period, ...]:
        """Return what was done from `start` until before `end`, each at the beginning of a quarter of an hour.

        Of the campaigns for which anything was; those that were erased are not among them.
        """
        ...

    async def lines(self) -> tuple[OpenLine, ...]:
        """Return the calls under way, of every engine, in the order in which they began."""
        ...

    async def now(self) -> str:
        """Return the cursor behind which is what will be stored from now on."""
        ...

    async def changes(self, cursor: str, limit: int = CHANGES) -> Changes:
        """Return what was stored since `cursor`, in the order of its numbers; each change is told once."""
        ...

    async def glance(
        self, cursor: str | None, *, joined: Collection[str], watched: Collection[str], anew: Collection[str]
    ) -> Glance:
        """Return what changed since `cursor` and each of `joined`, and the dials of `anew` and what of `watched` moved.

        A cursor that is none, or behind which too much was stored, is not `whole`.
        """
        ...
