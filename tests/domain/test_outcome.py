"""Outcomes from what the network says."""

import pytest

from ivr.domain.outcome import LABELS, Outcome, of_network


@pytest.mark.parametrize(
    ("rang", "progressed", "expected"),
    [
        (True, False, Outcome.NO_ANSWER),
        (False, True, Outcome.NO_ANSWER),
        (False, False, Outcome.NETWORK_CONGESTION),
    ],
)
def test_a_trunk_that_says_nothing_is_not_a_callee_who_does_not_answer(
    rang: bool, progressed: bool, expected: Outcome
) -> None:
    assert of_network(None, 19, rang=rang, progressed=progressed) is expected


@pytest.mark.parametrize(
    ("sip", "q850", "rang", "expected"),
    [
        (404, 1, False, Outcome.INVALID_NUMBER),
        (410, 22, False, Outcome.INVALID_NUMBER),
        (486, 17, True, Outcome.BUSY),
        (600, 17, False, Outcome.BUSY),
        (408, 18, False, Outcome.NO_ANSWER),
        (487, 19, True, Outcome.NO_ANSWER),
        (None, 19, True, Outcome.NO_ANSWER),
        (480, 20, True, Outcome.UNREACHABLE),
        (480, 19, False, Outcome.UNREACHABLE),
        (480, 19, True, Outcome.NO_ANSWER),
        (480, 18, False, Outcome.NO_ANSWER),
        (403, 21, False, Outcome.REJECTED),
        (603, 21, True, Outcome.REJECTED),
        (503, 34, False, Outcome.NETWORK_CONGESTION),
        (503, 42, False, Outcome.NETWORK_CONGESTION),
        (None, 34, False, Outcome.NETWORK_CONGESTION),
        (401, 21, False, Outcome.FAILED),
        (407, 21, False, Outcome.FAILED),
        (488, 58, False, Outcome.UNKNOWN),
        (None, None, False, Outcome.UNKNOWN),
    ],
)
def test_the_final_status_and_cause_name_the_outcome(
    sip: int | None, q850: int | None, rang: bool, expected: Outcome
) -> None:
    assert of_network(sip, q850, rang=rang) is expected


def test_every_outcome_has_a_name_for_staff() -> None:
    assert set(LABELS) == set(Outcome)
    assert len(set(LABELS.values())) == len(Outcome)
