"""What a page costs the server: 100,000 people of one campaign, 1,000,000 attempts, 90,000 texts of some parts.

What pages are made from is asked of the store as pages ask it, and made into what they show; then the pages themselves
are asked for, of the console as it is served but for the network, by somebody who is signed in. SQLite is a file in the
temporary folder, PostgreSQL a cluster there. The attempts are copies of a first one of each person, on other days and
with other ends; what is kept beside them (tallies, where people stand) is made from them by the migration's own
statements.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, text, update

from ivr.accounts.passwords import Passwords
from ivr.app import meanwhile
from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.figures import Chosen, Order
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import Ending, Intent
from ivr.domain.audit import Author
from ivr.domain.authority import Role
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass, outcomes_of
from ivr.domain.recipient import Recipient
from ivr.domain.text import TextState
from ivr.parts.keys import audit_trail
from ivr.reporting import figures_json
from ivr.service import spare_the_lasting
from ivr.settings import load
from ivr.storage import SqlResults, databases
from ivr.storage.sealing import Sealing
from ivr.storage.tables import attempts, marks, recipients, texts
from ivr.vault.fields import Fields
from ivr.web.building import built, surrounded
from ivr.web.console import Console
from tests.bench import beside, surroundings
from tests.bench.store import EVIDENCE
from tests.bench.table import Figure
from tests.keys import keys
from tests.storage.cluster import cluster, programs
from tests.web.browsers import QUICK, Browser, HandClock, Office

PEOPLE, TRIES = 100_000, 10

MORE = 200
"""People who are called while the bench runs: one page of changes."""

MARKED, RARE, EXCLUDED, UNTEXTED = 20, 20_000, 50, 10
"""One in so many has a mark, a rare mark, is excluded, has no text."""

LIMIT_MS, TURNS = 200, 20
"""The worst of so many is to be below that. The first one, which fills caches, is not among them."""

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


async def bench_pages() -> list[Figure]:
    """Return what each page costs on SQLite, and on PostgreSQL where its programs are installed."""
    with tempfile.TemporaryDirectory() as folder:
        figures = await _measure("SQLite", f"sqlite+aiosqlite:///{folder}/ivr.db")
    if found := programs():
        with cluster(found, "max_wal_size=4GB") as running:
            figures += await _measure("PostgreSQL", await running.new_database())
    return figures


async def _measure(name: str, url: str) -> list[Figure]:
    async with await SqlResults.open(url, keys()) as store:
        new = NewCampaign(name="bench", scenario=SCENARIO, scenario_file="bench.yaml", created_at=BEGAN)
        campaign = await store.create_campaign(new, ())
        database = await databases.connect(url, 600.0)
        try:
            await _fill(database, campaign)
        finally:
            await database.close()
        asked = await _asked(store, campaign, await _called(store, campaign))
        await surroundings.make(store, BEGAN)
        async with _console(store) as browser:
            asked |= await _pages(store, campaign, browser)
            spare_the_lasting()
            return [await _figure(f"{name}: {what}", ask) for what, ask in asked.items()]


@asynccontextmanager
async def _console(store: SqlResults) -> AsyncIterator[Browser]:
    """Open a console on `store`, and yield the browser of a clerk whose campaigns they are."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ivr.yaml"
        file.write_text("data_dir: var\nweb: {second_factor: optional}\n", "utf-8")
        chosen = load(file)
        clock = HandClock(chosen.calling.timezone)
        console = Console(
            settings=chosen,
            results=store,
            audit=audit_trail(chosen, store, keys(), Author(who="bench", where="bench")),
            clock=clock,
            health=dict,
            passwords=Passwords(**QUICK),
        )
        app = built(console)
        here = Office(console, clock, {}, surrounded(app, console))
        browser = await here.signed_in("hanako", *Role)
        await surroundings.register(here)
        (department,) = await store.accounts.departments()
        for campaign in await store.campaigns():
            await store.accounts.assign(campaign.id, department.id)
        async with meanwhile(app.state.watching.run()):
            yield browser


