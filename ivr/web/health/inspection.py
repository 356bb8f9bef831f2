"""What is looked at of the engine that runs here, and since when each thing is as it is.

What the engine says of itself is looked at each second. What costs is looked at while somebody wants to know: in a
thread or as the engine does it, two things at a time, none twice at once, each with a limit, and no sooner again than
its answer is old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from ivr.doctor import Finding, State
from ivr.doctor.finding import bad, good
from ivr.doctor.troubles import troubles
from ivr.doctor.vouching import judged
from ivr.errors import IvrError
from ivr.web.console import Console
from ivr.web.health import looking
from ivr.web.health.words import WORDS

NOTICED_EVERY = 1.0
"""Seconds between two looks at what the engine says of itself."""

WAIT = 2.0
"""Seconds for which somebody who asks waits for what is being looked at."""

AT_ONCE = 2

TOLD = {
    "pulse": ("pulse",),
    "pbx": ("ami",),
    "trunk": ("trunk",),
    "listening": ("listening",),
    "collection": ("collection",),
    "sms": ("sms", "sms_credit"),
    "audit": ("audit",),
}
"""What the engine says of itself at `/healthz`, by what it is about here."""

UNPAID = "SMS の事業者が、残高か利用枠が足りないと答えました。"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A look that costs: its answer is good for `fresh` seconds, and is waited for `limit` seconds at most."""

    look: Callable[[Console], Awaitable[Finding]]
    fresh: float = 15.0
    limit: float = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How one thing is, since when it is so, and when that was looked at."""

    finding: Finding
    since: datetime
    at: datetime
    until: float


class Inspection:
    """Looks at what the engine of one console depends on, for everybody who asks."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="inspection")
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._checks = self._chosen()
        self._seen: dict[str, Seen] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._under_way: dict[str, asyncio.Future[Finding]] = {}
        self.begun = console.clock.now()

    async def run(self) -> None:
        """Notice what the engine says of itself, until cancelled."""
        try:
            while True:
                self._notice()
                await asyncio.sleep(NOTICED_EVERY)
        finally:
            for look in [*self._looking.values()]:
                look.cancel()
            for work in [*self._under_way.values()]:
                work.cancel()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def look(self) -> dict[str, Seen | None]:
        """Return how each thing is, None where that is not known yet; what is old is looked at meanwhile."""
        self._notice()
        now = asyncio.get_running_loop().time()
        for key, check in self._checks.items():
            seen = self._seen.get(key)
            if key not in self._looking and (seen is None or seen.until <= now):
                self._looking[key] = asyncio.ensure_future(self._examine(key, check))
        if self._looking:
            await asyncio.wait(self._looking.values(), timeout=WAIT)
        return {key: self._seen.get(key) for key in WORDS if key in self._seen or key in self._checks}

    def _chosen(self) -> dict[str, Check]:
        chosen = self._console.settings
        checks = {
            "exclusions": Check(look=looking.exclusions, fresh=2.0, limit=12.0),
            "window": Check(look=looking.window, fresh=2.0),
            "database": Check(look=looking.database, fresh=5.0),
            "engines": Check(look=looking.engines, fresh=5.0),
            "disk": Check(look=self._apart(looking.disk)),
            "keys": Check(look=self._apart(looking.keys), fresh=60.0),
            "secrets": Check(look=self._apart(looking.secrets), fresh=60.0),
            "clock": Check(look=looking.clock, fresh=60.0),
            "backup": Check(look=self._apart(looking.backup), fresh=60.0),
            "retention": Check(look=looking.retention, fresh=60.0),
            "console": Check(look=looking.console, fresh=60.0),
            "scenarios": Check(look=looking.scenarios, fresh=60.0),
            "webhooks": Check(look=looking.told_systems, fresh=30.0),
        }
        provider, openid, results = self._console.provider, chosen.web.openid, self._console.results
        if provider is not None and openid is not None:
            checks["openid"] = Check(
                look=lambda console: judged(openid, provider, results, console.clock.now), fresh=60.0, limit=15.0
            )
        if (speaker := self._console.voice) is not None:
            checks["voice"] = Check(look=lambda console: looking.voice(console, speaker), fresh=300.0, limit=20.0)
        if (trunk := self._console.trunk) is not None and chosen.trunk.registers:
            checks["registration"] = Check(look=lambda _console: trunk(), fresh=30.0, limit=15.0)
        if chosen.inbound.say is not None:
            checks["greeting"] = Check(look=self._apart(looking.greeting), fresh=600.0)
        return checks

    def _apart(self, look: Callable[[Console], Finding]) -> Callable[[Console], Awaitable[Finding]]:
        """Return a look that is taken in a thread of ours: a disk that hangs holds none that calls need."""

        def begin(console: Console) -> Awaitable[Finding]:
            return asyncio.get_running_loop().run_in_executor(self._threads, look, console)

        return begin

    async def _examine(self, key: str, check: Check) -> None:
        try:
            async with self._slots:
                self._keep(key, await self._found(key, check), check.fresh)
        finally:
            del self._looking[key]

    async def _found(self, key: str, check: Check) -> Finding:
        name = WORDS[key].name
        work = self._under_way.get(key)
        if work is None or work.done():
            work = self._under_way[key] = asyncio.ensure_future(check.look(self._console))
            work.add_done_callback(_heard)
        # What does not answer goes on: it is not asked a second time before it has.
        await asyncio.wait({work}, timeout=check.limit)
        if not work.done():
            return bad(
                name, f"{check.limit:.0f} 秒のうちに答えません。", "ディスクと相手のサーバーを確かめてください。"
            )
        del self._under_way[key]
        try:
            return work.result()
        except IvrError as error:
            return bad(name, str(error), "示されたとおりに直してください。ivr doctor でも調べられます。")
        except Exception as error:  # noqa: BLE001  one look that breaks leaves the others
            log.error("inspection_defect", look=key, error=type(error).__name__)
            return bad(name, f"調べられません（{type(error).__name__}）。", "ivr doctor で調べてください。")

    def _notice(self) -> None:
        for key, finding in self._told():
            self._keep(key, finding, 0.0)

    def _told(self) -> Iterator[tuple[str, Finding]]:
        """Yield what the engine says of itself, of what it has."""
        checks, chosen = self._console.health(), self._console.settings
        absent = {
            *(() if chosen.texts.provider else ("sms",)),
            *(() if chosen.exclusions.check is not None else ("collection",)),
        }
        for key, names in TOLD.items():
            if key in absent:
                continue
            wrong = next((name for name in names if not checks.get(name, True)), None)
            if wrong is None:
                yield key, good(WORDS[key].name, "動いている ivr が、正常と答えています（/healthz）。")
            elif wrong == "sms_credit":
                yield key, bad(WORDS[key].name, UNPAID, "事業者に、残高か利用枠を確かめてください。")
            else:
                yield key, next(troubles({wrong: False}))

    def _keep(self, key: str, finding: Finding, fresh: float) -> None:
        now, before = self._console.clock.now(), self._seen.get(key)
        same = before is not None and before.finding.state is finding.state
        self._seen[key] = Seen(
            finding=replace(finding, name=WORDS[key].name),
            since=before.since if before is not None and same else now,
            at=now,
            until=asyncio.get_running_loop().time() + fresh,
        )


def _heard(work: asyncio.Future[Finding]) -> None:
    """Take note of an error for which nobody waits any more."""
    if not work.cancelled():
        work.exception()


def worst(states: Iterator[State]) -> State:
    """Return the worst of some states."""
    order = (State.GOOD, State.WARNING, State.BAD)
    return max(states, key=order.index, default=State.GOOD)
