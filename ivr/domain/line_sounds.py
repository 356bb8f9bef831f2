"""What the callee's side of a call sounds like: silence, sound, and the tones that mean something.

Pure and streaming: frames of 20 ms go in (signed 16-bit little-endian at 8 kHz), findings come out as soon as they are
certain. Time is counted in frames, so that the same audio always leads to the same findings.

    beep        one tone of any pitch, 0.12 to 2 s long, and quiet after it: a recording machine takes its turn
    ringback    400 Hz in bursts of 1 s, modulated at 15 to 20 Hz: a telephone rings behind the answer
    busy        400 Hz, 0.5 s on and off, three times: the other side has gone
    fax         2100 Hz for longer than any beep (ITU-T T.30, CED)
    special     950, 1400 and 1800 Hz, one after the other (ITU-T E.180): the network speaks next
    repeated    the same words as before, to the syllable: a recording that goes round (domain/repetition.py)

What sounds evenly is the background of the line, not a sound: noise, a fan, a crowd.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ivr.domain.background import Background
from ivr.domain.repetition import Repetition
from ivr.domain.signs import Found, Sign, Stretch, Thresholds

RATE = 8000
FRAME = 160
"""Samples: 20 ms."""

SECONDS = FRAME / RATE
_WINDOW = 256
_HANN = np.hanning(_WINDOW)
_BIN = RATE / _WINDOW
_LOWEST, _HIGHEST = int(350 / _BIN), int(2400 / _BIN) + 1
_VOICE = slice(int(200 / _BIN), int(3400 / _BIN) + 1)
_BANDS = [int(hz / _BIN) - _VOICE.start for hz in (200, 500, 1000, 1600, 2400)]
_FULL_POWER = float(np.sum(_HANN**2)) * _WINDOW / 2
"""The power of a spectrum of full-scale noise, for levels in dBFS."""
_FULL_SCALE = 32768.0
BUSY_PAUSE = 0.7
"""Seconds of quiet after a burst that could be the first of a busy tone, until it is a beep."""

LOST = 0.5
"""Seconds of a fax's tone that may be missing in all, as packets were lost or came late."""

REPEATED_FROM = 2.0
"""Seconds of voice from which on a stretch can be told for one that was heard before: shorter words are like others."""


@dataclass(slots=True)
class _Tone:
    """A run of pure frames."""

    start: float
    hz: list[float] = field(default_factory=list)
    purity: list[float] = field(default_factory=list)
    level: list[float] = field(default_factory=list)
    last: float = 0.0

    @property
    def seconds(self) -> float:
        return self.last - self.start

    @property
    def pitch(self) -> float:
        return float(np.median(self.hz))

    @property
    def drift(self) -> float:
        """By how much the pitch moves, the frames at the edges left out: they hold half a tone."""
        inner = self.hz[1:-1] or self.hz
        return max(inner) - min(inner)

    @property
    def modulated(self) -> float:
        """Return the spread of the amplitude, 0 for a steady tone."""
        amplitude = 10 ** (np.array(self.level[1:-1] or self.level) / 20)
        return float(np.std(amplitude) / max(float(np.mean(amplitude)), 1e-9))