async def _pages(store: SqlResults, campaign: CampaignRow, browser: Browser) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return the pages that are asked for."""
    here = f"/campaigns/{campaign.id}"
    key = await store.figures.key_of(campaign.id, _id(OPENED))

    async def get(path: str) -> None:
        answer = await browser.get(path)
        if answer.status_code != 200:
            raise AssertionError(f"{path}: {answer.status_code}")

    async def show(path: str) -> None:
        answer = await browser.post(path)
        if answer.status_code != 200 or "ヤマダ" not in answer.text:
            raise AssertionError(f"{path}: {answer.status_code}")

    pages = {
        "the page of today": "/",
        "the page of a campaign": here,
        "the page of its results": f"{here}/results",
        "the page of its people": f"{here}/people",
        "… of a class with an undelivered text": f"{here}/people?class=unproven&text=failed",
        "… by the last dial, twice tried at least": f"{here}/people?order=last&tries=2",
        "the page of a person": f"{here}/people/{key}",
        "the page of a day": f"/reports/daily/{BEGAN + timedelta(days=2):%Y-%m-%d}",
        "the page of a month": f"/reports/monthly/{BEGAN:%Y-%m}",
        "the page of a campaign, live": f"{here}/live",
        "the page of campaigns": "/campaigns",
        "… the last one": f"/campaigns?page={1 + surroundings.CAMPAIGNS // 20}",
        "the page of the audit trail": "/audit",
        "… about somebody who is nowhere in it": "/audit?about=nobody",
        "the page of people": "/people",
        "the page of tokens": "/tokens",
        "the page of what is in the making": "/campaigns/new",
        "API: today": "/api/v1/today",
        "API: campaigns": "/api/v1/campaigns",
        "API: results": f"/api/v1{here}/results",
        "API: how it stands now": f"/api/v1{here}/events",
        "API: people": f"/api/v1{here}/people",
        "API: a month": f"/api/v1/reports/monthly/{BEGAN:%Y-%m}",
    }
    asked: dict[str, Callable[[], Awaitable[Any]]] = {what: partial(get, path) for what, path in pages.items()}
    return asked | {"the page of its people, with their names": partial(show, f"/api/v1{here}/people/show")}


async def _figure(name: str, ask: Callable[[], Awaitable[Any]]) -> Figure:
    took = []
    await ask()
    for _ in range(TURNS):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    note = f"median {statistics.median(took):.1f}"
    return Figure(bench="pages", name=name, value=max(took), unit="ms", target=LIMIT_MS, note=note)


async def _called(store: SqlResults, campaign: CampaignRow) -> str:
    """Call some more people, see that all of it is told, and return the cursor from before."""
    pages = store.figures
    cursor = await pages.now()
    for number in range(PEOPLE, PEOPLE + MORE):
        await _call(store, campaign, number)
    found = await pages.figures(campaign.id)
    if found.counts.attempts != PEOPLE * TRIES + MORE:
        raise AssertionError(f"{found.counts.attempts} attempts are counted")
    if sum(dials.number for dials in found.quarters.values()) != found.counts.attempts:
        raise AssertionError("not every attempt is in a quarter of an hour")
    if len((await pages.changes(cursor)).changes) != MORE:
        raise AssertionError("not every ending is told")
    return cursor


async def _asked(store: SqlResults, campaign: CampaignRow, cursor: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return what pages ask."""
    of, pages = campaign.id, store.figures
    key = await pages.key_of(of, _id(OPENED))
    deep = f"{PEOPLE * 9 // 10}.0"
    latest = (await pages.people(of, order=Order.LAST)).after

    async def figures() -> None:
        figures_json(await pages.figures(of), zone=TOKYO)

    def people(**chosen: Any) -> Callable[[], Awaitable[Any]]:
        return partial(pages.people, of, Chosen(**chosen))

    return {
        "a campaign's figures, ready for a page": figures,
        "a campaign in numbers": partial(store.counts, of),
        "people, the first page": people(),
        "… far down the list": partial(pages.people, of, after=deep),
        "… of a frequent outcome": people(outcome=Outcome.VOICEMAIL),
        "… of a class": people(endings=outcomes_of(OutcomeClass.UNPROVEN)),
        "… with a mark": people(mark="callback_requested"),
        "… with a rare mark": people(mark="rare"),
        "… with an undelivered text, excluded, nobody": people(texted=(TextState.FAILED,), excluded=True, tries=99),
        "… without a text, by the last dial": partial(pages.people, of, Chosen(texted=(None,)), order=Order.LAST),
        "… by the last dial, the second page": partial(pages.people, of, order=Order.LAST, after=latest),
        "how many people of a class have a text delivered": partial(
            pages.how_many, of, Chosen(endings=outcomes_of(OutcomeClass.UNPROVEN), texted=(TextState.DELIVERED,))
        ),
        "a day of all campaigns": partial(pages.period, BEGAN, BEGAN + timedelta(days=1)),
        "a person by their 宛名番号": partial(pages.key_of, of, _id(70_000)),
        "a person's history": partial(pages.history, of, key),
        "calls under way": pages.lines,
        f"{MORE} changes": partial(pages.changes, cursor),
        "no change": partial(pages.changes, await pages.now()),
    }


