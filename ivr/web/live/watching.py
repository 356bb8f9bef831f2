"""The one look at the store for everybody who watches, a few times a second; nobody watches, nobody looks.

    look ── what changed, calls under way (one transaction) ──► each watcher: what is new for them
     │
     └── one campaign at a time, the longest not counted first: its people counted anew, reason and forecast judged

What ended is told with the look after it. People are counted so seldom that it takes a twentieth of the time at most.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from contextlib import suppress

import structlog

from ivr.campaign.figures import ChangeKind, Glance, OpenLine
from ivr.errors import NotFound, StoreFailed, place
from ivr.parts.rules import limits
from ivr.web.console import Console
from ivr.web.live.lamps import Places, lines_of
from ivr.web.live.sights import Ended, Live, LiveDay, Sight, card_of, ended_of, judged, live_of
from ivr.web.live.watchers import Over, Watcher
from ivr.web.today import window_of

LOOK_EVERY = 0.25
"""Seconds between two looks."""

COUNT_EVERY = 1.0
"""Least seconds between two counts of a campaign's people."""

SHARE = 20
"""Of so many parts of the time one at most is spent on counting a campaign's people."""

JUDGE_EVERY = 5.0
"""Seconds after which a campaign is counted though nothing has changed: a window may have opened meanwhile."""

AGAIN = 2.0
"""Seconds before the next look after one that failed."""

MOST = 100
"""Watchers at once: half of the connections that the port takes."""

OF_A_PERSON = 4
"""Watchers at once of a person; a browser opens six connections to a server, and needs some for its pages."""

log = structlog.get_logger(__name__)


