"""Somebody who watches the live view, and the calls that they see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ivr.app import meanwhile
from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.records import CampaignRow
from ivr.domain.attempt import Ending, Intent
from ivr.domain.outcome import Outcome
from tests.web.browsers import Browser, Office

WITHIN = 5.0


@dataclass
class Listener:
    """A browser that listens. `status` of the answer; `events` as they came, with their data and the last cursor."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    cursor: str = ""
    over: bool = False
    _left: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> dict[str, object]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self._read(message.get("body", b"").decode())
            self.over = not message.get("more_body", False)
        self.changed.set()

    def _read(self, text: str) -> None:
        *pieces, self._left = (self._left + text).split("\n\n")
        for piece in pieces:
            fields = dict(line.split(": ", 1) for line in piece.split("\n"))
            self.cursor = fields.get("id", self.cursor)
            if "event" in fields:
                self.events.append((fields["event"], json.loads(fields["data"])))

    def of(self, name: str) -> list[Any]:
        return [data for event, data in self.events if event == name]

    async def until(self, true: Any, within: float = WITHIN) -> None:
        async with asyncio.timeout(within):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    @property
    def state(self) -> dict[str, Any]:
        states: list[dict[str, Any]] = self.of("state")
        return states[-1] if states else {}


@asynccontextmanager
async def listening(browser: Browser, path: str, cursor: str = "") -> AsyncIterator[Listener]:
    """Listen to events until they end, or the browser leaves."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    headers = {"host": "yobirin.test", "accept": "text/event-stream", "cookie": cookies, "last-event-id": cursor}
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.7", 50001), "server": ("yobirin.test", 80),
    }  # fmt: skip
    listener = Listener()

    async def asked() -> None:
        await browser.office.app(scope, listener.receive, listener.send)
        listener.over = True
        listener.changed.set()

    async with meanwhile(asked()):
        await listener.until(lambda: listener.status)
        try:
            yield listener
        finally:
            listener.gone.set()


def events_of(campaign: CampaignRow) -> str:
    return f"/api/v1/campaigns/{campaign.id}/events"


async def dialled(at: Office, campaign: CampaignRow, person: str) -> Intent:
    now = at.clock.now()
    number = f"+8135722{int(person):04}"
    intent = Intent(id=attempt_id(now), campaign=campaign.id, recipient=person, number=number, at=now)
    assert await at.console.results.intend(intent)
    return intent


async def ended(at: Office, intent: Intent, outcome: Outcome, *, answered: bool = True) -> None:
    now = at.clock.now()
    ending = Ending(outcome=outcome, at=now, dialled_at=now, answered_at=now if answered else None)
    await at.console.results.end(intent.id, ending, settled=outcome, due_at=None)


async def running(at: Office, **more: Any) -> CampaignRow:
    campaign = await at.campaign("催告", **more)
    await at.console.results.move_campaign(campaign.id, expected=["created"], state="running")
    return campaign
