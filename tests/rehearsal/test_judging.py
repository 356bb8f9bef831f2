"""What a call amounts to, judged by audio that was made for it: every verdict can be had, and every one can be lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from rich.console import Console

from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import Dtmf, Kind
from ivr.rehearsal.corpus import Part, Specimen, Truth
from ivr.rehearsal.hearing import Heard
from ivr.rehearsal.judging import Parts, Verdict, judge
from ivr.rehearsal.records import CallRecord, EndedBy, SentKey
from ivr.rehearsal.sounds import RATE, Samples, babble, silence
from ivr.rehearsal.tally import Rate, Summary, as_markdown, recipe_table, tables
from tts import g711

OFFICE = babble(2.3, seed=1, pitch=150.0)
"""With which the question, the message and the screening sentence begin, as a scenario's do."""

NOTICE = babble(2.0, seed=4, pitch=170.0)


def joined(*several: Samples) -> Samples:
    return np.concatenate(several)


PARTS = Parts(
    question=joined(silence(0.2), OFFICE, silence(0.4), babble(5.3, seed=2, pitch=158.0)),
    confirmed=joined(NOTICE, babble(4.0, seed=3, pitch=165.0)),
    leave=joined(OFFICE, silence(0.3), NOTICE),
    screening=joined(OFFICE, babble(2.0, seed=5, pitch=176.0)),
)
QUESTION_S = PARTS.question.size / RATE
LEAVE_S = PARTS.leave.size / RATE
SECRET = PARTS.confirmed[NOTICE.size :]
ANSWERED = 1.5


def over_the_wire(samples: Samples) -> Samples:
    return g711.from_ulaw(g711.ulaw(samples))


def heard(seconds: float, *said: tuple[float, Samples]) -> Heard:
    """What a callee heard for `seconds`, each thing from its time on."""
    track = silence(seconds)
    for at, samples in said:
        first = round(at * RATE)
        track[first : first + samples.size] = samples[: track.size - first]
    return Heard.whole(over_the_wire(track))


def specimen(truth: Truth, *allowed: Outcome, part: Part = Part.TUNED) -> Specimen:
    return Specimen(
        number="0310000001",
        kind=Kind(name="somebody", expect=allowed[0]),
        truth=truth,
        part=part,
        parameters={},
        presses=False,
        allowed=frozenset(allowed),
    )


def call(
    audio: Heard,
    *,
    recorded: Sequence[tuple[float, float]] = (),
    spoken: Sequence[tuple[float, float]] = (),
    pressed: Sequence[tuple[str, float]] = (),
    ended_by: EndedBy = EndedBy.CALLER,
) -> CallRecord:
    """A call as its far end has it: the times given are since the answer."""
    sounding = np.flatnonzero(np.abs(audio.samples.astype(int)) > 100)
    return CallRecord(
        number="0310000001",
        call=1,
        kind="somebody",
        invited_at=datetime(2026, 11, 25, tzinfo=UTC),
        answered=ANSWERED,
        first_sound=ANSWERED + sounding[0] / RATE if sounding.size else None,
        ended=ANSWERED + audio.seconds,
        ended_by=ended_by,
        recorded=list(recorded),
        spoken=list(spoken),
        keys=[SentKey(key, Dtmf.RFC4733, ANSWERED + at, ANSWERED + at + 0.1) for key, at in pressed],
        heard=audio,
    )


def of_person(record: CallRecord, outcome: Outcome = Outcome.CONFIRMED) -> Verdict:
    return judge(specimen(Truth.PERSON, Outcome.CONFIRMED), record, outcome, {}, PARTS)


def of_machine(record: CallRecord, outcome: Outcome = Outcome.VOICEMAIL, whole: bool = True) -> Verdict:
    evidence = {"steps": [{"step": "machine", "seconds": 4.0, "whole": whole, "restarts": 0}]}
    allowed = (Outcome.VOICEMAIL, Outcome.VOICEMAIL_PARTIAL)
    return judge(specimen(Truth.RECORDER, *allowed), record, outcome, evidence, PARTS)


