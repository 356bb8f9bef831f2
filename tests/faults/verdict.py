"""The callees' side against the results: who was dialled how often, and who heard what. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """One dial as the callee's side saw it: was it answered, and was `#` pressed and the message heard to its end?

    `blind`: `#` was pressed, and what was heard can't be told, because the callee's side itself stood still meanwhile.
    """

    answered: bool
    confirmed: bool
    blind: bool = False


@dataclass(slots=True, kw_only=True)
class Verdict:
    """Counts over a whole trial; `offences` name who, so that a seed can be replayed."""

    people: int = 0
    dials: int = 0
    attempts: int = 0
    undialled: int = 0
    double: int = 0
    lost: int = 0
    false_confirmed: int = 0
    unseen_confirmed: int = 0
    unwitnessed: int = 0
    invented: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    offences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether nothing was lost, doubled or invented."""
        return not (self.double or self.lost or self.false_confirmed or self.invented)

    def judge(self, person: Mapping[str, Any], dials: Sequence[Dialled]) -> None:
        """Take in one person of the results, with the dials to their number.

        double           more dials than attempts that can have been dialled: one intent, two calls; or a further
                         attempt after one whose end is not known
        lost             not settled, or an attempt or an answered dial without an outcome
        false_confirmed  `confirmed`, and nobody pressed and heard the message to its end
        invented         the results tell of more answers than there were
        unwitnessed      `confirmed`, `#` was pressed, and the network stood still while the message was spoken
        undialled        attempts that the network never saw: all `failed` or `unknown`
        unseen_confirmed pressed and heard, not `confirmed`: the engine or its PBX died in the call; not called again
        """
        attempts = person["attempts"]
        self.people += 1
        self.dials += len(dials)
        self.attempts += len(attempts)
        self.outcomes[str(person["outcome"])] += 1
        undialled = max(0, len(attempts) - len(dials))
        self.undialled += undialled
        may_be_undialled = sum(attempt["outcome"] in ("failed", "unknown") for attempt in attempts)
        dialled = sum(attempt["dialled_at"] is not None or attempt["outcome"] == "unknown" for attempt in attempts)
        self._offend("double", max(0, len(dials) - dialled), person)
        open_ = sum(attempt["outcome"] is None or attempt["ended_at"] is None for attempt in attempts)
        self._offend("lost", open_ + (person["state"] != "settled"), person)
        self._offend("invented", max(0, undialled - may_be_undialled), person)
        answers = sum(attempt["answered_at"] is not None for attempt in attempts)
        self._offend("invented", max(0, answers - sum(dial.answered for dial in dials)), person)
        confirmed = sum(attempt["outcome"] == "confirmed" for attempt in attempts)
        heard = sum(dial.confirmed for dial in dials)
        unproven = max(0, confirmed - heard)
        unwitnessed = min(unproven, sum(dial.blind for dial in dials))
        self.unwitnessed += unwitnessed
        self._offend("false_confirmed", unproven - unwitnessed, person)
        unseen = max(0, heard - confirmed)
        self.unseen_confirmed += unseen
        if unseen:
            self._offend("lost", not any(attempt["outcome"] == "unknown" for attempt in attempts), person)
        again = sum(attempt["outcome"] == "unknown" for attempt in attempts[:-1])
        self._offend("double", again, person)

    def _offend(self, what: str, times: int, person: Mapping[str, Any]) -> None:
        if times:
            setattr(self, what, getattr(self, what) + int(times))
            self.offences.append(f"{what}: {person['id']} {person['outcome']}")
