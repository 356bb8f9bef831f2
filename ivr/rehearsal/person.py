"""A callee on the phone: performs the steps of a kind, timed by what the callee hears."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import assert_never

from ivr.rehearsal import backdrops, sounds
from ivr.rehearsal.callees import (
    FOREVER,
    Act,
    BusyTone,
    Dtmf,
    Fax,
    HangUp,
    HearOut,
    Kind,
    Music,
    Noise,
    Press,
    Record,
    Repeat,
    Ringback,
    Say,
    Sounding,
    Special,
    Stay,
    Step,
    Tone,
    Wait,
    WaitSilence,
    WaitSpeech,
)
from ivr.rehearsal.lines import Line
from ivr.rehearsal.records import CallRecord, SentKey
from ivr.rehearsal.sounds import RATE, Samples
from ivr.rehearsal.voices import Repertoire

SPEAKING = 0.1
"""Seconds since the last sound within which somebody is speaking."""

PressKey = Callable[[str], Awaitable[tuple[float, float]]]
"""Presses a key out of band and returns when it went down and up, by the loop's clock."""


@cache
def sound_of(step: Sounding) -> Samples:
    """Return what a step sounds that says no words."""
    match step:
        case Tone(hertz, seconds, level):
            return sounds.tone(hertz, seconds, level)
        case Noise(seconds, level):
            return sounds.noise(seconds, level)
        case Ringback(bursts, level, modulation):
            return sounds.ringback(bursts, level, modulation=modulation)
        case BusyTone(times, level):
            return sounds.busy_tone(times, level)
        case Special(times, level):
            return sounds.special_information(times, level)
        case Music(seconds, level, seed):
            return backdrops.music(seconds, level, seed=seed)
        case Fax(seconds):
            return sounds.fax(seconds)
        case _:
            assert_never(step)


def speech_of(rendered: Samples, step: Say, kind: Kind) -> Samples:
    """Return rendered speech as loud as `kind` speaks, over the music of the step.

    A voice engine ends its clips with half a second of silence; at a level of its own a callee says the words alone.
    """
    said = rendered if kind.level is None else backdrops.at_active_level(backdrops.trimmed(rendered), kind.level)
    if step.music is None:
        return said
    return backdrops.mixed(said, backdrops.music(said.size / RATE, step.music, seed=said.size))


class Person:
    """Performs steps on a line and notes in `record` what was said, pressed and recorded.

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
            case Say():
                await self._say(step)
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
            case Tone() | Noise() | Ringback() | BusyTone() | Special() | Music() | Fax():
                # To make music takes a second of computing, which all lines would hear as a gap.
                await line.say(await asyncio.to_thread(sound_of, step))
            case Record():
                await self._record(step, begun)
            case Stay():
                await line.until(lambda now: now >= FOREVER)
            case _:
                assert_never(step)

    async def _say(self, step: Say) -> None:
        line = self._line
        learned = await self._says.learn(step.text, step.voice or self._kind.voice)
        said = await asyncio.to_thread(speech_of, learned, step, self._kind)
        before, after = backdrops.edges(said)
        begun, ended = line.now + before, None
        try:
            await line.say(said)
            ended = line.now - after
        finally:
            ended = line.now if ended is None else ended
            if ended > begun:
                self._record_of_call.spoken.append((begun, ended))

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
