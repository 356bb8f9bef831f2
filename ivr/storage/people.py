"""People page by page, and one person's history.

Which people a page holds is found in one index (`ix_recipients_shown`) and the index of marks, whatever is asked; only
the rows of a page's people are read and opened. So the rarest of filters costs a walk along that index, and no page
costs more. SQLite is told to walk there: without figures of its own, which nobody makes it gather, it would
rather sort what a narrower index finds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal, or_, select, tuple_

from ivr.campaign.figures import Chosen, Order, People, PersonRow
from ivr.campaign.records import RecipientRecord
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.errors import InputError, NotFound
from ivr.storage import queries, text_queries
from ivr.storage.sealing import Sealing
from ivr.storage.tables import SHOWN, marks, recipients

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When those were last dialled who never were."""


def page(
    connection: Connection,
    sealing: Sealing,
    campaign_id: str,
    chosen: Chosen,
    order: Order,
    after: str | None,
    before: str | None,
    limit: int,
) -> People:
    """Return a page of people, behind `after` or else before `before`; InputError where that is of no page."""
    back = before is not None and after is None
    here = recipients.c
    last_at = func.coalesce(here.last_at, literal(NEVER, here.last_at.type))
    query = select(here.id, here.line, last_at.label("last")).where(*_asked(campaign_id, chosen)).limit(limit + 1)
    place = before if back else after
    if order is Order.LAST:
        query = query.order_by(last_at if back else last_at.desc())
        if place is not None:
            when, line, key = _last_place(place)
            beyond = _beyond(line, key, back=back)
            query = query.where(or_(last_at > when if back else last_at < when, and_(last_at == when, beyond)))
    elif place is not None:
        query = query.where(_beyond(*_list_place(place), back=back))
    query = query.order_by(here.line.desc(), here.id.desc()) if back else query.order_by(here.line, here.id)
    found = connection.execute(_walking(query)).all()
    if back and len(found) <= limit:
        return page(connection, sealing, campaign_id, chosen, order, None, None, limit)
    shown = found[:limit][::-1] if back else found[:limit]
    return People(
        rows=_rows(connection, sealing, campaign_id, [row.id for row in shown]),
        after=_place(shown[-1], order) if back or len(found) > limit else None,
        before=_place(shown[0], order) if shown and place is not None else None,
    )


def _beyond(line: int, key: str, *, back: bool) -> ColumnElement[bool]:
    place, there = tuple_(recipients.c.line, recipients.c.id), tuple_(line, key)
    return place < there if back else place > there


def _place(row: Any, order: Order) -> str:
    return f"{row.line}.{row.id}" if order is Order.LIST else f"{_written(row.last)}.{row.line}.{row.id}"


def how_many(connection: Connection, campaign_id: str, chosen: Chosen) -> int:
    """Return how many people are chosen."""
    query = select(func.count()).select_from(recipients).where(*_asked(campaign_id, chosen))
    return int(connection.execute(_walking(query)).scalar_one())


def history(connection: Connection, sealing: Sealing, campaign_id: str, key: str) -> RecipientRecord:
    """Return a person with every attempt and text; NotFound."""
    text = text_queries.records(connection, sealing, campaign_id, [key])
    found = queries.records(connection, sealing, campaign_id, text, [key])
    if not found:
        raise NotFound("この人は、この催告にいません。")
    return found[0]


def batch(
    connection: Connection, sealing: Sealing, campaign_id: str, after: str | None, limit: int
) -> tuple[tuple[RecipientRecord, ...], str | None]:
    """Return `limit` people in the order of the list, each with every attempt and text, and what asks for the next."""
    here = recipients.c
    query = select(here.id, here.line).where(here.campaign_id == campaign_id).order_by(here.line, here.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(here.line, here.id) > tuple_(*_list_place(after)))
    found = connection.execute(_walking(query)).all()
    keys = [row.id for row in found]
    texted = text_queries.records(connection, sealing, campaign_id, keys)
    place = f"{found[-1].line}.{found[-1].id}" if len(found) == limit else None
    return queries.records(connection, sealing, campaign_id, texted, keys), place


def key_of(connection: Connection, sealing: Sealing, campaign_id: str, recipient_id: str) -> str:
    """Return the key of the person with exactly this 宛名番号; NotFound."""
    key = sealing.key(campaign_id, recipient_id)
    known = exists().where(recipients.c.campaign_id == campaign_id, recipients.c.id == key)
    if not connection.execute(select(known)).scalar():
        raise NotFound(f"宛名番号「{recipient_id}」の人は、この催告にいません。")
    return key


