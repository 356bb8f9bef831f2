"""That the judge of the faults finds what it is there to find."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ivr.campaign.records import RecipientRecord
from ivr.campaign.text_records import TextRecord
from ivr.domain.recipient import Recipient
from ivr.domain.text import TextState
from ivr.rehearsal.handsets import habit
from ivr.rehearsal.taken import TakenText
from tests.text_faults.faults import FAULTS, planned
from tests.text_faults.town import Person, Town
from tests.text_faults.verdict import UNDER_WAY, Break, Verdict

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)
NUMBER, BODY = "+819030000000", "目黒区役所税務課です。お知らせをお送りしました。"

SOMEBODY = Person(id="1", line="09030000000", number=NUMBER, body=BODY, habit=habit("delivered"))
HAS_FAILED = replace(SOMEBODY, habit=habit("failed"))
HAS_NO_MOBILE = replace(SOMEBODY, line="0330000000", number="", why_not="no_mobile")

THERE = TakenText(number=NUMBER, body=BODY, parts=1, at=NOW, ids=("a",))
HALF = replace(THERE, parts=2)
KILL = Break(NOW + timedelta(seconds=2), NOW + timedelta(seconds=2.1), "kill")


def text(state: TextState, number: str = NUMBER, body: str = BODY, why: str = "") -> TextRecord:
    return TextRecord(
        id="t1",
        state=state,
        intended_at=NOW,
        sent_at=NOW,
        ended_at=NOW if state.final else None,
        parts=1,
        number=number,
        body=body,
        why=why,
    )


WITHHELD = text(TextState.CANCELLED, number="", body="", why="携帯電話の番号がありません")


def judged(person: Person, found: TextRecord | None, *taken: TakenText, breaks: tuple[Break, ...] = ()) -> Verdict:
    verdict = Verdict(most=1)
    verdict.judge(person, record(found), taken, breaks)
    verdict.close()
    return verdict


def record(found: TextRecord | None, state: str = "settled") -> RecipientRecord:
    who = Recipient(id="1", line=2, kana="ヤマダ タロウ", numbers=(NUMBER,))
    return RecipientRecord(
        recipient=who, state=state, outcome=None, marks=(), due_at=None, attempts=(), excluded=None, text=found
    )


def test_what_both_sides_tell_alike_is_clean() -> None:
    for verdict in (
        judged(SOMEBODY, text(TextState.DELIVERED), THERE),
        judged(HAS_FAILED, text(TextState.FAILED), THERE),
        judged(HAS_FAILED, text(TextState.FAILED), HALF, breaks=(KILL,)),
        judged(replace(SOMEBODY, habit=habit("no_number")), text(TextState.NO_NUMBER)),
        judged(replace(SOMEBODY, habit=habit("no_receipt")), text(TextState.SENT), THERE),
        judged(SOMEBODY, text(TextState.UNKNOWN), breaks=(KILL,)),
        judged(SOMEBODY, text(TextState.UNKNOWN), THERE, breaks=(KILL,)),
        judged(HAS_NO_MOBILE, WITHHELD),
        judged(replace(SOMEBODY, why_not="by_file"), WITHHELD),
    ):
        assert verdict.clean, verdict.offences


def test_two_texts_for_one_person_are_double_also_where_one_lacks_a_part() -> None:
    assert judged(SOMEBODY, text(TextState.DELIVERED), THERE, THERE).double == 1
    assert judged(SOMEBODY, text(TextState.DELIVERED), HALF, THERE).double == 1


def test_who_is_not_accounted_for_is_lost() -> None:
    assert judged(SOMEBODY, text(TextState.QUEUED)).lost == 1
    assert judged(SOMEBODY, None).lost == 1
    assert judged(SOMEBODY, WITHHELD).lost == 1
    verdict = Verdict(most=1)
    verdict.judge(SOMEBODY, None, (), ())
    verdict.judge(SOMEBODY, record(text(TextState.DELIVERED), state="waiting"), (THERE,), ())
    assert verdict.lost == 2


@pytest.mark.parametrize("found", [None, WITHHELD, text(TextState.QUEUED)])
def test_what_was_taken_without_a_record_is_unrecorded(found: TextRecord | None) -> None:
    assert judged(SOMEBODY, found, THERE).unrecorded == 1


def test_nobody_else_gets_a_text_and_who_gets_none_is_told_why() -> None:
    assert judged(replace(SOMEBODY, why_not="by_file"), WITHHELD, THERE).uncalled_for == 1
    assert judged(HAS_NO_MOBILE, None).unsaid == 1
    assert judged(HAS_NO_MOBILE, replace(WITHHELD, why="")).unsaid == 1
    verdict = Verdict(most=1)
    verdict.strangers([NUMBER])
    assert (verdict.uncalled_for, verdict.clean) == (1, False)


@pytest.mark.parametrize("taken", [(), (HALF,)])
def test_delivered_without_the_whole_text_at_the_centre_is_a_false_claim(taken: tuple[TakenText, ...]) -> None:
    assert judged(SOMEBODY, text(TextState.DELIVERED), *taken).false_claim == 1


def test_a_receipt_for_what_was_never_taken_is_a_false_claim() -> None:
    assert judged(HAS_FAILED, text(TextState.FAILED)).false_claim == 1


def test_another_state_than_the_handset_leads_to_is_wrong() -> None:
    assert judged(HAS_FAILED, text(TextState.DELIVERED), THERE).wrong == 1
    assert judged(SOMEBODY, text(TextState.SENT), THERE).wrong == 1


def test_another_body_or_number_is_changed() -> None:
    assert judged(SOMEBODY, text(TextState.DELIVERED), replace(THERE, body="別の文章")).changed == 1
    assert judged(SOMEBODY, text(TextState.DELIVERED, body="別の文章"), THERE).changed == 1
    assert judged(SOMEBODY, text(TextState.DELIVERED, number="+819030000001"), THERE).changed == 1


def test_unknown_needs_something_that_broke_off_while_the_text_was_under_way() -> None:
    before = Break(NOW - timedelta(seconds=2), NOW - timedelta(seconds=1), "kill")
    later = Break(NOW + 2 * UNDER_WAY, NOW + 2 * UNDER_WAY, "kill")
    for breaks in ((), (before,), (later,), (before, later)):
        assert judged(SOMEBODY, text(TextState.UNKNOWN), THERE, breaks=breaks).unexplained == 1
    verdict = Verdict(most=1)
    for _ in range(3):
        verdict.judge(SOMEBODY, record(text(TextState.UNKNOWN)), (), (KILL,))
    verdict.close()
    assert verdict.unexplained == 2, "one break leaves no more than a window unknown"


def test_a_seed_draws_the_same_faults_again_and_a_third_of_them_kill() -> None:
    plan = planned(20, 800, random.Random(7))
    assert plan == planned(20, 800, random.Random(7))
    names = [one.name for one in plan]
    assert (len(names), names.count("engine_killed")) == (20, 7)
    assert set(names) == set(FAULTS)
    assert all(one.taken < 800 for one in plan)


def test_the_town_has_every_sort_of_person() -> None:
    town = Town(1000, random.Random(7), silent=10)
    assert {person.why_not for person in town.people} == {"", "no_mobile", "by_column", "by_file"}
    assert len({person.number for person in town.people if person.number}) == len(town.handsets)
    assert {one.manner.value for one in town.handsets.values()} >= {"slow", "delivered", "disconnects", "no_receipt"}
