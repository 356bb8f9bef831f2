"""May this person be called now, and on which number? The answer fails closed.

`next_move` is asked twice: when an attempt has ended, to know when the person is due again, and once more just before
each dial. It looks at nothing but its arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from ivr.domain.attempt import Elsewhere, Past
from ivr.domain.calendar import Calendar
from ivr.domain.outcome import Outcome
from ivr.domain.phone import Kind, kind_of

NOBODY_THERE = frozenset({Outcome.BUSY, Outcome.NO_ANSWER, Outcome.UNREACHABLE, Outcome.INVALID_NUMBER})
"""Outcomes that say of the number that nobody was there, and of the person nothing: their next number may be tried."""

SOMEBODY_THERE = frozenset({Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL, Outcome.HUNG_UP, Outcome.UNCONFIRMED})
"""Outcomes that say of the hour that somebody picks up then."""

HISTORY = timedelta(days=365)
"""How far back the best part of the day is looked for."""

PARTS_OF_DAY = (12, 17, 24)
"""The hours at which the morning, the afternoon and the evening end."""

LOOK_AHEAD = timedelta(days=7)
"""How far another part of the day is looked for: each weekday comes once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """After one outcome: `times` more tries of the same number at most, each no sooner than `after` the last."""

    times: int
    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a cascade: each of the person's numbers of `kind` (None: any) is dialled `tries` times at most."""

    kind: Kind | None
    tries: int


class Of(StrEnum):
    """Of what the dials are counted."""

    NUMBER = "number"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Of one number, or one person, at most `times` dials in `days` calendar days, by all campaigns together."""

    of: Of
    times: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A cap at a certain time: `times` dials since `since` are enough."""

    of: Of
    times: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When, how often and on which numbers a campaign calls.

    `total` and `per_day` count all dials of a person, whatever the stage, number and outcome: there is one budget.
    `caps` hold over all campaigns. With `best_part` the first dial of a person is in that part of the day in which
    earlier campaigns found somebody there most often, where any did.
    After an outcome in `rotate` the next try of the number is in another part of the day. Without a `cascade` the
    numbers are dialled in the order of the list.
    """

    calendar: Calendar
    retries: Mapping[Outcome, Retry] = field(default_factory=dict)
    total: int = 3
    per_day: int = 2
    rotate: frozenset[Outcome] = frozenset()
    cascade: tuple[Stage, ...] = ()
    caps: tuple[Cap, ...] = ()
    best_part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Dial `number` now."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Not before `until`; `reason` is one of `window`, `retry`, `per_day`, `cap`, `rotate`, `best_part`."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """No further call; `outcome` is what the person ends with, None if never dialled."""

    outcome: Outcome | None


Move = Dial | Wait | Settled

_STRENGTH = (
    Outcome.CONFIRMED,
    Outcome.CONFIRMED_PARTIAL,
    Outcome.VOICEMAIL,
    Outcome.VOICEMAIL_PARTIAL,
    Outcome.HUNG_UP,
    Outcome.UNCONFIRMED,
    Outcome.SCREENED,
)


def best(past: Sequence[Past]) -> Outcome | None:
    """Return the outcome a person ends with: the strongest answered one, else the last; None if never dialled."""
    for outcome in _STRENGTH:
        if any(attempt.outcome is outcome for attempt in past):
            return outcome
    return past[-1].outcome if past else None


def ceilings(rules: Rules, now: datetime) -> tuple[Ceiling, ...]:
    """Return what the caps allow now."""
    return ceilings_of(rules.caps, now, rules.calendar.zone)


def ceilings_of(caps: Sequence[Cap], now: datetime, zone: ZoneInfo) -> tuple[Ceiling, ...]:
    """Return what `caps` allow now, by the calendar days of `zone`."""
    today = now.astimezone(zone).date()
    return tuple(
        Ceiling(of=cap.of, times=cap.times, since=_begin(today - timedelta(days=cap.days - 1), zone)) for cap in caps
    )


def day_after(now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the next day begins in `zone`."""
    return _begin(now.astimezone(zone).date() + timedelta(days=1), zone)