class TestAMessage:
    def test_is_whole_where_a_recording_holds_it_from_start_to_end(self) -> None:
        verdict = of_machine(call(heard(30, (12.0, PARTS.leave)), recorded=[(10.0, 30.0)]))
        assert verdict.whole_message is True
        assert verdict.honest
        assert not verdict.overclaimed
        assert verdict.complaints() == ()

    def test_is_whole_where_it_was_begun_once_before_in_vain(self) -> None:
        audio = heard(30, (8.0, PARTS.leave[: 2 * RATE]), (12.0, PARTS.leave))
        assert of_machine(call(audio, recorded=[(10.0, 30.0)])).whole_message is True

    @pytest.mark.parametrize("late", [0.0, 0.1, 0.5], ids="late {} s".format)
    def test_is_whole_though_frames_came_late_in_it(self, late: float) -> None:
        cut = 13 * RATE
        audio = heard(30, (12.0, PARTS.leave)).samples
        gap = silence(late)
        whole = Heard(joined(audio[:cut], gap, audio[cut:]), ((0, cut), (cut + gap.size, audio.size + gap.size)))
        assert of_machine(call(whole, recorded=[(10.0, 30.0)])).whole_message is True

    @pytest.mark.parametrize("missing", [0.4, 1.0, 3.0])
    def test_is_not_whole_where_it_began_before_the_recording(self, missing: float) -> None:
        verdict = of_machine(call(heard(30, (12.0, PARTS.leave)), recorded=[(12.0 + missing, 30.0)]))
        assert verdict.whole_message is False
        assert verdict.overclaimed
        assert "丸ごと" in verdict.complaints()[0]

    @pytest.mark.parametrize("missing", [0.4, 1.0, 3.0])
    def test_is_not_whole_where_the_recording_ended_in_it(self, missing: float) -> None:
        end = 12.0 + LEAVE_S - missing
        assert of_machine(call(heard(30, (12.0, PARTS.leave)), recorded=[(10.0, end)])).whole_message is False

    def test_is_not_whole_where_a_second_in_its_middle_was_lost(self) -> None:
        audio = heard(30, (12.0, PARTS.leave)).samples
        audio[round(13.0 * RATE) : round(14.0 * RATE)] = 0
        assert of_machine(call(Heard.whole(audio), recorded=[(10.0, 30.0)])).whole_message is False

    def test_is_not_whole_where_nothing_was_recorded_or_only_the_question(self) -> None:
        assert of_machine(call(heard(30, (12.0, PARTS.leave)))).whole_message is False
        assert of_machine(call(heard(30, (12.0, PARTS.question)), recorded=[(10.0, 30.0)])).whole_message is False

    def test_is_not_asked_for_of_anybody_but_recording_machines(self) -> None:
        assert of_person(call(heard(10))).whole_message is None

    def test_that_is_not_whole_is_overclaimed_only_where_the_evidence_says_so(self) -> None:
        record = call(heard(30, (12.0, PARTS.leave)), recorded=[(13.0, 30.0)])
        assert not of_machine(record, Outcome.VOICEMAIL_PARTIAL, whole=False).overclaimed
        assert of_machine(record, Outcome.VOICEMAIL_PARTIAL, whole=True).overclaimed


class TestTheConfirmedPart:
    def test_is_heard_unjustly_by_who_did_not_press(self) -> None:
        assert of_person(call(heard(30, (2.0, PARTS.question), (15.0, SECRET)))).heard_confirmed_part

    def test_is_heard_unjustly_where_only_a_second_of_it_was(self) -> None:
        second = SECRET[round(1.3 * RATE) : round(2.3 * RATE)]
        assert of_person(call(heard(30, (2.0, PARTS.question), (15.0, second)))).heard_confirmed_part
        assert of_machine(call(heard(30, (15.0, second)))).heard_confirmed_part

    def test_may_be_heard_by_who_pressed_before(self) -> None:
        record = call(heard(30, (2.0, PARTS.question), (15.0, SECRET)), pressed=[("#", 14.8)])
        assert not of_person(record).heard_confirmed_part

    def test_is_heard_unjustly_by_who_pressed_only_then_or_another_key(self) -> None:
        audio = heard(30, (2.0, PARTS.question), (15.0, SECRET))
        assert of_person(call(audio, pressed=[("#", 17.0)])).heard_confirmed_part
        assert of_person(call(audio, pressed=[("5", 14.8)])).heard_confirmed_part

    def test_is_not_what_the_message_for_machines_says_too(self) -> None:
        audio = heard(60, (2.0, PARTS.question), (15.0, PARTS.leave), (30.0, PARTS.screening))
        assert not of_person(call(audio)).heard_confirmed_part


