"""An answered call over FastAGI: await first words, play, take keys, leave a message over a silent line, hang up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from ivr.asterisk.agi import AgiSession, HangupReceived
from ivr.asterisk.channel import Channel, ignore
from ivr.asterisk.listening import KEYS, Ear
from ivr.campaign.ports import Clip
from ivr.domain.call import Came, HungUp, Left, Nobody, NotLeft, Opened, Pressed, Silence, Sounded, Spoken, TalkedOver
from ivr.domain.line_rules import LineRules, first_words, silence_due, somebody
from ivr.domain.signs import NO_SIGNS, Found, Sign, Signs, Stretch
from ivr.errors import CallLost

Timed = TypeVar("Timed", Found, Stretch)

TOLD = 0.25
"""Seconds from the end of a tone until it is known for one."""

LOOK_AGAIN = 0.05
"""Seconds between two looks at what no event tells."""


class AgiCallLeg:
    """A CallLeg on an AGI session; `ear` listens to the same channel.

    `answered` is the loop's time of the answer. `on_first_audio` is told the seconds from there, or from the end of the
    first words that were awaited, to the first clip, `on_key_to_audio` those from a key's arrival to the next clip,
    both up to the order given to the PBX. `on_deaf` is told once of a call that was to be listened to and could not be.
    """

    def __init__(
        self,
        session: AgiSession,
        ear: Ear,
        *,
        answered: float,
        rules: LineRules | None = None,
        on_first_audio: Callable[[float], None] = ignore,
        on_key_to_audio: Callable[[float], None] = ignore,
        on_deaf: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_deaf = on_deaf
        self.deaf = False
        """Whether the call was to be listened to, and could not be."""
        self._session = session
        self._ear = ear
        self._now = asyncio.get_running_loop().time
        self._rules = rules or LineRules()
        self._answered_at = answered
        self._channel = Channel(
            session, ear, answered=answered, on_first_audio=on_first_audio, on_key_to_audio=on_key_to_audio
        )
        self._since = 0.0
        """The time of the ear's stream from which first words count."""
        self._keys_live = False
        """Whether keys since the last command are meant for the next."""

    async def open(self, signs: Signs = NO_SIGNS) -> Opened | Sounded | HungUp:
        """Await the callee's first words, by the OpeningRule; where nothing is tapped, at once."""
        self._enter()
        rule = self._rules.opening
        if isinstance(gone := await self._tap_comes(rule.tap), HungUp):
            return gone
        while self._ear.tapped:
            words = first_words(self._ear.sounds, self._since, rule)
            if isinstance(words, Opened):
                self._channel.may_speak()
                return words
            sounds = self._ear.sounding
            found = await self._channel.wait(max(words, LOOK_AGAIN), sounding=not sounds, signs=signs)
            if isinstance(found, HungUp | Sounded):
                return found
        if gone := await self._deaf_or_gone():
            return gone
        self._channel.may_speak()
        return Opened()

    async def hold(self, signs: Signs = NO_SIGNS) -> Came | Nobody | Sounded | HungUp:
        """Await somebody while a device rings them, by the HoldRule."""
        self._enter()
        rule = self._rules.hold
        deadline = self._now() + rule.longest
        while self._ear.tapped and self._now() < deadline:
            self._since = max((one.end for one in self._ear.found if one.sign is Sign.RINGBACK), default=0.0)
            if somebody(self._ear.sounds, self._since, rule):
                return Came()
            found = await self._channel.wait(TOLD, signs=signs)
            if isinstance(found, HungUp | Sounded):
                return found
        return Nobody() if self._ear.tapped else Came()

    async def speak(
        self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS, *, yields: bool = False
    ) -> Spoken | Pressed | Sounded | TalkedOver | HungUp:
        """Play `clips` one after the other, until a key in `keys`; PlaybackFailed where one can't be played."""
        self._enter()
        heard = 0.0
        yields = yields and self._ear.tapped and not self._ear.sounding
        for number, clip in enumerate(clips):
            if key := self._ear.dropped(keys):
                return self._channel.pressed(key, heard)
            talked_over = yields and number == 0
            played = await self._channel.play(clip, keys, self._stop(keys, signs, yields=talked_over))
            sign = self._ear.sign(signs)
            if played.broken_off and not played.key and sign is None:
                if talked_over and self._ear.sounding:
                    self._since = self._ear.sounds.stretches[-1].start
                    return TalkedOver(round(played.seconds, 3))
                played = await self._channel.play(clip, keys, None)
            heard += played.seconds
            if played.hung_up:
                return self._channel.hung_up(heard)
            if played.key:
                return self._channel.pressed(played.key, heard)
            if sign is not None:
                return Sounded(sign.sign, round(heard, 3))
        self._ear.keep(keys)
        self._keys_live = bool(keys)
        return Spoken(round(heard, 3))

    def _stop(self, keys: str, signs: Signs, *, yields: bool) -> asyncio.Future[None] | None:
        if yields:
            return self._ear.watch(keys=keys, sounding=True, within=self._rules.opening.yields, signs=signs)
        return self._ear.watch(keys=keys, signs=signs) if keys or signs else None

    async def wait_key(self, seconds: float, signs: Signs = NO_SIGNS) -> Pressed | Silence | Sounded | HungUp:
        """Wait for any key, also one that came since a clip during which keys were taken."""
        self._enter()
        found = await self._channel.wait(seconds, KEYS, signs=signs)
        self._keys_live = isinstance(found, Silence)
        return found

    async def leave(
        self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS
    ) -> Left | NotLeft | Pressed | Sounded | HungUp:
        """Speak `clips` from start to end over a silent line, by the LeaveRule; `keys` stay live throughout."""
        self._enter()
        rule = self._rules.leave
        deadline = self._now() + rule.total
        longest, starts = 0.0, 0
        before = 0.0 if self._ear.after_beep else rule.before - (self._now() - self._channel.spoke_at)
        found: Pressed | Silence | Sounded | HungUp | NotLeft | Left = await self._channel.wait(
            before, keys, signs=signs
        )
        while isinstance(found, Silence | NotLeft):
            quiet = await self._wait_quiet(deadline, keys, signs) if starts <= rule.restarts else None
            if quiet is None:
                found = NotLeft(longest, max(0, starts - 1))
                break
            if not isinstance(quiet, Silence):
                found = quiet
                break
            starts += 1
            found = await self._speak_over_silence(clips, keys, signs, starts - 1)
            longest = max(longest, found.seconds)
            if isinstance(found, Left):
                found = await self._linger(found)
        if isinstance(found, HungUp | Sounded):
            return replace(found, seconds=max(longest, found.seconds), restarts=max(0, starts - 1))
        if isinstance(found, Pressed):
            with suppress(CallLost):
                await self._channel.set("TALK_DETECT(remove)", "")
        return found

    def listen(self) -> None:
        """Begin to listen to the callee's audio."""
        self._ear.tap()

    def found(self) -> tuple[Found, ...]:
        """Return the tones that the callee's side has sounded so far, in seconds since the answer."""
        return tuple(self._since_answer(one) for one in self._ear.found)

    def sounds(self) -> tuple[Stretch, ...]:
        """Return what the callee's side has sounded so far, in seconds since the answer."""
        return tuple(self._since_answer(one) for one in self._ear.stretches)

    async def hang_up(self) -> None:
        """End the call; harmless where it has ended."""
        # The dialplan goes on where the session ends, and hangs up.
        self._session.hung_up = True
        self._session.close()

    def _since_answer(self, heard: Timed) -> Timed:
        """Return what was heard with its times, of the ear's stream, in seconds since the answer."""
        since = self._ear.began - self._answered_at
        return replace(heard, start=heard.start + since, end=heard.end + since)

    async def _deaf_or_gone(self) -> HungUp | None:
        """Note that the talk detector alone is left where more was provided for; the tap also ends with the call."""
        if not self._ear.to_be_tapped or self._ear.tapped or self.deaf:
            return None
        found = await self._channel.wait(LOOK_AGAIN)
        if isinstance(found, HungUp):
            return found
        self.deaf = True
        self._on_deaf()
        return None

    async def _tap_comes(self, within: float) -> HungUp | None:
        """Return once the callee's audio comes, or does not `within` seconds."""
        deadline = self._now() + within
        while not self._ear.tapped and self._now() < deadline:
            found = await self._channel.wait(LOOK_AGAIN)
            if isinstance(found, HungUp):
                return found
        return None

    def _enter(self) -> None:
        if not self._keys_live:
            self._ear.keep("")
        self._keys_live = False

    async def _wait_quiet(
        self, deadline: float, keys: str, signs: Signs
    ) -> Pressed | Silence | Sounded | HungUp | None:
        """Wait until the callee's side has been silent for long enough; None where that is not before `deadline`."""
        rule = self._rules.leave
        while self._ear.tapped and self._now() < deadline:
            due = silence_due(self._ear.sounds, self._ear.beeps, rule)
            if due <= 0:
                return Silence()
            sounds = due == math.inf
            found = await self._channel.wait(
                rule.look_again if sounds else min(due, TOLD), keys, sounding=not sounds, signs=signs
            )
            if not isinstance(found, Silence):
                return found
        if gone := await self._deaf_or_gone():
            return gone
        while self._now() < deadline:
            try:
                await self._channel.set("TALK_DETECT(remove)", "")
                self._ear.listen_anew()
                await self._channel.set("TALK_DETECT(set)", f"{round(rule.silence * 1000)},{rule.energy}")
            except HangupReceived:
                return self._channel.hung_up()
            found = await self._channel.wait(rule.silence, keys, sounding=True)
            if isinstance(found, Silence) and self._ear.sounding:
                found = await self._channel.wait(rule.look_again, keys, sounding=False)
            if not isinstance(found, Silence) or not self._ear.sounding:
                return found
        return None

    async def _speak_over_silence(
        self, clips: Sequence[Clip], keys: str, signs: Signs, restarts: int
    ) -> Left | NotLeft | Pressed | Sounded | HungUp:
        heard = 0.0
        for clip in clips:
            if key := self._ear.dropped(keys):
                return self._channel.pressed(key, heard)
            if self._ear.sounding:
                return NotLeft(round(heard, 3), restarts)
            played = await self._channel.play(clip, keys, self._ear.watch(keys=keys, sounding=True, signs=signs))
            heard += played.seconds
            if played.hung_up:
                return self._channel.hung_up(heard, restarts)
            if played.key:
                return self._channel.pressed(played.key, heard)
            if sign := self._ear.sign(signs):
                return Sounded(sign.sign, round(heard, 3), restarts)
            if played.broken_off:
                return NotLeft(round(heard, 3), restarts)
        if not await self._ear.certain():
            return NotLeft(round(heard, 3), restarts)
        return Left(round(heard, 3), restarts)

    async def _linger(self, left: Left) -> Left | NotLeft:
        """Listen for a beep that comes after the message: what was spoken before it is on no recording."""
        rule = self._rules.leave
        if not self._ear.tapped or self._ear.beeps or self._ear.sounds.voice < rule.greeting:
            return left
        found = await self._channel.wait(rule.linger, signs=frozenset({Sign.BEEP}))
        return NotLeft(left.seconds, left.restarts) if isinstance(found, Sounded) else left
