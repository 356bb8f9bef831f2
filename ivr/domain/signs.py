"""What listening yields, as words: the signs on a line, what was found where, and the stretches of sound.

Apart from who listens (domain/line_sounds.py), so that what only speaks of it need not load how it is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sign(StrEnum):
    """A tone, or a row of tones, with a meaning."""

    BEEP = "beep"
    RINGBACK = "ringback"
    BUSY = "busy"
    FAX = "fax"
    SPECIAL = "special"
    REPEATED = "repeated"


Signs = frozenset[Sign]
NO_SIGNS: Signs = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """`sign` was heard from `start` to `end`, in seconds of the stream, at `hz` (0 where it has no pitch).

    `voice` are the seconds of sound other than tones that had come before.
    """

    sign: Sign
    start: float
    end: float
    hz: float
    voice: float = 0.0


@dataclass(slots=True)
class Stretch:
    """Sound from `start` to `end`, in seconds of the stream, with no pause of `Thresholds.pause` in it.

    `voice` are the seconds of it that were no tone, `loudest` its highest level (dBFS over 60 ms). From `foreground` to
    `prominent` it was within `Thresholds.prominent` of that: what is fainter is what goes on behind a voice.
    """

    start: float
    end: float
    voice: float = 0.0
    loudest: float = -120.0
    foreground: float = 0.0
    prominent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Levels are dBFS, frequencies Hz, times seconds. Those of Japanese lines await real ones: so all are settings.

    `silence`: quieter is silent. `noise`: up to this level a flat spectrum (`flatness`, 0 to 1) is a line's noise, no
    sound. What stays within `even` dB for `even_for` and is as flat as `even_flatness`, or stays within `still` dB, is
    the background, and so is all that exceeds it by `over` dB at most. What is fainter by `prominent` dB than the
    loudest of a stretch is behind it. `pause`: a shorter quiet does not end a stretch of sound. `purity`: the share
    of the energy within two bins of the peak from which on a frame is a tone; at 0.8 the spoken word ピー is one for
    0.14 s, so that a beep shorter than `sure` must be purer (`pure`) and steadier.
    """

    silence: float = -48.0
    noise: float = -35.0
    flatness: float = 0.3
    even: float = 6.0
    even_flatness: float = 0.08
    still: float = 1.5
    even_for: float = 0.6
    over: float = 3.0
    prominent: float = 10.0
    pause: float = 0.7
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