class TestTheQuestion:
    def test_is_whole_where_it_was_heard_out(self) -> None:
        verdict = of_person(call(heard(12, (2.0, PARTS.question)), spoken=[(0.5, 1.5)]))
        assert verdict.question_whole is True
        assert verdict.question_after_s == pytest.approx(0.7, abs=0.05)  # it begins with a pause of 0.2 s
        assert verdict.longest_silence_s == pytest.approx(0.7, abs=0.05)
        assert verdict.plain
        assert not verdict.screening_said

    def test_is_not_whole_where_it_was_cut_at_its_start(self) -> None:
        audio = heard(12, (2.0, PARTS.question[round(0.8 * RATE) :]))
        assert of_person(call(audio, spoken=[(0.5, 1.5)])).question_whole is False

    def test_is_not_whole_where_it_broke_off_by_itself(self) -> None:
        audio = heard(12, (2.0, PARTS.question[: 4 * RATE]))
        assert of_person(call(audio)).question_whole is False

    def test_is_whole_where_the_callee_cut_it_short(self) -> None:
        audio = heard(7, (2.0, PARTS.question[: 4 * RATE]))
        assert of_person(call(audio, pressed=[("#", 6.0)])).question_whole is True
        assert of_person(call(heard(6, (2.0, PARTS.question)), ended_by=EndedBy.CALLEE)).question_whole is True

    def test_is_not_whole_where_it_began_while_the_person_was_speaking(self) -> None:
        audio = heard(12, (1.0, PARTS.question))
        assert of_person(call(audio, spoken=[(0.5, 2.0)])).question_whole is False
        assert of_person(call(audio, spoken=[(0.5, 1.3)])).question_whole is True

    def test_is_not_whole_where_it_began_in_a_breath_of_the_first_words(self) -> None:
        audio = heard(20, (2.0, PARTS.question))
        assert of_person(call(audio, spoken=[(0.5, 1.5), (2.4, 4.0)])).question_whole is False

    def test_is_whole_where_the_second_asking_was(self) -> None:
        audio = heard(20, (1.0, PARTS.question[: round(1.5 * RATE)]), (4.0, PARTS.question))
        verdict = of_person(call(audio, spoken=[(0.5, 1.2), (2.2, 3.0)]))
        assert verdict.question_whole is True
        assert verdict.question_after_s == pytest.approx(1.2, abs=0.05)

    def test_that_is_interrupted_by_the_person_is_heard(self) -> None:
        audio = heard(20, (2.0, PARTS.question))
        assert of_person(call(audio, spoken=[(0.5, 1.2), (6.0, 7.0)])).question_whole is True

    def test_is_not_the_message_or_the_screening_that_begins_with_the_same_words(self) -> None:
        verdict = of_person(call(heard(20, (2.0, PARTS.screening), (8.0, PARTS.leave)), spoken=[(0.5, 1.2)]))
        assert verdict.question_whole is False
        assert verdict.question_after_s is None
        assert verdict.screening_said

    def test_comes_after_the_answer_where_the_person_waits_for_it(self) -> None:
        verdict = of_person(call(heard(12, (1.0, PARTS.question)), spoken=[(3.0, 4.0)]))
        assert verdict.question_after_s == pytest.approx(1.2, abs=0.05)
        assert verdict.plain

    def test_may_be_a_long_time_coming(self) -> None:
        verdict = of_person(call(heard(30, (9.0, PARTS.question)), spoken=[(0.5, 1.5), (3.5, 5.0)]))
        assert verdict.longest_silence_s == pytest.approx(4.2, abs=0.05)
        assert verdict.question_after_s == pytest.approx(7.7, abs=0.05)
        assert not verdict.plain

    def test_that_never_comes_is_waited_for_to_the_end(self) -> None:
        verdict = of_person(call(heard(9), spoken=[(0.5, 1.5)]), Outcome.UNCONFIRMED)
        assert (verdict.question_whole, verdict.question_after_s) == (False, None)
        assert verdict.longest_silence_s == pytest.approx(7.5, abs=0.05)


