"""That the judge of the faults finds what it is there to find."""

from __future__ import annotations

import random
from typing import Any

from tests.faults.faults import FAULTS, drawn
from tests.faults.verdict import Dialled, Verdict

BUSY, TALKED, HEARD = (
    Dialled(answered=False, confirmed=False),
    Dialled(answered=True, confirmed=False),
    Dialled(answered=True, confirmed=True),
)


def attempt(outcome: str | None, *, dialled: bool = True, answered: bool = False) -> dict[str, Any]:
    at = "2026-11-25T10:00:00+09:00"
    return {
        "outcome": outcome,
        "dialled_at": at if dialled else None,
        "answered_at": at if answered else None,
        "ended_at": at if outcome else None,
    }


def person(*attempts: dict[str, Any], state: str = "settled") -> dict[str, Any]:
    return {"id": "1", "state": state, "outcome": attempts[-1]["outcome"] if attempts else None, "attempts": attempts}


def judged(someone: dict[str, Any], *dials: Dialled) -> Verdict:
    verdict = Verdict()
    verdict.judge(someone, dials)
    return verdict


def test_what_both_sides_tell_alike_is_clean() -> None:
    confirmed = attempt("confirmed", answered=True)
    for someone, dials in (
        (person(confirmed), [HEARD]),
        (person(attempt("busy")), [BUSY]),
        (person(attempt("failed", dialled=False), confirmed), [HEARD]),
        (person(attempt("network_congestion"), confirmed), [BUSY, HEARD]),
        (person(attempt("unknown", dialled=False)), []),
        (person(attempt("unknown", dialled=False)), [TALKED]),
    ):
        assert judged(someone, *dials).clean


def test_a_second_call_for_one_intent_is_double() -> None:
    assert judged(person(attempt("busy")), BUSY, BUSY).double == 1
    assert judged(person(attempt("failed", dialled=False), attempt("busy")), BUSY, BUSY).double == 1


def test_who_is_not_settled_or_has_an_attempt_without_an_end_is_lost() -> None:
    assert judged(person(attempt("busy"), state="waiting"), BUSY).lost == 1
    assert judged(person(attempt(None)), BUSY).lost == 1


def test_confirmed_without_a_key_and_the_whole_message_is_false() -> None:
    assert judged(person(attempt("confirmed", answered=True)), TALKED).false_confirmed == 1


def test_a_message_heard_whole_may_be_unknown_and_nothing_else() -> None:
    seen = judged(person(attempt("unknown", answered=True)), HEARD)
    assert seen.clean
    assert seen.unseen_confirmed == 1
    assert judged(person(attempt("busy")), HEARD).lost == 1


def test_who_may_have_heard_the_whole_message_is_not_called_again() -> None:
    twice = person(attempt("unknown", answered=True), attempt("confirmed", answered=True))
    assert judged(twice, TALKED, HEARD).double == 1


def test_outcomes_of_the_network_and_answers_that_never_were_are_invented() -> None:
    assert judged(person(attempt("busy"))).invented == 1
    assert judged(person(attempt("hung_up", answered=True)), BUSY).invented == 1


def test_a_seed_draws_the_same_faults_again_each_kind_before_any_comes_twice() -> None:
    faults = drawn(30, random.Random(7), small_disk=True)
    assert faults == drawn(30, random.Random(7), small_disk=True)
    assert set(faults[: len(FAULTS)]) == set(FAULTS)
    assert "disk_full" not in drawn(30, random.Random(7), small_disk=False)


def test_what_a_network_that_stood_still_may_have_carried_is_no_false_confirmation_and_is_counted() -> None:
    confirmed = person(attempt("confirmed", answered=True))
    blind = judged(confirmed, Dialled(answered=True, confirmed=False, blind=True))
    assert (blind.clean, blind.unwitnessed) == (True, 1)
    assert judged(confirmed, TALKED).false_confirmed == 1
    assert judged(confirmed, HEARD).unwitnessed == 0
