"""A call flow on a leg."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from ivr.campaign.ports import Clip
from ivr.campaign.run_call import Conversation
from ivr.domain.call import EndedBy, HungUp, Left, Over, Pressed, Silence, Sounded, Spoken, TalkedOver
from ivr.domain.outcome import Outcome, of_call
from ivr.domain.signs import NO_SIGNS, Signs
from ivr.errors import CallLost, SpeechFailed
from tests.campaign.fakes import Heard, ScriptedLeg, SystemClock
from tests.domain.reminder import REMINDER

SCRIPT = {name: (Clip(path=Path("/clips") / name, seconds=1.0),) for name in REMINDER.steps}


async def converse(*events: Heard | Exception | None, limit: float = 60.0) -> tuple[Conversation, ScriptedLeg]:
    leg = ScriptedLeg(*events)
    call = Conversation(REMINDER, SCRIPT, SystemClock(), limit=limit)
    await call.run(leg)
    assert call.over is not None
    return call, leg


def outcome(call: Conversation) -> Outcome:
    assert call.over is not None
    return of_call(call.facts, call.over)


async def test_a_confirmed_call_speaks_its_steps_in_order_and_hangs_up_once() -> None:
    call, leg = await converse(Pressed("#", 0.5), Spoken(1.0), Spoken(1.0), Silence(), Spoken(1.0))
    assert outcome(call) is Outcome.CONFIRMED
    assert leg.done == [
        ("speak", "confirm"),
        ("speak", "notice"),
        ("speak", "more"),
        ("wait_key", "5"),
        ("speak", "bye"),
    ]
    assert leg.hung_up == 1
    assert [key.press.key for key in call.keys] == ["#"]


async def test_who_hung_up_is_not_hung_up_on() -> None:
    call, leg = await converse(HungUp(0.4))
    assert call.over == Over(EndedBy.CALLEE)
    assert leg.hung_up == 0


async def test_nobody_there_gets_the_message_left() -> None:
    call, leg = await converse(Spoken(1.0), Silence(), Spoken(1.0), Silence(), Left(1.0))
    assert leg.done[-1] == ("leave", "machine")
    assert outcome(call) is Outcome.VOICEMAIL


async def test_a_call_has_a_limit_whatever_the_callee_does() -> None:
    call, leg = await converse(Pressed("#"), None, limit=0.05)
    assert call.over == Over(EndedBy.TIME)
    assert outcome(call) is Outcome.CONFIRMED_PARTIAL
    assert 0.0 < sum(fact.seconds for fact in call.facts if hasattr(fact, "seconds")) <= 1.0
    assert leg.hung_up == 1


class CutAtItsLimit(ScriptedLeg):
    """A leg on which the call is cut in the moment in which its own limit has ended it."""

    call: Conversation

    async def speak(
        self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS, *, yields: bool = False
    ) -> Spoken | Pressed | Sounded | TalkedOver | HungUp:
        try:
            return await super().speak(clips, keys, signs, yields=yields)
        except asyncio.CancelledError:
            self.call.cut()
            raise


async def test_an_emergency_stop_in_the_moment_of_the_limit_is_harmless() -> None:
    leg = CutAtItsLimit(None)
    leg.call = Conversation(REMINDER, SCRIPT, SystemClock(), limit=0.01)
    await leg.call.run(leg)
    assert (leg.call.over, leg.hung_up) == (Over(EndedBy.TIME), 1)
    leg.call.cut()


async def test_an_emergency_stop_after_the_call_was_cancelled_is_harmless() -> None:
    call = Conversation(REMINDER, SCRIPT, SystemClock(), limit=60)
    running = asyncio.ensure_future(call.run(ScriptedLeg(None)))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})
    call.cut()


@pytest.mark.parametrize(
    ("error", "otherwise"), [(CallLost("gone"), Outcome.UNKNOWN), (SpeechFailed("no file"), Outcome.FAILED)]
)
async def test_a_lost_pbx_or_a_missing_sound_keeps_what_was_proven(error: Exception, otherwise: Outcome) -> None:
    call, _ = await converse(Pressed("#"), Spoken(1.0), error)
    assert outcome(call) is Outcome.CONFIRMED
    call, _ = await converse(Pressed("#"), error)
    assert outcome(call) is otherwise