def test_a_press_is_lost_where_the_outcome_does_not_know_of_it() -> None:
    pressed = call(heard(12, (2.0, PARTS.question)), pressed=[("#", 10.0)])
    assert of_person(pressed, Outcome.UNCONFIRMED).lost_press
    assert not of_person(pressed, Outcome.CONFIRMED_PARTIAL).lost_press
    assert not of_person(call(heard(12, (2.0, PARTS.question))), Outcome.UNCONFIRMED).lost_press


def test_an_outcome_that_claims_more_than_is_true_is_not_honest() -> None:
    record = call(heard(12, (2.0, PARTS.question)))
    assert not of_person(record, Outcome.VOICEMAIL).honest
    assert of_person(record, Outcome.CONFIRMED).honest
    assert not judge(specimen(Truth.FAX, Outcome.HUNG_UP), record, None, {}, PARTS).honest


class TestASummary:
    good = of_machine(call(heard(30, (12.0, PARTS.leave)), recorded=[(10.0, 30.0)]))
    asked = of_person(call(heard(12, (2.0, PARTS.question)), spoken=[(0.5, 1.5)], pressed=[("#", 11.0)]))

    def test_holds_every_target_where_every_call_does(self) -> None:
        summary = Summary.of(Part.TUNED, [self.good, self.asked, replace(self.good, part=Part.HELD_OUT)])
        assert summary.shortfalls() == ()
        assert summary.matrix == {
            (Truth.RECORDER, Outcome.VOICEMAIL): 1,
            (Truth.PERSON, Outcome.CONFIRMED): 1,
        }
        assert summary.whole == Rate(good=1, all=1)
        assert summary.calls == 2

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"whole_message": False}, "丸ごと"),
            ({"heard_confirmed_part": True}, "確認の前"),
            ({"lost_press": True}, "「#」"),
            ({"honest": False}, "名乗る"),
            ({"question_whole": False}, "質問を初めから"),
            ({"question_after_s": 1.6}, "中央値"),
            ({"longest_silence_s": 2.6}, "待たせ"),
            ({"fault": "切れた"}, "故障"),
        ],
    )
    def test_tells_every_target_that_is_missed(self, change: dict[str, object], says: str) -> None:
        changed = self.good if "whole_message" in change else self.asked
        (missed,) = Summary.of(Part.TUNED, [replace(changed, **change)]).shortfalls()  # type: ignore[arg-type]
        assert says in missed

    def test_of_a_whole_rate_just_under_the_target_misses_it(self) -> None:
        machines = [self.good] * 98 + [replace(self.good, whole_message=False)] * 2
        assert len(Summary.of(Part.TUNED, machines).shortfalls()) == 1
        assert Summary.of(Part.TUNED, [self.good, *machines[:99]]).shortfalls() == ()

    def test_of_no_calls_misses_its_target(self) -> None:
        assert Summary.of(Part.HELD_OUT, [self.good]).shortfalls()

    def test_lets_a_long_answer_wait_longer(self) -> None:
        slow = replace(self.asked, longest_silence_s=3.0, plain=False)
        summary = Summary.of(Part.TUNED, [slow])
        assert summary.shortfalls() == ()
        assert (summary.silence, summary.any_silence) == (None, 3.0)

    def test_is_shown_in_tables_and_in_markdown(self) -> None:
        summary = Summary.of(Part.TUNED, [self.good, self.asked])
        rates = {"呼鈴": {Part.TUNED: summary.whole}}
        for plain in (True, False):
            console = Console(width=200)
            with console.capture() as captured:
                for table in (*tables(summary, plain=plain), recipe_table(rates, plain=plain)):
                    console.print(table)
            shown = captured.get()
            assert "留守番電話" in shown
            assert "本人確認済" in shown
            assert "1 / 1（100.0 %）" in shown
        markdown = as_markdown([summary], rates)
        assert "| 留守番電話 |  | 1 | 1 |" in markdown
        assert "| 呼鈴 | 1 / 1（100.0 %） |" in markdown

    def test_line_is_ready_for_json(self) -> None:
        assert json.loads(json.dumps(self.asked.as_json()))["question_after_s"] == pytest.approx(0.7, abs=0.05)
