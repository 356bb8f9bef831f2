"""A campaign counted, in a time that does not grow with its attempts: by tallies, and along an index of its people."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select

from ivr.campaign.figures import Dials, Figures, OpenLine, Period
from ivr.campaign.records import Counts
from ivr.domain.attempt import AttemptState
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.storage import queries
from ivr.storage.tables import COUNTED, OPEN, TEXTED, attempts, campaigns, marks, recipients, tallies, texts
from ivr.storage.tallying import Kind, moment_of, quarter, settled, settled_in

_TALLIED = (
    select(
        tallies.c.kind,
        tallies.c.place,
        tallies.c.what,
        func.sum(tallies.c.number).label("number"),
        func.sum(tallies.c.answered).label("answered"),
        func.sum(tallies.c.proven).label("proven"),
    )
    .where(tallies.c.campaign_id == bindparam("of_campaign"))
    .group_by(tallies.c.kind, tallies.c.place, tallies.c.what)
)

_BY_OUTCOME = (
    select(
        tallies.c.what,
        func.sum(tallies.c.number).label("number"),
        func.sum(tallies.c.answered).label("answered"),
        func.sum(tallies.c.proven).label("proven"),
    )
    .where(tallies.c.campaign_id == bindparam("of_campaign"), tallies.c.kind == bindparam("kind"))
    .group_by(tallies.c.what)
)

_IN_PERIOD = (
    select(
        tallies.c.campaign_id,
        tallies.c.place,
        tallies.c.what,
        func.sum(tallies.c.number).label("number"),
        func.sum(tallies.c.answered).label("answered"),
        func.sum(tallies.c.proven).label("proven"),
    )
    .select_from(campaigns.join(tallies))
    .where(
        tallies.c.kind == Kind.QUARTER.value,
        tallies.c.place >= bindparam("first"),
        tallies.c.place < bindparam("behind"),
    )
    .group_by(tallies.c.campaign_id, tallies.c.place, tallies.c.what)
)
"""From each campaign to its tallies of that time: their index begins with the campaign."""

Standing = tuple[str, Outcome | None, bool, TextState | None, datetime | None]
"""State, outcome, whether proven by a beep, how their text is, and in which quarter of an hour settled."""


def figures(connection: Connection, campaign_id: str) -> Figures:
    """Return a campaign counted."""
    counted: dict[str, dict[tuple[str, str], Dials]] = {kind: {} for kind in Kind}
    for row in connection.execute(_TALLIED, {"of_campaign": campaign_id}):
        counted[row.kind][row.place, row.what] = _dials(row)
    quarters, tries, keys = (counted[kind] for kind in (Kind.QUARTER, Kind.TRY, Kind.KEY))
    people = _people(connection, campaign_id)
    dials = sum(one.number for one in tries.values())
    return Figures(
        counts=_counts(connection, campaign_id, people, dials),
        quarters=_quarters(quarters),
        tries=dict(sorted(((int(place), Outcome(what)), one) for (place, what), one in tries.items())),
        keys={step_and_key: one.number for step_and_key, one in sorted(keys.items())},
        settled=_settled(people),
        texts=_texts(people),
        marks=_marks(connection, campaign_id),
    )


def dials(connection: Connection, campaign_id: str) -> dict[Outcome, Dials]:
    """Return a campaign's ended dials by outcome: a few rows, however many there are."""
    return {
        Outcome(row.what): _dials(row)
        for row in connection.execute(_BY_OUTCOME, {"of_campaign": campaign_id, "kind": Kind.TRY.value})
    }


def period(connection: Connection, start: datetime, end: datetime) -> tuple[Period, ...]:
    """Return what was done from `start` until before `end` for each campaign for which anything was, oldest first."""
    sent: defaultdict[str, dict[TextState, int]] = defaultdict(dict)
    handed_over = (
        select(texts.c.campaign_id, texts.c.state, func.count().label("number"))
        .where(texts.c.sent_at >= start, texts.c.sent_at < end)
        .group_by(texts.c.campaign_id, texts.c.state)
        .with_hint(texts, f"INDEXED BY {TEXTED}", "sqlite")
    )
    for row in connection.execute(handed_over):
        sent[row.campaign_id][TextState(row.state)] = row.number
    quarters: defaultdict[str, dict[tuple[str, str], Dials]] = defaultdict(dict)
    for row in connection.execute(_IN_PERIOD, {"first": quarter(start), "behind": quarter(end)}):
        quarters[row.campaign_id][row.place, row.what] = _dials(row)
    people = _settled_between(connection, start, end)
    found = []
    for campaign in queries.all_campaigns(connection, None):
        of = campaign.id
        if of in quarters or of in people or of in sent:
            done = Period(
                campaign=campaign, quarters=_quarters(quarters[of]), settled=_settled(people[of]), texts=sent[of]
            )
            found.append(done)
    return tuple(found)


