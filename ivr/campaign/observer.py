"""Who is told what the dialler does."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ivr.domain.exclusion import Source
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState


class Observer(Protocol):
    """Is told what the dialler does, for metrics, logs and progress; learns no name and no number."""

    def dial_began(self, campaign: str, attempt: str) -> None:
        """A line is reserved and the intent is stored."""
        ...

    def answered(self, campaign: str, attempt: str) -> None:
        """The callee's side answered."""
        ...

    def dial_ended(self, campaign: str, attempt: str, outcome: Outcome, *, settled: bool) -> None:
        """The attempt is over and stored."""
        ...

    def excluded(self, campaign: str, source: Source, *, settled: bool) -> None:
        """A person is not called, or texted, any more, for a reason that `source` names; `settled`: with that."""
        ...

    def texted(self, campaign: str, state: TextState, *, settled: bool) -> None:
        """A text was handed over, or is certainly none, or has come to be unknown: stored as `state`.

        `settled`: its person waited for nothing else.
        """
        ...

    def held(self, campaign: str, reason: str, until: datetime | None) -> None:
        """Nothing is dialled, or sent, for now.

        `window`, `retry`, `store`, `pbx`, `trunk`, `voice`, `paused`, `exclusions`; of texts `sms`, `sms_credit`,
        `sms_later`, `text_window`, `text_cap`.
        """
        ...

    def defect(self, campaign: str, attempt: str, error: Exception) -> None:
        """A defect of ours ended one call."""
        ...
