"""What changes the store. A change of a state names the state that it expects, and tells whether it was so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Select, String, bindparam, exists, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from ivr.campaign.ports import NO_HOUSEHOLDS
from ivr.campaign.records import CampaignRow
from ivr.domain.attempt import AttemptState, Ending, Intent
from ivr.domain.calling_rules import Ceiling
from ivr.domain.exclusion import Exclusion, Source, ends_with, shared_with
from ivr.domain.outcome import PROOF, Outcome
from ivr.domain.recipient import Recipient
from ivr.errors import InputError, NameTaken, NotFound
from ivr.storage import caps
from ivr.storage.engines import Member, line_free, time
from ivr.storage.prepared import Prepared
from ivr.storage.queries import PEOPLE_DUE, due_values, past
from ivr.storage.sealing import Sealing
from ivr.storage.tables import OPEN, attempts, campaigns, engines, key_presses, recipients

CHUNK = 1000
"""Recipients stored at a time: few enough to keep the memory small, many enough to be quick."""

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
    )
    .values(state="calling", due_at=None)
)

_INSERT_ATTEMPT = Prepared(
    insert(attempts).values(state=AttemptState.INTENDED.value, heard_s=0.0, restarts=0, marks=[], evidence={}),
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
)

_RELEASE_RECIPIENT = Prepared(
    update(recipients)
    .where(
        tuple_(recipients.c.campaign_id, recipients.c.id).in_(
            select(attempts.c.campaign_id, attempts.c.recipient_id).where(attempts.c.id == bindparam("of_attempt"))
        ),
        recipients.c.state == "calling",
    )
    .values(state=bindparam("next_state"), outcome=bindparam("final"), due_at=bindparam("due"))
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
            created_by=campaign.created_by,
            department_id=campaign.department,
        )
    )
    rows = _rows(sealing, campaign.id, people, households)
    try:
        while chunk := list(islice(rows, CHUNK)):
            connection.execute(insert(recipients), chunk)
    except IntegrityError:
        raise InputError("リストの中に、同じ宛名番号が二つ以上あります。") from None


def _rows(
    sealing: Sealing, campaign_id: str, people: Sequence[Recipient], households: Mapping[str, Sequence[Recipient]]
) -> Iterator[dict[str, Any]]:
    shares = {one.id: (number, members[0]) for number, members in households.items() for one in members}
    for rank, person in enumerate(people, 1):
        number, head = shares.get(person.id, ("", person))
        why = shared_with(head.line) if head is not person else None
        yield {
            "campaign_id": campaign_id,
            "line": person.line,
            "rank": rank,
            "state": "settled" if why else "waiting",
            "outcome": Outcome.CANCELLED.value if why else None,
            "household": sealing.household(campaign_id, number) if number else None,
            **sealing.person(campaign_id, person, why),
        }


def move_campaign(connection: Connection, campaign_id: str, expected: Sequence[str], state: str) -> bool:
    """Change the state of a campaign if it is one of `expected`."""
    moved = connection.execute(
        update(campaigns).where(campaigns.c.id == campaign_id, campaigns.c.state.in_(expected)).values(state=state)
    )
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
    return approved.rowcount == 1


def intend(
    connection: Connection, sealing: Sealing, intent: Intent, member: Member, ceilings: Sequence[Ceiling] = ()
) -> bool:
    """Store the intent of `member` to dial, if the person waits, the number is on no call and nobody has buried it.

    And if none of `ceilings` is reached, and a line is free, where the lines of all engines are counted together.
    """
    if member.most and not line_free(connection, member.most):
        return False
    if caps.reached(connection, sealing, intent, ceilings):
        return False
    sealed = sealing.attempt(intent)
    called = {
        "of_campaign": intent.campaign,
        "of_recipient": sealed["recipient_id"],
        "engine": member.engine,
        "epoch": member.epoch,
        "number": sealed["number_hash"],
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
    connection: Connection, attempt_id: str, ending: Ending, settled: Outcome | None, due_at: datetime | None
) -> bool:
    """Store how an attempt ended, once, with its keys, and what becomes of the person."""
    ended = _END_ATTEMPT.run(
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
            "is_proven": ending.outcome is Outcome.VOICEMAIL and PROOF in ending.evidence,
        },
    )
    if not ended:
        return False
    _RELEASE_RECIPIENT.run(
        connection,
        {
            "of_attempt": attempt_id,
            "next_state": "settled" if settled else "waiting",
            "final": settled.value if settled else None,
            "due": None if settled else due_at,
        },
    )
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


def postpone(connection: Connection, sealing: Sealing, campaign_id: str, recipient_id: str, due_at: datetime) -> None:
    """Let a waiting person wait longer."""
    connection.execute(
        update(recipients)
        .where(
            recipients.c.campaign_id == campaign_id,
            recipients.c.id == sealing.key(campaign_id, recipient_id),
            recipients.c.state == "waiting",
        )
        .values(due_at=due_at)
    )


def settle(
    connection: Connection,
    sealing: Sealing,
    campaign_id: str,
    recipient_id: str,
    outcome: Outcome,
    excluded: Exclusion | None,
) -> None:
    """Settle a waiting person."""
    row = connection.execute(_row(sealing, campaign_id, recipient_id).with_for_update()).first()
    if row is None or row.state != "waiting":
        return
    values = {"state": "settled", "outcome": outcome.value, "due_at": None}
    _change(connection, sealing, row, excluded, values)
    _hand_on(connection, sealing, row, outcome)


def exclude(connection: Connection, sealing: Sealing, campaign_id: str, recipient_id: str, exclusion: Exclusion) -> str:
    """Store that a person is not called or texted any more, settle who waits; return the state before; NotFound."""
    row = connection.execute(_row(sealing, campaign_id, recipient_id).with_for_update()).first()
    if row is None:
        raise NotFound(f"宛名番号「{recipient_id}」の人は、この催告にいません。")
    state: str = row.state
    if state == "waiting":
        outcome = ends_with(past(connection, sealing, campaign_id, recipient_id))
        values = {"state": "settled", "outcome": outcome.value, "due_at": None}
        _change(connection, sealing, row, exclusion, values)
        _hand_on(connection, sealing, row, outcome)
    elif state == "calling" or not _is_excluded(sealing, row):
        # Who is on a call is not called again; who is settled may still have been due a text.
        _change(connection, sealing, row, exclusion, {})
    return state


def _is_excluded(sealing: Sealing, row: Row[Any]) -> bool:
    """Tell whether it is known why somebody is not to be called at all; by a household they are, on a call for all."""
    _, why = sealing.recipient(row)
    return why is not None and why.source is not Source.HOUSEHOLD


def _hand_on(connection: Connection, sealing: Sealing, head: Row[Any], outcome: Outcome) -> None:
    """Let the next of a household wait for the call that its `head`, of whom nobody heard anything, no longer gets."""
    if head.household is None or outcome is not Outcome.CANCELLED:
        return
    members = connection.execute(
        select(recipients)
        .where(
            recipients.c.campaign_id == head.campaign_id,
            recipients.c.household == head.household,
            recipients.c.state == "settled",
            recipients.c.id != head.id,
        )
        .order_by(recipients.c.rank)
        .with_for_update()
    ).all()
    line: int | None = None
    for row in members:
        person, why = sealing.recipient(row)
        if why is None or why.source is not Source.HOUSEHOLD:
            continue
        if line is None:
            line, values = row.line, {"state": "waiting", "outcome": None, **sealing.person(row.campaign_id, person)}
        else:
            values = sealing.person(row.campaign_id, person, shared_with(line))
        _change(connection, sealing, row, None, values)


def _row(sealing: Sealing, campaign_id: str, recipient_id: str) -> Select[Any]:
    key = sealing.key(campaign_id, recipient_id)
    return select(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.id == key)


def _change(
    connection: Connection, sealing: Sealing, row: Row[Any], excluded: Exclusion | None, values: dict[str, Any]
) -> None:
    if excluded is not None:
        person, _ = sealing.recipient(row)
        values = {**values, **sealing.person(row.campaign_id, person, excluded)}
    connection.execute(
        update(recipients).where(recipients.c.campaign_id == row.campaign_id, recipients.c.id == row.id).values(values)
    )
