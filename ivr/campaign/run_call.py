"""Run one answered call: perform what the call flow asks for on the leg, and feed back what happened.

Whatever ends the call, also a cancellation or a lost PBX, `Conversation` holds the facts up to that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import assert_never

from ivr.campaign.ports import CallLeg, Clip, Clock
from ivr.domain.attempt import TimedKey
from ivr.domain.callflow import (
    Broken,
    EndedBy,
    Event,
    Fact,
    KeyPress,
    Leaving,
    Live,
    Over,
    Speaking,
    State,
    TimeUp,
    Waiting,
    begin,
    decide,
    live_keys,
)
from ivr.domain.line_sounds import Found
from ivr.domain.scenario import Ask, Leave, Scenario
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
        self.found: tuple[Found, ...] = ()

    async def run(self, leg: CallLeg) -> None:
        """Go through the scenario on `leg`, and hang up; never raises for what the callee or the PBX does."""
        if any(isinstance(step, Leave) for step in self._scenario.steps.values()):
            leg.listen()
        deadline = self._clock.monotonic() + self._limit
        state = self._learn(*begin(self._scenario))
        while not isinstance(state, Over):
            event = await self._perform(leg, state, deadline)
            self.found = leg.found()
            state = self._learn(*decide(self._scenario, state, event))
        self.over = state
        if state.by is not EndedBy.CALLEE:
            await leg.hang_up()

    def _learn(self, state: State, facts: tuple[Fact, ...]) -> State:
        self.facts.extend(facts)
        self.keys.extend(TimedKey(press=fact, at=self._clock.now()) for fact in facts if isinstance(fact, KeyPress))
        return state

    async def _perform(self, leg: CallLeg, at: Live, deadline: float) -> Event:
        began = self._clock.monotonic()
        clips = self._script[at.step]
        try:
            async with asyncio.timeout(max(0.0, deadline - began)):
                return await self._act(leg, at, clips)
        except TimeoutError:
            heard = min(self._clock.monotonic() - began, sum(clip.seconds for clip in clips))
            return TimeUp(round(heard, 2) if isinstance(at, Speaking) else 0.0)
        except CallLost:
            return Broken("call lost")
        except OwnError as error:
            return Broken(type(error).__name__)

    async def _act(self, leg: CallLeg, at: Live, clips: Sequence[Clip]) -> Event:
        match at:
            case Speaking():
                return await leg.speak(clips, live_keys(self._scenario, at))
            case Waiting():
                step = self._scenario.steps[at.step]
                if not isinstance(step, Ask):
                    raise AssertionError(f"waiting at {at.step}, which asks nothing")
                return await leg.wait_key(step.wait)
            case Leaving():
                return await leg.leave(clips, live_keys(self._scenario, at))
            case _:
                assert_never(at)
