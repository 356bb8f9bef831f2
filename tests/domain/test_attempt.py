"""The life of an attempt."""

import pytest

from ivr.domain.attempt import TABLE, AttemptEvent, AttemptState, ImpossibleEvent, advance


def test_every_state_has_its_row_and_nothing_follows_the_end() -> None:
    assert set(TABLE) == set(AttemptState)
    assert TABLE[AttemptState.ENDED] == {}


@pytest.mark.parametrize("state", list(AttemptState))
@pytest.mark.parametrize("event", list(AttemptEvent))
def test_an_event_leads_where_the_table_says_or_is_refused(state: AttemptState, event: AttemptEvent) -> None:
    if event in TABLE[state]:
        assert advance(state, event) is TABLE[state][event]
    else:
        with pytest.raises(ImpossibleEvent):
            advance(state, event)


def test_what_was_answered_cannot_be_refused_any_more() -> None:
    with pytest.raises(ImpossibleEvent):
        advance(AttemptState.ANSWERED, AttemptEvent.REFUSED)
