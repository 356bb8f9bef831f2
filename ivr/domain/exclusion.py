"""Who is not called, whatever the calling rules say. The answer fails closed: what nobody knows forbids the call.

A person is excluded by a column of the list, by the office's exclusion file, or by a member of staff; a number by the
file or by a member of staff. What the words of a column mean is not guessed: all but those named as harmless exclude.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from ivr.domain.attempt import Past
from ivr.domain.calling_rules import best
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient, plain, same_person
from ivr.errors import ExclusionsUnknown

NOT_REACHED = frozenset(
    {
        Outcome.BUSY,
        Outcome.NO_ANSWER,
        Outcome.REJECTED,
        Outcome.UNREACHABLE,
        Outcome.INVALID_NUMBER,
        Outcome.NETWORK_CONGESTION,
        Outcome.FAILED,
    }
)
"""Outcomes of dials after which an excluded person still ends as `cancelled`: nobody has heard anything."""


class Source(StrEnum):
    """Where it is written that somebody is not to be called."""

    LIST = "list"
    FILE = "file"
    STAFF = "staff"
    HOUSEHOLD = "household"
    COLLECTION = "collection"
    RULES = "rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Why somebody is not called, and where that is written."""

    reason: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """A column of the list that excludes for `reason`, unless its value is one of `harmless` (both as `plain`)."""

    column: str
    reason: str
    harmless: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the exclusion file, or what staff have entered; in force through `until`, None: for good."""

    reason: str
    until: date | None = None
    source: Source = Source.FILE

    def holds(self, today: date) -> bool:
        """Tell whether it is in force on `today`."""
        return self.until is None or today <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusions:
    """All that is known at a moment: the rules for columns, and the file.

    `people` are by 宛名番号 (`same_person`), `numbers` by E.164 number.
    """

    columns: Sequence[ColumnRule] = ()
    people: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    numbers: Mapping[str, Sequence[Entry]] = field(default_factory=dict)


def by_columns(rules: Sequence[ColumnRule], recipient: Recipient) -> Exclusion | None:
    """Return why the list says that `recipient` is not called; ExclusionsUnknown where a column is not there."""
    for rule in rules:
        value = recipient.column(rule.column)
        if value is None:
            raise ExclusionsUnknown(f"名簿に「{rule.column}」の列がないので、除外すべき人が分かりません。")
        if plain(value) not in rule.harmless:
            return Exclusion(reason=rule.reason, source=Source.LIST)
    return None


NONE_ENTERED = Exclusions()
"""Of somebody about whom staff have entered nothing."""


def callable_numbers(
    exclusions: Exclusions, recipient: Recipient, today: date, entered: Exclusions = NONE_ENTERED
) -> tuple[str, ...] | Exclusion:
    """Return the numbers on which `recipient` may be called on `today`, or why on none; ExclusionsUnknown.

    `entered` is what staff have entered about them.
    """
    if (excluded := by_columns(exclusions.columns, recipient)) is not None:
        return excluded
    person = same_person(recipient.id)
    if entry := in_force((*entered.people.get(person, ()), *exclusions.people.get(person, ())), today):
        return Exclusion(reason=entry.reason, source=entry.source)
    allowed: list[str] = []
    last: Entry | None = None
    for number in recipient.numbers:
        if entry := in_force((*entered.numbers.get(number, ()), *exclusions.numbers.get(number, ())), today):
            last = entry
        else:
            allowed.append(number)
    return Exclusion(reason=last.reason, source=last.source) if last and not allowed else tuple(allowed)


NO_NUMBER = Exclusion(reason="かける種類の番号がありません", source=Source.RULES)
"""Of somebody none of whose numbers the cascade names."""


NOBODYS = Exclusion(reason="SMS を送ったとき、使われていない番号でした", source=Source.RULES)
"""Of somebody none of whose numbers exists any more."""


def existing(numbers: tuple[str, ...] | Exclusion, nobodys: Collection[str]) -> tuple[str, ...] | Exclusion:
    """Return the callable `numbers` without those that are nobody's, or why there is none left."""
    if isinstance(numbers, Exclusion) or not nobodys:
        return numbers
    left = tuple(number for number in numbers if number not in nobodys)
    return left if left or not numbers else NOBODYS


def shared_with(line: int) -> Exclusion:
    """Return why somebody is not called whose number is that of the person on a `line` of the list, who is."""
    return Exclusion(reason=f"同じ電話番号の {line} 行目の人にかけます", source=Source.HOUSEHOLD)


def ends_with(past: Sequence[Past]) -> Outcome:
    """Return what an excluded person ends with: what was reached stays true, else `cancelled`."""
    reached = best(past)
    return Outcome.CANCELLED if reached is None or reached in NOT_REACHED else reached


def in_force(entries: Sequence[Entry], today: date) -> Entry | None:
    """Return the first of `entries` that holds on `today`."""
    return next((entry for entry in entries if entry.holds(today)), None)
