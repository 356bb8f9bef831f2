"""What must hold of every campaign, told from the network's side; written without a look at how the rules are coded."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise

import jpholiday

from ivr.campaign.course import Halt
from ivr.campaign.records import RecipientRecord
from ivr.domain.calendar import Calendar
from ivr.domain.calling_rules import Of
from ivr.domain.exclusion import Entry
from ivr.domain.outcome import Outcome
from ivr.domain.phone import kind_of
from ivr.domain.recipient import Recipient
from ivr.rehearsal.habits import Dialled
from tests.campaigns.cases import TOKYO, Case
from tests.campaigns.running import Part, Run


def judge(case: Case, run: Run) -> None:
    """Raise AssertionError where a campaign was not as it must be."""
    assert not run.defects
    assert run.most <= case.lines, "more calls at once than lines"
    of_person: dict[str, list[Dialled]] = defaultdict(list)
    of_number: dict[str, list[Dialled]] = defaultdict(list)
    of_row: dict[tuple[str, str], list[Dialled]] = defaultdict(list)
    people = {(part.campaign, one.recipient.id): one.recipient for part in run.parts for one in part.people}
    for dial in sorted(run.dials, key=lambda dial: dial.began):
        of_person[dial.intent.recipient].append(dial)
        of_number[dial.intent.number].append(dial)
        of_row[dial.intent.campaign, dial.intent.recipient].append(dial)
        assert is_open(case.rules.calendar, dial.intent.at), f"dialled while closed: {dial.intent.at}"
        assert may_be_called(
            case, people[dial.intent.campaign, dial.intent.recipient], dial.intent.number, dial.intent.at
        ), "an excluded one was dialled"
    for cap in case.rules.caps:
        for dials in (of_person if cap.of is Of.PERSON else of_number).values():
            dates = [dial.intent.at.astimezone(TOKYO).date() for dial in dials]
            for day in dates:
                within = sum(timedelta(0) <= one - day < timedelta(days=cap.days) for one in dates)
                assert within <= cap.times, "more dials than a cap allows"
    for dials in (*of_row.values(), *of_number.values()):
        for one, next_one in pairwise(dials):
            assert one.ended is not None
            assert one.ended <= next_one.began, "twice at once"
    for part in run.parts:
        for record in part.people:
            _judge_person(case, part, record, of_row.get((part.campaign, record.recipient.id), []))


def _judge_person(case: Case, run: Part, record: RecipientRecord, dials: list[Dialled]) -> None:
    rules = case.rules
    assert len(record.attempts) == len(dials), "a dial is not in the results, or one that never was is"
    assert len(dials) <= rules.total, "more dials than in all allowed"
    by_day = Counter(dial.intent.at.astimezone(TOKYO).date() for dial in dials)
    assert max(by_day.values(), default=0) <= rules.per_day, "more dials than allowed in a day"
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    for attempt, later in pairwise([*record.attempts, None]):
        assert attempt is not None
        assert attempt.outcome is not None
        before = outcomes[attempt.number]
        assert Outcome.INVALID_NUMBER not in before, "a number that does not exist was dialled again"
        assert not before or _allowed(case, before), "a number was tried again more often than its outcomes allow"
        before.append(attempt.outcome)
        if later is not None:
            assert attempt.outcome is not Outcome.CONFIRMED, "called again after they had confirmed"
            retry = rules.retries.get(attempt.outcome)
            if retry is not None and attempt.outcome is not Outcome.INVALID_NUMBER:
                assert later.intended_at >= attempt.intended_at + retry.after, "called again too soon"
    if run.halt is Halt.SETTLED:
        assert record.state == "settled", "done, and somebody waits"
        if not dials:
            assert _barred_once(case, run, record.recipient), "somebody who may be called was forgotten"
    elif record.state == "waiting" and not ((rules.caps or rules.best_part) and _shares(case, record.recipient)):
        # The time ran out, or there is none: then nobody is kept waiting who could have had a first call long ago.
        chances = [
            at
            for at in hours(case.begin, run.until - timedelta(days=1))
            if is_open(rules.calendar, at)
            and any(_dialable(case, record.recipient, n, at) for n in record.recipient.numbers)
        ]
        assert dials or len(chances) < 2, "somebody who may be called was never called"


def _shares(case: Case, recipient: Recipient) -> bool:
    """Tell whether the dials of anybody else can put this person off."""
    rows = [
        one for one in (*case.people, *case.others) if one.id == recipient.id or {*one.numbers} & {*recipient.numbers}
    ]
    return len(rows) > 1


def _allowed(case: Case, before: list[Outcome]) -> bool:
    retry = case.rules.retries.get(before[-1])
    return retry is not None and before.count(before[-1]) <= retry.times


def _barred_once(case: Case, run: Part, recipient: Recipient) -> bool:
    """Tell whether there was a day on which none of the numbers might be dialled; that settles it."""
    days = [case.begin + timedelta(days=n) for n in range((run.until.date() - case.begin.date()).days + 1)]
    return any(not any(_dialable(case, recipient, number, at) for number in recipient.numbers) for at in days)


def _dialable(case: Case, recipient: Recipient, number: str, at: datetime) -> bool:
    stages = case.rules.cascade
    wanted = not stages or any(stage.kind in (None, kind_of(number)) for stage in stages)
    return wanted and may_be_called(case, recipient, number, at)


def hours(begin: datetime, until: datetime) -> list[datetime]:
    """Return each full hour between."""
    first = begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return [first + timedelta(hours=n) for n in range(max(0, int((until - first).total_seconds() // 3600)))]


def may_be_called(case: Case, recipient: Recipient, number: str, at: datetime) -> bool:
    """Tell whether nothing excludes the person or the number."""
    known, today = case.exclusions, at.astimezone(TOKYO).date()
    if known.columns and recipient.columns["支援措置"] not in ("", "無"):
        return False
    entries = (*known.people.get(str(int(recipient.id)), ()), *known.numbers.get(number, ()))
    return not any(_holds(entry, today) for entry in entries)


def _holds(entry: Entry, today: date) -> bool:
    return entry.until is None or entry.until >= today


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Tell by the minute whether the calendar is open, and stays so for its lead."""
    step, left = timedelta(seconds=1), calendar.lead
    if not _open_minute(calendar, at):
        return False
    while left > timedelta(0):
        step = min(left, timedelta(minutes=1))
        at, left = at + step, left - step
        if not _open_minute(calendar, at - timedelta(microseconds=1)):
            return False
    return True


def _open_minute(calendar: Calendar, at: datetime) -> bool:
    local = at.astimezone(TOKYO)
    day, minute = local.date(), local.hour * 60 + local.minute
    if day in calendar.closed_days:
        return False
    for special in calendar.special_days:
        if special.day == day:
            return any(start <= minute < until for start, until in special.spans)
    turn = (day.month, day.day) in ((12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3))
    name = (
        "holiday"
        if turn or jpholiday.is_holiday(day)
        else ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()]
    )
    return any(name in window.days and window.start <= minute < window.until for window in calendar.windows)
