"""When we speak, by what the callee's side sounds like. Pure: the sounds of one call in, seconds and words out.

Every number awaits real lines, so that all are settings (docs/settings.md, `listening`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.domain.call import Opened, Words
from ivr.domain.signs import Sign, Stretch, Thresholds

if TYPE_CHECKING:
    from ivr.domain.line_sounds import LineSounds

BEEP_ENDS = 0.1
"""Seconds of a beep's fading that are no sound after it."""

LEAST_VOICE = 0.3
"""Share of a sound that is voice where it is speech; measured: 0.37 to 0.9."""

RING_EDGES = 0.3
"""Seconds of sound beside its tone that a ringing has: its edges, and clicks of the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningRule:
    """How the callee's first words are awaited; all in seconds.

    Who says nothing for `silence` after the answer is asked then; who speaks, `pause` after the end of it, whatever
    goes on behind it, or `short_pause` after words `short` and shorter ("はい" is seldom all), and at the latest
    `longest` after they began. First words of `long` and more may be an assistant's question (2.2 to 4 s;
    "はい、山田でございます" takes 1.6 s); no person recites for `recited` without a pause. Who goes on within `yields`
    of our beginning had not finished: we stop and begin anew. Where the audio has not come within `tap`, nothing is
    awaited.
    """

    silence: float = 1.0
    pause: float = 0.7
    short: float = 0.6
    short_pause: float = 1.2
    longest: float = 8.0
    long: float = 2.1
    recited: float = 6.5
    yields: float = 1.0
    tap: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveRule:
    """How a message is left: in the trial ten of ten recording machines held it whole. All in seconds but the counts.

    Wait until `before` seconds after our last word, no longer, since machines hang up on a caller who stays silent;
    then for `silence` seconds without sound on the callee's side, or `after_beep` seconds after a beep; speak; start
    over when anything sounds, at most `restarts` times. No start comes later than `total` seconds after the first
    moment. Where there was a greeting and no beep, one is listened for `linger` seconds after the message, and the
    message starts over if it comes. A beep after `greeting` seconds of voice (a second and a half of speech) is a
    machine's: a person's oven may beep.

    Where the audio itself does not come, a sound is a mean amplitude over `energy` (16-bit samples, a frame of
    20 ms); while it sounds, that detector is set anew every `look_again` seconds, because it does not see the end of a
    sound that ends with the far end's packets.
    """

    before: float = 3.0
    silence: float = 1.2
    after_beep: float = 0.5
    restarts: int = 8
    total: float = 90.0
    linger: float = 2.0
    greeting: float = 0.9
    energy: int = 256
    look_again: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRule:
    """How a person is awaited whom a device rings; all in seconds.

    Somebody is there once `voice` of sound has come that is no tone, or once it has not rung for `quiet` (Japanese
    ringing pauses for 2 s). Nobody comes after `longest`.
    """

    voice: float = 0.3
    quiet: float = 3.5
    longest: float = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRules:
    """All there is to the listening."""

    sounds: Thresholds = field(default_factory=Thresholds)
    opening: OpeningRule = field(default_factory=OpeningRule)
    leave: LeaveRule = field(default_factory=LeaveRule)
    hold: HoldRule = field(default_factory=HoldRule)


def first_words(sounds: LineSounds, since: float, rule: OpeningRule) -> Opened | float:
    """Return the first words after `since` once they are over, else the seconds until that may be so."""
    spoken = [one for one in sounds.stretches if one.end > since]
    if not spoken:
        left = since + rule.silence - sounds.now
        return left if left > 0 else Opened()
    began, end = max(spoken[0].start, since), max(spoken[-1].prominent, since)
    pause = rule.short_pause if end - max(spoken[0].foreground, since) <= rule.short else rule.pause
    left = min(end + pause, began + rule.longest) - sounds.now
    if left > 0:
        return left
    longest = max((one.prominent - max(one.foreground, since) for one in spoken if _is_speech(one)), default=0.0)
    words = Words.RECITED if longest >= rule.recited else Words.LONG if longest >= rule.long else Words.PLAIN
    return Opened(round(end - began, 2), words)


def _is_speech(sound: Stretch) -> bool:
    """Tell whether a sound is no tone: vowels are tones for a while, so that speech counts as voice by two thirds."""
    return sound.voice >= LEAST_VOICE * (sound.end - sound.start)


def silence_due(sounds: LineSounds, beeps: tuple[float, ...], rule: LeaveRule) -> float:
    """Return the seconds until the line is silent for a message; infinite while it sounds, not positive once it is.

    `beeps` are the ends of the beeps so far, in seconds of the stream. Whole milliseconds: times are sums of frames,
    and what is left of their rounding is no time.
    """
    if sounds.sounding:
        return math.inf
    if after_beep(sounds, beeps):
        return round(beeps[-1] + rule.after_beep - sounds.now, 3)
    return round((sounds.last_sound or 0.0) + rule.silence - sounds.now, 3)


def after_beep(sounds: LineSounds, beeps: tuple[float, ...]) -> bool:
    """Tell whether the last thing that sounded was a beep."""
    return bool(beeps) and not sounds.sounding and (sounds.last_sound or 0.0) - beeps[-1] < BEEP_ENDS


def somebody(sounds: LineSounds, rang: float, rule: HoldRule) -> bool:
    """Tell whether somebody is there since the last ringing, which ended at `rang` seconds of the stream."""
    voice = sum(one.voice for one in sounds.stretches if one.end > rang + RING_EDGES)
    return voice >= rule.voice or (not sounds.sounding and sounds.now - rang >= rule.quiet)


def turns(sign: Sign, voice: float, rule: LeaveRule) -> bool:
    """Tell whether a sign after `voice` seconds of voice may turn a call."""
    return sign is not Sign.BEEP or voice >= rule.greeting
