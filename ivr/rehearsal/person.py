"""A callee on the phone: performs the steps of a kind, timed by what the callee hears."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import assert_never

from ivr.rehearsal import sounds
from ivr.rehearsal.callees import (
    FOREVER,
    Act,
    Dtmf,
    Fax,
    HangUp,
    HearOut,
    Kind,
    Noise,
    Press,
    Record,
    Repeat,
    Say,
    Stay,
    Step,
    Tone,
    Wait,
    WaitSilence,
    WaitSpeech,
)
from ivr.rehearsal.lines import Line
from ivr.rehearsal.records import CallRecord, SentKey
from ivr.rehearsal.voices import Repertoire

SPEAKING = 0.1
"""Seconds since the last sound within which somebody is speaking."""

PressKey = Callable[[str], Awaitable[tuple[float, float]]]
"""Presses a key out of band and returns when it went down and up, by the loop's clock."""


class Person:
    """Performs steps on a line and notes in `record` which keys were pressed and what was recorded.

    LineClosed comes out when the engine ends the call in the middle.
    """

    def __init__(self, kind: Kind, line: Line, says: Repertoire, record: CallRecord, *, press: PressKey) -> None:
        self._kind = kind
        self._line = line
        self._says = says
        self._record_of_call = record
        self._press_key = press

    async def perform(self, steps: tuple[Step, ...]) -> bool:
        """Perform `steps`; return False as soon as one of them was to hang up."""
        for step in steps:
            if isinstance(step, HangUp):
                return False
            if isinstance(step, Repeat):
                turns = 0
                while step.times is None or turns < step.times:
                    turns += 1
                    if not await self.perform(step.steps):
                        return False
            else:
                await self._do(step)
        return True

    async def _do(self, step: Act) -> None:
        line, ear, begun = self._line, self._line.ear, self._line.now
        match step:
            case Say(text, voice):
                await line.say(await self._says.learn(text, voice or self._kind.voice))
            case Wait(seconds):
                await line.until(lambda now: now >= begun + seconds)
            case HearOut(silence):
                await line.until(lambda now: (ear.last_sound or 0.0) > begun and ear.silent_for(now) >= silence)
            case WaitSpeech(after):
                await line.until(lambda now: self._spoken_to(begun, now, after))
            case WaitSilence(seconds):
                await line.until(lambda now: ear.silent_for(now) >= seconds)
            case Press(key):
                await self._press(key)
            case Tone(hertz, seconds, level):
                await line.say(sounds.tone(hertz, seconds, level))
            case Noise(seconds, level):
                await line.say(sounds.noise(seconds, level))
            case Fax(seconds):
                await line.say(sounds.fax(seconds))
            case Record():
                await self._record(step, begun)
            case Stay():
                await line.until(lambda now: now >= FOREVER)
            case _:
                assert_never(step)

    def _spoken_to(self, begun: float, now: float, after: float) -> bool:
        ear = self._line.ear
        if after <= 0 and ear.last_sound is not None and now - ear.last_sound < SPEAKING:
            return True
        return any(
            spell.start >= begun and (spell.pause if spell.pause is not None else spell.start) >= after
            for spell in ear.spells
        )

    async def _press(self, key: str) -> None:
        line, record, by = self._line, self._record_of_call, self._kind.dtmf
        if by is Dtmf.INBAND:
            line.mouth.hush()
            down = line.now
            await line.say(sounds.key(key))
            up = line.now
        else:
            down, up = (line.at(time) for time in await self._press_key(key))
        answered = record.answered or 0.0
        record.keys.append(SentKey(key, by, answered + down, answered + up))

    async def _record(self, step: Record, begun: float) -> None:
        line, ear = self._line, self._line.ear
        try:
            await line.until(
                lambda now: (
                    now - begun >= step.most
                    or (step.until_silence is not None and ear.silent_for(now, begun) >= step.until_silence)
                )
            )
        finally:
            self._record_of_call.recorded.append((begun, line.now))
