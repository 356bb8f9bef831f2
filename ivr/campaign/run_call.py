"""Run one answered call: perform what the call flow asks for on the leg, and feed back what happened.

Whatever ends the call, also a cancellation or a lost PBX, `Conversation` holds the facts up to that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import assert_never

from ivr.campaign.ports import CallLeg, Clip, Clock
from ivr.domain.attempt import TimedKey
from ivr.domain.call import (
    Broken,
    EndedBy,
    Event,
    Fact,
    Holding,
    KeyPress,
    Leaving,
    Live,
    Opening,
    Over,
    Speaking,
    State,
    TimeUp,
    Waiting,
)
from ivr.domain.callflow import begin, decide, live_keys, live_signs, yields
from ivr.domain.scenario import Ask, Leave, Scenario
from ivr.domain.signs import Found, Stretch
from ivr.errors import CallLost, OwnError

Script = Mapping[str, Sequence[Clip]]
"""What each step of a scenario sounds like for one recipient, by the step's name."""


class Conversation:
    """One call, from the answer to the end. `run` is what an Originator calls with the answered leg."""

    def __init__(self, scenario: Scenario, script: Script, clock: Clock, *, limit: float) -> None:
        """Prepare a call of at most `limit` seconds."""
        self._scenario = scenario
        self._script = script
        self._clock = clock
        self._limit = limit
        self.facts: list[Fact] = []
        self.keys: list[TimedKey] = []
        self.over: Over | None = None
        self.at: list[float] = []
        """When each of the facts was known, in seconds since the answer."""
        self.found: tuple[Found, ...] = ()
        self.sounds: tuple[Stretch, ...] = ()
        self._answered = clock.monotonic()
        self._end: asyncio.Timeout | None = None

    def cut(self) -> None:
        """End the call now, as if its time were over; harmless where it is ending or has ended."""
        if self._end is not None and not self._end.expired():
            self._end.reschedule(asyncio.get_running_loop().time())

    async def run(self, leg: CallLeg) -> None:
        """Go through the scenario on `leg`, and hang up; never raises for what the callee or the PBX does."""
        self._answered = self._clock.monotonic()
        if self._scenario.listens or any(isinstance(step, Leave) for step in self._scenario.steps.values()):
            leg.listen()
        self.over = await self._to_its_end(leg)
        if self.over.by is not EndedBy.CALLEE:
            await leg.hang_up()

    async def _to_its_end(self, leg: CallLeg) -> Over:
        at = self._learn(*begin(self._scenario))
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._limit) as end:
                self._end = end
                while not isinstance(at, Over):
                    began = self._clock.monotonic()
                    event = await self._perform(leg, at)
                    self._note(leg)
                    at = self._learn(*decide(self._scenario, at, event))
                return at
        except TimeoutError:
            if isinstance(at, Over):
                return at
            self._note(leg)
            ended = self._learn(*decide(self._scenario, at, self._time_up(at, began)))
            return ended if isinstance(ended, Over) else Over(EndedBy.TIME)
        finally:
            self._end = None

    def _note(self, leg: CallLeg) -> None:
        self.found, self.sounds = leg.found(), leg.sounds()

    def _learn(self, state: State, facts: tuple[Fact, ...]) -> State:
        self.facts.extend(facts)
        self.at.extend([round(self._clock.monotonic() - self._answered, 2)] * len(facts))
        self.keys.extend(TimedKey(press=fact, at=self._clock.now()) for fact in facts if isinstance(fact, KeyPress))
        return state

    async def _perform(self, leg: CallLeg, at: Live) -> Event:
        try:
            return await self._act(leg, at)
        except CallLost:
            return Broken("call lost", lost=True)
        except OwnError as error:
            return Broken(type(error).__name__)

    def _time_up(self, at: Live, began: float) -> TimeUp:
        """Return what was heard of a step that `began` then, when the time of the call is over."""
        heard = min(self._clock.monotonic() - began, sum(clip.seconds for clip in self._script[at.step]))
        return TimeUp(round(heard, 2) if isinstance(at, Speaking) else 0.0)

    async def _act(self, leg: CallLeg, at: Live) -> Event:
        clips, keys, signs = self._script[at.step], live_keys(self._scenario, at), live_signs(self._scenario, at)
        match at:
            case Opening():
                return await leg.open(signs)
            case Holding():
                return await leg.hold(signs)
            case Speaking():
                return await leg.speak(clips, keys, signs, yields=yields(self._scenario, at))
            case Waiting():
                step = self._scenario.steps[at.step]
                if not isinstance(step, Ask):
                    raise AssertionError(f"waiting at {at.step}, which asks nothing")
                return await leg.wait_key(step.wait, signs)
            case Leaving():
                return await leg.leave(clips, keys, signs)
            case _:
                assert_never(at)
