"""The section `calling`: when, how often and on which numbers people are called. For meanings see docs/settings.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from ivr.domain.calendar import DAYS, Calendar, SpecialDay, Window
from ivr.domain.calling_rules import Cap, Of, Retry, Rules, Stage
from ivr.domain.order import OrderKey
from ivr.domain.outcome import Outcome
from ivr.domain.phone import Kind
from ivr.domain.texting_rules import TextRules
from ivr.settings.notation import CallerId, Day, Duration, Minutes, Section, Zone, limited, wrong

EARLIEST, LATEST = 8 * 60, 21 * 60
"""Minutes of the day. 貸金業法第21条 bars calls from 21:00 to 08:00; no law for municipalities, but the yardstick."""

OVERTIME = timedelta(minutes=5)
"""After the end of a window no call is to go on for longer than this."""


DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]

Rotating = Literal["busy", "no_answer", "unreachable", "rejected", "hung_up", "voicemail", "screened"]
"""Outcomes after which another part of the day may help."""


class Span(Section):
    """A time of the day, in minutes."""

    start: Annotated[Minutes, Field(alias="from")]
    until: Annotated[Minutes, Field(alias="to")]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.start >= self.until:
            raise wrong("to は from より後の時刻にしてください。日付をまたぐときは、枠を二つに分けてください。", "to")
        return self


class CallingWindow(Span):
    """Calling time on some days."""

    days: Annotated[tuple[DayName, ...], Field(min_length=1)]


class OtherTimes(Section):
    """A date with times of its own; none: closed."""

    date: Day
    times: tuple[Span, ...] = ()


class CascadeStage(Section):
    """Numbers of one kind, and how often each is dialled before the next stage."""

    numbers: Literal["landline", "mobile", "ip", "any"]
    tries: Annotated[int, Field(ge=1, le=20)]


class Try(Section):
    """After one outcome: how many more tries of the same number, and how long after the last."""

    times: Annotated[int, Field(ge=0, le=20)]
    after: Annotated[Duration, limited("0s", "30d")]


class DialCap(Section):
    """How often one number, or one person, is dialled in some calendar days, by all campaigns together."""

    of: Literal["number", "person"]
    times: Annotated[int, Field(ge=1, le=100)]
    days: Annotated[int, Field(ge=1, le=366)]


TextedAfter = Literal[
    "busy",
    "no_answer",
    "rejected",
    "unreachable",
    "invalid_number",
    "screened",
    "hung_up",
    "unconfirmed",
    "voicemail",
    "voicemail_partial",
    "confirmed_partial",
    "network_congestion",
    "failed",
    "unknown",
]
"""Outcomes after which a text may go out."""

_NOT_REACHED: tuple[TextedAfter, ...] = (
    "busy",
    "no_answer",
    "rejected",
    "unreachable",
    "invalid_number",
    "screened",
)


class TextsAfter(Section):
    """Whom a campaign sends a text (SMS), where its scenario has one, and when. Without `windows`: when calls go."""

    after: tuple[TextedAfter, ...] = _NOT_REACHED
    tries: Annotated[int, Field(ge=1, le=20)] | None = None
    windows: Annotated[tuple[CallingWindow, ...], Field(min_length=1)] | None = None


class OrderBy(Section):
    """A column of the list by whose numbers or dates people are called."""

    column: Annotated[str, Field(min_length=1)]
    first: Literal["smallest", "largest", "earliest", "latest"] = "smallest"


def _try(times: int, minutes: int) -> Try:
    return Try(times=times, after=timedelta(minutes=minutes))


class Retries(Section):
    """How often to call again, by outcome, and the caps over all outcomes."""

    busy: Try = _try(2, 5)
    no_answer: Try = _try(1, 60)
    unreachable: Try = _try(1, 60)
    network_congestion: Try = _try(3, 1)
    failed: Try = _try(1, 5)
    rejected: Try = _try(0, 60)
    hung_up: Try = _try(0, 60)
    unconfirmed: Try = _try(0, 60)
    confirmed_partial: Try = _try(0, 60)
    voicemail: Try = _try(0, 60)
    voicemail_partial: Try = _try(0, 60)
    screened: Try = _try(0, 60)
    unknown: Try = _try(0, 60)
    total: Annotated[int, Field(ge=1, le=50)] = 3
    per_day: Annotated[int, Field(ge=1, le=20)] = 2
    rotate: tuple[Rotating, ...] = ("no_answer", "unreachable")

    def by_outcome(self) -> dict[Outcome, Retry]:
        """Return the tries after each outcome."""
        tries = {name: value for name, value in self if isinstance(value, Try)}
        return {Outcome(name): Retry(times=value.times, after=value.after) for name, value in tries.items()}


_WEEKDAYS = CallingWindow.model_validate({"days": DAYS[:5], "from": "09:00", "to": "20:00"})


class Calling(Section):
    """When and how often people are called, and for how long."""

    timezone: Zone = ZoneInfo("Asia/Tokyo")
    allow_late: bool = False
    windows: Annotated[tuple[CallingWindow, ...], Field(min_length=1)] = (_WEEKDAYS,)
    closed_days: tuple[Day, ...] = ()
    special_days: tuple[OtherTimes, ...] = ()
    retries: Retries = Retries()
    cascade: tuple[CascadeStage, ...] = ()
    caps: tuple[DialCap, ...] = (DialCap(of="number", times=3, days=1), DialCap(of="person", times=3, days=1))
    order: tuple[OrderBy, ...] = ()
    best_hour: bool = False
    one_call_per_number: bool = False
    texts: TextsAfter = TextsAfter()
    weight: Annotated[int, Field(ge=1, le=100)] = 1
    approval: Literal["none", "anybody", "second_person"] = "none"
    staff_numbers: tuple[CallerId, ...] = ()
    ring_timeout: Annotated[Duration, limited("5s", "180s")] = timedelta(seconds=30)
    call_limit: Annotated[Duration, limited("10s", "30m")] = timedelta(minutes=3)

    def order_keys(self) -> tuple[OrderKey, ...]:
        """Return by which columns people are called."""
        return tuple(OrderKey(column=by.column, largest_first=by.first in ("largest", "latest")) for by in self.order)

    def rules(self) -> Rules:
        """Return the settings as the domain wants them."""
        return Rules(
            calendar=self._calendar(
                self.windows, lead=max(self.ring_timeout + self.call_limit - OVERTIME, timedelta(0))
            ),
            retries=self.retries.by_outcome(),
            total=self.retries.total,
            per_day=self.retries.per_day,
            rotate=frozenset(Outcome(name) for name in self.retries.rotate),
            cascade=tuple(
                Stage(kind=None if stage.numbers == "any" else Kind(stage.numbers), tries=stage.tries)
                for stage in self.cascade
            ),
            best_part=self.best_hour,
            caps=tuple(Cap(of=Of(cap.of), times=cap.times, days=cap.days) for cap in self.caps),
        )

    def text_rules(self) -> TextRules:
        """Return whom texts go to and when, without caps, as the domain wants it."""
        return TextRules(
            calendar=self._calendar(self.texts.windows or self.windows, lead=timedelta(0)),
            after=frozenset(Outcome(name) for name in self.texts.after),
            tries=self.texts.tries,
        )

    def _calendar(self, windows: Sequence[CallingWindow], lead: timedelta) -> Calendar:
        return Calendar(
            windows=tuple(
                Window(days=frozenset(window.days), start=window.start, until=window.until) for window in windows
            ),
            zone=self.timezone,
            closed_days=frozenset(self.closed_days),
            special_days=tuple(
                SpecialDay(day=special.date, spans=tuple((span.start, span.until) for span in special.times))
                for special in self.special_days
            ),
            lead=lead,
        )

    @model_validator(mode="after")
    def _decent(self) -> Self:
        for index, window in enumerate(self.windows):
            _see_decent(window, self.allow_late, "windows", index)
        for index, window in enumerate(self.texts.windows or ()):
            _see_decent(window, self.allow_late, "texts", "windows", index)
        for index, special in enumerate(self.special_days):
            for place, span in enumerate(special.times):
                _see_decent(span, self.allow_late, "special_days", index, "times", place)
        return self

    @model_validator(mode="after")
    def _one_rule_a_day(self) -> Self:
        seen: set[date] = set(self.closed_days)
        for index, special in enumerate(self.special_days):
            if special.date in seen:
                raise wrong(
                    f"{special.date} の時間が、closed_days か special_days のほかの行にも書いてあります。",
                    "special_days",
                    index,
                    "date",
                )
            seen.add(special.date)
        return self


def _see_decent(span: Span, allow_late: bool, *at: str | int) -> None:
    if not allow_late and (span.start < EARLIEST or span.until > LATEST):
        raise wrong(
            "08:00 から 21:00 までの外に電話や SMS を届けるには、"
            "役所の設定（ivr.yaml）の calling に allow_late: true が要ります。",
            *at,
        )
