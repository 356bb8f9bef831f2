"""What of that which changed is to be told, and to whom. Pure.

A call and what it led to are two events. An event that is told twice has the same id, whichever engine tells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from ivr.campaign.figures import ChangeKind
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import class_of
from ivr.domain.webhook import ENDED_STATES, EventKind, Happened, Webhook, id_of
from ivr.settings import STAFF_CALL
from ivr.storage.webhook_feed import Changed, Dial, Settled


def wanted(changed: Iterable[Changed], webhooks: Sequence[Webhook], now: datetime) -> list[tuple[str, Happened]]:
    """Return each event with the id of a webhook that is to be told of it, in the order in which they happened."""
    found: list[tuple[str, Happened]] = []
    for one in changed:
        for outcome, event in _events(one, now):
            found += (
                (webhook.id, event)
                for webhook in webhooks
                if webhook.department == one.campaign.department and webhook.wants(event.kind, outcome)
            )
    return found


def _events(one: Changed, now: datetime) -> Iterator[tuple[Outcome | None, Happened]]:
    if one.campaign.rules == STAFF_CALL:
        return
    if one.kind is ChangeKind.ATTEMPT and one.dial is not None:
        yield one.dial.outcome, _call(one, one.dial)
        # A later call is under way or over where their numbers differ: that one tells how they were settled.
        if one.settled is not None and one.settled.tries == one.dial.ordinal:
            yield one.settled.outcome, _person(one, one.settled)
    elif one.kind is ChangeKind.PERSON and one.settled is not None:
        yield one.settled.outcome, _person(one, one.settled)
    elif one.kind is ChangeKind.CAMPAIGN and one.newest and one.campaign.state in ENDED_STATES:
        yield None, _campaign(one, now)


def _call(one: Changed, dial: Dial) -> Happened:
    return Happened(
        id=id_of(EventKind.CALL_ENDED, dial.id),
        kind=EventKind.CALL_ENDED,
        campaign=one.campaign.id,
        subject=one.key,
        at=dial.at,
        content={
            "outcome": dial.outcome.value,
            "evidence": class_of(dial.outcome, proven=dial.proven).value,
            "proven": dial.proven,
            "try": dial.ordinal,
        },
    )


def _person(one: Changed, settled: Settled) -> Happened:
    return Happened(
        id=id_of(EventKind.PERSON_SETTLED, one.campaign.id, one.key, settled.at.isoformat()),
        kind=EventKind.PERSON_SETTLED,
        campaign=one.campaign.id,
        subject=one.key,
        at=settled.at,
        content={
            "outcome": settled.outcome.value,
            "evidence": class_of(settled.outcome, proven=settled.proven).value,
            "proven": settled.proven,
            "tries": settled.tries,
        },
    )


def _campaign(one: Changed, now: datetime) -> Happened:
    return Happened(
        id=id_of(EventKind.CAMPAIGN_ENDED, one.campaign.id, str(one.number)),
        kind=EventKind.CAMPAIGN_ENDED,
        campaign=one.campaign.id,
        subject="",
        at=now,
        content={"state": one.campaign.state},
    )
