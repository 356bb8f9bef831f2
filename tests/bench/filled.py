"""What a page is measured with: people of one campaign, what became of them, and a million attempts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, text, update

from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.records import CampaignRow
from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import Intent
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.text import TextState
from ivr.storage import databases
from ivr.storage.sealing import Sealing
from ivr.storage.tables import attempts, marks, recipients, texts
from ivr.vault.fields import Fields
from tests.bench import beside
from tests.bench.store import EVIDENCE
from tests.keys import keys

PEOPLE, TRIES = 100_000, 10

MORE = 200
"""People who are called while the bench runs: one page of changes."""

MARKED, RARE, EXCLUDED, UNTEXTED = 20, 20_000, 50, 10
"""One in so many has a mark, a rare mark, is excluded, has no text."""

SCENARIO = """version: 1
title: 案内
start: confirm
steps:
  confirm: {ask: 市役所です。ご本人でしたら「＃」を押してください。, keys: {"#": tell}}
  tell: {say: 納付のお願いです。, reached: true, mark: callback_requested, then: end}
text: "{office}です。納付をお願いします。お問い合わせ {office_phone}"
"""

OPENED = 7
"""Whose history is asked for."""

BEGAN = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")

LAST = (
    Outcome.CONFIRMED,
    Outcome.VOICEMAIL,
    Outcome.HUNG_UP,
    Outcome.NO_ANSWER,
    Outcome.VOICEMAIL,
    Outcome.BUSY,
    Outcome.UNREACHABLE,
)
"""What people end with, in turn; half of the messages were left after a beep."""

STATES = (*[TextState.DELIVERED] * 5, TextState.FAILED, TextState.SENT, TextState.OUT_OF_RANGE)
"""What became of texts, in turn."""

BEFORE = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.VOICEMAIL_PARTIAL, Outcome.UNREACHABLE)
"""How the dials before ended, in turn."""

ANSWERED = ("confirmed", "voicemail", "hung_up", "voicemail_partial")

_COPY = """
    INSERT INTO attempts (id, campaign_id, recipient_id, sealed, number_hash, person_hash, state, intended_at,
        dialled_at, answered_at, ended_at, outcome, sip, q850, heard_s, restarts, marks, evidence, engine, proven,
        ordinal)
    SELECT {chance}, campaign_id, recipient_id, sealed, recipient_id, recipient_id, 'ended', {at}, {at},
        CASE WHEN {outcome} IN {answered} THEN {at} END, {at}, {outcome}, sip, q850, heard_s, restarts, marks,
        CASE WHEN {outcome} IN {answered} THEN evidence ELSE '{{}}' END, '', {proven}, {turn}
    FROM (SELECT attempts.*, recipients.line AS line FROM attempts JOIN recipients
        ON recipients.campaign_id = attempts.campaign_id AND recipients.id = attempts.recipient_id
        WHERE ordinal = 1) AS first
