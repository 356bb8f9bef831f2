"""An answered call over FastAGI: play, take keys, leave a message over a silent line, hang up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ivr.asterisk.agi import AgiSession, HangupReceived
from ivr.asterisk.agi_wire import Result, command
from ivr.asterisk.listening import KEYS, Ear
from ivr.campaign.ports import Clip
from ivr.domain.callflow import HungUp, Left, NotLeft, Pressed, Silence, Spoken
from ivr.domain.line_sounds import Found
from ivr.errors import CallLost, OwnError

SAMPLES_PER_SECOND = 8000
"""Of AGI's `endpos`; clips are 8 kHz."""

MARGIN = 5.0
"""Seconds beyond a clip's or a wait's own length before the PBX counts as gone."""

SHORT = 0.25
"""Seconds by which a clip may end early and still count as played whole."""


BEEP_TOLD = 0.25
"""Seconds from the end of a beep until it is known for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveRule:
    """How a message is left: in the trial ten of ten recording machines held it whole.

    Wait until `before` seconds after our last word, no longer, since machines hang up on a caller who stays silent;
    then for `silence` seconds without sound on the callee's side, or `after_beep` seconds after a beep; speak; start
    over when anything sounds, at most `restarts` times. No start comes later than `total` seconds after the first
    moment. Where the audio itself does not come, a sound is a mean amplitude over `energy` (16-bit samples, a frame of
    20 ms); while it sounds, that detector is set anew every `look_again` seconds, because it does not see the end of a
    sound that ends with the far end's packets.
    """

    before: float = 3.0
    silence: float = 1.2
    after_beep: float = 0.5
    energy: int = 256
    restarts: int = 8
    total: float = 90.0
    look_again: float = 0.5


class PlaybackFailed(OwnError):
    """A clip could not be played, or not to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Played:
    """How one clip went; `whole` unless a key, a hang-up or a break came before its end."""

    seconds: float
    key: str = ""
    hung_up: bool = False
    broken_off: bool = False


def _ignore(_seconds: float) -> None:
    pass


