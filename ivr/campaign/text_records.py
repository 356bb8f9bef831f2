"""What the store keeps of texts (SMS), and what it is asked for, as the use cases and reports see it.

What names a person, a number or a body, is not in the `repr` of anything here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ivr.campaign.texting import Receipt
from ivr.domain.attempt import Past
from ivr.domain.calling_rules import Ceiling
from ivr.domain.exclusion import NONE_ENTERED, Exclusion, Exclusions
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.text import TextState


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsAsked:
    """Whom a campaign texts: who ended with one of `after`, who waits after `tries` dials; or, `alone`, who waits."""

    campaign: str
    after: Sequence[Outcome] = ()
    tries: int | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDue:
    """A person to whom a text may be due, with the ended dials so far; `outcome` is None while they wait.

    `refused` are those of their numbers that want no texts, `nobodys` those that an earlier text found to be nobody's;
    `entered` is what staff have entered about them for every campaign.
    """

    recipient: Recipient
    rank: int
    outcome: Outcome | None
    past: tuple[Past, ...]
    refused: frozenset[str] = frozenset()
    nobodys: frozenset[str] = frozenset()
    excluded: Exclusion | None = None
    entered: Exclusions = NONE_ENTERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A text that was half handed over, decided `at`; `ours` where this engine did, in whatever life."""

    id: str
    at: datetime
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutstandingPart:
    """A part of a text that was taken at `sent_at`, of which nothing final is known; `reference` is the network's."""

    sent_at: datetime
    text: str
    ordinal: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextIntent:
    """A text as decided, before it is handed over; `number` is E.164. `alone`: the person is settled with it."""

    id: str
    campaign: str
    recipient: str
    at: datetime
    number: str = field(repr=False)
    body: str = field(repr=False)
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRecord:
    """A text, for reports; `why` says what kept it from being sent, or from arriving. No number: none was sent."""

    id: str
    state: TextState
    intended_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    parts: int
    number: str = field(repr=False)
    body: str = field(repr=False)
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCounts:
    """The texts of a campaign in numbers: texts by how their person's calls ended and by their own state.

    `taken` are the texts of which the network has a part at least, `parts` all that it has; `unsure` are those of which
    it may have something or nothing; `due` are people who may still be sent one, `capped` those of them who have
    reached a cap, where caps were asked about. `stopped` and `declined` are people who were sent one and have refused
    further ones since, by an answer or by telling staff.
    """

    by_outcome: Mapping[Outcome | None, Mapping[TextState, int]] = field(default_factory=dict)
    taken: int = 0
    parts: int = 0
    unsure: int = 0
    due: int = 0
    capped: int = 0
    stopped: int = 0
    declined: int = 0

    @property
    def states(self) -> Mapping[TextState, int]:
        """Return the texts by their state, in the order of states, without those in which there is none."""
        total = dict.fromkeys(TextState, 0)
        for states in self.by_outcome.values():
            for state, number in states.items():
                total[state] += number
        return {state: number for state, number in total.items() if number}


NO_TEXTS = TextCounts()


class Texts(Protocol):
    """The part of the results store that keeps texts. Each method is one transaction; StoreFailed where it refuses."""

    async def due(
        self, asked: TextsAsked, limit: int, *, after: int = 0, now: datetime | None = None
    ) -> tuple[TextDue, ...]:
        """Return people without a text to whom one may be due, in their order, from the first rank after `after`.

        With what staff have entered about them that is in force at `now`; without it, or was ever.
        """
        ...

    async def intend(self, intent: TextIntent, ceilings: Sequence[Ceiling] = ()) -> bool | None:
        """Store that a text is about to be handed over.

        False, and nothing stored, where the person has one, is excluded, on a call now, or not there; None where one
        of `ceilings` is reached.
        """
        ...

    async def withhold(self, intent: TextIntent, reason: str) -> None:
        """Store why somebody is sent no text, unless they have one; `number` and `body` do not count."""
        ...

    async def taken(self, text: str, references: Sequence[str], at: datetime) -> TextState | None:
        """Store that the network has a text, and its names of the parts; return the state, None where that was known.

        Receipts that came before are applied.
        """
        ...

    async def ended(
        self, text: str, state: TextState, at: datetime, *, why: str = "", references: Sequence[str] = ()
    ) -> bool:
        """Store how a text ended that the network did not take, or of which it may have more than `references`.

        False, and nothing stored, where more is known of it.
        """
        ...

    async def withdraw(self, text: str) -> None:
        """Take an intent back: the network has certainly not taken the text, and the person is due as before."""
        ...

    async def receipt(self, receipt: Receipt, at: datetime) -> TextState | None:
        """Store what the network tells; return what state the text has come to, None where it was there already.

        Of a text that is not known (yet) it is kept.
        """
        ...

    async def orphans(self, lease: timedelta) -> tuple[Orphan, ...]:
        """Return the texts that engines left half handed over: in an earlier life, or silent for `lease`."""
        ...

    async def outstanding(
        self, since: datetime, limit: int, *, after: OutstandingPart | None = None
    ) -> tuple[OutstandingPart, ...]:
        """Return the first parts taken since `since` of which nothing final is known, oldest first, behind `after`."""
        ...

    async def heard(self, references: Sequence[str]) -> Mapping[str, TextState]:
        """Return what was told of parts that are of no text here, by the network's names of them; else sent."""
        ...

    async def bar(self, number: str, reason: str, at: datetime) -> None:
        """Send `number` (E.164) no texts from now on."""
        ...

    async def unbar(self, number: str) -> bool:
        """Let `number` be sent texts again; False where it was not barred."""
        ...

    async def counts(
        self, asked: TextsAsked, ceilings: Sequence[Ceiling] = (), *, among: int | None = None
    ) -> TextCounts:
        """Return the texts of a campaign in numbers; of who is due (the first `among`), how many reached a ceiling."""
        ...
