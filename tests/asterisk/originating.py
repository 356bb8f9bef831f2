"""An originator over real sockets, and the fake PBX that it dials through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from ivr.asterisk.agi import AgiServer
from ivr.asterisk.ami import Ami
from ivr.asterisk.originator import AsteriskOriginator, DialPlan, Hooks
from ivr.campaign.ports import CallLeg, Clip, Disposition
from ivr.domain.attempt import Intent
from tests.asterisk.fake_asterisk import FakeManager, until
from tests.asterisk.test_ami import QUICK, client

CLIP = Clip(path=Path("/clips/hello"), seconds=1.0)
QUICK_PLAN = DialPlan(caller_id="0357220000", ring=1.0, call=2.0, margin=0.4, order=0.4, ready=0.5)


class RealClock:
    """The time of day."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def an_intent(number: str = "+81312345678") -> Intent:
    return Intent(id=uuid4().hex, campaign="c", recipient="r", number=number, at=datetime.now(UTC))


async def silent(_leg: CallLeg) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Bench:
    """An originator and the fake PBX that it dials through."""

    manager: FakeManager
    ami: Ami
    originator: AsteriskOriginator
    agi_port: int
    bad_tokens: list[None]

    def token(self, intent: Intent) -> str:
        """Return the token of a dial as the PBX got it."""
        order = self.manager.orders[intent.id]
        return next(part for part in order["Variable"].split(",") if part.startswith("IVR_TOKEN=")).partition("=")[2]

    async def ordered(self, intent: Intent) -> None:
        """Return once the PBX has the order."""
        await until(lambda: intent.id in self.manager.orders)

    def made(self, intent: Intent, *states: str) -> None:
        """Send what AMI tells of a channel up to a state."""
        self.manager.channels.add(intent.id)
        self.manager.event("Newchannel", Uniqueid=intent.id, ChannelStateDesc="Down")
        for state in states:
            self.manager.event("Newstate", Uniqueid=intent.id, ChannelStateDesc=state)

    def ended(self, intent: Intent, **fields: str) -> None:
        """Send the channel's end."""
        self.manager.channels.discard(intent.id)
        self.manager.event("Hangup", Uniqueid=intent.id, **fields)


@asynccontextmanager
async def bench(plan: DialPlan = QUICK_PLAN) -> AsyncIterator[Bench]:
    async with FakeManager() as manager, client(manager.port, timing=QUICK) as ami:
        bad = list[None]()
        hooks = Hooks(bad_token=lambda: bad.append(None))
        originator = AsteriskOriginator(ami, RealClock(), plan=plan, hooks=hooks)
        async with AgiServer("127.0.0.1", 0, originator.handle) as server:
            await originator.ready()
            yield Bench(manager, ami, originator, server.port, bad)


async def dialling(
    one: Bench,
    play: Callable[[Intent], Any],
    talk: Callable[[CallLeg], Any] = silent,
    *,
    within: float = 10.0,
) -> Disposition:
    """Dial, and let `play` be the PBX."""
    intent = an_intent()
    async with asyncio.timeout(within), asyncio.TaskGroup() as group:
        dial = group.create_task(one.originator.dial(intent, talk))
        await one.ordered(intent)
        played = play(intent)
        if played is not None:
            await played
    assert one.originator.waiting == 0
    return dial.result()