def counted_since(rules: Rules, now: datetime) -> datetime | None:
    """Return since when the dials elsewhere are looked at, None where none are."""
    since = [ceiling.since for ceiling in ceilings(rules, now)]
    return min([*since, now - HISTORY] if rules.best_part else since, default=None)


def next_move(
    rules: Rules, numbers: Sequence[str], past: Sequence[Past], now: datetime, elsewhere: Sequence[Elsewhere] = ()
) -> Move:
    """Return what the rules allow for a person with `numbers` (E.164) and ended attempts `past`, oldest first.

    `elsewhere` are the dials since `counted_since` beside `past`.
    """
    number = _next_number(rules, numbers, past) if len(past) < rules.total else None
    if number is None:
        return Settled(outcome=best(past))
    at, reason = max(now, _due(rules, number, past) or now), "retry"
    if _dialled_on(rules, past, at) >= rules.per_day:
        at, reason = _midnight(rules, _day(rules, at) + timedelta(days=1)), "per_day"
    below = _below_caps(rules, number, past, elsewhere, at)
    if below > at:
        at, reason = below, "cap"
    opening = rules.calendar.next_open(at)
    if opening is None:
        return Wait(until=at + timedelta(days=1), reason="window")
    elsewhen = _in_another_part(rules, number, past, opening)
    if elsewhen > opening:
        return Wait(until=elsewhen, reason="rotate")
    if rules.best_part and not past and (best_time := _in_best_part(rules, number, elsewhere, opening)) > opening:
        return Wait(until=best_time, reason="best_part")
    if opening > now:
        return Wait(until=opening, reason="window" if reason == "retry" and opening > at else reason)
    return Dial(number=number)


def _next_number(rules: Rules, numbers: Sequence[str], past: Sequence[Past]) -> str | None:
    """Return the number that is the next to be dialled; None where the tries are used up, or none is allowed."""
    # Where somebody was there, or the fault is ours, or we don't know, no other number rings for that.
    only = past[-1].number if past and past[-1].outcome not in NOBODY_THERE else None
    left = Counter(attempt.number for attempt in past)
    for number, tries in _order(rules, numbers):
        used = min(left[number], tries)
        left[number] -= used
        if used < tries and only in (None, number) and _may_retry(rules, number, past):
            return number
    return None


