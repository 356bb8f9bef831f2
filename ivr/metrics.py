"""Prometheus metrics, fed by facts of the domain. What each means is in docs/metrics.md.

No label carries a person's data. The only free text is a campaign's name, which staff choose: it is shortened, and
what looks like a telephone number in it is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from ivr.domain.exclusion import Source
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

RECIPIENT_STATES = ("waiting", "calling", "settled")
LONGEST_LABEL = 64

_TO_AUDIO = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5)
"""Seconds, dense around what is promised: a median of 60 ms after the answer, 100 ms after a key, 95 % in 150 ms."""

_ORIGINATE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RENDER = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LATE = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
_WRITE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class Metrics:
    """Everything that is measured, in a registry of its own. Every series exists from the start, at 0."""

    def __init__(self) -> None:
        """Register."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._calls_active = self._gauge("calls_active", "Calls under way, from the intent to dial to the end")
        self._lines = self._gauge("lines", "Calls allowed at once")
        self._attempts = self._counter("attempts", "Attempts ended, by outcome", "outcome")
        self._recipients = Gauge(
            "ivr_recipients", "People of a campaign, by state", ("campaign", "state"), registry=self.registry
        )
        self._originate = self._seconds("originate_seconds", "From the order to dial to the PBX's answer", _ORIGINATE)
        self._answer_to_audio = self._seconds(
            "answer_to_audio_seconds",
            "From the answer, or the end of the first words, to the first audio sent",
            _TO_AUDIO,
        )
        self._key_to_audio = self._seconds("key_to_audio_seconds", "From a key to the next audio sent", _TO_AUDIO)
        self._agi_sessions = self._gauge("agi_sessions", "FastAGI connections open")
        self._agi_rejected = self._counter("agi_rejected", "FastAGI connections refused, by reason", "reason")
        self._unheard = self._counter("calls_unheard", "Calls whose audio did not come to the listening, or broke off")
        self._ami_connected = self._gauge("ami_connected", "1 while logged in at the PBX's manager interface")
        self._pbx_up = self._gauge("pbx_up", "1 while the PBX that we started is ready")
        self._pbx_restarts = self._counter("pbx_restarts", "Times that the PBX was started again after it had died")
        self._dials_held = self._counter("dials_held", "Times that a dialler found no reason to dial, by why", "reason")
        self._excluded = self._counter("exclusions", "People who are not called, by where that is written", "source")
        self._collection = self._counter(
            "collection_answers", "Answers of the collection system before a dial", "answer"
        )
        self._inbound = self._counter("inbound_calls", "Calls that came in", "how")
        self._exclusions_known = self._gauge("exclusions_known", "1 while it can be told who is not to be called")
        self._exclusions_known.set(1)
        self._render = self._seconds("speech_render_seconds", "To render one phrase", _RENDER)
        self._cache_hits = self._counter("speech_cache_hits", "Phrases found already rendered")
        self._speech_failures = self._counter("speech_failures", "Phrases that the voice could not speak")
        self._window_open = self._gauge("window_open", "1 while the rules allow calls")
        self._texts = self._counter("texts", "Texts (SMS), by status", "status")
        self._sms_connected = self._gauge("sms_connected", "1 while the provider takes texts (SMS)")
        self._store_write = self._seconds("store_write_seconds", "A write of the store, waiting included", _WRITE)
        self._loop_late = self._seconds("loop_late_seconds", "By which the engine's timers ring late", _LATE)
        self._erased = self._counter("campaigns_erased", "Campaigns erased because they were kept for long enough")
        self._erasures_failed = self._counter(
            "erasures_failed", "Times that a campaign was due and could not be erased"
        )
        self._audit_failures = self._counter("audit_failures", "Entries that the audit trail did not take")
        self._webhooks = self._counter("webhook_deliveries", "Messages to webhooks, by what came of them", "result")
        self._webhooks_dropped = self._counter("webhook_events_dropped", "Events not told: their campaign was erased")
        self._webhooks_waiting = self._gauge("webhook_waiting", "Events that wait to be told to webhooks")
        self._webhooks_oldest = self._gauge("webhook_oldest_seconds", "For how long the oldest of them has waited")
        self._scenarios_unreadable = self._gauge("scenarios_unreadable", "Files of own scenarios that can't be read")
        self._scenario_failures = self._counter("scenario_look_failures", "Looks at own scenarios that failed")
        self._unknown = self._gauge("unknown_attempts", "Attempts since the start whose end we could not find out")
        for outcome in Outcome:
            self._attempts.labels(outcome.value)
        for state in TextState:
            self._texts.labels(state.value)
        for result in ("taken", "failed", "switched_off"):
            self._webhooks.labels(result)

    def erased(self) -> None:
        """A campaign was erased by rule."""
        self._erased.inc()

    def erasure_failed(self) -> None:
        """A campaign that is due could not be erased."""
        self._erasures_failed.inc()

    def call_began(self) -> None:
        """A line is taken."""
        self._calls_active.inc()

    def call_ended(self) -> None:
        """A line is free again."""
        self._calls_active.dec()

    def lines(self, lines: int) -> None:
        """There may be `lines` calls at once."""
        self._lines.set(lines)

    def attempt_ended(self, outcome: Outcome) -> None:
        """An attempt has its outcome."""
        self._attempts.labels(outcome.value).inc()
        if outcome is Outcome.UNKNOWN:
            self._unknown.inc()

    def found_open(self, outcome: Outcome) -> None:
        """At the start, an attempt of an earlier run was found whose end the engine had not seen."""
        self.attempt_ended(outcome)

    def recipients(self, campaign: str, states: Mapping[str, int]) -> None:
        """The people of `campaign` are in these states."""
        for state in RECIPIENT_STATES:
            self._recipients.labels(_label(campaign), state).set(states.get(state, 0))

    def forget(self, campaign: str) -> None:
        """Nothing more is told of `campaign`."""
        for state in RECIPIENT_STATES:
            self._recipients.remove(_label(campaign), state)

    def held(self, reason: str) -> None:
        """A dialler dials nothing for now."""
        self._dials_held.labels(_label(reason)).inc()

    def excluded(self, source: Source) -> None:
        """A person is not called any more."""
        self._excluded.labels(source.value).inc()

    def came_in(self, how: str) -> None:
        """A call came in: `answered`, `wanted` (to be called back), or `busy`: not answered."""
        self._inbound.labels(how).inc()

    def collection_answered(self, kind: str) -> None:
        """The collection system answered `call` or `excluded`, or `none`: not at all."""
        self._collection.labels(kind).inc()

    def exclusions_known(self, known: bool) -> None:
        """It can be told who is not to be called, or it can't."""
        self._exclusions_known.set(known)

    def window(self, is_open: bool) -> None:
        """The rules allow calls, or do not."""
        self._window_open.set(is_open)

    def originated(self, seconds: float) -> None:
        """The PBX has taken an order to dial, or refused it."""
        self._originate.observe(seconds)

    def answer_to_audio(self, seconds: float) -> None:
        """The callee hears us, after answering."""
        self._answer_to_audio.observe(seconds)

    def key_to_audio(self, seconds: float) -> None:
        """The callee hears us, after pressing a key."""
        self._key_to_audio.observe(seconds)

    def agi_sessions(self, sessions: int) -> None:
        """So many calls are connected to us by the PBX."""
        self._agi_sessions.set(sessions)

    def agi_rejected(self, reason: str) -> None:
        """A connection was refused; `reason` is one of few words."""
        self._agi_rejected.labels(_label(reason)).inc()

    def call_unheard(self) -> None:
        """A call went on by the PBX's talk detector alone."""
        self._unheard.inc()

    def ami_connected(self, connected: bool) -> None:
        """We are logged in at the manager interface, or no longer."""
        self._ami_connected.set(connected)

    def pbx_up(self, up: bool) -> None:
        """The PBX is ready, or gone."""
        self._pbx_up.set(up)

    def pbx_restarted(self) -> None:
        """The PBX had died and is started again."""
        self._pbx_restarts.inc()

    def speech_rendered(self, seconds: float) -> None:
        """A phrase was rendered."""
        self._render.observe(seconds)

    def speech_cached(self) -> None:
        """A phrase was there already."""
        self._cache_hits.inc()

    def speech_failed(self) -> None:
        """The voice could not speak a phrase."""
        self._speech_failures.inc()

    def text(self, status: str) -> None:
        """A text has come to `status`; one of few words."""
        self._texts.labels(_label(status)).inc()

    def sms_connected(self, connected: bool) -> None:
        """The provider takes texts, or does not."""
        self._sms_connected.set(connected)

    def webhook_tried(self, result: str) -> None:
        """A message to a webhook was `taken`, or `failed`; or the webhook was `switched_off` after it."""
        self._webhooks.labels(result).inc()

    def webhook_events_dropped(self, events: int) -> None:
        """So many events are not told: their campaign was erased."""
        self._webhooks_dropped.inc(events)

    def webhooks_waiting(self, events: int, oldest_s: float) -> None:
        """So many events wait, the oldest for so long."""
        self._webhooks_waiting.set(events)
        self._webhooks_oldest.set(oldest_s)

    def scenarios_looked_at(self, unreadable: int) -> None:
        """The office's own scenarios were looked at: so many files can't be read."""
        self._scenarios_unreadable.set(unreadable)

    def scenarios_unknown(self) -> None:
        """They could not be looked at."""
        self._scenario_failures.inc()

    def wrote(self, seconds: float) -> None:
        """The store has written."""
        self._store_write.observe(seconds)

    def beat(self, late_s: float) -> None:
        """The event loop has turned, so late."""
        self._loop_late.observe(late_s)

    def audit_failed(self) -> None:
        """Something happened that could not be put on record."""
        self._audit_failures.inc()

    def app(self, health: Callable[[], Mapping[str, bool]]) -> Starlette:
        """Return an ASGI application with `/metrics` and `/healthz`.

        `/healthz` answers 200 if every check of `health` is true, else 503, with the checks as JSON either way.
        """
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse, Response
        from starlette.routing import Route

        async def metrics(request: Request) -> Response:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
            return Response(encode(self.registry), headers={"content-type": content_type})

        async def healthz(_request: Request) -> Response:
            checks = {name: bool(fine) for name, fine in health().items()}
            fine = all(checks.values())
            return JSONResponse({"ok": fine, "checks": checks}, 200 if fine else 503)

        return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz)])

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(f"ivr_{name}", help_text, registry=self.registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"ivr_{name}", help_text, labels, registry=self.registry)

    def _seconds(self, name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"ivr_{name}", help_text, buckets=buckets, registry=self.registry)


def _label(text: str) -> str:
    """Return text that staff or our code chose, fit for a label."""
    shown = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()
    shown = re.sub(r"[0-9０-９](?:[-－ー ]?[0-9０-９]){8,}", "***", shown)
    return shown if len(shown) <= LONGEST_LABEL else f"{shown[: LONGEST_LABEL - 1]}…"
