"""What the store keeps up with: attempts' full lives, and reports, among few stored attempts and among very many.

A life is what a call writes: the intent, the answer, the ending with a key. SQLite is a file in the temporary folder,
PostgreSQL a cluster there, with its usual care for the disk. All people belong to the campaign that is reported.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from sqlalchemy import Connection, insert, literal, literal_column, select, text

from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.attempt import AttemptState, Ending, Intent, TimedKey
from ivr.domain.call import KeyPress
from ivr.domain.calling_rules import ceilings
from ivr.domain.outcome import PROOF, Outcome
from ivr.domain.recipient import Recipient
from ivr.settings import Settings
from ivr.storage import SqlResults, databases
from ivr.storage.sealing import Sealing
from ivr.storage.tables import attempts, key_presses, recipients
from ivr.storage.tallying import settled
from ivr.vault.fields import Fields
from tests.bench import beside
from tests.bench.table import Figure, at
from tests.keys import keys
from tests.storage.cluster import cluster, programs

FEW, MANY = 10_000, 1_000_000
"""Attempts that are stored, two a person."""

LIVES, LINES = 5_000, 250
"""Lives at either size, on so many lines."""

FIRST = "first"
"""In the place of a number's keyed hash: an attempt that is to be copied."""

TIME = 12
"""Characters of an attempt's id that tell its time; the others are chance."""

_CHANCE = {
    "sqlite": "lower(hex(randomblob(10)))",
    "postgresql": "substr(replace(gen_random_uuid()::text, '-', ''), 13)",
}

REPORTS = 5

NOW = datetime(2026, 11, 25, 1, tzinfo=UTC)

OUTCOMES = (Outcome.CONFIRMED, Outcome.VOICEMAIL, Outcome.HUNG_UP, Outcome.NO_ANSWER, Outcome.VOICEMAIL)
"""What people are settled with, in turn; half of the messages were left after a beep."""

EVIDENCE: dict[str, object] = {
    "ended_by": "engine",
    "steps": [
        {"step": step, "at": 7.25 * number, "seconds": 6.53, "whole": True}
        for number, step in enumerate(("confirm", "confirm", "notice", "more", "bye"))
    ],
    "sounds": [{"at": 0.52 + number, "seconds": 0.61, "voice": 0.45} for number in range(4)],
}
"""Of a usual call: some 500 bytes."""

KEY = TimedKey(press=KeyPress("confirm", "#", confirms=True), at=NOW)


CEILINGS = ceilings(Settings().rules(), NOW)


async def bench_store() -> list[Figure]:
    """Return what SQLite keeps up with, and PostgreSQL where its programs are installed."""
    with tempfile.TemporaryDirectory() as folder:
        figures = await _measure("SQLite", f"sqlite+aiosqlite:///{folder}/ivr.db")
    if found := programs():
        with cluster(found, "max_wal_size=4GB") as running:
            figures += await _measure("PostgreSQL", await running.new_database())
    return figures


async def _measure(name: str, url: str) -> list[Figure]:
    waits: list[float] = []
    lives = {"target": 500, "sense": "at least"} if name == "SQLite" else {}
    async with await SqlResults.open(url, keys(), on_write=waits.append) as store:
        new = NewCampaign(name="bench", scenario="", scenario_file="", created_at=NOW)
        campaign = await store.create_campaign(new, ())
        database = await databases.connect(url, 60.0)
        try:
            await _fill(database, campaign)
            few = await _lives(store, database, campaign, "few")
            await _multiply(database)
            waits.clear()
            many = await _lives(store, database, campaign, "many")
        finally:
            await database.close()
        reports = [await _report(store, campaign) for _ in range(REPORTS)]

    def figure(what: str, value: float, **more: Any) -> Figure:
        return Figure(bench="store", name=f"{name}: {what}", value=value, **more)

    return [
        figure(f"lives a second, {FEW:,} stored", few, **lives, note=f"{LINES} at once"),
        figure(f"lives a second, {MANY:,} stored", many, **lives),
        figure("… to those with few stored", many / few, target=0.8, sense="at least"),
        figure("a write with many stored, median", at(waits, 0.5) * 1000, unit="ms", note="waiting included"),
        figure("report", statistics.median(reports), unit="s", target=2, note=f"on {MANY:,} attempts of a campaign"),
    ]


async def _lives(store: SqlResults, database: databases.Database, campaign: CampaignRow, prefix: str) -> float:
    """Return how many lives a second LINES lines make of LIVES people who wait."""
    people = [f"{prefix}{number:06}" for number in range(LIVES)]
    rows = [_person(campaign, number, person, None) for number, person in enumerate(people, MANY)]
    await database.write(partial(_insert, recipients, rows))
    waiting = iter(people)

    async def line() -> None:
        for person in waiting:
            await _life(store, campaign, person)

    began = time.perf_counter()
    await asyncio.gather(*(line() for _ in range(LINES)))
    return LIVES / (time.perf_counter() - began)


async def _life(store: SqlResults, campaign: CampaignRow, person: str) -> None:
    number = f"+8190{int(person[-6:]):08}"
    intent = Intent(id=attempt_id(datetime.now(UTC)), campaign=campaign.id, recipient=person, number=number, at=NOW)
    if not await store.intend(intent, CEILINGS):
        raise AssertionError(f"{person} does not wait")
    await store.advance(intent.id, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=NOW)
    ending = Ending(
        outcome=Outcome.CONFIRMED, at=NOW, dialled_at=NOW, answered_at=NOW, sip=200, q850=16, heard_s=26.1, keys=(KEY,),
        evidence=EVIDENCE,
    )  # fmt: skip
    await store.end(intent.id, ending, settled=Outcome.CONFIRMED, due_at=None)


