"""A store with a department, and what sends from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from ivr.app import meanwhile
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.account import Department
from ivr.domain.outcome import Outcome
from ivr.domain.webhook import EventKind, Webhook
from ivr.hooks.posting import Post
from ivr.hooks.sending import Sender
from ivr.settings import Settings, Webhooks
from ivr.storage import SqlResults
from tests.hooks.receiver import Receiver
from tests.storage.filling import NOON, people
from tests.web.browsers import HandClock

HERE = Webhooks(hosts=("127.0.0.1",))
OFFICE = Department(id="d" * 32, name="税務課")
KEY = bytes(range(32))


@dataclass
class Counted:
    """The metrics of a sender."""

    tried: list[str] = field(default_factory=list)
    dropped: int = 0
    waiting: tuple[int, float] = (0, 0.0)

    def webhook_tried(self, result: str) -> None:
        self.tried.append(result)

    def webhook_events_dropped(self, events: int) -> None:
        self.dropped += events

    def webhooks_waiting(self, events: int, oldest_s: float) -> None:
        self.waiting = (events, oldest_s)


@dataclass
class Desk:
    """A store with a department, and what sends from it."""

    chosen: Settings
    store: SqlResults
    clock: HandClock
    audit: Any
    counted: Counted = field(default_factory=Counted)

    async def webhook(self, receiver: Receiver, name: str = "収納", **changed: Any) -> Webhook:
        webhook = Webhook(
            id=uuid4().hex,
            name=name,
            url=receiver.url,
            department=OFFICE.id,
            department_name=OFFICE.name,
            kinds=frozenset(EventKind),
            outcomes=frozenset(Outcome),
            created_at=NOON,
            created_by="kacho",
        )
        webhook = replace(webhook, **changed)
        await self.store.webhooks.add(webhook, KEY)
        return webhook

    async def campaign(self, name: str = "住民税", number: int = 3, **changed: Any) -> CampaignRow:
        new = NewCampaign(
            name=name,
            scenario="",
            scenario_file="",
            created_at=NOON,
            department=changed.pop("department", OFFICE.id),
            **changed,
        )
        return await self.store.create_campaign(new, people(number))

    @asynccontextmanager
    async def sending(self, store: SqlResults | None = None) -> AsyncIterator[None]:
        store = store or self.store
        async with Post(HERE) as post:
            sender = Sender(store, post, self.clock, self.audit, self.counted, chance=lambda: 0.5)
            async with meanwhile(sender.run()):
                yield


async def until(holds: Callable[[], Awaitable[bool] | bool]) -> None:
    async with asyncio.timeout(8):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)
