"""What the callee's side of a call sounds like: silence, sound, and the tones that mean something.

Pure and streaming: frames of 20 ms go in (signed 16-bit little-endian at 8 kHz), findings come out as soon as they are
certain. Time is counted in frames, so that the same audio always leads to the same findings.

    beep        one tone of any pitch, 0.12 to 2 s long, and quiet after it: a recording machine takes its turn
    ringback    400 Hz in bursts of 1 s, modulated at 15 to 20 Hz: a telephone rings behind the answer
    busy        400 Hz, 0.5 s on and off: the other side has gone
    fax         2100 Hz for more than a second (ITU-T T.30, CED)
    special     950, 1400 and 1800 Hz, one after the other (ITU-T E.180): the network speaks next
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RATE = 8000
FRAME = 160
"""Samples: 20 ms."""

SECONDS = FRAME / RATE
_WINDOW = 256
_HANN = np.hanning(_WINDOW)
_BIN = RATE / _WINDOW
_LOWEST, _HIGHEST = int(350 / _BIN), int(2400 / _BIN) + 1
_VOICE = slice(int(200 / _BIN), int(3400 / _BIN) + 1)
_FULL_SCALE = 32768.0


class Sign(StrEnum):
    """A tone, or a row of tones, with a meaning."""

    BEEP = "beep"
    RINGBACK = "ringback"
    BUSY = "busy"
    FAX = "fax"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Found:
    """`sign` was heard from `start` to `end`, in seconds of the stream, at `hz`."""

    sign: Sign
    start: float
    end: float
    hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Levels are dBFS, frequencies Hz, times seconds. Those of Japanese lines await real ones: so all are settings.

    `silence`: quieter is silent. `noise`: up to this level a flat spectrum (`flatness`, 0 to 1) is a line's noise, no
    sound. `purity`: the share of the energy within two bins of the peak from which on a frame is a tone; at 0.8 the
    spoken word ピー is one for 0.14 s, so that a beep shorter than `sure` must be purer (`pure`) and steadier.
    """

    silence: float = -48.0
    noise: float = -35.0
    flatness: float = 0.3
    purity: float = 0.8
    pure: float = 0.95
    drift: float = 20.0
    shortest: float = 0.12
    sure: float = 0.2
    longest: float = 2.2
    quiet_after: float = 0.2
    modulation: float = 0.15
    onset: int = 3
    """Frames in a row that are sound and no click."""


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
    """Listens to one call. `now` is the time of the stream in seconds, `level` the last frame's in dBFS."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or Thresholds()
        self.now = 0.0
        self.level = -120.0
        self.sounding = False
        self.first_sound: float | None = None
        self.last_sound: float | None = None
        self._tail: NDArray[np.float64] = np.zeros(_WINDOW)
        self._unread = b""
        self._loud = 0
        self._tone: _Tone | None = None
        self._missed = 0
        self._waiting: _Tone | None = None
        self._bursts: deque[_Tone] = deque(maxlen=4)

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
            self._note(sound=False)
            return self._tones(None)
        hz, purity, flatness = _spectrum(self._tail)
        self._note(sound=not (level < limits.noise and flatness > limits.flatness))
        return self._tones((hz, purity, level) if purity >= limits.purity else None)

    def _note(self, *, sound: bool) -> None:
        self._loud = self._loud + 1 if sound else 0
        self.sounding = self._loud >= self.thresholds.onset
        if self.sounding:
            began = self.now - self._loud * SECONDS
            self.first_sound = began if self.first_sound is None else self.first_sound
            self.last_sound = self.now

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
            tone.last = self.now
            self._missed = 0
            if self._is_fax(tone):
                found.append(Found(Sign.FAX, tone.start, self.now, tone.pitch))
                self._tone = None
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
        self._bursts.append(tone)
        row = tuple(self._bursts)
        if self._is_ringback(tone):
            self._waiting = None
            return [Found(Sign.RINGBACK, tone.start, tone.last, tone.pitch)]
        if _is_busy(row):
            self._waiting = None
            return [Found(Sign.BUSY, row[-2].start, tone.last, tone.pitch)]
        if _is_special(row):
            self._waiting = None
            return [Found(Sign.SPECIAL, row[-3].start, tone.last, tone.pitch)]
        self._waiting = tone if tone.seconds <= limits.longest else None
        return []

    def _beep(self) -> list[Found]:
        """A beep is certain once it has been quiet after it: speech and music hold tones, too."""
        tone = self._waiting
        if tone is None:
            return []
        if self.sounding and self.now - tone.last > 3 * SECONDS:
            self._waiting = None
        elif self.now - tone.last >= self.thresholds.quiet_after:
            self._waiting = None
            return [Found(Sign.BEEP, tone.start, tone.last, tone.pitch)]
        return []

    def _is_ringback(self, tone: _Tone) -> bool:
        return _near(tone, 400) and 0.7 <= tone.seconds <= 1.4 and tone.modulated >= self.thresholds.modulation

    @staticmethod
    def _is_fax(tone: _Tone) -> bool:
        return _near(tone, 2100) and tone.seconds >= 1.2


def _near(tone: _Tone, hz: float) -> bool:
    return abs(tone.pitch - hz) <= 20.0


def _is_busy(row: tuple[_Tone, ...]) -> bool:
    """Two bursts of 400 Hz, half a second each and apart."""
    return len(row) >= 2 and all(
        _near(one, 400) and _near(two, 400)
        and 0.35 <= one.seconds <= 0.65 and 0.35 <= two.seconds <= 0.65
        and 0.35 <= two.start - one.last <= 0.65
        for one, two in [row[-2:]]
    )  # fmt: skip


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


def _spectrum(window: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the pitch of the strongest tone, its share of the energy, and how flat the spectrum is."""
    power = np.abs(np.fft.rfft(window * _HANN)) ** 2
    voice = power[_VOICE]
    total = float(power[2:].sum()) + 1e-20
    peak = _LOWEST + int(np.argmax(power[_LOWEST:_HIGHEST]))
    share = float(power[peak - 2 : peak + 3].sum()) / total
    below, at, above = np.log(power[peak - 1 : peak + 2] + 1e-20)
    bend = below - 2 * at + above
    offset = 0.5 * (below - above) / bend if bend else 0.0
    flatness = float(np.exp(np.mean(np.log(voice + 1e-20))) / (np.mean(voice) + 1e-20))
    return (peak + float(offset)) * _BIN, share, flatness
