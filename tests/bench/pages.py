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
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from ivr.accounts.passwords import Passwords
from ivr.app import meanwhile
from ivr.campaign.figures import Chosen, Order
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.attempt import Ending
from ivr.domain.audit import Author
from ivr.domain.authority import Role
from ivr.domain.outcome import Outcome
from ivr.domain.outcome_class import OutcomeClass, outcomes_of
from ivr.domain.text import TextState
from ivr.parts.keys import audit_trail
from ivr.reporting import figures_json
from ivr.service import spare_the_lasting
from ivr.settings import load
from ivr.storage import SqlResults, databases
from ivr.web.building import built, surrounded
from ivr.web.console import Console
from tests.bench import surroundings
from tests.bench.filled import BEGAN, MORE, OPENED, PEOPLE, SCENARIO, TOKYO, TRIES, fill, id_of, intent_of
from tests.bench.table import Figure
from tests.keys import keys
from tests.storage.cluster import cluster, programs
from tests.web.browsers import QUICK, Browser, HandClock, Office

LIMIT_MS, TURNS = 200, 20
"""The worst of so many is to be below that. The first one, which fills caches, is not among them."""


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
            await fill(database, campaign)
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
    key = await store.figures.key_of(campaign.id, id_of(OPENED))

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
    key = await pages.key_of(of, id_of(OPENED))
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
        "a person by their 宛名番号": partial(pages.key_of, of, id_of(70_000)),
        "a person's history": partial(pages.history, of, key),
        "calls under way": pages.lines,
        f"{MORE} changes": partial(pages.changes, cursor),
        "no change": partial(pages.changes, await pages.now()),
    }


async def _call(store: SqlResults, campaign: CampaignRow, number: int) -> None:
    intent = intent_of(campaign, number)
    if not await store.intend(intent):
        raise AssertionError(f"{intent.recipient} does not wait")
    ending = Ending(outcome=Outcome.CONFIRMED, at=intent.at, dialled_at=intent.at, answered_at=intent.at)
    await store.end(intent.id, ending, settled=Outcome.CONFIRMED, due_at=None)