class Watching:
    """Everybody who watches, and what is known of what they watch."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._watchers: list[Watcher] = []
        self._joined: list[Watcher] = []
        self._wake = asyncio.Event()
        self._places = Places()
        self._calls: dict[int, OpenLine] = {}
        self._sights: dict[str, Sight] = {}
        self._cursor: str | None = None
        self._limits = limits(console.settings)

    @property
    def full(self) -> bool:
        """Tell whether nobody more may watch."""
        return len(self._watchers) >= MOST

    def join(self, watcher: Watcher) -> None:
        """Let somebody watch from the next look on, which comes at once; the oldest of theirs beyond a few ends."""
        if watcher.lasting:
            own = [one for one in self._watchers if one.person == watcher.person and one.lasting]
            for one in own[: max(0, len(own) - OF_A_PERSON + 1)]:
                one.end(Over.ELSEWHERE)
        self._watchers.append(watcher)
        self._joined.append(watcher)
        self._wake.set()

    def leave(self, watcher: Watcher) -> None:
        """Let them watch no more."""
        self._watchers = [one for one in self._watchers if one is not watcher]

    def close(self) -> None:
        """Send everybody away: the console closes, and waits for nobody."""
        for one in self._watchers:
            one.end(Over.CLOSING)

    async def run(self) -> None:
        """Look, for ever, while anybody watches."""
        while True:
            await self._next()
            try:
                await self._look()
            except StoreFailed:
                await asyncio.sleep(AGAIN)
            except Exception as error:  # noqa: BLE001  a defect of what is shown ends no call
                log.error("console_defect", error=type(error).__name__, where=place(error))
                await asyncio.sleep(AGAIN)

    def live(self, campaign_id: str) -> Live | None:
        """Return a campaign as it stands; None where it is not there (any more)."""
        sight = self._sights.get(campaign_id)
        return live_of(sight, self._calls, self._console.ringing(), self._most()) if sight is not None else None

    def day(self, campaigns: Collection[str]) -> LiveDay:
        """Return the day, with these campaigns."""
        sentence, is_open = window_of(self._console.settings, self._console.clock.now())
        known = [self._sights[one] for one in campaigns if one in self._sights]
        calling = [sum(call.campaign == one.campaign.id for call in self._calls.values()) for one in known]
        return LiveDay(
            window=sentence,
            open=is_open,
            lines=lines_of(self._calls, set(campaigns), self._console.ringing(), self._most()),
            campaigns=[card_of(one, number) for one, number in zip(known, calling, strict=True)],
        )

    def _most(self) -> int:
        return self._console.settings.trunk.lines_in_all or self._limits.at(self._console.clock.now())

    async def _next(self) -> None:
        """Return when it is time to look."""
        if self._watchers:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
        else:
            self._cursor = None
            self._sights.clear()
            await self._wake.wait()
        self._wake.clear()

    async def _look(self) -> None:
        watched = {one for watcher in self._watchers for one in watcher.campaigns}
        self._sights = {one: sight for one, sight in self._sights.items() if one in watched}
        joined, self._joined = self._joined, []
        cursors = {watcher: watcher.cursor for watcher in joined if watcher.cursor is not None}
        try:
            seen = await self._console.results.figures.glance(
                self._cursor, joined=list(cursors.values()), watched=watched, anew=watched - self._sights.keys()
            )
            self._cursor = seen.changes.cursor
            self._calls = self._places.put(seen.lines)
            self._mark(seen)
            await self._count(seen, watched)
        except BaseException:
            # Who has come is told at the next look what they came for.
            self._joined = joined + self._joined
            raise
        self._tell(seen, set(joined), cursors)

    def _mark(self, seen: Glance) -> None:
        """Note of which campaigns people are to be counted anew, and keep what was counted."""
        for campaign, dials in seen.dials.items():
            if campaign in self._sights:
                self._sights[campaign].dials = dials
        for sight in self._sights.values():
            sight.stale = sight.stale or not seen.changes.whole
        for change in seen.changes.changes:
            if (shown := self._sights.get(change.campaign)) is not None:
                shown.stale = True
                if change.kind is ChangeKind.CAMPAIGN:
                    shown.counted = -math.inf

    async def _count(self, seen: Glance, watched: Collection[str]) -> None:
        """Count the people of who is watched for the first time, and of whoever waits for it the longest."""
        now = asyncio.get_running_loop().time()
        due = [
            sight.campaign.id
            for sight in sorted(self._sights.values(), key=lambda one: one.counted)
            if now - sight.counted >= max(COUNT_EVERY if sight.stale else JUDGE_EVERY, SHARE * sight.took)
        ]
        for campaign_id in [*(one for one in watched if one not in self._sights), *due[:1]]:
            await self._sight(campaign_id, seen)

    async def _sight(self, campaign_id: str, seen: Glance) -> None:
        loop, results = asyncio.get_running_loop(), self._console.results
        began = loop.time()
        known = self._sights.get(campaign_id)
        try:
            campaign = await results.campaign_of(campaign_id)
        except NotFound:
            self._sights.pop(campaign_id, None)
            return
        figures = await results.figures.figures(campaign_id)
        took = loop.time() - began
        reason, forecast, done_at = await judged(self._console, campaign, figures)
        self._sights[campaign_id] = Sight(
            campaign=campaign,
            figures=figures,
            dials=seen.dials.get(campaign_id, known.dials if known is not None else {}),
            reason=reason,
            forecast=forecast,
            done_at=done_at,
            counted=began,
            took=took,
        )

    def _tell(self, seen: Glance, joined: set[Watcher], cursors: dict[Watcher, str]) -> None:
        """Give everybody what is new for them."""
        ended: dict[str, list[Ended]] = {}
        for change in seen.changes.changes:
            if (told := ended_of(change)) is not None:
                ended.setdefault(change.campaign, []).append(told)
        texts: dict[str, str] = {}
        for watcher in self._watchers:
            own = list(ended.get(watcher.campaign, ())) if watcher.campaign else []
            whole = seen.changes.whole
            if watcher in joined:
                since = seen.joined.get(cursors.get(watcher, ""))
                whole = since is None or since.whole
                changes = since.changes if since is not None else ()
                own = [
                    told for one in changes if one.campaign == watcher.campaign and (told := ended_of(one)) is not None
                ]
            elif watcher in self._joined:
                continue
            watcher.take(own, cursor=seen.changes.cursor, whole=whole, state=self._text(watcher, texts))
            watcher.press(self._sights)

    def _text(self, watcher: Watcher, texts: dict[str, str]) -> str | None:
        """Return how things stand for a watcher, as JSON; made once for all who watch the same campaign."""
        if watcher.campaign is None:
            return self.day(watcher.campaigns).model_dump_json()
        if watcher.campaign not in texts:
            live = self.live(watcher.campaign)
            texts[watcher.campaign] = live.model_dump_json() if live is not None else ""
        return texts[watcher.campaign] or None
