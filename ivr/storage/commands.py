"""What changes the store. A change of a state names the state that it expects, and tells whether it was so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, String, bindparam, exists, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from ivr.campaign.figures import ChangeKind
from ivr.campaign.ports import NO_HOUSEHOLDS
from ivr.campaign.records import CampaignRow
from ivr.domain.attempt import AttemptState, Ending, Intent
from ivr.domain.calling_rules import Ceiling
from ivr.domain.exclusion import shared_with
from ivr.domain.outcome import PROOF, Outcome
from ivr.domain.recipient import Recipient
from ivr.errors import InputError, NameTaken
from ivr.storage import caps, changes, exclusions, tallying
from ivr.storage.engines import NOBODY, Member, line_free, time
from ivr.storage.prepared import Prepared
from ivr.storage.queries import PEOPLE_DUE, due_values
from ivr.storage.sealing import Sealing
from ivr.storage.tables import OPEN, attempts, campaigns, engines, key_presses, recipients

CHUNK = 200
"""Recipients stored at a time. On PostgreSQL each chunk is sealed and bound in the loop's own thread, which calls
share: 200 hold it for 4 to 9 ms, 1,000 for 16 to 46. A list of 30,000 takes 5 % longer so there, and as long on SQLite.
"""

CLAIM = timedelta(seconds=20)
"""How long people who are due are kept for the engine that prepares their calls."""

_CALL_RECIPIENT = Prepared(
    update(recipients)
    .where(
        recipients.c.campaign_id == bindparam("of_campaign"),
        recipients.c.id == bindparam("of_recipient"),
        recipients.c.state == "waiting",
        or_(
            bindparam("engine", type_=String) == "",
            exists().where(engines.c.id == bindparam("engine"), engines.c.epoch == bindparam("epoch")),
        ),
        ~exists().where(attempts.c.number_hash == bindparam("number"), OPEN),
        ~exclusions.IN_FORCE,
    )
    .values(state="calling", due_at=None, tries=recipients.c.tries + 1, last_at=bindparam("moment"))
)

_INSERT_ATTEMPT = Prepared(
    insert(attempts).values(
        state=AttemptState.INTENDED.value,
        heard_s=0.0,
        restarts=0,
        marks=[],
        evidence={},
        ordinal=select(recipients.c.tries)
        .where(recipients.c.campaign_id == bindparam("of_campaign"), recipients.c.id == bindparam("of_recipient"))
        .scalar_subquery(),
    ),
    ("id", "campaign_id", "recipient_id", "sealed", "number_hash", "person_hash", "intended_at", "engine"),
)

_INSERT_KEYS = Prepared(insert(key_presses), ("attempt_id", "ordinal", "step", "key", "confirms", "at"))

_ANSWER_ATTEMPT = Prepared(
    update(attempts)
    .where(attempts.c.id == bindparam("of_attempt"), attempts.c.state == bindparam("expected"))
    .values(state=AttemptState.ANSWERED.value, answered_at=bindparam("moment"))
)

_END_ATTEMPT = Prepared(
    update(attempts)
    .where(attempts.c.id == bindparam("of_attempt"), attempts.c.state != "ended")
    .values(
        state="ended",
        dialled_at=func.coalesce(bindparam("dialled", type_=attempts.c.dialled_at.type), attempts.c.dialled_at),
        answered_at=func.coalesce(bindparam("answered", type_=attempts.c.answered_at.type), attempts.c.answered_at),
        ended_at=bindparam("ended"),
        outcome=bindparam("how"),
        sip=bindparam("sip_code"),
        q850=bindparam("q850_cause"),
        heard_s=bindparam("heard"),
        restarts=bindparam("begun_anew"),
        marks=bindparam("tags"),
        evidence=bindparam("told"),
        proven=bindparam("is_proven"),
    )
    .returning(
        attempts.c.campaign_id,
        attempts.c.recipient_id,
        attempts.c.ordinal,
        attempts.c.intended_at,
        attempts.c.dialled_at,
        attempts.c.answered_at,
    )
)

_RELEASE_RECIPIENT = Prepared(
    update(recipients)
    .where(
        recipients.c.campaign_id == bindparam("of_campaign"),
        recipients.c.id == bindparam("of_recipient"),
        recipients.c.state == "calling",
    )
    .values(
        state=bindparam("next_state"),
        outcome=bindparam("final"),
        due_at=bindparam("due"),
        settled_at=bindparam("settled_at"),
        settled_in=bindparam("settled_in"),
        proven=or_(recipients.c.proven, bindparam("is_proven", type_=recipients.c.proven.type)),
    )
)


def create_campaign(
    connection: Connection,
    sealing: Sealing,
    campaign: CampaignRow,
    people: Sequence[Recipient],
    households: Mapping[str, Sequence[Recipient]] = NO_HOUSEHOLDS,
) -> None:
    """Store a campaign and its people; NameTaken; InputError where, within the list, an id is taken."""
    taken = connection.execute(select(campaigns.c.id).where(campaigns.c.name == campaign.name)).first()
    if taken is not None:
        raise NameTaken(campaign.name)
    connection.execute(
        insert(campaigns).values(
            id=campaign.id,
            name=campaign.name,
            state=campaign.state,
            scenario=campaign.scenario,
            scenario_file=campaign.scenario_file,
            created_at=campaign.created_at,
            rules=dict(campaign.rules),
            sources=dict(campaign.sources),
            created_by=campaign.created_by,
            department_id=campaign.department,
        )
    )
    changes.note(connection, ChangeKind.CAMPAIGN, campaign.id, campaign.id)
    rows = _rows(sealing, campaign, people, households)
    try:
        while chunk := list(islice(rows, CHUNK)):
            connection.execute(insert(recipients), chunk)
    except IntegrityError:
        raise InputError("リストの中に、同じ宛名番号が二つ以上あります。") from None


def _rows(
    sealing: Sealing, campaign: CampaignRow, people: Sequence[Recipient], households: Mapping[str, Sequence[Recipient]]
) -> Iterator[dict[str, Any]]:
    shares = {one.id: (number, members[0]) for number, members in households.items() for one in members}
    for rank, person in enumerate(people, 1):
        number, head = shares.get(person.id, ("", person))
        why = shared_with(head.line) if head is not person else None
        yield {
            "campaign_id": campaign.id,
            "line": person.line,
            "rank": rank,
            "state": "settled" if why else "waiting",
            "outcome": Outcome.CANCELLED.value if why else None,
            **tallying.settled(campaign.created_at if why else None),
            "household": sealing.household(campaign.id, number) if number else None,
            **sealing.person(campaign.id, person, why),
        }


def move_campaign(connection: Connection, campaign_id: str, expected: Sequence[str], state: str) -> bool:
    """Change the state of a campaign if it is one of `expected`."""
    moved = connection.execute(
        update(campaigns).where(campaigns.c.id == campaign_id, campaigns.c.state.in_(expected)).values(state=state)
    )
    if moved.rowcount == 1:
        changes.note(connection, ChangeKind.CAMPAIGN, campaign_id, campaign_id)
    return moved.rowcount == 1


def approve(connection: Connection, campaign_id: str, who: str) -> bool:
    """Note who has approved a campaign that is not at work, once."""
    approved = connection.execute(
        update(campaigns)
        .where(
            campaigns.c.id == campaign_id,
            campaigns.c.state.not_in(("running", "done", "erasing")),
            campaigns.c.approved_by.is_(None),
        )
        .values(approved_by=who)
    )
    if approved.rowcount == 1:
        changes.note(connection, ChangeKind.CAMPAIGN, campaign_id, campaign_id)
    return approved.rowcount == 1


def intend(
    connection: Connection, sealing: Sealing, intent: Intent, member: Member, ceilings: Sequence[Ceiling] = ()
) -> bool:
    """Store the intent of `member` to dial, if the person waits, the number is on no call and nobody has buried it.

    And if staff have not excluded either meanwhile, none of `ceilings` is reached, and a line is free, where the lines
    of all engines are counted together.
    """
    if member.most and not line_free(connection, member.most):
        return False
    exclusions.attend(connection)
    if caps.reached(connection, sealing, intent, ceilings):
        return False
    sealed = sealing.attempt(intent)
    called = {
        "of_campaign": intent.campaign,
        "of_recipient": sealed["recipient_id"],
        "engine": member.engine,
        "epoch": member.epoch,
        "number": sealed["number_hash"],
        "excluded": exclusions.person_hash(sealing, intent.recipient),
        "moment": intent.at,
    }
    if not _CALL_RECIPIENT.run(connection, called):
        return False
    _INSERT_ATTEMPT.run(
        connection,
        {
            "id": intent.id,
            "campaign_id": intent.campaign,
            "intended_at": intent.at,
            "engine": member.engine,
            **called,
            **sealed,
        },
    )
    return True


def advance(connection: Connection, attempt_id: str, expected: AttemptState, state: AttemptState, at: datetime) -> bool:
    """Move an attempt on, if it is in `expected`; the only state on the way to the end is `ANSWERED`."""
    if state is not AttemptState.ANSWERED:
        raise ValueError(f"nothing advances to {state.value}")
    moved = _ANSWER_ATTEMPT.run(connection, {"of_attempt": attempt_id, "expected": expected.value, "moment": at})
    return moved == 1


def end(
    connection: Connection,
    attempt_id: str,
    ending: Ending,
    settled: Outcome | None,
    due_at: datetime | None,
    member: Member = NOBODY,
) -> bool:
    """Store how an attempt ended, once, with its keys, and what becomes of the person; `member` counts it."""
    proven = ending.outcome is Outcome.VOICEMAIL and PROOF in ending.evidence
    ended = _END_ATTEMPT.fetch(
        connection,
        {
            "of_attempt": attempt_id,
            "dialled": ending.dialled_at,
            "answered": ending.answered_at,
            "ended": ending.at,
            "how": ending.outcome.value,
            "sip_code": ending.sip,
            "q850_cause": ending.q850,
            "heard": ending.heard_s,
            "begun_anew": ending.restarts,
            "tags": list(ending.marks),
            "told": dict(ending.evidence),
            "is_proven": proven,
        },
    )
    if ended is None:
        return False
    campaign_id, recipient_key, ordinal, intended_at, dialled_at, answered_at = ended
    _RELEASE_RECIPIENT.run(
        connection,
        {
            "of_campaign": campaign_id,
            "of_recipient": recipient_key,
            "next_state": "settled" if settled else "waiting",
            "final": settled.value if settled else None,
            "due": None if settled else due_at,
            **tallying.settled(ending.at if settled else None),
            "is_proven": proven,
        },
    )
    tallying.count(
        connection,
        campaign_id,
        ending,
        engine=member.engine,
        began=dialled_at or intended_at,
        answered=answered_at is not None,
        proven=proven,
        ordinal=ordinal,
    )
    tallying.keep_marks(connection, campaign_id, recipient_key, ending.marks)
    changes.note(connection, ChangeKind.ATTEMPT, campaign_id, attempt_id)
    if ending.keys:
        _INSERT_KEYS.run_each(
            connection,
            [
                {
                    "attempt_id": attempt_id,
                    "ordinal": ordinal,
                    "step": key.press.step,
                    "key": key.press.key,
                    "confirms": key.press.confirms,
                    "at": key.at,
                }
                for ordinal, key in enumerate(ending.keys)
            ],
        )
    return True


def claim(connection: Connection, campaign_id: str, now: datetime, limit: int, after: int, member: Member) -> None:
    """Keep the next people who are due for `member`; who has claimed somebody for themselves is passed over."""
    by_clock = time(connection)
    free = or_(
        recipients.c.claimed_by.is_(None),
        recipients.c.claimed_by == member.engine,
        recipients.c.claimed_until < by_clock,
    )
    people = PEOPLE_DUE.where(free).with_for_update(skip_locked=True).subquery()
    connection.execute(
        update(recipients)
        .where(tuple_(recipients.c.campaign_id, recipients.c.id).in_(select(people.c.campaign_id, people.c.id)))
        .values(claimed_by=member.engine, claimed_until=by_clock + CLAIM),
        due_values(campaign_id, now, limit, after),
    )
