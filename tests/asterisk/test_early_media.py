"""What the network plays before anybody answers, on a real PBX: heard, told apart, and never taken for an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from ivr.asterisk.originator import DialPlan
from ivr.campaign.conclude import conclude
from ivr.campaign.ports import CallLeg, Disposition
from ivr.campaign.run_call import Conversation
from ivr.domain.outcome import Outcome
from ivr.domain.signs import Sign
from tests.asterisk.calling import Calls, Line, RealClock, calling
from tests.asterisk.fake_asterisk import until
from tests.asterisk.pbx_pair import OFFICE
from tests.domain.reminder import REMINDER

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "0357220001"
RING = 11.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    plan = DialPlan(caller_id=OFFICE, ring=RING, call=30, margin=4)
    async with calling(tmp_path_factory.mktemp("pbx"), {}, plan=plan) as started:
        yield started


async def plays_ringing(line: Line) -> None:
    await line.do("EXEC", "Progress")
    await line.rings(2)
    await line.wait(30)


async def announces(line: Line) -> None:
    await line.do("EXEC", "Progress")
    # On a busy machine the listening begins a moment after the progress, and is to hear the first playing whole.
    await line.stay_silent(0.8)
    for _ in range(2):
        await line.murmur(2.8)
        await line.stay_silent(1.0)
    await line.wait(30)


async def plays_a_melody(line: Line) -> None:
    await line.do("EXEC", "Progress")
    await line.melody(30.0)


async def announces_and_says_why(line: Line) -> None:
    await line.do("EXEC", "Progress")
    await line.murmur(3.0)
    await line.refuse(1)


async def nothing(line: Line) -> None:
    await line.do("EXEC", "Progress")
    await line.wait(30)


async def never(_leg: CallLeg) -> None:
    raise AssertionError("nobody answered")


async def dialled(calls: Calls, callee: Callable[[Line], Awaitable[None]]) -> tuple[Disposition, Outcome, object]:
    calls.callees[NUMBER] = callee
    await calls.ami.wait_connected(10)
    found = await calls.dial(NUMBER, never)
    assert found.answered_at is None
    await until(lambda: not calls.taps.connections)
    _, ending = conclude(found, Conversation(REMINDER, {}, RealClock(), limit=60.0), datetime.now(UTC))
    return found, ending.outcome, ending.evidence.get("early")


async def test_a_ringing_that_comes_as_audio_is_a_ringing(calls: Calls) -> None:
    found, outcome, _ = await dialled(calls, plays_ringing)
    assert found.early is not None
    assert Sign.RINGBACK in {one.sign for one in found.early.tones}
    assert outcome is Outcome.NO_ANSWER


async def test_an_announcement_that_goes_round_is_unknown(calls: Calls) -> None:
    found, outcome, evidence = await dialled(calls, announces)
    assert found.early is not None
    assert found.early.voice > 2.0
    assert [one.sign for one in found.early.tones] == [Sign.REPEATED]
    assert outcome is Outcome.UNKNOWN
    assert isinstance(evidence, dict)
    assert evidence["voice"] == found.early.voice
    assert [tone["sign"] for tone in evidence["tones"]] == ["repeated"]


async def test_a_melody_in_the_place_of_the_ringing_is_no_announcement(calls: Calls) -> None:
    found, outcome, _ = await dialled(calls, plays_a_melody)
    assert found.early is not None
    assert not {Sign.RINGBACK, Sign.REPEATED, Sign.SPECIAL} & {one.sign for one in found.early.tones}
    assert outcome is Outcome.NO_ANSWER


async def test_the_networks_own_status_says_more_than_its_announcement(calls: Calls) -> None:
    found, outcome, _ = await dialled(calls, announces_and_says_why)
    assert found.early is not None
    assert found.early.voice > 1.5
    assert (found.sip, outcome) == (404, Outcome.INVALID_NUMBER)


async def test_progress_without_a_sound_stays_no_answer(calls: Calls) -> None:
    found, outcome, _ = await dialled(calls, nothing)
    assert found.early is not None
    assert found.early.voice == 0.0
    assert outcome is Outcome.NO_ANSWER