def reasons(connection: Connection, sealing: Sealing, campaign_id: str) -> dict[str, int]:
    """Return how many people are excluded for which reason, the most frequent first."""
    excluded = _walking(select(recipients.c.id).where(*_asked(campaign_id, Chosen(excluded=True)))).subquery()
    query = select(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.id.in_(select(excluded)))
    found = (why for row in connection.execute(query) if (why := sealing.recipient(row)[1]) is not None)
    return dict(Counter(why.reason for why in found).most_common())


def _walking(query: Select[Any]) -> Select[Any]:
    return query.with_hint(recipients, f"INDEXED BY {SHOWN}", "sqlite")


def _asked(campaign_id: str, chosen: Chosen) -> list[ColumnElement[bool]]:
    here = recipients.c
    asked: list[ColumnElement[bool]] = [here.campaign_id == campaign_id]
    if chosen.state is not None:
        asked.append(here.state == chosen.state)
    if chosen.outcome is not None:
        asked.append(here.outcome == chosen.outcome.value)
    if chosen.endings:
        asked.append(or_(*(_ended(chosen, proven) for proven in (False, True))))
    if chosen.excluded is not None:
        asked.append(here.excluded.is_not(None) if chosen.excluded else here.excluded.is_(None))
    if chosen.tries is not None:
        asked.append(here.tries >= chosen.tries)
    if chosen.mark is not None:
        marked = select(marks.c.recipient_id).where(marks.c.campaign_id == campaign_id, marks.c.mark == chosen.mark)
        asked.append(here.id.in_(marked))
    if chosen.texted:
        states = [state.value for state in chosen.texted if state is not None]
        none = [here.texted.is_(None)] if None in chosen.texted else []
        asked.append(or_(here.texted.in_(states), *none))
    return asked


def _ended(chosen: Chosen, proven: bool) -> ColumnElement[bool]:
    outcomes = [outcome.value for outcome, beep in chosen.endings if beep is proven]
    return and_(recipients.c.outcome.in_(outcomes), recipients.c.proven == proven)


def _rows(connection: Connection, sealing: Sealing, campaign_id: str, keys: list[str]) -> tuple[PersonRow, ...]:
    shown: Select[Any] = select(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.id.in_(keys))
    people: dict[str, Any] = {row.id: row for row in connection.execute(shown)}
    tags: defaultdict[str, list[str]] = defaultdict(list)
    for row in connection.execute(
        select(marks.c.recipient_id, marks.c.mark)
        .where(marks.c.campaign_id == campaign_id, marks.c.recipient_id.in_(keys))
        .order_by(marks.c.mark)
    ):
        tags[row.recipient_id].append(row.mark)
    found = []
    for key in keys:
        row = people[key]
        recipient, excluded = sealing.recipient(row)
        found.append(
            PersonRow(
                key=key,
                recipient=recipient,
                state=row.state,
                outcome=Outcome(row.outcome) if row.outcome else None,
                proven=row.proven,
                marks=tuple(tags[key]),
                tries=row.tries,
                last_at=row.last_at,
                due_at=row.due_at,
                settled_at=row.settled_at,
                excluded=excluded,
                text=TextState(row.texted) if row.texted else None,
            )
        )
    return tuple(found)


def _written(moment: datetime) -> str:
    return str(round((moment - NEVER).total_seconds() * 1_000_000))


def _list_place(after: str) -> tuple[int, str]:
    line, separator, key = after.partition(".")
    # What PostgreSQL would not take: a line beyond an integer, a key with NUL.
    if not separator or not _is_number(line) or int(line) >= 2**31 or not (key.isascii() and key.isalnum()):
        raise InputError("ページの目印が正しくありません。一覧を開き直してください。")
    return int(line), key


def _last_place(after: str) -> tuple[datetime, int, str]:
    moment, _, place = after.partition(".")
    line, key = _list_place(place)
    if not _is_number(moment):
        raise InputError("ページの目印が正しくありません。一覧を開き直してください。")
    return datetime.fromtimestamp(int(moment) // 1_000_000, UTC).replace(microsecond=int(moment) % 1_000_000), line, key


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 17
