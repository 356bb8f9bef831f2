"""The section `listening`: what counts as a sound on the callee's side, and when we speak. Meanings: docs/settings.md.

The defaults are those of the domain, which also says what each number is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from ivr.domain.line_rules import HoldRule, LeaveRule, LineRules, OpeningRule
from ivr.domain.signs import Thresholds
from ivr.settings.notation import Duration, Section, limited, wrong

_SOUNDS, _OPENING, _LEAVE, _HOLD = Thresholds(), OpeningRule(), LeaveRule(), HoldRule()

Level = Annotated[float, Field(ge=-90, le=0)]
"""dBFS."""


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


class Sounds(Section):
    """What is a sound, and what a tone. Levels are dBFS, pitches Hz."""

    silence: Level = _SOUNDS.silence
    noise: Level = _SOUNDS.noise
    flatness: Annotated[float, Field(ge=0, le=1)] = _SOUNDS.flatness
    even: Annotated[float, Field(ge=0, le=30)] = _SOUNDS.even
    even_flatness: Annotated[float, Field(ge=0, le=1)] = _SOUNDS.even_flatness
    still: Annotated[float, Field(ge=0, le=10)] = _SOUNDS.still
    even_for: Annotated[Duration, limited("200ms", "5s")] = _seconds(_SOUNDS.even_for)
    over: Annotated[float, Field(ge=0, le=30)] = _SOUNDS.over
    prominent: Annotated[float, Field(ge=3, le=40)] = _SOUNDS.prominent
    purity: Annotated[float, Field(ge=0.5, le=1)] = _SOUNDS.purity
    pure: Annotated[float, Field(ge=0.5, le=1)] = _SOUNDS.pure
    drift: Annotated[float, Field(ge=1, le=200)] = _SOUNDS.drift
    shortest: Annotated[Duration, limited("60ms", "1s")] = _seconds(_SOUNDS.shortest)
    sure: Annotated[Duration, limited("60ms", "2s")] = _seconds(_SOUNDS.sure)
    longest: Annotated[Duration, limited("500ms", "2400ms")] = _seconds(_SOUNDS.longest)
    quiet_after: Annotated[Duration, limited("60ms", "1s")] = _seconds(_SOUNDS.quiet_after)
    modulation: Annotated[float, Field(ge=0, le=1)] = _SOUNDS.modulation


class Opening(Section):
    """How the callee's first words are awaited."""

    silence: Annotated[Duration, limited("200ms", "5s")] = _seconds(_OPENING.silence)
    pause: Annotated[Duration, limited("200ms", "3s")] = _seconds(_OPENING.pause)
    short: Annotated[Duration, limited("0s", "3s")] = _seconds(_OPENING.short)
    short_pause: Annotated[Duration, limited("200ms", "3s")] = _seconds(_OPENING.short_pause)
    longest: Annotated[Duration, limited("2s", "60s")] = _seconds(_OPENING.longest)
    long: Annotated[Duration, limited("1s", "30s")] = _seconds(_OPENING.long)
    recited: Annotated[Duration, limited("1s", "30s")] = _seconds(_OPENING.recited)
    yields: Annotated[Duration, limited("0s", "5s")] = _seconds(_OPENING.yields)
    tap: Annotated[Duration, limited("0s", "3s")] = _seconds(_OPENING.tap)

    @model_validator(mode="after")
    def _in_reach(self) -> Self:
        if not self.long <= self.recited <= self.longest:
            raise wrong("long、recited、longest の順に長くしてください。", "recited")
        return self


class Leave(Section):
    """How a message is left."""

    before: Annotated[Duration, limited("0s", "30s")] = _seconds(_LEAVE.before)
    silence: Annotated[Duration, limited("300ms", "10s")] = _seconds(_LEAVE.silence)
    after_beep: Annotated[Duration, limited("0s", "5s")] = _seconds(_LEAVE.after_beep)
    restarts: Annotated[int, Field(ge=0, le=50)] = _LEAVE.restarts
    total: Annotated[Duration, limited("10s", "10m")] = _seconds(_LEAVE.total)
    linger: Annotated[Duration, limited("0s", "30s")] = _seconds(_LEAVE.linger)
    greeting: Annotated[Duration, limited("0s", "30s")] = _seconds(_LEAVE.greeting)
    energy: Annotated[int, Field(ge=1, le=32767)] = _LEAVE.energy
    look_again: Annotated[Duration, limited("100ms", "5s")] = _seconds(_LEAVE.look_again)


class Hold(Section):
    """How a person is awaited whom a device rings."""

    voice: Annotated[Duration, limited("100ms", "5s")] = _seconds(_HOLD.voice)
    quiet: Annotated[Duration, limited("2500ms", "30s")] = _seconds(_HOLD.quiet)
    longest: Annotated[Duration, limited("5s", "10m")] = _seconds(_HOLD.longest)


class Listening(Section):
    """What we make of the callee's side of a call."""

    sounds: Sounds = Sounds()
    opening: Opening = Opening()
    leave: Leave = Leave()
    hold: Hold = Hold()

    def rules(self) -> LineRules:
        """Return the settings as the domain wants them."""
        pause = self.opening.pause.total_seconds()
        return LineRules(
            sounds=Thresholds(pause=pause, **_plain(self.sounds)),
            opening=OpeningRule(**_plain(self.opening)),
            leave=LeaveRule(**_plain(self.leave)),
            hold=HoldRule(**_plain(self.hold)),
        )


def _plain(section: Section) -> Mapping[str, Any]:
    """Return the values of a section by name, durations in seconds."""
    return {
        name: value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in ((name, getattr(section, name)) for name in type(section).model_fields)
    }