def _order(rules: Rules, numbers: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield the numbers in the order in which they are dialled, each with its tries in that place."""
    if not rules.cascade:
        yield from ((number, rules.total) for number in numbers)
    for stage in rules.cascade:
        for number in numbers:
            if stage.kind is None or stage.kind is kind_of(number):
                yield number, stage.tries


def first_number(rules: Rules, numbers: Sequence[str]) -> str | None:
    """Return the number that is dialled first of all; None where no stage of the cascade names one of `numbers`."""
    return next((number for number, _ in _order(rules, numbers)), None)


def _may_retry(rules: Rules, number: str, past: Sequence[Past]) -> bool:
    """Tell whether `number` was never dialled, or may be dialled again after how that ended last."""
    endings = [attempt.outcome for attempt in past if attempt.number == number]
    if not endings:
        return True
    retry = rules.retries.get(endings[-1])
    return Outcome.INVALID_NUMBER not in endings and retry is not None and endings.count(endings[-1]) <= retry.times


def _due(rules: Rules, number: str, past: Sequence[Past]) -> datetime | None:
    """Return the earliest time for `number` after all that is past.

    Between two numbers lies as much as between two tries of the first, unless that one does not exist.
    """
    if not past:
        return None
    last = past[-1]
    retry = rules.retries.get(last.outcome)
    if retry is None or last.outcome is Outcome.INVALID_NUMBER:
        return last.at
    return last.at + retry.after


def _dialled_on(rules: Rules, past: Sequence[Past], at: datetime) -> int:
    """Return how often the person was dialled on the day of `at`."""
    return sum(1 for attempt in past if _day(rules, attempt.at) == _day(rules, at))


def _below_caps(
    rules: Rules, number: str, past: Sequence[Past], elsewhere: Sequence[Elsewhere], at: datetime
) -> datetime:
    """Return the first time from `at` on at which no cap bars another dial of `number`."""
    first = _day(rules, at)
    for cap in rules.caps:
        own = [attempt.at for attempt in past if cap.of is Of.PERSON or attempt.number == number]
        others = [dial.at for dial in elsewhere if (dial.same_person if cap.of is Of.PERSON else dial.number == number)]
        days = sorted(_day(rules, moment) for moment in (*own, *others))
        if len(days) >= cap.times:
            first = max(first, days[-cap.times] + timedelta(days=cap.days))
    return max(at, _midnight(rules, first))


def _day(rules: Rules, moment: datetime) -> date:
    return moment.astimezone(rules.calendar.zone).date()


def _midnight(rules: Rules, day: date) -> datetime:
    return _begin(day, rules.calendar.zone)


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _in_another_part(rules: Rules, number: str, past: Sequence[Past], opening: datetime) -> datetime:
    """Return the next open time, from `opening` on, in that part of the day in which `number` was tried the least.

    Among parts tried alike, on a day of the week on which it was tried the least in that part. That is `opening` where
    the number's last outcome asks for no other part, or only one part is open at all.
    """
    tried = [attempt for attempt in past if attempt.number == number]
    if not tried or tried[-1].outcome not in rules.rotate:
        return opening
    zone = rules.calendar.zone
    moments = [attempt.at.astimezone(zone) for attempt in tried]
    parts = Counter(_part(moment) for moment in moments)
    days = Counter((_part(moment), moment.weekday()) for moment in moments)

    def tries(at: datetime) -> tuple[int, int, datetime]:
        local = at.astimezone(zone)
        part = _part(local)
        return parts[part], days[part, local.weekday()], at

    openings = [*_openings(rules, opening)]
    if len({_part(at.astimezone(zone)) for at in openings}) == 1:
        return opening
    return min(openings, key=tries)


def _in_best_part(rules: Rules, number: str, elsewhere: Sequence[Elsewhere], opening: datetime) -> datetime:
    """Return the next open time, from `opening` on, in the part of the day in which `number` was answered most often.

    By share, two dials as the least that a share is taken of, so that one lucky call does not outweigh many. That is
    `opening` where nobody was ever there, or that part is not open.
    """
    zone = rules.calendar.zone
    dials, there = Counter[int](), Counter[int]()
    for dial in elsewhere:
        if dial.number == number and dial.outcome is not None:
            part = _part(dial.at.astimezone(zone))
            dials[part] += 1
            there[part] += dial.outcome in SOMEBODY_THERE
    first: dict[int, datetime] = {}
    for at in _openings(rules, opening):
        first.setdefault(_part(at.astimezone(zone)), at)
    open_parts = [part for part in first if there[part]]
    if not open_parts:
        return opening
    return first[max(open_parts, key=lambda part: (there[part] / max(dials[part], 2), opening - first[part]))]


def _openings(rules: Rules, opening: datetime) -> Iterator[datetime]:
    """Yield `opening`, and when each part of each day of LOOK_AHEAD opens after it."""
    zone = rules.calendar.zone
    at: datetime | None = opening
    while at is not None and at <= opening + LOOK_AHEAD:
        yield at
        at = rules.calendar.next_open(_part_after(at.astimezone(zone)))


def _part(moment: datetime) -> int:
    return next(part for part, ends in enumerate(PARTS_OF_DAY) if moment.hour < ends)


def _part_after(moment: datetime) -> datetime:
    """Return when the part of the day after that of `moment` begins."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(hours=PARTS_OF_DAY[_part(moment)])