class LineSounds:
    """Listens to one call. `now` is the time of the stream in seconds, `level` the last frame's in dBFS.

    `voice` are the seconds of sound so far that were no tone, `stretches` the sounds in order.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or Thresholds()
        self.now = 0.0
        self.level = -120.0
        self.sounding = False
        self.first_sound: float | None = None
        self.last_sound: float | None = None
        self.voice = 0.0
        self.stretches: list[Stretch] = []
        self._background = Background(
            frames=round(self.thresholds.even_for / SECONDS),
            even=self.thresholds.even,
            flatness=self.thresholds.even_flatness,
            still=self.thresholds.still,
            over=self.thresholds.over,
        )
        self._repetition = Repetition()
        self._tail: NDArray[np.float64] = np.zeros(_WINDOW)
        self._unread = b""
        self._loud = 0
        self._tone: _Tone | None = None
        self._missed = 0
        self._waiting: _Tone | None = None
        self._bursts: deque[_Tone] = deque(maxlen=4)
        self._compared = 0
        self._rise: deque[float] = deque(maxlen=10)
        """The loudest of the stretch, as of each of the last frames."""

    @property
    def silent_for(self) -> float:
        """Seconds since the last sound, or since the beginning."""
        return self.now - (self.last_sound or 0.0)

    def hear(self, pcm: bytes) -> tuple[Found, ...]:
        """Take audio as it comes, in pieces of any length; return what has become certain."""
        data = self._unread + pcm
        whole = len(data) // (2 * FRAME) * (2 * FRAME)
        self._unread = data[whole:]
        frames = np.frombuffer(data[:whole], dtype="<i2").astype(np.float64).reshape(-1, FRAME) / _FULL_SCALE
        return tuple(found for frame in frames for found in self._hear(frame))

    def miss(self, seconds: float) -> tuple[Found, ...]:
        """Take `seconds` without any packet for silence, as a far end sends none while it is silent."""
        silence = np.zeros(FRAME)
        return tuple(found for _ in range(round(seconds / SECONDS)) for found in self._hear(silence))

    def _hear(self, frame: NDArray[np.float64]) -> list[Found]:
        limits = self.thresholds
        self._tail = np.concatenate((self._tail[FRAME:], frame))
        self.now += SECONDS
        level = self.level = _decibels(float(np.mean(frame * frame)))
        if level < limits.silence:
            self._background.take(level, flatness=1.0, tonal=False)
            self._note(sound=False)
            self._repetition.take(None)
            return [*self._again(), *self._tones(None)]
        hz, purity, flatness, bands = _spectrum(self._tail)
        tonal = purity >= limits.purity
        even = self._background.take(level, flatness=flatness, tonal=tonal)
        if self._background.rose:
            self._forget_background()
        self._note(sound=not even and not (level < limits.noise and flatness > limits.flatness))
        self._repetition.take(bands if self.sounding else None)
        return [*self._again(), *self._tones((hz, purity, level) if tonal else None)]

    def _note(self, *, sound: bool) -> None:
        self._loud = self._loud + 1 if sound else 0
        self.sounding = self._loud >= self.thresholds.onset
        if not self.sounding:
            return
        began = self.now - self._loud * SECONDS
        self.first_sound = began if self.first_sound is None else self.first_sound
        if not self.stretches or began - self.stretches[-1].end >= self.thresholds.pause:
            self.stretches.append(Stretch(began, self.now, foreground=began))
            self._rise.clear()
        self.last_sound = self.stretches[-1].end = self.now
        self._follow(self.stretches[-1], self._background.level)
        if self._tone is None or self._tone.seconds < self.thresholds.sure:
            self._count_voice(SECONDS)

    def _follow(self, stretch: Stretch, level: float) -> None:
        """Note where a voice begins that is louder by far than what went before, and where it was last as loud."""
        stretch.loudest = max(stretch.loudest, level)
        if self._rise and stretch.loudest > self._rise[0] + self.thresholds.prominent:
            stretch.foreground = self.now - len(self._rise) * SECONDS
            self._rise.clear()
        self._rise.append(stretch.loudest)
        if level >= stretch.loudest - self.thresholds.prominent:
            stretch.prominent = self.now

    def _forget_background(self) -> None:
        """Take back a sound that was the background, and not known for it yet."""
        if not self.stretches or self.now - self.stretches[-1].start > self.thresholds.even_for + 3 * SECONDS:
            return
        self.voice -= self.stretches.pop().voice
        self.last_sound = self.stretches[-1].end if self.stretches else None
        self.first_sound = self.first_sound if self.stretches else None

    def _count_voice(self, seconds: float) -> None:
        """Count sound as voice; a tone is taken back once it is sure to be one, since vowels are tones for a while."""
        seconds = max(seconds, -self.stretches[-1].voice) if self.stretches else 0.0
        self.voice += seconds
        if self.stretches:
            self.stretches[-1].voice += seconds

    def _again(self) -> list[Found]:
        """Look, once a stretch has ended, whether it said what an earlier one had said."""
        if self.sounding or not self.stretches or self._compared == len(self.stretches):
            return []
        if self.silent_for < self.thresholds.pause:
            return []
        self._compared = len(self.stretches)
        last = self.stretches[-1]
        if last.voice < REPEATED_FROM or not self._repetition.repeated(last.end - last.start, self.silent_for):
            return []
        return [self._found(Sign.REPEATED, last.start, last.end, 0.0)]

    def _found(self, sign: Sign, start: float, end: float, hz: float) -> Found:
        return Found(sign, start, end, hz, round(self.voice, 2))

    def _tones(self, heard: tuple[float, float, float] | None) -> list[Found]:
        """Follow tones; one ends at the second frame in a row that does not belong to it."""
        found: list[Found] = []
        tone = self._tone
        belongs = heard is not None and (tone is None or abs(heard[0] - tone.pitch) <= self.thresholds.drift)
        if heard is not None and belongs:
            if tone is None:
                tone = self._tone = _Tone(self.now - SECONDS)
            tone.hz.append(heard[0])
            tone.purity.append(heard[1])
            tone.level.append(heard[2])
            was_sure, tone.last = tone.seconds >= self.thresholds.sure, self.now
            if tone.seconds >= self.thresholds.sure and not was_sure:
                self._count_voice(-tone.seconds)
            self._missed = 0
            if (called := self._called_since(tone)) is not None and self.now - called > self.thresholds.longest:
                found.append(self._found(Sign.FAX, called, self.now, tone.pitch))
                self._tone, self._waiting = None, None
                self._bursts.clear()
        elif tone is not None:
            self._missed += 1
            if self._missed >= 2:
                self._tone, self._missed = None, 0
                found += self._ended(tone)
                if heard is not None:
                    return found + self._tones(heard)
        return found + self._beep()

    def _ended(self, tone: _Tone) -> list[Found]:
        limits = self.thresholds
        short = tone.seconds < limits.sure
        if tone.seconds < limits.shortest or tone.drift > limits.drift:
            return []
        if short and (min(tone.purity[1:-1] or tone.purity) < limits.pure or tone.drift > limits.drift / 2):
            return []
        if short:
            self._count_voice(-tone.seconds)
        self._bursts.append(tone)
        row = tuple(self._bursts)
        if self._is_ringback(tone):
            self._waiting = None
            return [self._found(Sign.RINGBACK, tone.start, tone.last, tone.pitch)]
        if _is_busy(row):
            self._waiting = None
            return [self._found(Sign.BUSY, row[-3].start, tone.last, tone.pitch)]
        if _is_special(row):
            self._waiting = None
            return [self._found(Sign.SPECIAL, row[-3].start, tone.last, tone.pitch)]
        self._waiting = tone if tone.seconds <= limits.longest else None
        return []

    def _beep(self) -> list[Found]:
        """A beep is certain once it has been quiet after it: speech and music hold tones, too."""
        tone = self._waiting
        if tone is None:
            return []
        if self.sounding and self.now - tone.last > 3 * SECONDS:
            self._waiting = None
        elif self.now - tone.last >= (BUSY_PAUSE if _may_be_busy(tone) else self.thresholds.quiet_after):
            self._waiting = None
            return [self._found(Sign.BEEP, tone.start, tone.last, tone.pitch)]
        return []

    def _is_ringback(self, tone: _Tone) -> bool:
        return _near(tone, 400) and 0.7 <= tone.seconds <= 1.4 and tone.modulated >= self.thresholds.modulation

    def _called_since(self, tone: _Tone) -> float | None:
        """Return since when a fax has sent its 2100 Hz: audio that came late or was lost does not begin it anew."""
        if not _near(tone, 2100):
            return None
        began, lost = tone.start, 0.0
        for earlier in reversed(self._bursts):
            lost += began - earlier.last
            if not _near(earlier, 2100) or lost > LOST:
                break
            began = earlier.start
        return began


def _near(tone: _Tone, hz: float) -> bool:
    return abs(tone.pitch - hz) <= 20.0


def _may_be_busy(tone: _Tone) -> bool:
    return _near(tone, 400) and 0.35 <= tone.seconds <= 0.65


def _is_busy(row: tuple[_Tone, ...]) -> bool:
    """Three bursts of 400 Hz, half a second each and apart: two could be the beeps of a machine."""
    last = row[-3:]
    return (
        len(last) == 3
        and all(_may_be_busy(tone) for tone in last)
        and all(0.35 <= two.start - one.last <= 0.65 for one, two in pairwise(last))
    )


def _is_special(row: tuple[_Tone, ...]) -> bool:
    """Three tones that rise, with hardly a gap."""
    last = row[-3:]
    return (
        len(last) == 3
        and all(abs(tone.pitch - hz) <= 50 for tone, hz in zip(last, (950, 1400, 1800), strict=True))
        and all(two.start - one.last <= 0.1 for one, two in pairwise(last))
    )


def _decibels(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-12)))


def _spectrum(window: NDArray[np.float64]) -> tuple[float, float, float, tuple[float, ...]]:
    """Return the pitch of the strongest tone, its share of the energy, how flat the spectrum is, and its bands."""
    power = np.abs(np.fft.rfft(window * _HANN)) ** 2
    voice = power[_VOICE]
    total = float(power[2:].sum()) + 1e-20
    peak = _LOWEST + int(np.argmax(power[_LOWEST:_HIGHEST]))
    share = float(power[peak - 2 : peak + 3].sum()) / total
    below, at, above = np.log(power[peak - 1 : peak + 2] + 1e-20)
    bend = below - 2 * at + above
    offset = 0.5 * (below - above) / bend if bend else 0.0
    flatness = float(np.exp(np.mean(np.log(voice + 1e-20))) / (np.mean(voice) + 1e-20))
    bands = 10 * np.log10(np.add.reduceat(voice, _BANDS) / _FULL_POWER + 1e-12)
    return (peak + float(offset)) * _BIN, share, flatness, tuple(bands.tolist())
