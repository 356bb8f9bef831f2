"""How people take calls, as an assumption in numbers: who answers at which hour, what they do, what rings in vain.

None of it is measured at a municipality. Shares are rounded from what is known of day-time calls in Japan: most private
numbers go unanswered in office hours, evenings and Saturdays are better, mobiles have voicemail. They can be replaced.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ivr.campaign.ports import Clip, Clock, Disposition, Talk
from ivr.domain.attempt import Intent
from ivr.domain.calendar import is_holiday
from ivr.domain.call import Came, HungUp, Left, Opened, Pressed, Silence, Spoken
from ivr.domain.phone import Kind, kind_of
from ivr.domain.signs import NO_SIGNS, Found, Sign, Signs, Stretch

SETUP = 1.5
"""Seconds from the INVITE to the ringing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Shares from 0 to 1; hours of the day are those at which a row of `answers` begins.

    `answers` is who answers on a working day, of landlines and of other numbers; on other days `day_off` is added.
    """

    answers: Sequence[tuple[int, float, float]] = (
        (0, 0.05, 0.05),
        (8, 0.20, 0.15),
        (12, 0.26, 0.28),
        (13, 0.20, 0.16),
        (17, 0.36, 0.30),
        (21, 0.15, 0.15),
    )
    day_off: float = 0.10
    invalid: float = 0.03
    busy: float = 0.03
    unreachable: float = 0.06
    """Of mobiles only."""
    machine: tuple[float, float] = (0.25, 0.50)
    """Of landlines and of other numbers: a recording machine takes what nobody answers."""
    confirms: float = 0.60
    hangs_up: float = 0.28
    """Of who answers; the rest stays silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """One dial as the network saw it; `ended` is None while it lasts."""

    intent: Intent
    began: datetime
    ended: datetime | None = None
    answered: bool = False


@dataclass(slots=True)
class _Leg:
    """An answered call: a person who `confirms`, one who hangs up after `gone` seconds of what we say, or a machine."""

    clock: Clock
    confirms: bool = False
    gone: float | None = None
    machine: bool = False
    heard: float = 0.0
    beeps: list[Found] = field(default_factory=list)

    async def open(self, signs: Signs = NO_SIGNS) -> Opened:
        """Say もしもし, or a greeting."""
        seconds = 5.0 if self.machine else 0.8
        await self.clock.sleep(seconds + 0.7)
        return Opened(seconds)

    async def hold(self, signs: Signs = NO_SIGNS) -> Came:
        """Be there."""
        return Came()

    async def speak(
        self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS, *, yields: bool = False
    ) -> Spoken | HungUp:
        """Hear it, or hang up in the middle of it."""
        seconds = sum(clip.seconds for clip in clips)
        if self.gone is not None and self.heard + seconds > self.gone:
            left = max(0.0, self.gone - self.heard)
            await self.clock.sleep(left)
            return HungUp(round(left, 3))
        await self.clock.sleep(seconds)
        self.heard += seconds
        return Spoken(round(seconds, 3))

    async def wait_key(self, seconds: float, signs: Signs = NO_SIGNS) -> Pressed | Silence:
        """Press `#` once, or nothing."""
        if not self.confirms:
            await self.clock.sleep(seconds)
            return Silence()
        self.confirms = False
        await self.clock.sleep(min(1.5, seconds))
        return Pressed("#")

    async def leave(self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS) -> Left:
        """Record it."""
        await self.clock.sleep(3.0)
        if self.machine:
            self.beeps.append(Found(Sign.BEEP, 5.0, 5.5, 1000.0))
        seconds = sum(clip.seconds for clip in clips)
        await self.clock.sleep(seconds)
        return Left(round(seconds, 3))

    def listen(self) -> None:
        """Nothing to begin."""

    def found(self) -> tuple[Found, ...]:
        """Return the machine's beep."""
        return tuple(self.beeps)

    def sounds(self) -> tuple[Stretch, ...]:
        """Return nothing: nobody looks at it."""
        return ()

    async def hang_up(self) -> None:
        """End."""


class People:
    """An `ivr.campaign.ports.Originator`: a network whose callees live by `habits`, the same for the same `seed`."""

    def __init__(
        self,
        habits: Habits,
        clock: Clock,
        *,
        ring: float,
        seed: int = 1,
        watch: Callable[[Dialled], None] = lambda dial: None,
    ) -> None:
        """`ring` is how long it rings in vain; `watch` is told of each dial as it begins and as it has ended."""
        self._habits = habits
        self._clock = clock
        self._ring = ring
        self._seed = seed
        self._watch = watch
        self._times: dict[str, int] = {}

    async def dial(self, intent: Intent, talk: Talk) -> Disposition:
        """Let it ring, and be whoever answers."""
        began = self._clock.now()
        self._watch(Dialled(intent=intent, began=began))
        self._times[intent.number] = time = self._times.get(intent.number, 0) + 1
        disposition = await self._call(intent, talk, began, random.Random(f"{self._seed} {intent.number} {time}"))
        answered = disposition.answered_at is not None
        self._watch(Dialled(intent=intent, began=began, ended=self._clock.now(), answered=answered))
        return disposition

    def hang_up(self, attempt: str) -> None:
        """Nobody stops a rehearsal in an emergency."""

    async def ready(self) -> None:
        """Take orders at once."""

    async def _call(self, intent: Intent, talk: Talk, began: datetime, chance: random.Random) -> Disposition:
        habits, number = self._habits, intent.number
        always = random.Random(f"{self._seed} {number}")
        landline = kind_of(number) is Kind.LANDLINE
        await self._clock.sleep(SETUP)
        if always.random() < habits.invalid:
            return Disposition(sip=404, q850=1, dialled_at=began)
        if chance.random() < habits.busy:
            return Disposition(sip=486, q850=17, dialled_at=began)
        if not landline and chance.random() < habits.unreachable:
            return Disposition(sip=480, q850=20, dialled_at=began, progressed=True)
        machine = always.random() < habits.machine[0 if landline else 1]
        if chance.random() < self._answer_rate(began, landline):
            await self._clock.sleep(chance.uniform(3.0, min(15.0, self._ring)))
            does = chance.random()
            gone = chance.uniform(1.0, 12.0) if habits.confirms <= does < habits.confirms + habits.hangs_up else None
            leg = _Leg(self._clock, confirms=does < habits.confirms, gone=gone)
        elif machine and self._ring > 18.0:
            await self._clock.sleep(18.0)
            leg = _Leg(self._clock, machine=True)
        else:
            await self._clock.sleep(self._ring)
            return Disposition(sip=487, q850=19, dialled_at=began, rang=True)
        answered = self._clock.now()
        await talk(leg)
        return Disposition(sip=200, q850=16, dialled_at=began, answered_at=answered, rang=True)

    def _answer_rate(self, at: datetime, landline: bool) -> float:
        row = [row for row in self._habits.answers if row[0] <= at.hour][-1]
        off = at.weekday() >= 5 or is_holiday(at.date())
        return row[1 if landline else 2] + (self._habits.day_off if off else 0.0)