async def _call(store: SqlResults, campaign: CampaignRow, number: int) -> None:
    intent = _intent(campaign, number)
    if not await store.intend(intent):
        raise AssertionError(f"{intent.recipient} does not wait")
    ending = Ending(outcome=Outcome.CONFIRMED, at=intent.at, dialled_at=intent.at, answered_at=intent.at)
    await store.end(intent.id, ending, settled=Outcome.CONFIRMED, due_at=None)


async def _fill(database: databases.Database, campaign: CampaignRow) -> None:
    sealing = Sealing(Fields(keys()))
    for start in range(0, PEOPLE, 10_000):
        await database.write(partial(first, sealing, campaign, start, start + 10_000))
    await database.write(partial(_people, sealing, campaign, PEOPLE, PEOPLE + MORE))
    for turn in range(2, TRIES + 1):
        await database.write(partial(_again, turn))
    await database.write(partial(_seal, sealing, campaign, OPENED))
    await database.write(_beside)
    await database.write(lambda connection: connection.execute(text("ANALYZE")) and None)


def _id(number: int) -> str:
    return f"{number:08}"


def _intent(campaign: CampaignRow, number: int) -> Intent:
    at = BEGAN + timedelta(hours=number % 9, seconds=number % 3600)
    return Intent(id=attempt_id(at), campaign=campaign.id, recipient=_id(number), number=f"+8190{number:08}", at=at)


def _people(sealing: Sealing, campaign: CampaignRow, start: int, end: int, connection: Connection) -> None:
    """Store people who wait, but for those of whom there will be attempts: they are settled."""
    rows = []
    for number in range(start, end):
        settled = LAST[number % len(LAST)].value if number < PEOPLE else None
        somebody = Recipient(
            id=_id(number), line=number + 2, kana="ヤマダ タロウ", numbers=(f"+8190{number:08}",),
            columns={"宛名番号": _id(number), "カナ氏名": "ヤマダ タロウ", "期別": "3"},
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
        intent = _intent(campaign, number)
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
    dial, at = _intent(campaign, number), BEGAN + timedelta(minutes=number % 20_000)
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
    key = sealing.key(campaign.id, _id(number))
    here = (attempts.c.campaign_id == campaign.id, attempts.c.recipient_id == key)
    for (dial,) in connection.execute(select(attempts.c.id).where(*here)).all():
        sealed = sealing.attempt(replace(_intent(campaign, number), id=dial))["sealed"]
        connection.execute(update(attempts).where(attempts.c.id == dial).values(sealed=sealed))


def _beside(connection: Connection) -> None:
    """Store key presses, and what the store keeps beside the attempts."""
    connection.exec_driver_sql(
        """INSERT INTO key_presses (attempt_id, ordinal, step, "key", confirms, at)
        SELECT id, 0, 'confirm', '#', true, ended_at FROM attempts WHERE outcome = 'confirmed'"""
    )
    beside.stand(connection)
    beside.count(connection)
