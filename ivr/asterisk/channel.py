"""One answered channel over FastAGI, clip by clip and wait by wait; `ear` breaks both off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ivr.asterisk.agi import AgiSession, HangupReceived
from ivr.asterisk.agi_wire import Result, command
from ivr.asterisk.listening import Ear
from ivr.campaign.ports import Clip
from ivr.domain.call import HungUp, Pressed, Silence, Sounded
from ivr.domain.signs import NO_SIGNS, Signs
from ivr.errors import CallLost, OwnError

SAMPLES_PER_SECOND = 8000
"""Of AGI's `endpos`; clips are 8 kHz."""

MARGIN = 15.0
"""Seconds beyond a clip's or a wait's own length before the PBX counts as gone.

A machine may stand still for some: its disk, a snapshot of it. A PBX that is gone for good closes the connection.
"""

SHORT = 0.25
"""Seconds by which a clip may end early and still count as played whole."""


LEAST = 0.001
"""Seconds of a wait, as AGI counts in milliseconds. The clock does not tell a time that is too short from none, and who
waits again and again for such a one would never give way to the other calls."""


class PlaybackFailed(OwnError):
    """A clip could not be played, or not to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How one clip went; whole unless a key, a hang-up or a break came before its end."""

    seconds: float
    key: str = ""
    hung_up: bool = False
    broken_off: bool = False


def ignore(_seconds: float) -> None:
    """Measure nothing."""


class Channel:
    """Plays and waits; see AgiCallLeg for the hooks. `spoke_at` is the loop's time of our last word."""

    def __init__(
        self,
        session: AgiSession,
        ear: Ear,
        *,
        answered: float,
        on_first_audio: Callable[[float], None],
        on_key_to_audio: Callable[[float], None],
    ) -> None:
        self._session = session
        self._ear = ear
        self._now = asyncio.get_running_loop().time
        self._answered: float | None = answered
        self.spoke_at = answered
        self._key_at: float | None = None
        self._on_first_audio = on_first_audio
        self._on_key_to_audio = on_key_to_audio

    def may_speak(self) -> None:
        """From now on it is up to us: the time to the first audio counts from here."""
        if self._answered is not None:
            self._answered = self._now()

    async def play(self, clip: Clip, keys: str, stop: asyncio.Future[None] | None) -> Played:
        """Play a clip until a key in `keys`, or until `stop`; PlaybackFailed where it can't be played."""
        began = self._now()
        self._measure(began)
        order = command("STREAM FILE", str(clip.path), keys)
        try:
            result = await self._session.execute_until(order, clip.seconds + MARGIN, stop)
            self.spoke_at = self._now()
            if result is None:
                key = self._ear.dropped(keys)
                return Played(seconds=min(self._now() - began, clip.seconds), key=key, broken_off=True)
            seconds = max(0, result.endpos or 0) / SAMPLES_PER_SECOND
            if await self._hung_up(result):
                return Played(seconds=seconds, hung_up=True)
        except HangupReceived:
            return Played(seconds=0.0, hung_up=True)
        if key := result.key:
            self._ear.claim(key)
            return Played(seconds=seconds, key=key)
        if result.number < 0 or seconds < clip.seconds - SHORT:
            raise PlaybackFailed("音声ファイルを最後まで再生できませんでした。")
        return Played(seconds=seconds)

    async def wait(
        self, seconds: float, keys: str = "", *, sounding: bool | None = None, signs: Signs = NO_SIGNS
    ) -> Pressed | Sounded | Silence | HungUp:
        """Wait for a key in `keys`, for one of `signs`, or until it `sounding`s or not, `seconds` at most.

        Where `seconds` is positive the PBX is asked in any case, and so the other calls get their turn.
        """
        deadline = self._now() + (max(seconds, LEAST) if seconds > 0 else 0.0)
        while (left := deadline - self._now()) > 0:
            if key := self._ear.dropped(keys):
                return self.pressed(key, 0.0)
            if found := self._ear.sign(signs):
                return Sounded(found.sign)
            stop = self._ear.watch(keys=keys, sounding=sounding, signs=signs)
            order = command("WAIT FOR DIGIT", max(1, round(left * 1000)))
            try:
                result = await self._session.execute_until(order, left + MARGIN, stop)
                if result is not None and await self._hung_up(result):
                    return self.hung_up()
            except HangupReceived:
                return self.hung_up()
            if result is not None and result.number < 0:
                raise CallLost("PBX がキーを待てませんでした。")
            if result is not None and (key := result.key):
                self._ear.claim(key)
                if key in keys:
                    return self.pressed(key, 0.0)
            elif key := self._ear.dropped(keys):
                return self.pressed(key, 0.0)
            elif found := self._ear.sign(signs):
                return Sounded(found.sign)
            elif stop.done():
                break
        return Silence()

    async def set(self, variable: str, value: str) -> None:
        """Set a variable, or a function, of the channel."""
        await self._session.execute(command("SET VARIABLE", variable, value), within=MARGIN)

    def pressed(self, key: str, seconds: float) -> Pressed:
        """Return that `key` has just come."""
        self._key_at = self._now()
        return Pressed(key, round(seconds, 3))

    def hung_up(self, seconds: float = 0.0, restarts: int = 0) -> HungUp:
        """Return that the callee's side has just hung up."""
        return HungUp(round(seconds, 3), restarts, self._ear.spoke())

    async def _hung_up(self, result: Result) -> bool:
        """Tell whether a result of -1 means a hang-up: AGI says the same of a file that it can't open."""
        if result.number != -1:
            return False
        try:
            await self._session.execute(command("CHANNEL STATUS"), within=MARGIN)
        except HangupReceived:
            return True
        return self._session.hung_up

    def _measure(self, now: float) -> None:
        if self._answered is not None:
            self._on_first_audio(now - self._answered)
        if self._key_at is not None:
            self._on_key_to_audio(now - self._key_at)
        self._answered = self._key_at = None
