"""A console on a real store, and browsers that ask it without a network."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pyotp

from ivr.accounts.passwords import Passwords
from ivr.app import meanwhile
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.account import Department, Person
from ivr.domain.audit import Author, Entry
from ivr.domain.authority import Role
from ivr.domain.edition import Kept
from ivr.domain.recipient import Recipient
from ivr.drafts.kept import LIST, REFUSED
from ivr.parts.keys import audit_trail, key_store
from ivr.settings import load
from ivr.storage import SqlResults
from ivr.web.building import built, surrounded
from ivr.web.console import Console

SCENARIO = "version: 1\ntitle: 案内\nstart: bye\nsteps:\n  bye: {say: 失礼いたします。, reached: true, then: end}\n"
PASSWORD = "correct horse battery"
ORIGIN = "http://yobirin.test"
PAGE = {"accept": "text/html,application/xhtml+xml"}
NOON = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
"""A Friday, 12:00 in Tokyo."""

QUICK = {"memory_kib": 8, "passes": 1}
"""Parameters with which a password takes no time."""


class HandClock:
    """Time as a test sets it."""

    def __init__(self, zone: Any) -> None:
        self.zone = zone
        self.at = NOON

    def now(self) -> datetime:
        return self.at.astimezone(self.zone)

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def forward(self, **spell: float) -> None:
        self.at += timedelta(**spell)


@dataclass
class Office:
    """An office with a console. `health` is what its engine says of itself."""

    console: Console
    clock: HandClock
    health: dict[str, bool]
    app: Any
    departments: dict[str, Department] = field(default_factory=dict)

    def browser(self, address: str = "192.0.2.7") -> Browser:
        transport = httpx.ASGITransport(app=self.app, client=(address, 50000))
        return Browser(httpx.AsyncClient(transport=transport, base_url=ORIGIN), self)

    async def department(self, name: str) -> Department:
        if name not in self.departments:
            self.departments[name] = Department(id=uuid4().hex, name=name)
            await self.console.results.accounts.add_department(self.departments[name], self.clock.now())
        return self.departments[name]

    async def person(
        self, name: str, *roles: Role, department: str = "税務課", display: str = "", password: str = PASSWORD
    ) -> Person:
        """Register somebody who has a password of their own."""
        part = await self.department(department)
        register = self.console.register(Author(who="test", where="test"))
        person, _ = await register.add(name, display or name, part.id, roles or (Role.CLERK,))
        await register.change_password(person, password)
        return await self.console.results.accounts.person(person.id)

    async def signed_in(self, name: str, *roles: Role, department: str = "税務課", display: str = "") -> Browser:
        """Register somebody and return their browser, signed in."""
        await self.person(name, *roles, department=department, display=display)
        browser = self.browser()
        await browser.sign_in(name)
        return browser

    async def campaign(
        self, name: str, *, department: str | None = "税務課", created_by: str = "hanako", people: int = 3
    ) -> CampaignRow:
        part = await self.department(department) if department else None
        new = NewCampaign(
            name=name,
            scenario=SCENARIO,
            scenario_file="annai.yaml",
            created_at=self.clock.now(),
            created_by=created_by,
            department=part.id if part else None,
        )
        people_ = [
            Recipient(id=f"{at}", line=at + 2, kana="ヤマダ タロウ", numbers=(f"+8135722{at:04}",), columns={})
            for at in range(people)
        ]
        return await self.console.results.create_campaign(new, people_)

    async def draft(self, department: str) -> str:
        """Return the id of a campaign in the making, with a list of nobody."""
        part, drafts = await self.department(department), self.console.drafts
        draft = await drafts.begin(part.id, "hanako", self.clock.now())
        await drafts.put_files(draft.id, {LIST: b"", REFUSED: b"[]"})
        return draft.id

    async def scenario(self, name: str, text: str = SCENARIO, *, department: str = "税務課") -> Kept:
        """Return a scenario of the office, as a clerk of a department made it."""
        part, audit = await self.department(department), self.console.audit
        return await self.console.book.begin(audit, name, text, by="hanako", department=part.id)

    async def state(self, campaign: CampaignRow) -> str:
        return (await self.console.results.campaign_of(campaign.id)).state

    async def entries(self) -> list[Entry]:
        return [entry async for entry in self.console.audit.entries()]


@dataclass
class Browser:
    """A browser; `csrf` is the token of the page that it saw last."""

    client: httpx.AsyncClient
    office: Office
    csrf: str = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        response = await self.client.get(path, headers=PAGE | headers)
        if found := re.search(r'name="csrf" value="([0-9a-f]+)"', response.text):
            self.csrf = found[1]
        return response

    async def post(self, path: str, values: Mapping[str, object] | None = None, **headers: str) -> httpx.Response:
        """Send a form of the page that was seen last."""
        return await self.client.post(
            path, data={"csrf": self.csrf, **(values or {})}, headers=PAGE | {"origin": ORIGIN} | headers
        )

    async def call(self, path: str, values: Mapping[str, object] | None = None) -> httpx.Response:
        """Ask as a program does."""
        headers = {"origin": ORIGIN, "x-csrf-token": self.csrf}
        return await self.client.post(path, json=values or {}, headers=headers)

    async def upload(
        self, path: str, content: bytes, name: str = "meibo.csv", values: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a form with a file of the page that was seen last."""
        data = {"csrf": self.csrf, **(values or {})}
        files = {"file": (name, content, "text/csv")}
        return await self.client.post(path, data=data, files=files, headers=PAGE | {"origin": ORIGIN})

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        await self.get("/sign-in")
        response = await self.post("/sign-in", {"name": name, "password": password})
        if response.status_code == 303:
            await self.get(response.headers["location"])
        return response


def code_of(seed: str, at: datetime) -> str:
    """Return what a telephone shows."""
    return pyotp.TOTP(seed).at(at)


@cache
def empty_office() -> Path:
    """Return a folder with an empty store in it, made once: the way to its schema takes a third of a second."""
    folder = Path(tempfile.mkdtemp(prefix="office-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


async def filled(folder: Path) -> Path:
    if not (folder / "var").exists():
        (folder / "ivr.yaml").write_text("data_dir: var\n", "utf-8")
        chosen = load(folder / "ivr.yaml")
        with key_store(chosen) as keys:
            async with await SqlResults.open(chosen.database_url(), keys):
                pass
    return folder


@asynccontextmanager
async def office(folder: Path, settings: str = "web: {second_factor: optional}\n") -> AsyncIterator[Office]:
    """Open an office in `folder`."""
    shutil.copytree((await filled(empty_office())) / "var", folder / "var", dirs_exist_ok=True)
    (folder / "ivr.yaml").write_text(f"data_dir: var\n{settings}", "utf-8")
    chosen = load(folder / "ivr.yaml")
    clock = HandClock(chosen.calling.timezone)
    health: dict[str, bool] = {}
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            console = Console(
                settings=chosen,
                results=results,
                audit=audit_trail(chosen, results, keys, Author(who="engine", where="test")),
                clock=clock,
                health=lambda: health,
                passwords=Passwords(**QUICK),
            )
            app = built(console)
            async with meanwhile(app.state.watching.run()):
                yield Office(console, clock, health, surrounded(app, console))
