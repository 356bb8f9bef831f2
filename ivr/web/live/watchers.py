"""Somebody who watches: what is new for them waits here until it has been sent, in no more room than a little.

What is sent are server-sent events (HTML Standard, 9.2):

    ended     a call that ended, each once
    buttons   what whoever watches may do now
    anew      not every ending is told: too many were missed
    state     how it stands; in its place `beat` where nothing has changed, to show that the connection lives
    over      it ends, and why; who watches does not come again by themselves

The last event of a piece carries the cursor (`id`) behind which the next one begins, so that whoever reconnects misses
nothing and is told nothing twice.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum

from ivr.web.live.sights import Ended, Sight

MOST_KEPT = 100
"""Ended calls that wait for a slow reader; of more the newest."""


class Over(StrEnum):
    """Why somebody watches no more."""

    CLOSING = "closing"
    """The engine stops; told to nobody, so that the browser comes again."""

    ELSEWHERE = "elsewhere"
    """The same person watches in too many places."""

    GONE = "gone"
    """The campaign is not there any more."""

    SESSION = "session"
    """They are signed out, or may not see it any more."""


class Watcher:
    """Watches one campaign or, without one, the day with `campaigns`. `lasting` where more than one look is wanted.

    `cursor` is what they know already; `buttons` tells what they may do with what they see.
    """

    def __init__(
        self,
        person: str,
        *,
        campaign: str | None = None,
        campaigns: Collection[str] = (),
        cursor: str | None = None,
        lasting: bool = True,
        buttons: Callable[[Sight], Sequence[str]] | None = None,
    ) -> None:
        self.person = person
        self.campaign = campaign
        self.campaigns = tuple(campaigns) if campaign is None else (campaign,)
        self.cursor = cursor
        self.lasting = lasting
        self.over: Over | None = None
        self.state: str | None = None
        self.buttons: Sequence[str] = ()
        self._of = buttons
        self._ended: deque[Ended] = deque(maxlen=MOST_KEPT)
        self._sent: tuple[str | None, Sequence[str] | None] = (None, None)
        self._anew = False
        self._news = asyncio.Event()

    def take(self, ended: Sequence[Ended], *, cursor: str, whole: bool, state: str | None) -> None:
        """Take what one look has found."""
        self.cursor = cursor
        if not whole or len(self._ended) + len(ended) > MOST_KEPT:
            self._anew = True
        self._ended.extend(ended)
        if state is None:
            self.end(Over.GONE)
        elif state != self.state:
            self.state = state
            self._news.set()
        if ended:
            self._news.set()

    def press(self, sights: Mapping[str, Sight]) -> None:
        """Find out which buttons there are now."""
        sight = sights.get(self.campaign or "")
        if self._of is not None and sight is not None and (buttons := self._of(sight)) != self.buttons:
            self.buttons = buttons
            self._news.set()

    def buttons_by(self, of: Callable[[Sight], Sequence[str]]) -> None:
        """Let somebody's rights of now decide which buttons there are."""
        self._of = of

    def end(self, why: Over) -> None:
        """Watch no more."""
        self.over = self.over or why
        self._news.set()

    async def news(self, within: float) -> bool:
        """Return whether there is something new, `within` seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._news.wait()
        return self._news.is_set()

    def events(self) -> str:
        """Return what is new as events, and forget it."""
        self._news.clear()
        state, buttons = self._sent
        events = [_event("anew", "{}")] if self._anew else []
        events += [_event("ended", one.model_dump_json()) for one in self._ended]
        if self._of is not None and list(self.buttons) != buttons:
            events.append(_event("buttons", json.dumps(list(self.buttons))))
        changed = self.state is not None and self.state != state
        events.append(_event("state" if changed else "beat", self.state or "{}" if changed else "{}", self.cursor))
        self._sent = (self.state, list(self.buttons))
        self._ended.clear()
        self._anew = False
        return "".join(events)

    def farewell(self) -> str:
        """Return the last event, empty where the browser is to come again."""
        told = self.over is not None and self.over is not Over.CLOSING
        return _event("over", json.dumps({"why": self.over})) if told else ""


def _event(name: str, data: str, cursor: str | None = None) -> str:
    return f"event: {name}\n" + (f"id: {cursor}\n" if cursor is not None else "") + f"data: {data}\n\n"
