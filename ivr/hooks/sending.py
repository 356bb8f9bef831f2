"""The engine's task that tells webhooks: collects what happened, sends it in order, tries again, gives up.

One engine at a time does it, by a lease in the store. Each webhook has one message under way at most, so that its
events arrive in their order; one that hangs keeps no other waiting. Whatever fails here is logged, and no call learns
of it.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ivr.audit import Audit
from ivr.campaign.ports import Clock
from ivr.domain.audit import Action
from ivr.domain.webhook import LEAST_FAILURES, LONGEST_FAILURE, PING, Off, Webhook, id_of, message_id, pause, signed
from ivr.errors import IvrError
from ivr.hooks.feeding import wanted
from ivr.hooks.posting import IN_ALL_S, Answer, Post
from ivr.storage import SqlResults
from ivr.storage.webhooks import NOTHING, Batch

LOOK_EVERY = 1.0
"""Seconds between two looks for what happened: also how much of a burst goes in one message."""

AFTER_TROUBLE = 10.0
"""Seconds before the store is asked again that has refused."""

LEASE = timedelta(seconds=60)
RENEW_EVERY = timedelta(seconds=10)
SPARE = timedelta(seconds=IN_ALL_S + 5)
"""How much longer the lease has to be for a message to be begun: nobody else begins before that has ended."""

ROUNDS = 10
"""Looks one after the other, and messages of one webhook, before others are looked after again."""

AT_ONCE = 8
"""Messages under way."""

COUNT_EVERY = 5.0
"""Seconds between two counts of what waits."""

log = structlog.get_logger(__name__)


class Told(Protocol):
    """Who is told how it goes, for the metrics."""

    def webhook_tried(self, result: str) -> None:
        """A message was `taken`, or `failed`; or the webhook was `switched_off` after it."""
        ...

    def webhook_events_dropped(self, events: int) -> None:
        """So many events are not told: their campaign was erased."""
        ...

    def webhooks_waiting(self, events: int, oldest_s: float) -> None:
        """So many events wait, the oldest for so long."""
        ...


class Sender:
    """Tells the webhooks of one store, for as long as `run` runs. `random` spreads the tries."""

    def __init__(
        self,
        results: SqlResults,
        post: Post,
        clock: Clock,
        audit: Audit,
        told: Told,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._results = results
        self._webhooks = results.webhooks
        self._post = post
        self._clock = clock
        self._audit = audit
        self._told = told
        self._chance = chance
        self._held_until: float = 0.0
        self._counted = -COUNT_EVERY
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Collect and send, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                wait = LOOK_EVERY
                try:
                    await self._turn(group)
                except IvrError as error:
                    log.warning("webhooks_wait", reason=str(error))
                    wait = AFTER_TROUBLE
                except Exception as error:  # noqa: BLE001  a fault of ours here must not end the engine's calls
                    log.error("webhooks_broken", error=type(error).__name__)
                    wait = AFTER_TROUBLE
                await asyncio.sleep(wait)

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        there = await self._webhooks.all()
        at_work = [one for one in there if one.off is None]
        if not at_work:
            self._told.webhooks_waiting(0, 0.0)
            return
        if not await self._hold():
            # Whoever holds it tells how it goes.
            self._told.webhooks_waiting(0, 0.0)
            return
        await self._collect(at_work)
        await self._count(at_work)
        waiting = await self._webhooks.to_be_told()
        now = self._clock.now()
        for webhook in at_work:
            busy = webhook.id in self._under_way or len(self._under_way) >= AT_ONCE
            if not busy and webhook.due(now) and webhook.id in waiting:
                self._under_way[webhook.id] = group.create_task(self._tell(webhook))

    async def _hold(self) -> bool:
        now = self._clock.monotonic()
        if now < self._held_until - (LEASE - RENEW_EVERY).total_seconds():
            return True
        held = await self._webhooks.hold(LEASE)
        self._held_until = now + LEASE.total_seconds() if held else 0.0
        return held

    async def _collect(self, at_work: list[Webhook]) -> None:
        for _ in range(ROUNDS):
            found = await self._webhooks.look()
            if found.cursor == found.before and found.whole:
                return
            now = self._clock.now()
            if not found.whole:
                log.error("webhooks_missed")
            if not await self._webhooks.collect(found, wanted(found.changed, at_work, now), now) or not found.more:
                return

    async def _count(self, at_work: list[Webhook]) -> None:
        moment = self._clock.monotonic()
        if moment - self._counted < COUNT_EVERY:
            return
        self._counted = moment
        waiting = await self._webhooks.waiting()
        found = [waiting.get(one.id, NOTHING) for one in at_work]
        oldest = min((one.oldest for one in found if one.oldest is not None), default=None)
        age = (self._clock.now() - oldest).total_seconds() if oldest is not None else 0.0
        self._told.webhooks_waiting(sum(one.events for one in found), max(0.0, age))

    async def _tell(self, webhook: Webhook) -> None:
        try:
            for _ in range(ROUNDS):
                batch = await self._webhooks.begin(webhook.id, self._clock.now(), SPARE)
                if batch is None or not await self._tried(webhook, batch):
                    return
        except IvrError as error:
            log.warning("webhook_waits", webhook=webhook.name, reason=str(error))
            await asyncio.sleep(AFTER_TROUBLE)
        except Exception as error:  # noqa: BLE001  as above
            log.error("webhook_broken", webhook=webhook.name, error=type(error).__name__)
            await asyncio.sleep(AFTER_TROUBLE)
        finally:
            self._under_way.pop(webhook.id, None)

    async def _tried(self, webhook: Webhook, batch: Batch) -> bool:
        """Send what `batch` tells and store what came of it; tell whether there may be more to send."""
        if batch.gone:
            self._told.webhook_events_dropped(batch.gone)
        if not batch.events:
            await self._webhooks.taken(webhook.id, batch, self._clock.now(), "")
            return True
        keys = await self._webhooks.keys(webhook.id, self._clock.now())
        answer = await send(self._post, webhook, keys, *told(webhook, batch), self._clock.now())
        now = self._clock.now()
        if answer.taken:
            await self._webhooks.taken(webhook.id, batch, now, answer.said)
            self._told.webhook_tried("taken")
            return True
        self._told.webhook_tried("failed")
        # As it stands now: it may have been switched off and on meanwhile.
        webhook = await self._webhooks.one(webhook.id)
        again = now + pause(webhook.failures + 1, self._chance(), answer.asked)
        await self._webhooks.failed(webhook.id, batch, now, answer.said, again)
        log.warning("webhook_failed", webhook=webhook.name, answer=answer.said, failures=webhook.failures + 1)
        since = webhook.failing_since or now
        if answer.gone:
            await self._give_up(webhook, Off.GONE, now)
        elif now - since >= LONGEST_FAILURE and webhook.failures + 1 >= LEAST_FAILURES:
            await self._give_up(webhook, Off.GIVEN_UP, now)
        return False

    async def _give_up(self, webhook: Webhook, why: Off, now: datetime) -> None:
        if await self._webhooks.switch_off(webhook.id, why, now):
            self._told.webhook_tried("switched_off")
            log.error("webhook_switched_off", webhook=webhook.name, why=why.value)
            await self._audit.mention(Action.WEBHOOK_GAVE_UP, webhook.name, why=why.value)


def told(webhook: Webhook, batch: Batch) -> tuple[str, bytes]:
    """Return the id and the body of the message that tells what `batch` does; the same each time."""
    events = [
        {
            "id": one.event,
            "kind": one.kind,
            "at": one.at.isoformat(timespec="milliseconds"),
            "campaign": {"id": one.campaign, "name": one.campaign_name},
            **({"person": one.person} if one.person else {}),
            **one.content,
        }
        for one in batch.events
    ]
    return message_id(webhook.id, [one.event for one in batch.events]), _body(webhook, events)


def ping(webhook: Webhook, now: datetime) -> tuple[str, bytes]:
    """Return the id and the body of a message that tells of nothing."""
    event = id_of(PING, webhook.id, now.isoformat())
    events: list[dict[str, object]] = [{"id": event, "kind": PING, "at": now.isoformat(timespec="milliseconds")}]
    return message_id(webhook.id, [event]), _body(webhook, events)


async def send(
    post: Post, webhook: Webhook, keys: tuple[bytes, ...], message: str, body: bytes, now: datetime
) -> Answer:
    """Send a message, signed with `keys` at `now`."""
    return await post.send(webhook.url, signed(keys, message, now, body), body)


def _body(webhook: Webhook, events: list[dict[str, object]]) -> bytes:
    return json.dumps({"webhook": webhook.id, "events": events}, ensure_ascii=False).encode()
