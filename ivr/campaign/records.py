"""What the store keeps, as the use cases and reports see it: campaigns, people, attempts, counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ivr.campaign.text_records import TextRecord
from ivr.domain.attempt import AttemptState, Elsewhere, Intent, Past
from ivr.domain.exclusion import NONE_ENTERED, Exclusion, Exclusions
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCampaign:
    """A campaign as it is created; `scenario` is the YAML text itself, kept as a snapshot, `rules` are JSON-ready.

    `sources` say what it was made of, as the audit trail keeps it: files by name and SHA-256, and how many rows of the
    list were `accepted`, `refused` and `excluded`.
    """

    name: str
    scenario: str
    scenario_file: str
    created_at: datetime
    created_by: str = ""
    rules: Mapping[str, object] = field(default_factory=dict)
    sources: Mapping[str, str | int] = field(default_factory=dict)
    department: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    """A campaign as stored; `state` is one of `created`, `running`, `paused`, `stopped`, `halted`, `cut`,
    `done`, `erasing`.

    `approved_by` is None until somebody has approved it; `department` is the id of the department whose it is.
    """

    id: str
    name: str
    state: str
    scenario: str
    scenario_file: str
    created_at: datetime
    rules: Mapping[str, object]
    sources: Mapping[str, str | int] = field(default_factory=dict)
    created_by: str = ""
    approved_by: str | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A person who is waiting to be called, with the ended attempts so far, oldest first.

    `rank` is their place in the order in which the campaign calls, `elsewhere` are the dials beside `past` that count.
    `nobodys` are those of their numbers that do not exist, as a text found out; `entered` is what staff have entered
    about them for every campaign, as far as it was in force then.
    """

    campaign: str
    recipient: Recipient
    past: tuple[Past, ...]
    due_at: datetime | None
    rank: int
    excluded: Exclusion | None = None
    elsewhere: tuple[Elsewhere, ...] = ()
    nobodys: frozenset[str] = frozenset()
    entered: Exclusions = NONE_ENTERED


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAttempt:
    """An attempt that has not ended."""

    intent: Intent
    state: AttemptState


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key press, for reports."""

    step: str
    key: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """An attempt, for reports; the fields are those of the results JSON."""

    id: str
    number: str
    state: AttemptState
    intended_at: datetime
    dialled_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    sip: int | None
    q850: int | None
    heard_s: float
    restarts: int
    keys: tuple[KeyRecord, ...]
    evidence: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRecord:
    """A person, every attempt and the text (SMS), for reports; `state` is `waiting`, `calling` or `settled`."""

    recipient: Recipient
    state: str
    outcome: Outcome | None
    marks: tuple[str, ...]
    due_at: datetime | None
    attempts: tuple[AttemptRecord, ...]
    excluded: Exclusion | None = None
    text: TextRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A campaign in numbers: people by state, people by final outcome, when the next one is due.

    `proven` of those with a whole message left have a beep for it.
    """

    states: Mapping[str, int]
    outcomes: Mapping[Outcome, int]
    attempts: int
    next_due: datetime | None
    proven: int = 0
