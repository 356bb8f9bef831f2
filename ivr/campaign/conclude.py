"""What an attempt amounts to, from what the PBX and the call flow tell. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ivr.campaign.ports import Disposition, EarlyMedia
from ivr.campaign.run_call import Conversation
from ivr.domain.attempt import AttemptEvent, Ending
from ivr.domain.call import EndedBy, Over
from ivr.domain.outcome import Outcome, evidence, heard_seconds, marks, of_call, of_network, restarts, told

PROVEN = frozenset({Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL, Outcome.VOICEMAIL, Outcome.VOICEMAIL_PARTIAL})
"""Outcomes that an order to hang up does not change."""

NORMAL_CLEARING = (16, 31)
"""Q.850 causes of a party that simply hung up."""


def conclude(disposition: Disposition, talk: Conversation, now: datetime) -> tuple[AttemptEvent, Ending]:
    """Return the last event of the attempt's life, and its ending at `now`."""
    event, outcome = _outcome(disposition, talk)
    found = evidence(talk.facts, talk.over, talk.found, talk.sounds, talk.at) if talk.over else {}
    if disposition.refused is not None:
        found["reason"] = disposition.refused
    if disposition.lost:
        found["lost"] = True
    if disposition.rang:
        found["rang"] = True
    if disposition.progressed:
        found["progressed"] = True
    if disposition.early is not None:
        found["early"] = {"voice": disposition.early.voice, "tones": told(disposition.early.tones)}
    answered = disposition.answered_at is not None
    return event, Ending(
        outcome=outcome,
        at=now,
        dialled_at=disposition.dialled_at,
        answered_at=disposition.answered_at,
        sip=disposition.sip if disposition.sip or not answered else 200,
        q850=disposition.q850,
        heard_s=heard_seconds(talk.facts),
        restarts=restarts(talk.facts),
        keys=tuple(talk.keys),
        marks=marks(talk.facts),
        evidence=found,
    )


def cut_short(talk: Conversation, now: datetime, reason: str, unproven: Outcome) -> Ending:
    """Return the ending of an attempt that we gave up ourselves: what was proven stays, the rest is `unproven`."""
    over = talk.over or Over(EndedBy.FAULT, reason)
    outcome = of_call(talk.facts, over, talk.found)
    return Ending(
        outcome=unproven if outcome is Outcome.FAILED else outcome,
        at=now,
        heard_s=heard_seconds(talk.facts),
        restarts=restarts(talk.facts),
        keys=tuple(talk.keys),
        marks=marks(talk.facts),
        evidence=evidence(talk.facts, over, talk.found, talk.sounds, talk.at),
    )


def cancelled(ending: Ending, reason: str) -> Ending:
    """Return the ending of a call that was hung up by order.

    What was proven before stays, and so does that it was lost sight of; the rest is `cancelled`.
    """
    stays = ending.outcome in PROVEN or ending.evidence.get("lost")
    outcome = ending.outcome if stays else Outcome.CANCELLED
    return replace(ending, outcome=outcome, evidence={**ending.evidence, "reason": reason})


def _outcome(disposition: Disposition, talk: Conversation) -> tuple[AttemptEvent, Outcome]:
    if talk.over is not None:
        outcome = of_call(talk.facts, talk.over, talk.found)
        if disposition.lost and outcome is Outcome.FAILED:
            return AttemptEvent.LOST, Outcome.UNKNOWN
        return AttemptEvent.HUNG_UP, outcome
    if disposition.refused is not None:
        return AttemptEvent.REFUSED, Outcome.FAILED
    if disposition.lost:
        return AttemptEvent.LOST, Outcome.UNKNOWN
    if disposition.answered_at is None:
        early = disposition.early or EarlyMedia()
        return AttemptEvent.HUNG_UP, of_network(
            disposition.sip,
            disposition.q850,
            rang=disposition.rang,
            progressed=disposition.progressed,
            tones=early.tones,
        )
    if disposition.q850 is None or disposition.q850 in NORMAL_CLEARING:
        return AttemptEvent.HUNG_UP, Outcome.HUNG_UP
    return AttemptEvent.HUNG_UP, Outcome.FAILED
