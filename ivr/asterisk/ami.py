"""The supervised AMI client: connects, logs in, notices a dead peer, connects again, for as long as it runs.

    ami = Ami(host=..., port=..., username=..., secret=...)
    group.create_task(ami.run())
    await ami.wait_connected(10)
    await ami.action({"Action": "Ping"}, within=5)

No wait is without a limit: an answer that is lost costs its own caller its time limit and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ivr.asterisk.ami_link import AmiLink, AmiMessage, Fields, NotSent
from ivr.errors import PbxUnavailable

log = logging.getLogger(__name__)

EVENTS = "system,call,dtmf"
"""The classes of events asked for: FullyBooted; channels and talking; keys."""

DISCONNECTED: AmiMessage = {"Event": "Disconnected"}
RECONNECTED: AmiMessage = {"Event": "Reconnected"}
"""Told to every subscriber, whatever its key: events may have been missed between the two."""

Subscriber = Callable[[AmiMessage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiTiming:
    """Seconds: limits for connecting, logging in and booting; pause between pings, limit of each; back-off."""

    connect: float = 5.0
    login: float = 5.0
    boot: float = 60.0
    ping_every: float = 5.0
    ping: float = 5.0
    backoff_first: float = 0.2
    backoff_most: float = 10.0
    settled: float = 5.0
    """A connection that lasted this long starts the back-off anew."""


class Ami:
    """The connection to the PBX's manager.

    `on_state` is told True and False as the connection comes and goes. `state` says in Japanese why there is none,
    and is empty while there is one. `generation` counts connections, so that a caller can tell that one was lost.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        username: str,
        secret: str,
        on_state: Callable[[bool], None] | None = None,
        timing: AmiTiming | None = None,
    ) -> None:
        self.state = "AMI にまだ接続していません。"
        self.generation = 0
        self._host = host
        self._port = port
        self._login = {"Action": "Login", "Username": username, "Secret": secret, "Events": EVENTS}
        self._on_state = on_state or (lambda _connected: None)
        self._timing = timing or AmiTiming()
        self._link: AmiLink | None = None
        self._booted: asyncio.Future[None] | None = None
        self._up = asyncio.Event()
        self._answered = asyncio.Event()
        """The PBX has let us in, or has turned us away."""
        self._subscribers: dict[str, list[Subscriber]] = {}

    @property
    def connected(self) -> bool:
        """Tell whether we are logged in and the PBX has booted."""
        return self._up.is_set()

    @property
    def followed(self) -> int:
        """How many keys are being followed."""
        return len(self._subscribers)

    async def run(self) -> None:
        """Keep a connection, for ever; cancel to end it."""
        try:
            await self._keep()
        finally:
            self._say("AMI の接続を閉じました。", level=logging.INFO)

    async def wait_connected(self, within: float) -> None:
        """Return once connected; PbxUnavailable with the reason after `within` seconds, at once if not let in."""
        if self.connected:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._answered.wait()
        if not self.connected:
            raise PbxUnavailable(self.state)

    async def action(self, fields: Fields, within: float) -> dict[str, str]:
        """Send an action and return its response, `Response: Error` too.

        PbxUnavailable where no response came `within` seconds or before the connection went: whether the PBX acted
        is unknown. NotSent (one of these) where it was not written: the PBX did not act. ValueError for a control
        character in a field.
        """
        if self._link is None or not self.connected:
            raise NotSent(self.state)
        return await self._link.ask(fields, within)

    def tell(self, fields: Fields) -> None:
        """Send an action whose answer does not matter; nothing happens where there is no connection."""
        if self._link is not None and self.connected:
            self._link.tell(fields)

    async def listing(self, name: str, within: float) -> list[AmiMessage]:
        """Run an action such as `CoreShowChannels` that lists events, and return these; errors as of `action`."""
        generation, ended = self.generation, asyncio.Event()
        events: list[AmiMessage] = []

        def take(event: AmiMessage) -> None:
            if event.get("EventList") == "Complete":
                ended.set()
            else:
                events.append(event)

        number = f"{name}-{generation}-{random.getrandbits(64):x}"
        with self.following(number, take):
            try:
                async with asyncio.timeout(within):
                    response = await self.action({"Action": name, "ActionID": number}, within)
                    if response.get("Response") != "Success":
                        raise PbxUnavailable(f"AMI が {name} を断りました。")
                    await ended.wait()
            except TimeoutError:
                raise PbxUnavailable("AMI の一覧が時間内に終わりませんでした。") from None
        return events

    @contextmanager
    def following(self, key: str, subscriber: Subscriber) -> Iterator[None]:
        """Pass on the events whose `Uniqueid`, `DestUniqueid` or `ActionID` is `key`, inside the block."""
        self._subscribers.setdefault(key, []).append(subscriber)
        try:
            yield
        finally:
            rest = [other for other in self._subscribers[key] if other is not subscriber]
            if rest:
                self._subscribers[key] = rest
            else:
                del self._subscribers[key]

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._timing.backoff_first
        while True:
            began = loop.time()
            try:
                await self._live()
            except _Rejected as error:
                self._say(str(error))
                self._answered.set()
                pause = self._timing.backoff_most
            except PbxUnavailable as error:
                self._say(str(error))
                self._answered.clear()
            if loop.time() - began > self._timing.settled:
                pause = self._timing.backoff_first
            await asyncio.sleep(pause * random.uniform(0.8, 1.0))
            pause = min(pause * 2, self._timing.backoff_most)

    async def _live(self) -> None:
        """Have one connection until it is lost; PbxUnavailable says why there is none (any more)."""
        timing = self._timing
        link = AmiLink(self._host, self._port, self._take)
        self._booted = asyncio.get_running_loop().create_future()
        try:
            try:
                await link.open(timing.connect)
            except (OSError, TimeoutError) as error:
                reason = getattr(error, "strerror", None) or "時間切れ"
                raise PbxUnavailable(f"AMI（{self._host}:{self._port}）に接続できません（{reason}）。") from None
            answer = await link.ask(self._login, timing.login)
            if answer.get("Response") != "Success":
                raise _Rejected("AMI の認証に失敗しました。ユーザー名と secret を確認してください。")
            both = {self._booted, link.lost}
            await asyncio.wait(both, timeout=timing.boot, return_when=asyncio.FIRST_COMPLETED)
            if not self._booted.done():
                raise PbxUnavailable("PBX の起動が終わりません。")
            self._link = link
            self.generation += 1
            self._say("")
            self._answered.set()
            while not link.lost.done():
                await asyncio.wait({link.lost}, timeout=timing.ping_every)
                if not link.lost.done():
                    await link.ask({"Action": "Ping"}, timing.ping)
            raise PbxUnavailable("AMI の接続が切れました。")
        finally:
            self._link = None
            link.abort()

    def _take(self, event: AmiMessage) -> None:
        if event.get("Event") == "FullyBooted" and self._booted is not None and not self._booted.done():
            self._booted.set_result(None)
        keys = {event.get("Uniqueid"), event.get("DestUniqueid"), event.get("ActionID")}
        for key in self._subscribers.keys() & keys:
            for subscriber in self._subscribers.get(key, ()):
                subscriber(event)

    def _say(self, state: str, level: int = logging.WARNING) -> None:
        """Note why there is no connection, or by an empty text that there is one; tell it when it changes."""
        was, now = self.connected, not state
        if state != self.state:
            log.log(logging.INFO if now else level, "AMI: %s", state or "connected")
        self.state = state
        if was == now:
            return
        if now:
            self._up.set()
        else:
            self._up.clear()
        self._on_state(now)
        for subscribers in list(self._subscribers.values()):
            for subscriber in subscribers:
                subscriber(RECONNECTED if now else DISCONNECTED)


class _Rejected(PbxUnavailable):
    """The PBX does not let us in; trying again soon would not help."""