def _dials(row: Any) -> Dials:
    return Dials(number=int(row.number), answered=int(row.answered), proven=int(row.proven))


def _quarters(counted: Mapping[tuple[str, str], Dials]) -> dict[tuple[datetime, Outcome], Dials]:
    return {(moment_of(place), Outcome(what)): dials for (place, what), dials in sorted(counted.items())}


def _settled(people: Mapping[Standing, int]) -> dict[tuple[datetime, Outcome | None, bool], int]:
    found: Counter[tuple[datetime, Outcome | None, bool]] = Counter()
    for (state, outcome, proven, _, at), number in people.items():
        if state == "settled" and at is not None:
            found[at, outcome, proven] += number
    return dict(sorted(found.items(), key=lambda item: item[0][0]))


def _texts(people: Mapping[Standing, int]) -> dict[TextState, int]:
    found: Counter[TextState] = Counter()
    for (_, _, _, text, _), number in people.items():
        if text is not None:
            found[text] += number
    return dict(sorted(found.items()))


def lines(connection: Connection) -> tuple[OpenLine, ...]:
    """Return the calls under way, in the order in which they began."""
    query = (
        select(
            attempts.c.id,
            attempts.c.campaign_id,
            attempts.c.recipient_id,
            attempts.c.state,
            attempts.c.intended_at,
            attempts.c.answered_at,
            attempts.c.engine,
        )
        .where(OPEN)
        .order_by(attempts.c.intended_at, attempts.c.id)
    )
    return tuple(
        OpenLine(
            attempt=row.id,
            campaign=row.campaign_id,
            key=row.recipient_id,
            state=AttemptState(row.state),
            begun_at=row.intended_at,
            answered_at=row.answered_at,
            engine=row.engine,
        )
        for row in connection.execute(query)
    )


def _people(connection: Connection, campaign_id: str) -> dict[Standing, int]:
    query = _counted(recipients.c.campaign_id == campaign_id)
    return {_standing(row): row.number for row in connection.execute(query)}


def _settled_between(connection: Connection, start: datetime, end: datetime) -> defaultdict[str, dict[Standing, int]]:
    """Return who was settled from `start` until before `end`, by campaign, in one walk along the index."""
    first, behind = (settled(moment)["settled_in"] for moment in (start, end))
    # Plus nothing: else SQLite, where it has gathered figures, skips about in the index and sorts.
    when = recipients.c.settled_in + 0
    found: defaultdict[str, dict[Standing, int]] = defaultdict(dict)
    for row in connection.execute(_counted(recipients.c.state == "settled", when >= first, when < behind)):
        found[row.campaign_id][_standing(row)] = row.number
    return found


def _counted(*asked: ColumnElement[bool]) -> Select[Any]:
    here = recipients.c
    by = (here.campaign_id, here.state, here.outcome, here.proven, here.texted, here.settled_in)
    query = select(*by, func.count().label("number")).where(*asked).group_by(*by)
    return query.with_hint(recipients, f"INDEXED BY {COUNTED}", "sqlite")


def _standing(row: Row[Any]) -> Standing:
    outcome, text = Outcome(row.outcome) if row.outcome else None, TextState(row.texted) if row.texted else None
    return row.state, outcome, row.proven, text, settled_in(row.settled_in)


def _counts(connection: Connection, campaign_id: str, people: dict[Standing, int], ended: int) -> Counts:
    found = ((state, outcome, proven, number) for (state, outcome, proven, _, _), number in people.items())
    return queries.in_numbers(
        found, ended + queries.open_dials(connection, campaign_id), queries.next_due(connection, campaign_id)
    )


def _marks(connection: Connection, campaign_id: str) -> dict[str, int]:
    query = (
        select(marks.c.mark, func.count().label("number"))
        .where(marks.c.campaign_id == campaign_id)
        .group_by(marks.c.mark)
        .order_by(func.count().desc(), marks.c.mark)
    )
    return {row.mark: row.number for row in connection.execute(query)}
