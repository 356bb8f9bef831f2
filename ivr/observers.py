"""What the dialler tells, passed on: to metrics, to the log, to the terminal. None learns a name or a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from ivr.campaign.observer import Observer
from ivr.domain.exclusion import Source
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.metrics import Metrics

log = structlog.get_logger(__name__)


class Observers:
    """Tells each of `observers` what it is told."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def dial_began(self, campaign: str, attempt: str) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.dial_began(campaign, attempt)

    def answered(self, campaign: str, attempt: str) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.answered(campaign, attempt)

    def dial_ended(self, campaign: str, attempt: str, outcome: Outcome, *, settled: bool) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.dial_ended(campaign, attempt, outcome, settled=settled)

    def excluded(self, campaign: str, source: Source, *, settled: bool) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.excluded(campaign, source, settled=settled)

    def texted(self, campaign: str, state: TextState, *, settled: bool) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.texted(campaign, state, settled=settled)

    def held(self, campaign: str, reason: str, until: datetime | None) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.held(campaign, reason, until)

    def defect(self, campaign: str, attempt: str, error: Exception) -> None:
        """Pass on."""
        for observer in self._observers:
            observer.defect(campaign, attempt, error)


class MetricsObserver:
    """Counts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def dial_began(self, campaign: str, attempt: str) -> None:
        """Count a call under way."""
        self._metrics.call_began()

    def answered(self, campaign: str, attempt: str) -> None:
        """Nothing to count: the latencies are told by the leg."""

    def dial_ended(self, campaign: str, attempt: str, outcome: Outcome, *, settled: bool) -> None:
        """Count an attempt by its outcome."""
        self._metrics.call_ended()
        self._metrics.attempt_ended(outcome)

    def excluded(self, campaign: str, source: Source, *, settled: bool) -> None:
        """Count a person who is not called."""
        self._metrics.excluded(source)

    def texted(self, campaign: str, state: TextState, *, settled: bool) -> None:
        """Count a text by its state."""
        self._metrics.text(state.value)

    def held(self, campaign: str, reason: str, until: datetime | None) -> None:
        """Count a hold."""
        self._metrics.held(reason)

    def defect(self, campaign: str, attempt: str, error: Exception) -> None:
        """Nothing to count: the attempt ends `unknown` or `failed`."""


class LogObserver:
    """Writes a line for each attempt, and one each time the reason changes why nothing is dialled."""

    def __init__(self) -> None:
        self._reason: dict[str, str] = {}

    def dial_began(self, campaign: str, attempt: str) -> None:
        """Write, where everything is wanted, and forget why nothing was dialled."""
        self._reason.pop(campaign, None)
        log.debug("dial_began", campaign=campaign, attempt=attempt)

    def answered(self, campaign: str, attempt: str) -> None:
        """Write, where everything is wanted."""
        log.debug("answered", campaign=campaign, attempt=attempt)

    def dial_ended(self, campaign: str, attempt: str, outcome: Outcome, *, settled: bool) -> None:
        """Write."""
        log.info("dial_ended", campaign=campaign, attempt=attempt, outcome=outcome.value, settled=settled)

    def excluded(self, campaign: str, source: Source, *, settled: bool) -> None:
        """Write; for what reason is the results' to tell."""
        log.info("excluded", campaign=campaign, source=source.value)

    def texted(self, campaign: str, state: TextState, *, settled: bool) -> None:
        """Write."""
        log.info("texted", campaign=campaign, state=state.value)

    def held(self, campaign: str, reason: str, until: datetime | None) -> None:
        """Write once for each reason in a row."""
        if self._reason.get(campaign) != reason:
            self._reason[campaign] = reason
            log.info("held", campaign=campaign, reason=reason, until=until.isoformat() if until else None)

    def defect(self, campaign: str, attempt: str, error: Exception) -> None:
        """Write the type and the place of the error; its text may name a person."""
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "unknown"
        log.error("defect", campaign=campaign, attempt=attempt, error=type(error).__name__, where=where)
