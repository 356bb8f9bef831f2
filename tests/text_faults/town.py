"""The people of the trial: who is on the list, what each is to be sent, and how their handset takes it."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ivr.domain.text import TextState
from ivr.rehearsal.handsets import DELIVERED, Habit, habit
from tests.acceptance.office import NAMES

OFFICE, OFFICE_PHONE = "目黒区役所税務課", "0357220000"

SCENARIO = """\
version: 1
title: 納付のお知らせ
text: "{office}です。{kana}様、{連絡}お問い合わせ {office_phone}"
"""
"""Without steps: texts alone, to everybody."""

SHORT = "お知らせをお送りしました。"
LONG = "納付書をお送りしました。お手元にない方は、再発行いたしますので、" * 3
"""Of which the text takes one message, and two or three."""

HANDSETS: Sequence[tuple[float, Habit]] = (
    (38, habit("slow", after=0.4)),
    (16, DELIVERED),
    (6, habit("receipt_twice")),
    (6, habit("receipt_before_answer")),
    (6, habit("receipt_wrong_first", after=0.3)),
    (6, habit("receipt_wrong_last", after=0.3)),
    (5, habit("late", after=1.0)),
    (4, habit("out_of_range", after=0.5)),
    (4, habit("out_of_range_then_delivered", after=0.5)),
    (3, habit("refused")),
    (3, habit("failed")),
    (3, habit("no_number")),
    (2, habit("answers", after=0.5)),
    (0.8, habit("throttled", times=2)),
    (0.3, habit("disconnects")),
    (0.3, habit("disconnects_before")),
)
"""Shares and habits of the mobiles; those that answer slowly keep the window full, so that a fault finds it so."""

SILENT = habit("no_receipt")
"""Of whose texts nothing is heard: the engine waits for a minute at the end."""

NO_MOBILE, BY_COLUMN, BY_FILE = 0.08, 0.02, 0.03
"""Shares of the people with a fixed line only; excluded by the list; by the office's file, while others are texted."""

LATE = 0.7
"""Share of the list after which they stand whom the file excludes: they are not texted before it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody on the list. `number` is E.164, empty where no mobile is known; `body` what they are to be sent.

    `expected` are the states to which the handset's habit leads.
    """

    id: str
    line: str
    number: str = field(repr=False)
    body: str = field(repr=False)
    habit: Habit
    why_not: str = ""
    """What keeps them from being sent anything: `no_mobile`, `by_column` or `by_file`."""

    @property
    def expected(self) -> frozenset[TextState]:
        """Return what may rightly be known of a text in the end."""
        return self.habit.expected


class Town:
    """Everybody, in the order of the list."""

    def __init__(self, people: int, rng: random.Random, *, silent: int = 0) -> None:
        """Draw `people`; of `silent` the network says nothing."""
        shares, habits = zip(*HANDSETS, strict=True)
        quiet = {*rng.sample(range(people), silent)}
        self.people: list[Person] = []
        for index in range(people):
            why_not = _why_not(rng, late=index > people * LATE)
            kind = SILENT if index in quiet else rng.choices(habits, weights=shares)[0]
            rest = f"{rng.randrange(3, 10)}{index:06d}{rng.randrange(10)}"
            line = f"03{rest}" if why_not == "no_mobile" else f"0{rng.choice((7, 8, 9))}0{rest}"
            filling = LONG if rng.random() < 0.2 else SHORT
            name = NAMES[index % len(NAMES)]
            self.people.append(
                Person(
                    id=f"{index + 1:08d}",
                    line=line,
                    number="" if why_not == "no_mobile" else f"+81{line[1:]}",
                    body=f"{OFFICE}です。{name}様、{filling}お問い合わせ {OFFICE_PHONE}",
                    habit=kind,
                    why_not=why_not,
                )
            )

    @property
    def handsets(self) -> dict[str, Habit]:
        """Return the habits by national number."""
        return {person.line: person.habit for person in self.people if person.number}

    @property
    def takers(self) -> int:
        """How many will have taken a text where nothing goes wrong."""
        takes_none = {TextState.NO_NUMBER}
        return sum(not person.why_not and person.expected != takes_none for person in self.people)

    def write_list(self, file: Path) -> None:
        """Write the list as an office has it."""
        with file.open("w", encoding="cp932", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(("宛名番号", "カナ氏名", "電話番号", "連絡", "支援措置"))
            for index, person in enumerate(self.people):
                filling = LONG if LONG in person.body else SHORT
                support = "有" if person.why_not == "by_column" else "無"
                rows.writerow((person.id, NAMES[index % len(NAMES)], person.line, filling, support))

    def write_excluded(self, file: Path, *, everybody: bool) -> None:
        """Write the office's exclusion file: without those of this list at first, then with them."""
        left_out = [person.id for person in self.people if person.why_not == "by_file"] if everybody else []
        new = file.with_suffix(".new")
        with new.open("w", encoding="cp932", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(("宛名番号", "理由"))
            rows.writerows([("99999999", "他の名簿"), *((one, "納付済") for one in left_out)])
        new.rename(file)


def _why_not(rng: random.Random, *, late: bool) -> str:
    drawn = rng.random()
    if drawn < NO_MOBILE:
        return "no_mobile"
    if drawn < NO_MOBILE + BY_COLUMN:
        return "by_column"
    return "by_file" if late and drawn < NO_MOBILE + BY_COLUMN + BY_FILE / (1 - LATE) else ""
