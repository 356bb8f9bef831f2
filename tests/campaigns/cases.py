"""Rules, lists and habits made by chance: what staff might write, and much that they would not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from ivr.domain.calendar import DAYS, HOLIDAY, Calendar, SpecialDay, Window
from ivr.domain.calling_rules import Cap, Of, Retry, Rules, Stage
from ivr.domain.exclusion import ColumnRule, Entry, Exclusions
from ivr.domain.outcome import Outcome
from ivr.domain.phone import Kind
from ivr.domain.recipient import Recipient, plain
from ivr.rehearsal.habits import Habits

TOKYO = ZoneInfo("Asia/Tokyo")
FIRST = date(2026, 12, 21)
"""The days before the turn of the year: working days, days off, and six holidays in a row."""

BEGIN = datetime(2026, 12, 21, tzinfo=TOKYO)
NUMBERS = ("+81357220000", "+81357220001", "+81312345678", "+819012345678", "+819012345679", "+815012345678")
RETRIED = (
    Outcome.BUSY,
    Outcome.NO_ANSWER,
    Outcome.UNREACHABLE,
    Outcome.HUNG_UP,
    Outcome.VOICEMAIL,
    Outcome.UNCONFIRMED,
)
COLUMN = "支援措置"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Two campaigns at once by the same rules; `others` are the people of the second, some of them the same."""

    rules: Rules
    people: tuple[Recipient, ...]
    others: tuple[Recipient, ...]
    exclusions: Exclusions
    habits: Habits
    lines: int
    calls_per_second: float
    begin: datetime
    seed: int


days = st.dates(FIRST, FIRST + timedelta(days=20))
spans = (
    st.tuples(st.integers(0, 1439), st.integers(1, 1440))
    .map(lambda pair: (min(pair), max(pair)))
    .filter(lambda span: span[0] < span[1])
)
windows = st.builds(
    lambda named, span: Window(days=frozenset(named), start=span[0], until=span[1]),
    st.lists(st.sampled_from([*DAYS, HOLIDAY]), min_size=1, max_size=8),
    spans,
)
calendars = st.builds(
    lambda some, closed, special, lead: Calendar(
        windows=tuple(some),
        zone=TOKYO,
        closed_days=frozenset(closed) - {one.day for one in special},
        special_days=tuple({one.day: one for one in special}.values()),
        lead=timedelta(seconds=lead),
    ),
    st.lists(windows, min_size=1, max_size=3),
    st.lists(days, max_size=3),
    st.lists(
        st.builds(lambda day, some: SpecialDay(day=day, spans=tuple(some)), days, st.lists(spans, max_size=2)),
        max_size=2,
    ),
    st.sampled_from([0, 0, 30, 600]),
)
retries = st.builds(
    Retry,
    times=st.integers(0, 3),
    after=st.sampled_from([0, 60, 300, 3600, 7200, 86400, 3 * 86400]).map(lambda s: timedelta(seconds=s)),
)
stages = st.builds(Stage, kind=st.sampled_from([None, *Kind]), tries=st.integers(1, 3))
caps = st.builds(Cap, of=st.sampled_from(Of), times=st.integers(1, 4), days=st.sampled_from([1, 1, 2, 7]))
rules = st.builds(
    Rules,
    calendar=calendars,
    retries=st.dictionaries(st.sampled_from(RETRIED), retries),
    total=st.integers(1, 5),
    per_day=st.integers(1, 3),
    rotate=st.frozensets(st.sampled_from(RETRIED)),
    cascade=st.lists(stages, max_size=3).map(tuple),
    caps=st.lists(caps, max_size=2).map(tuple),
    best_part=st.booleans(),
)
lists = st.lists(
    st.tuples(
        st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3, unique=True),
        st.sampled_from(["", "", "", "有", "無", "0"]),
    ),
    min_size=1,
    max_size=6,
).map(
    lambda rows: tuple(
        Recipient(id=f"{n:08d}", line=n + 2, kana="ヤマダ タロウ", numbers=tuple(numbers), columns={COLUMN: mark})
        for n, (numbers, mark) in enumerate(rows)
    )
)
entries = st.lists(st.builds(Entry, reason=st.just("猶予"), until=st.none() | days), min_size=1, max_size=2)
exclusions = st.builds(
    Exclusions,
    columns=st.sampled_from(
        [(), (ColumnRule(column=COLUMN, reason=COLUMN, harmless=frozenset(map(plain, ("", "無")))),)]
    ),
    people=st.dictionaries(st.integers(0, 5).map(str), entries, max_size=2),
    numbers=st.dictionaries(st.sampled_from(NUMBERS), entries, max_size=2),
)
shares = st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0])
habits = st.builds(
    lambda answers, invalid, busy, unreachable, machine, confirms: Habits(
        answers=((0, answers, answers),),
        day_off=0.0,
        invalid=invalid,
        busy=busy,
        unreachable=unreachable,
        machine=(machine, machine),
        confirms=confirms,
        hangs_up=(1.0 - confirms) / 2,
    ),
    shares,
    st.sampled_from([0.0, 0.2]),
    st.sampled_from([0.0, 0.1, 0.9]),
    st.sampled_from([0.0, 0.1, 0.9]),
    shares,
    shares,
)
cases = st.builds(
    Case,
    rules=rules,
    people=lists,
    others=st.just(()) | lists,
    exclusions=exclusions,
    habits=habits,
    lines=st.integers(1, 3),
    calls_per_second=st.sampled_from([0.2, 1.0, 100.0]),
    begin=st.integers(0, 10 * 24 * 3600).map(lambda seconds: BEGIN + timedelta(seconds=seconds)),
    seed=st.integers(0, 10**6),
)
