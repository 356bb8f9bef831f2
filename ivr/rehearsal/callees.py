"""Who is on the simulated network, how each of them behaves, and what should come of calling them.

A kind is a behaviour: it rings, then refuses with a SIP status, or answers and performs steps. A callee is a number
with one kind for each call in turn; the last one stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ivr.domain.outcome import Outcome
from ivr.domain.phone import national
from ivr.rehearsal.handsets import Habit

FOREVER = 300.0
"""Seconds. Nothing on the network rings or stays on a call for longer: the bound of every wait."""

REFUSALS: Mapping[int, tuple[int, ...]] = {
    # SIP status -> the Q.850 causes with which Asterisk sends it, the usual one first (chan_pjsip's hangup_cause2sip;
    # each was measured with Asterisk 22). 0 stands for no cause at all.
    403: (21,),
    404: (1, 2, 3),
    408: (18,),
    410: (22,),
    480: (20, 19),
    484: (28,),
    486: (17,),
    500: (38,),
    502: (27,),
    503: (34, 42),
    603: (0,),
}


class Dtmf(StrEnum):
    """How a telephone sends its keys."""

    RFC4733 = "rfc4733"
    INFO = "info"
    INBAND = "inband"


class BackgroundNoise(StrEnum):
    """What sounds beneath a call."""

    WHITE = "white"
    PINK = "pink"
    BABBLE = "babble"
    MUSIC = "music"


@dataclass(frozen=True, slots=True)
class Background:
    """What the callee's side sounds of by itself, from the answer on; `level` is its RMS in dBFS."""

    noise: BackgroundNoise
    level: float = -40.0


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `text` in `voice` (None: the kind's), over music with an RMS of `music` dBFS (None: over nothing)."""

    text: str
    voice: str | None = None
    music: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HearOut:
    """Wait until something has been said, from now on, and the line has then been silent for `silence` seconds."""

    silence: float


@dataclass(frozen=True, slots=True)
class WaitSpeech:
    """Wait until something is being said that began after a silence of at least `after` seconds."""

    after: float = 0.0


@dataclass(frozen=True, slots=True)
class WaitSilence:
    """Wait until nothing has been heard for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Press:
    """Press `key`."""

    key: str


@dataclass(frozen=True, slots=True)
class Tone:
    """Sound the sum of sines at `hertz` for `seconds`, `level` dBFS each."""

    hertz: tuple[float, ...]
    seconds: float
    level: float = -12.0


@dataclass(frozen=True, slots=True)
class Noise:
    """Sound white noise of `level` dBFS for `seconds`."""

    seconds: float
    level: float = -45.0


@dataclass(frozen=True, slots=True)
class Ringback:
    """Ring behind the answer: `bursts` of 1 s with 2 s between them, `modulation` in Hz, `level` in dBFS."""

    bursts: int = 1
    level: float = -20.0
    modulation: float = 16.0


@dataclass(frozen=True, slots=True)
class BusyTone:
    """Sound the busy tone, `times` over, half a second on and off each."""

    times: int = 5
    level: float = -20.0


@dataclass(frozen=True, slots=True)
class Special:
    """Sound the three special information tones, with which the network says that it speaks itself."""

    times: int = 1
    level: float = -18.0


@dataclass(frozen=True, slots=True)
class Music:
    """Play music on hold for `seconds`, with an RMS of `level` dBFS; the same for the same `seed`."""

    seconds: float
    level: float = -20.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Fax:
    """Answer as a fax for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Record:
    """Record for `most` seconds, or until `until_silence` seconds of silence (None: to the full)."""

    most: float
    until_silence: float | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """Perform `steps` `times` over (None: until the call ends)."""

    steps: tuple[Step, ...]
    times: int | None = None


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Stay on the line, silent, until the other side hangs up."""


Sounding = Tone | Noise | Ringback | BusyTone | Special | Music | Fax
Act = Say | Wait | HearOut | WaitSpeech | WaitSilence | Press | Sounding | Record | Stay
Step = Act | Repeat | HangUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A behaviour. `ring` is in seconds; with `refuse` (a SIP status) the call is never answered.

    A kind without `audio` neither hears nor speaks: for load. `sparse` sends no RTP while the callee is silent, as
    handsets with voice activity detection do; it has no effect over a `background`. `level` is the active level to
    which speech is brought, RMS in dBFS (None: as rendered), `loss` the share of the callee's frames that never leave.
    After the last step the callee hangs up.
    """

    name: str
    expect: Outcome
    about: str = ""
    ring: float = 0.5
    refuse: int | None = None
    cause: int = 0
    steps: tuple[Step, ...] = ()
    voice: str = "mei-low"
    dtmf: Dtmf = Dtmf.RFC4733
    sparse: bool = False
    audio: bool = True
    level: float | None = None
    loss: float = 0.0
    background: Background | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """A number with a kind for each call in turn, and the outcome its owner should end with."""

    number: str
    kinds: tuple[Kind, ...]
    expect: Outcome

    def kind(self, call: int) -> Kind:
        """Return the behaviour at the `call`-th call, from 1."""
        return self.kinds[min(call, len(self.kinds)) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callees:
    """Everybody on the network, by national number; `default` answers every other number, None: 404.

    `handsets` says who takes texts how; every number that is not there gets them at once.
    """

    listed: Mapping[str, Callee]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    default: Kind | None = None
    handsets: Mapping[str, Habit] = field(default_factory=dict)

    def find(self, number: str) -> Callee:
        """Return who has `number`, national or E.164."""
        digits = national(number)
        if digits in self.listed:
            return self.listed[digits]
        kind = self.default or NOBODY
        return Callee(number=digits, kinds=(kind,), expect=kind.expect)

    def with_dtmf(self, dtmf: Dtmf) -> tuple[str, ...]:
        """Return the numbers of which any call sends keys by `dtmf`."""
        return tuple(
            number for number, callee in self.listed.items() if any(kind.dtmf is dtmf for kind in callee.kinds)
        )

    def backgrounds(self) -> frozenset[BackgroundNoise]:
        """Return every noise that any callee has beneath a call."""
        return frozenset(kind.background.noise for kind in self._reachable() if kind.background is not None)

    def speeches(self) -> frozenset[tuple[str, str]]:
        """Return every (text, voice) that may be spoken."""
        return frozenset(
            (step.text, step.voice or kind.voice)
            for kind in self._reachable()
            for step in every_step(kind.steps)
            if isinstance(step, Say)
        )

    def _reachable(self) -> Iterator[Kind]:
        for callee in self.listed.values():
            yield from callee.kinds
        if self.default is not None:
            yield self.default


NOBODY = Kind(name="nobody", expect=Outcome.INVALID_NUMBER, ring=0.0, refuse=404, cause=1)


def every_step(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield `steps` and those inside their repetitions."""
    for step in steps:
        yield step
        if isinstance(step, Repeat):
            yield from every_step(step.steps)