class AgiCallLeg:
    """A CallLeg on an AGI session; `ear` listens to the same channel.

    `answered` is the loop's time of the answer. `on_first_audio` is told the seconds from there to the first clip,
    `on_key_to_audio` those from a key's arrival to the next clip, both up to the order given to the PBX.
    """

    def __init__(
        self,
        session: AgiSession,
        ear: Ear,
        *,
        answered: float,
        rule: LeaveRule | None = None,
        on_first_audio: Callable[[float], None] = _ignore,
        on_key_to_audio: Callable[[float], None] = _ignore,
    ) -> None:
        self._session = session
        self._ear = ear
        self._now = asyncio.get_running_loop().time
        self._rule = rule or LeaveRule()
        self._answered: float | None = answered
        self._answered_at = answered
        self._spoke_at = answered
        self._key_at: float | None = None
        self._on_first_audio = on_first_audio
        self._on_key_to_audio = on_key_to_audio
        self._keys_live = False
        """Whether keys since the last command are meant for the next."""

    async def speak(self, clips: Sequence[Clip], keys: str) -> Spoken | Pressed | HungUp:
        """Play `clips` one after the other, until a key in `keys`; PlaybackFailed where one can't be played."""
        self._enter()
        heard = 0.0
        for clip in clips:
            if key := self._ear.dropped(keys):
                return self._pressed(key, heard)
            played = await self._play(clip, keys, self._ear.watch(keys=keys) if keys else None)
            if played.broken_off and not played.key:
                played = await self._play(clip, keys, None)
            heard += played.seconds
            if played.hung_up:
                return HungUp(round(heard, 3))
            if played.key:
                return self._pressed(played.key, heard)
        self._ear.keep(keys)
        self._keys_live = bool(keys)
        return Spoken(round(heard, 3))

    async def wait_key(self, seconds: float) -> Pressed | Silence | HungUp:
        """Wait for any key, also one that came since a clip during which keys were taken."""
        self._enter()
        found = await self._wait(seconds, KEYS)
        self._keys_live = isinstance(found, Silence)
        return found

    async def leave(self, clips: Sequence[Clip], keys: str) -> Left | NotLeft | Pressed | HungUp:
        """Speak `clips` from start to end over a silent line, by the LeaveRule; `keys` stay live throughout."""
        self._enter()
        deadline = self._now() + self._rule.total
        longest, starts = 0.0, 0
        before = self._rule.before - (self._now() - self._spoke_at)
        found: Pressed | Silence | HungUp | NotLeft | Left = await self._wait(before, keys)
        while isinstance(found, Silence | NotLeft):
            quiet = await self._wait_quiet(deadline, keys) if starts <= self._rule.restarts else None
            if quiet is None:
                found = NotLeft(longest, max(0, starts - 1))
                break
            if not isinstance(quiet, Silence):
                found = quiet
                break
            starts += 1
            found = await self._speak_over_silence(clips, keys, starts - 1)
            longest = max(longest, found.seconds)
        if isinstance(found, HungUp):
            return HungUp(max(longest, found.seconds), max(0, starts - 1))
        if isinstance(found, Pressed):
            with suppress(CallLost):
                await self._set("TALK_DETECT(remove)", "")
        return found

    def listen(self) -> None:
        """Begin to listen to the callee's audio."""
        self._ear.tap()

    def found(self) -> tuple[Found, ...]:
        """Return the tones that the callee's side has sounded so far, in seconds since the answer."""
        began, found = self._ear.found
        since = began - self._answered_at
        return tuple(replace(one, start=one.start + since, end=one.end + since) for one in found)

    async def hang_up(self) -> None:
        """End the call; harmless where it has ended."""
        # The dialplan goes on where the session ends, and hangs up.
        self._session.hung_up = True
        self._session.close()

    def _enter(self) -> None:
        if not self._keys_live:
            self._ear.keep("")
        self._keys_live = False

    async def _play(self, clip: Clip, keys: str, stop: asyncio.Future[None] | None) -> _Played:
        began = self._now()
        self._measure(began)
        order = command("STREAM FILE", str(clip.path), keys)
        try:
            result = await self._session.execute_until(order, clip.seconds + MARGIN, stop)
            self._spoke_at = self._now()
            if result is None:
                key = self._ear.dropped(keys)
                return _Played(seconds=min(self._now() - began, clip.seconds), key=key, broken_off=True)
            seconds = max(0, result.endpos or 0) / SAMPLES_PER_SECOND
            if await self._hung_up(result):
                return _Played(seconds=seconds, hung_up=True)
        except HangupReceived:
            return _Played(seconds=0.0, hung_up=True)
        if result.number > 0:
            self._ear.claim(chr(result.number))
            return _Played(seconds=seconds, key=chr(result.number))
        if result.number < 0 or seconds < clip.seconds - SHORT:
            raise PlaybackFailed("音声ファイルを最後まで再生できませんでした。")
        return _Played(seconds=seconds)

    async def _wait(self, seconds: float, keys: str, *, sounding: bool | None = None) -> Pressed | Silence | HungUp:
        """Wait for a key in `keys`, or until the sound has become `sounding`, `seconds` at most."""
        deadline = self._now() + seconds
        while (left := deadline - self._now()) > 0:
            if key := self._ear.dropped(keys):
                return self._pressed(key, 0.0)
            stop = self._ear.watch(keys=keys, sounding=sounding)
            order = command("WAIT FOR DIGIT", max(1, round(left * 1000)))
            try:
                result = await self._session.execute_until(order, left + MARGIN, stop)
                if result is not None and await self._hung_up(result):
                    return HungUp()
            except HangupReceived:
                return HungUp()
            if result is not None and result.number < 0:
                raise CallLost("PBX がキーを待てませんでした。")
            if result is not None and result.number > 1:
                key = chr(result.number)
                self._ear.claim(key)
                if key in keys:
                    return self._pressed(key, 0.0)
            elif key := self._ear.dropped(keys):
                return self._pressed(key, 0.0)
            elif stop.done():
                break
        return Silence()

    async def _wait_quiet(self, deadline: float, keys: str) -> Pressed | Silence | HungUp | None:
        """Wait until the callee's side has been silent for long enough; None where that is not before `deadline`."""
        rule = self._rule
        while self._ear.tapped and self._now() < deadline:
            due = self._ear.silence_due(rule.silence, rule.after_beep)
            if due <= 0:
                return Silence()
            sounds = due == math.inf
            found = await self._wait(rule.look_again if sounds else min(due, BEEP_TOLD), keys, sounding=not sounds)
            if not isinstance(found, Silence):
                return found
        while self._now() < deadline:
            try:
                await self._set("TALK_DETECT(remove)", "")
                self._ear.listen_anew()
                await self._set("TALK_DETECT(set)", f"{round(rule.silence * 1000)},{rule.energy}")
            except HangupReceived:
                return HungUp()
            found = await self._wait(rule.silence, keys, sounding=True)
            if isinstance(found, Silence) and self._ear.sounding:
                found = await self._wait(rule.look_again, keys, sounding=False)
            if not isinstance(found, Silence) or not self._ear.sounding:
                return found
        return None

    async def _speak_over_silence(
        self, clips: Sequence[Clip], keys: str, restarts: int
    ) -> Left | NotLeft | Pressed | HungUp:
        heard = 0.0
        for clip in clips:
            if key := self._ear.dropped(keys):
                return self._pressed(key, heard)
            if self._ear.sounding:
                return NotLeft(round(heard, 3), restarts)
            played = await self._play(clip, keys, self._ear.watch(keys=keys, sounding=True))
            heard += played.seconds
            if played.hung_up:
                return HungUp(round(heard, 3), restarts)
            if played.key:
                return self._pressed(played.key, heard)
            if played.broken_off:
                return NotLeft(round(heard, 3), restarts)
        if not await self._ear.certain():
            return NotLeft(round(heard, 3), restarts)
        return Left(round(heard, 3), restarts)

    async def _set(self, variable: str, value: str) -> None:
        await self._session.execute(command("SET VARIABLE", variable, value), within=MARGIN)

    async def _hung_up(self, result: Result) -> bool:
        """Tell whether a result of -1 means a hang-up: AGI says the same of a file that it can't open."""
        if result.number != -1:
            return False
        try:
            await self._session.execute(command("CHANNEL STATUS"), within=MARGIN)
        except HangupReceived:
            return True
        return self._session.hung_up

    def _pressed(self, key: str, seconds: float) -> Pressed:
        self._key_at = self._now()
        return Pressed(key, round(seconds, 3))

    def _measure(self, now: float) -> None:
        if self._answered is not None:
            self._on_first_audio(now - self._answered)
        if self._key_at is not None:
            self._on_key_to_audio(now - self._key_at)
        self._answered = self._key_at = None
