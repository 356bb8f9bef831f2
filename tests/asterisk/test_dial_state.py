"""What is made of the events of one dial."""

from __future__ import annotations

from datetime import UTC
from itertools import permutations

import pytest

from ivr.asterisk.dial_state import DialState
from ivr.system_clock import SystemClock

HANGUP = {"Event": "Hangup", "Cause": "19", "TechCause": "480"}
LIMIT = {"Event": "OriginateResponse", "Response": "Failure", "Reason": "3"}
ORDERS = list(permutations((HANGUP, LIMIT)))


async def gone(state: DialState) -> None:
    while not state.gone:
        await state.changed(5)


@pytest.mark.parametrize("events", ORDERS)
async def test_the_status_of_our_own_limit_is_not_the_networks_whichever_event_comes_first(
    events: tuple[dict[str, str], ...],
) -> None:
    state = DialState(SystemClock(UTC))
    state.note_order()
    state.take({"Event": "Newchannel"})
    for event in events:
        assert not state.gone
        state.take(event)
    assert state.gone
    assert (state.disposition().sip, state.disposition().q850) == (None, 19)


async def test_a_hangup_without_a_word_why_ends_the_dial_all_the_same() -> None:
    state = DialState(SystemClock(UTC))
    state.take({"Event": "Newchannel"})
    state.take({"Event": "Hangup", "Cause": "17", "TechCause": "486"})
    await gone(state)
    assert (state.disposition().sip, state.disposition().q850) == (486, 17)


@pytest.mark.parametrize("cause", ["", "0", "x", "-1", "9" * 20, "9" * 5000])
async def test_a_cause_that_is_none_of_q850_is_not_kept_and_ends_the_dial(cause: str) -> None:
    state = DialState(SystemClock(UTC))
    state.note_talk()
    state.take({"Event": "Hangup", "Cause": cause})
    assert (state.gone, state.disposition().q850) == (True, None)