async def _report(store: SqlResults, campaign: CampaignRow) -> float:
    """Return the seconds of the report that `ivr campaign status` shows, and each run at its end."""
    began = time.perf_counter()
    counts = await store.counts(campaign.id)
    if counts.attempts < MANY:
        raise AssertionError(f"only {counts.attempts} attempts are stored")
    return time.perf_counter() - began


async def _fill(database: databases.Database, campaign: CampaignRow) -> None:
    """Store FEW attempts."""
    await database.write(partial(_first, campaign))


async def _multiply(database: databases.Database) -> None:
    """Store what `_fill` has stored again and again, for other people, until it is MANY attempts."""
    for turn in range(1, MANY // FEW):
        await database.write(partial(_again, turn))
    await database.write(beside.count)
    await database.write(lambda connection: connection.execute(text("ANALYZE")) and None)


def _first(campaign: CampaignRow, connection: Connection) -> None:
    people, dials, keys = [], [], []
    for number in range(FEW // 2):
        person, outcome = f"{number:08}", OUTCOMES[number % len(OUTCOMES)]
        people.append(_person(campaign, number, person, outcome))
        last = _dial(campaign, number, person, outcome)
        dials += [{**_dial(campaign, number, person, Outcome.NO_ANSWER), "ordinal": 1}, last]
        if outcome is Outcome.CONFIRMED:
            keys.append(
                {"attempt_id": last["id"], "ordinal": 0, "step": "confirm", "key": "#", "confirms": True, "at": NOW}
            )
    for table, rows in ((recipients, people), (attempts, dials), (key_presses, keys)):
        _insert(table, rows, connection)


def _again(turn: int, connection: Connection) -> None:
    """Store copies of what `_first` has stored, as if dialled on a later day."""
    identity = literal(attempt_id(NOW - timedelta(days=FEW - turn))[:TIME]) + literal_column(
        _CHANCE[connection.dialect.name]
    )
    others = {
        recipients: {
            "id": literal(f"{turn}-") + recipients.c.id,
            "line": recipients.c.line + turn * FEW,
            "rank": recipients.c.rank + turn * FEW,
        },
        attempts: {
            "id": identity,
            "recipient_id": literal(f"{turn}-") + attempts.c.recipient_id,
            "number_hash": literal(f"{turn}-") + attempts.c.recipient_id,
            "person_hash": literal(f"{turn}-") + attempts.c.recipient_id,
        },
    }
    for table, first in ((recipients, recipients.c.line < FEW), (attempts, attempts.c.number_hash == FIRST)):
        row = [others[table].get(column.name, column) for column in table.c]
        copy = select(*row).where(first)
        connection.execute(insert(table).from_select(list(table.c), copy))
    pressed = select(
        attempts.c.id, literal(0), literal("confirm"), literal("#"), literal(True), attempts.c.ended_at
    ).where(attempts.c.recipient_id.startswith(f"{turn}-"), attempts.c.outcome == Outcome.CONFIRMED.value)
    connection.execute(insert(key_presses).from_select(list(key_presses.c), pressed))


@cache
def _sealing() -> Sealing:
    return Sealing(Fields(keys()))


def _insert(table: Any, rows: list[dict[str, Any]], connection: Connection) -> None:
    connection.execute(insert(table), rows)


def _person(campaign: CampaignRow, number: int, person: str, outcome: Outcome | None) -> dict[str, Any]:
    columns = {"宛名番号": person, "カナ氏名": "ヤマダ タロウ", "電話番号": f"090{number:08}", "期別": "3"}
    somebody = Recipient(
        id=person, line=number + 2, kana="ヤマダ タロウ", numbers=(f"+8190{number:08}",), columns=columns
    )
    return {
        "campaign_id": campaign.id,
        "line": number + 2,
        "rank": number + 2,
        **_sealing().person(campaign.id, somebody),
        "state": "settled" if outcome else "waiting",
        "outcome": outcome.value if outcome else None,
        "tries": 2 if outcome else 0,
        "last_at": NOW if outcome else None,
        "proven": outcome is Outcome.VOICEMAIL and bool(number % 2),
        **settled(NOW if outcome else None),
    }


def _dial(campaign: CampaignRow, number: int, person: str, outcome: Outcome) -> dict[str, Any]:
    answered = outcome is not Outcome.NO_ANSWER
    proven = outcome is Outcome.VOICEMAIL and number % 2
    moment = NOW + timedelta(seconds=number) if answered else NOW
    intent = Intent(
        id=attempt_id(NOW - timedelta(days=FEW)),
        campaign=campaign.id,
        recipient=person,
        number=f"+8190{number:08}",
        at=moment,
    )
    return {
        "id": intent.id,
        "campaign_id": campaign.id,
        **_sealing().attempt(intent),
        "number_hash": FIRST,
        "state": "ended",
        "intended_at": moment,
        "dialled_at": moment,
        "answered_at": moment if answered else None,
        "ended_at": moment,
        "outcome": outcome.value,
        "sip": 200 if answered else 480,
        "q850": 16 if answered else 19,
        "heard_s": 26.1 if answered else 0.0,
        "restarts": 0,
        "marks": [],
        "proven": bool(proven),
        "ordinal": 2,
        "evidence": {**EVIDENCE, **({PROOF: "beep"} if proven else {})} if answered else {},
    }
