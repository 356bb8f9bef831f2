"""The schema's history leads to the schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import Ending, TimedKey
from ivr.domain.call import KeyPress
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.storage import SqlResults, databases, migrations, queries, schema, tables
from tests.keys import keys
from tests.storage.filling import MINUTE, NOON, attempt, campaign, intent, people
from tests.storage.old_schema import BEFORE_FIGURES


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, schema.metadata))


async def test_a_migrated_database_is_what_the_tables_say(url: str) -> None:
    async with await SqlResults.open(url, keys()):
        pass
    database = await databases.connect(url, 5)
    try:
        assert await database.write(_differences) == []
        assert await database.read(migrations.version) == migrations.HEAD
    finally:
        await database.close()


async def test_a_database_of_the_first_version_keeps_its_proofs(url: str) -> None:
    database = await databases.connect(url, 5)
    try:
        await database.write(partial(_upgrade, "0001"))
        await database.write(_fill_the_first_version)
    finally:
        await database.close()
    async with await SqlResults.open(url, keys()) as store:
        counts = await store.counts("c")
    assert counts.outcomes == {Outcome.VOICEMAIL: 2}
    assert counts.proven == 1


def _upgrade(revision: str, connection: Connection) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    command.upgrade(config, revision)


def _fill_the_first_version(connection: Connection) -> None:
    for statement in (
        "INSERT INTO campaigns VALUES ('c', '住民税', 'done', '', '', '2026-11-24 12:00:00', '{}')",
        "INSERT INTO recipients VALUES ('c', 'r1', 2, '', '[]', '{}', 'settled', 'voicemail', NULL)",
        "INSERT INTO recipients VALUES ('c', 'r2', 3, '', '[]', '{}', 'settled', 'voicemail', NULL)",
        """INSERT INTO attempts VALUES ('a1', 'c', 'r1', '', 'ended', '2026-11-24 12:00:00', NULL, NULL, NULL,
            'voicemail', 200, 16, 9.5, 0, '[]', '{"ended_by": "engine", "proof": "beep"}')""",
        """INSERT INTO attempts VALUES ('a2', 'c', 'r2', '', 'ended', '2026-11-24 12:00:00', NULL, NULL, NULL,
            'voicemail', 200, 16, 9.5, 0, '[]', '{"ended_by": "engine"}')""",
    ):
        connection.exec_driver_sql(statement)


def test_the_head_that_the_engine_knows_is_alembics() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


async def test_a_recipient_has_one_open_attempt_whatever_the_code_believes(tmp_path: Path) -> None:
    async with await SqlResults.open(f"sqlite+aiosqlite:///{tmp_path}/ivr.db", keys()):
        pass
    with closing(sqlite3.connect(tmp_path / "ivr.db")) as raw:
        insert = (
            "INSERT INTO attempts (id, campaign_id, recipient_id, number_hash, state, intended_at, heard_s, restarts,"
            " marks, evidence) VALUES (?, 'c', 'r', '', ?, '2026-11-24 12:00:00.000000', 0, 0, '[]', '{}')"
        )
        raw.execute(insert, ("1", "ended"))
        raw.execute(insert, ("2", "intended"))
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute(insert, ("3", "answered"))


async def test_the_questions_asked_most_are_answered_by_an_index(tmp_path: Path) -> None:
    async with await SqlResults.open(f"sqlite+aiosqlite:///{tmp_path}/ivr.db", keys()):
        pass
    with closing(sqlite3.connect(tmp_path / "ivr.db")) as raw:

        def plan(query: object) -> str:
            return " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {query}"))

        due = queries.PEOPLE_DUE.params(queries.due_values("c", datetime(2026, 11, 24, tzinfo=UTC), 100, 0))
        literal = due.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        assert "ix_recipients_due" in plan(literal)
        assert "B-TREE" not in plan(literal)
        counted = "state, outcome, proven, texted, settled_in"
        walk = f"SELECT {counted}, count(*) FROM recipients INDEXED BY {tables.COUNTED} WHERE campaign_id = 'c'"
        by_standing = plan(f"{walk} GROUP BY {counted}")
        assert f"COVERING INDEX {tables.COUNTED} (campaign_id=?)" in by_standing
        assert "B-TREE" not in by_standing
        asked = f"SELECT id, line FROM recipients INDEXED BY {tables.SHOWN} WHERE campaign_id = 'c'"
        page = plan(f"{asked} AND state = 's' AND outcome = 'o' AND proven AND tries > 1 ORDER BY line, id LIMIT 50")
        assert f"COVERING INDEX {tables.SHOWN} (campaign_id=?)" in page
        assert "B-TREE" not in page
        sizes = f"SELECT state, parts, count(*) FROM texts INDEXED BY {tables.TEXTED} WHERE campaign_id = 'c'"
        assert "B-TREE" not in plan(f"{sizes} GROUP BY state, parts")
        assert "USING INDEX uq_attempts_" in plan(f"SELECT * FROM attempts WHERE {tables.OPEN}")


async def test_a_database_from_before_the_figures_is_counted(url: str) -> None:
    """What was dialled before it is told as if the tallies had always been kept."""
    noon = NOON.replace(minute=16)
    busy, excluded = people(3)[0].id, people(3)[1].id
    async with await SqlResults.open(url, keys()) as store:
        row = await campaign(store, 3)
        left, beep = Outcome.VOICEMAIL, {"proof": "beep"}
        await attempt(store, row, Outcome.BUSY, recipient=busy, at=noon, marks=["a"])
        await attempt(store, row, left, recipient=busy, at=noon + 15 * MINUTE, settled=left, evidence=beep, marks=["a"])
        await store.exclude(row.id, excluded, Exclusion(reason="納付済", source=Source.STAFF), at=row.created_at)
        dial = intent(row, people(3)[2].id, noon)
        assert await store.intend(dial)
        press = TimedKey(press=KeyPress("confirm", "#", confirms=True), at=noon)
        ending = Ending(outcome=Outcome.CONFIRMED, at=noon + MINUTE, answered_at=noon, keys=(press, press))
        await store.end(dial.id, ending, settled=Outcome.CONFIRMED, due_at=None)
        text = TextIntent(id="t", campaign=row.id, recipient=busy, at=noon, number="+819012345678", body="市役所です。")
        assert await store.texts.intend(text)
        await store.texts.taken("t", ["1", "2"], noon)
        before = await store.figures.figures(row.id), await store.figures.people(row.id)
    database = await databases.connect(url, 5)
    try:
        await database.write(_forget_the_figures)
    finally:
        await database.close()
    async with await SqlResults.open(url, keys()) as store:
        assert (await store.figures.figures(row.id), await store.figures.people(row.id)) == before
        assert before[0].marks == {"a": 1}
        assert before[0].texts == {TextState.SENT: 1}
        assert before[0].keys == {("confirm", "#"): 2}


def _forget_the_figures(connection: Connection) -> None:
    for statement in BEFORE_FIGURES:
        connection.exec_driver_sql(statement)
