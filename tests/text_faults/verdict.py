"""What the centre took against the results: who was sent what, how often, and what is claimed of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ivr.campaign.records import RecipientRecord
from ivr.campaign.text_records import TextRecord
from ivr.domain.text import TextState
from ivr.rehearsal.taken import TakenText
from tests.text_faults.town import Person

UNDER_WAY = timedelta(seconds=60)
"""For as long as a text may be between its intent and its answer: locked databases and parts that wait included."""


@dataclass(frozen=True, slots=True)
class Break:
    """When texts on their way may have lost their answers, from the earliest moment to the latest, and by what."""

    since: datetime
    until: datetime
    what: str


@dataclass(slots=True, kw_only=True)
class Verdict:
    """Counts over a trial; `offences` name who, so that a seed can be replayed. `most` is what a break may spoil.

    lost         not settled, without a text, or with one that is still being handed over
    double       more than one text at the centre for a number
    unrecorded   at the centre, and the results tell of none, or of one that was not taken
    uncalled_for at the centre, for who is excluded or nobody on the list
    false_claim  `delivered`, and the centre does not have it whole
    changed      at the centre, or on record, and not what was to be sent
    wrong        another state than the handset's habit leads to
    unexplained  `unknown`, and nothing broke off while it was under way; or more by one break than `most`
    unsaid       sent nothing, and the results do not say why
    """

    most: int
    people: int = 0
    taken: int = 0
    lost: int = 0
    double: int = 0
    unrecorded: int = 0
    uncalled_for: int = 0
    false_claim: int = 0
    changed: int = 0
    wrong: int = 0
    unexplained: int = 0
    unsaid: int = 0
    arrived_unknown: int = 0
    in_part: int = 0
    states: Counter[str] = field(default_factory=Counter)
    by_break: Counter[Break] = field(default_factory=Counter)
    offences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether nobody was lost, sent two or lied about."""
        return not self.offences

    def judge(
        self, person: Person, record: RecipientRecord | None, taken: Sequence[TakenText], breaks: Sequence[Break]
    ) -> None:
        """Take in one person of the list, with what the centre took for their number and what went wrong meanwhile."""
        self.people += 1
        self.taken += sum(one.whole for one in taken)
        self.in_part += sum(not one.whole for one in taken)
        if len(taken) > 1:
            self._offend("double", person, f"{len(taken)} texts")
        if record is None or record.state != "settled":
            self._offend("lost", person, record.state if record else "not in the results")
            return
        if person.why_not:
            self._none(person, record, taken)
            return
        text = record.text
        if text is None or text.state in (TextState.QUEUED, TextState.CANCELLED):
            self._offend("unrecorded" if taken else "lost", person, text.state.value if text else "no text")
            return
        self.states[text.state.value] += 1
        self._one(person, text, taken)
        if text.state is TextState.UNKNOWN:
            self._unknown(person, text, taken, breaks)

    def strangers(self, numbers: Sequence[str]) -> None:
        """Take in the numbers at the centre that nobody on the list has."""
        self.uncalled_for += len(numbers)
        self.offences += [f"uncalled_for: {number}" for number in numbers]

    def close(self) -> None:
        """Count once everybody is judged: what one break left unknown."""
        for one, number in self.by_break.items():
            if number > self.most:
                self.unexplained += number - self.most
                self.offences.append(
                    f"unexplained: {number} unknown by the {one.what} at {one.since:%X}, not {self.most}"
                )

    def _none(self, person: Person, record: RecipientRecord, taken: Sequence[TakenText]) -> None:
        """Judge somebody who is to be sent nothing: `cancelled`, with a reason and no number."""
        if taken:
            self._offend("uncalled_for", person, person.why_not)
        text = record.text
        if text is not None and text.state is TextState.CANCELLED and text.why and not text.number:
            self.states[text.state.value] += 1
        else:
            self._offend("unsaid", person, text.state.value if text else "no text")

    def _one(self, person: Person, text: TextRecord, taken: Sequence[TakenText]) -> None:
        if text.number != person.number or text.body != person.body:
            self._offend("changed", person, "on record")
        whole = [one for one in taken if one.whole]
        if any(one.body != person.body for one in whole):
            self._offend("changed", person, "at the centre")
        if text.state is TextState.DELIVERED and not whole:
            self._offend("false_claim", person, "delivered, and not there")
        if taken and text.state is TextState.NO_NUMBER:
            self._offend("unrecorded", person, "no_number, and there")
        # Of a text that was cut between its parts, those that are there may still be known to have failed.
        if not taken and text.state not in (TextState.UNKNOWN, TextState.NO_NUMBER, TextState.DELIVERED):
            self._offend("false_claim", person, f"{text.state.value}, and not there")
        if text.state is not TextState.UNKNOWN and text.state not in person.expected:
            self._offend("wrong", person, f"{text.state.value}, by a handset that is {person.habit.manner.value}")

    def _unknown(self, person: Person, text: TextRecord, taken: Sequence[TakenText], breaks: Sequence[Break]) -> None:
        self.arrived_unknown += any(one.whole for one in taken)
        after = (one for one in breaks if one.until >= text.intended_at)
        found = min(after, key=lambda one: one.since, default=None)
        if found is not None and found.since <= text.intended_at + UNDER_WAY:
            self.by_break[found] += 1
        else:
            self._offend("unexplained", person, text.why)

    def _offend(self, what: str, person: Person, why: str) -> None:
        setattr(self, what, getattr(self, what) + 1)
        self.offences.append(f"{what}: {person.id}: {why}")