"""

_CHANCE = {
    "sqlite": "'{time}' || lower(hex(randomblob(10)))",
    "postgresql": "'{time}' || substr(replace(gen_random_uuid()::text, '-', ''), 13)",
}
_LATER = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', intended_at, '+{days} days') || '000'",
    "postgresql": "intended_at + interval '{days} days'",
}


async def fill(database: databases.Database, campaign: CampaignRow) -> None:
    """Store everybody, their attempts and texts, and what is kept beside them."""
    sealing = Sealing(Fields(keys()))
    for start in range(0, PEOPLE, 10_000):
        await database.write(partial(first, sealing, campaign, start, start + 10_000))
    await database.write(partial(_people, sealing, campaign, PEOPLE, PEOPLE + MORE))
    for turn in range(2, TRIES + 1):
        await database.write(partial(_again, turn))
    await database.write(partial(_seal, sealing, campaign, OPENED))
    await database.write(_beside)
    await database.write(lambda connection: connection.execute(text("ANALYZE")) and None)


def id_of(number: int) -> str:
    return f"{number:08}"


def intent_of(campaign: CampaignRow, number: int) -> Intent:
    at = BEGAN + timedelta(hours=number % 9, seconds=number % 3600)
    return Intent(id=attempt_id(at), campaign=campaign.id, recipient=id_of(number), number=f"+8190{number:08}", at=at)


def _people(sealing: Sealing, campaign: CampaignRow, start: int, end: int, connection: Connection) -> None:
    """Store people who wait, but for those of whom there will be attempts: they are settled."""
    rows = []
    for number in range(start, end):
        settled = LAST[number % len(LAST)].value if number < PEOPLE else None
        somebody = Recipient(
            id=id_of(number), line=number + 2, kana="ヤマダ タロウ", numbers=(f"+8190{number:08}",),
            columns={"宛名番号": id_of(number), "カナ氏名": "ヤマダ タロウ", "期別": "3"},
        )  # fmt: skip
        why = Exclusion(reason="納付済", source=Source.STAFF) if settled and not number % EXCLUDED else None
        rows.append(
            {
                "campaign_id": campaign.id,
                "line": number + 2,
                "rank": number + 2,
                "state": "settled" if settled else "waiting",
                "outcome": settled,
                **sealing.person(campaign.id, somebody, why),
            }
        )
    connection.execute(insert(recipients), rows)


def first(sealing: Sealing, campaign: CampaignRow, start: int, end: int, connection: Connection) -> None:
    _people(sealing, campaign, start, end, connection)
    dials, tags, sent = [], [], []
    for number in range(start, end):
        intent = intent_of(campaign, number)
        sealed = sealing.attempt(intent)
        key = sealed["recipient_id"]
        dials.append(
            {
                "id": intent.id,
                "campaign_id": campaign.id,
                **sealed,
                "state": "ended",
                "intended_at": intent.at,
                "dialled_at": intent.at,
                "ended_at": intent.at,
                "outcome": BEFORE[0].value,
                "heard_s": 0.0,
                "restarts": 0,
                "marks": [],
                "evidence": EVIDENCE,
                "ordinal": 1,
            }
        )
        for mark, one_in in (("callback_requested", MARKED), ("rare", RARE)):
            if not number % one_in:
                tags.append({"campaign_id": campaign.id, "mark": mark, "recipient_id": key})
        if number % UNTEXTED:
            sent.append(_text(sealing, campaign, number))
    for table, rows in ((attempts, dials), (marks, tags), (texts, sent)):
        connection.execute(insert(table), rows)


def _text(sealing: Sealing, campaign: CampaignRow, number: int) -> dict[str, Any]:
    dial, at = intent_of(campaign, number), BEGAN + timedelta(minutes=number % 20_000)
    intent = TextIntent(
        id=f"text-{number}", campaign=campaign.id, recipient=dial.recipient, at=at, number=dial.number, body="案内"
    )
    state = STATES[number % len(STATES)]
    return {
        "id": intent.id, "campaign_id": campaign.id, **sealing.text(intent), "state": state.value, "intended_at": at,
        "sent_at": at, "ended_at": at if state.final else None, "parts": 1 + number % 4, "why": "", "alone": False,
        "engine": "", "epoch": 0,
    }  # fmt: skip


def _again(turn: int, connection: Connection) -> None:
    """Store the `turn`-th dials, some days after the first."""
    dialect = connection.dialect.name
    days = (turn - 1) * 2
    ends = LAST if turn == TRIES else BEFORE
    cases = " ".join(f"WHEN {place} THEN '{outcome.value}'" for place, outcome in enumerate(ends))
    # Numbered as people are: their line is two more.
    outcome = f"CASE (line - 2{'' if turn == TRIES else f' + {turn}'}) % {len(ends)} {cases} END"
    connection.exec_driver_sql(
        _COPY.format(
            chance=_CHANCE[dialect].format(time=attempt_id(BEGAN + timedelta(days=days))[:12]),
            at=_LATER[dialect].format(days=days),
            outcome=outcome,
            answered=ANSWERED,
            proven=f"({outcome} = 'voicemail' AND line % 2 = 0)",
            turn=turn,
        )
    )


def _seal(sealing: Sealing, campaign: CampaignRow, number: int, connection: Connection) -> None:
    """Seal all attempts of one person: copies can't be opened, since each is sealed for its own row."""
    key = sealing.key(campaign.id, id_of(number))
    here = (attempts.c.campaign_id == campaign.id, attempts.c.recipient_id == key)
    for (dial,) in connection.execute(select(attempts.c.id).where(*here)).all():
        sealed = sealing.attempt(replace(intent_of(campaign, number), id=dial))["sealed"]
        connection.execute(update(attempts).where(attempts.c.id == dial).values(sealed=sealed))


def _beside(connection: Connection) -> None:
    """Store key presses, and what the store keeps beside the attempts."""
    connection.exec_driver_sql(
        """INSERT INTO key_presses (attempt_id, ordinal, step, "key", confirms, at)
        SELECT id, 0, 'confirm', '#', true, ended_at FROM attempts WHERE outcome = 'confirmed'"""
    )
    beside.stand(connection)
    beside.count(connection)
