"""What is known of a text: the same whatever the order in which it is told, how often, and how late."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.text import TEXT_LABELS, TextState, after, of_parts

told = st.lists(st.sampled_from(TextState), min_size=1, max_size=8)


def test_every_state_has_a_name_for_staff() -> None:
    assert set(TEXT_LABELS) == set(TextState)
    assert [state.label for state in TextState if state.final] == [
        "送らない",
        "圏外",
        "失敗",
        "拒否",
        "番号なし",
        "到達",
    ]


@given(told, st.randoms())
def test_receipts_may_come_in_any_order_and_repeatedly(states: list[TextState], chance: object) -> None:
    known = reduce(after, states, TextState.QUEUED)
    shuffled = [*states, *states]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reduce(after, shuffled, TextState.QUEUED) is known


def test_who_was_out_of_range_may_be_reached_later_and_stays_so() -> None:
    assert after(TextState.OUT_OF_RANGE, TextState.DELIVERED) is TextState.DELIVERED
    assert after(TextState.DELIVERED, TextState.OUT_OF_RANGE) is TextState.DELIVERED
    assert after(TextState.UNKNOWN, TextState.SENT) is TextState.UNKNOWN, "that it was sent says nothing new"


@given(told)
def test_a_text_has_arrived_where_all_its_parts_have(states: list[TextState]) -> None:
    whole = of_parts(states)
    assert (whole is TextState.DELIVERED) == (set(states) == {TextState.DELIVERED})
    if any(state.final and state is not TextState.DELIVERED for state in states):
        assert whole.final, "what is spoilt needs no further receipt"
        assert whole in states
    else:
        assert whole.final == (set(states) == {TextState.DELIVERED})
