"""How a specimen of the corpus is drawn. Every value is remembered: on what a failure depends can then be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import TypeAlias

from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import Background, Press, Say, Step, Wait
from ivr.rehearsal.corpus.ranges import RANGES, VOICES, WORDS, Part

Parameter: TypeAlias = str | float | bool | None

LEFT = frozenset({Outcome.VOICEMAIL, Outcome.VOICEMAIL_PARTIAL})

SILENT = LEFT | {Outcome.UNCONFIRMED}
"""Of who answers and neither presses nor hangs up: docs/outcomes.md, the last paragraph."""


class Truth(StrEnum):
    """Who or what has answered."""

    PERSON = "person"
    RECORDER = "recorder"
    SCREENING = "screening"
    ANNOUNCEMENT = "announcement"
    FAX = "fax"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A drawn behaviour; `level` None: the usual one. The rest as in `Kind` and `Specimen`."""

    steps: tuple[Step, ...]
    expect: Outcome
    allowed: frozenset[Outcome]
    level: float | None = None
    loss: float = 0.0
    sparse: bool = False
    background: Background | None = None

    @property
    def presses(self) -> bool:
        """Tell whether `#` is pressed at some moment."""
        return Press("#") in self.steps


@dataclass(slots=True)
class Draw:
    """Draws from the values of `part`. What is drawn twice under one name is remembered as `name`, `name_2`, …"""

    part: Part
    random: Random
    parameters: dict[str, Parameter] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """Return a value from the intervals of RANGES[name]."""
        low, high = self.random.choice(RANGES[name].of(self.part))
        value = round(self.random.uniform(low, high), 3)
        self.note(name, value)
        return value

    def phrases(self, name: str) -> tuple[str, ...]:
        """Return one of the choices of WORDS[name]."""
        chosen = self.random.choice(WORDS[name].of(self.part))
        self.note(name, " ".join(chosen))
        return chosen

    def voice(self, *others: str) -> str:
        """Return a voice that is none of `others`."""
        chosen = self.random.choice([voice for voice in VOICES[self.part] if voice not in others])
        self.note("voice", chosen)
        return chosen

    def note(self, name: str, value: Parameter) -> None:
        """Remember a value."""
        known, times = name, 1
        while known in self.parameters:
            times += 1
            known = f"{name}_{times}"
        self.parameters[known] = value

    def says(
        self, words: str, *, pause: str = "pause_s", voice: str | None = None, music: float | None = None
    ) -> list[Step]:
        """Return the steps that say one of the choices of `words`, with a pause between its phrases."""
        steps: list[Step] = []
        for phrase in self.phrases(words):
            if steps:
                steps.append(Wait(self.number(pause)))
            steps.append(Say(phrase, voice, music))
        return steps


@dataclass(frozen=True, slots=True)
class Variation:
    """A behaviour, and how many specimens of it there are in each part."""

    name: str
    about: str
    tuned: int
    held_out: int
    make: Callable[[Draw], Made]

    def count(self, part: Part) -> int:
        """Return how many specimens of `part` there are."""
        return self.tuned if part is Part.TUNED else self.held_out
