"""Sealing rows anew with a campaign's newest key, a few at a time. What is sealed with it already is sealed again."""

from __future__ import annotations

from sqlalchemy import Connection, LargeBinary, bindparam, select, update

from ivr.storage.sealing import ATTEMPTS, RECIPIENTS, TEXTS
from ivr.storage.tables import attempts, recipients, texts
from ivr.vault.fields import Fields

BATCH = 500

_TABLES = {RECIPIENTS: recipients, ATTEMPTS: attempts, TEXTS: texts}


def some_rows(
    connection: Connection, fields: Fields, table: str, campaign_id: str, after: str
) -> tuple[str | None, int]:
    """Seal the next rows of a campaign behind the row `after`; return the last one's id, and how many they were."""
    rows = _TABLES[table]
    query = select(rows.c.id, rows.c.sealed).where(rows.c.campaign_id == campaign_id, rows.c.id > after)
    found = connection.execute(query.order_by(rows.c.id).limit(BATCH)).all()
    if not found:
        return None, 0
    change = (
        update(rows)
        .where(rows.c.campaign_id == campaign_id, rows.c.id == bindparam("row"))
        .values(sealed=bindparam("body", type_=LargeBinary))
    )
    connection.execute(
        change,
        [
            {
                "row": id_,
                "body": fields.seal(table, campaign_id, id_, fields.open(table, campaign_id, id_, sealed)),
            }
            for id_, sealed in found
        ],
    )
    return found[-1].id, len(found)
