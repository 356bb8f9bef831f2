"""The call flow: every way through the reminder, and what holds for any scenario and any events."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.call import (
    Broken,
    Came,
    EndedBy,
    Event,
    Fact,
    Heard,
    Holding,
    HungUp,
    KeyPress,
    Leaving,
    Left,
    Nobody,
    NobodyCame,
    NotLeft,
    Opened,
    Opening,
    Over,
    Pressed,
    Silence,
    Sounded,
    Speaking,
    Spoken,
    State,
    TalkedOver,
    TimeUp,
    Waiting,
    Words,
)
from ivr.domain.callflow import begin, confirms, decide, live_keys, live_signs, yields
from ivr.domain.outcome import Outcome, heard_seconds, marks, of_call, restarts
from ivr.domain.scenario import END, KEYS, SCREENING, Ask, Leave, Say, Scenario, flaws
from ivr.domain.signs import Found, Sign
from tests.domain.reminder import REMINDER


def play(scenario: Scenario, *events: Event) -> tuple[State, list[Fact]]:
    """Feed `events` to a call from its start."""
    state, new = begin(scenario)
    facts = list(new)
    for event in events:
        assert not isinstance(state, Over), f"{event} after the end"
        state, new = decide(scenario, state, event)
        facts += new
    return state, facts


def outcome(*events: Event) -> Outcome:
    state, facts = play(REMINDER, *events)
    assert isinstance(state, Over)
    return of_call(facts, state)


ASKED = (Spoken(6.0), Silence())
ABSENT = ASKED * 2


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((Spoken(6.0), Pressed("#"), Spoken(3.0), HungUp(0.4)), Outcome.CONFIRMED),
        ((Pressed("#", 2.0), Spoken(3.0), Spoken(4.0), Silence(), Spoken(2.0)), Outcome.CONFIRMED),
        ((*ASKED, Spoken(6.0), Pressed("#"), Spoken(3.0), HungUp()), Outcome.CONFIRMED),
        ((Pressed("#", 2.0), HungUp(1.5)), Outcome.CONFIRMED_PARTIAL),
        ((Pressed("#", 2.0), TimeUp(1.5)), Outcome.CONFIRMED_PARTIAL),
        ((Pressed("#", 2.0), Spoken(3.0), Pressed("1", 1.0), HungUp(0.5)), Outcome.CONFIRMED),
        ((HungUp(1.0),), Outcome.HUNG_UP),
        ((Spoken(6.0), HungUp()), Outcome.HUNG_UP),
        ((Pressed("5", 1.0), HungUp(1.0)), Outcome.HUNG_UP),
        ((*ABSENT, Left(6.0, restarts=2)), Outcome.VOICEMAIL),
        ((*ABSENT, NotLeft(3.0, restarts=8)), Outcome.VOICEMAIL_PARTIAL),
        ((*ABSENT, NotLeft(0.0)), Outcome.VOICEMAIL_PARTIAL),
        ((*ABSENT, HungUp(2.0)), Outcome.VOICEMAIL_PARTIAL),
        ((*ABSENT, HungUp(0.0)), Outcome.HUNG_UP),
        ((*ABSENT, TimeUp()), Outcome.VOICEMAIL_PARTIAL),
        ((*ABSENT, Pressed("#", 1.0), Spoken(3.0), HungUp()), Outcome.CONFIRMED),
        ((TimeUp(2.0),), Outcome.UNCONFIRMED),
        ((Broken("no voice"),), Outcome.FAILED),
        ((Pressed("#", 2.0), Broken("no file")), Outcome.FAILED),
        ((Broken("PBX gone", lost=True),), Outcome.UNKNOWN),
        ((Pressed("#", 2.0), Broken("PBX gone", lost=True)), Outcome.UNKNOWN),
        ((Pressed("#", 2.0), Spoken(3.0), Broken("PBX gone", lost=True)), Outcome.CONFIRMED),
    ],
)
def test_the_outcome_is_no_stronger_than_what_happened(events: tuple[Event, ...], expected: Outcome) -> None:
    assert outcome(*events) is expected


def test_a_key_pressed_while_the_question_is_put_leads_on_at_once() -> None:
    state, facts = play(REMINDER, Pressed("#", 2.5))
    assert state == Speaking("notice")
    assert facts == [Heard("confirm", 2.5, whole=False), KeyPress("confirm", "#", confirms=True)]


def test_the_question_is_put_as_often_as_the_scenario_says_and_then_the_callee_counts_as_absent() -> None:
    state, _ = play(REMINDER, *ASKED)
    assert state == Speaking("confirm", asked=2)
    state, _ = play(REMINDER, *ABSENT)
    assert state == Leaving("machine", question="confirm")


def test_a_wrong_key_has_the_question_put_again_and_once_more_than_silence_does() -> None:
    state, facts = play(REMINDER, Pressed("5", 1.0))
    assert state == Speaking("confirm", asked=2, wrong=1)
    assert KeyPress("confirm", "5") in facts
    state, _ = play(REMINDER, Pressed("5", 1.0), *ASKED)
    assert state == Speaking("confirm", asked=3, wrong=1)
    state, _ = play(REMINDER, Pressed("5", 1.0), *ASKED, *ASKED)
    assert state == Leaving("machine", question="confirm")


def test_wrong_keys_for_ever_end_as_silence_does() -> None:
    state, _ = play(REMINDER, *[Pressed("9")] * 3)
    assert state == Leaving("machine", question="confirm")


def test_the_keys_of_the_question_stay_live_while_a_message_is_left() -> None:
    state, _ = play(REMINDER, *ABSENT)
    assert isinstance(state, Leaving)
    assert live_keys(REMINDER, state) == "#"
    state, facts = play(REMINDER, *ABSENT, Pressed("#", 2.0))
    assert state == Speaking("notice")
    assert facts[-1] == KeyPress("confirm", "#", confirms=True)


def test_a_message_is_not_interrupted_by_keys() -> None:
    assert live_keys(REMINDER, Speaking("notice")) == ""
    assert live_keys(REMINDER, Speaking("confirm")) == KEYS


def test_the_callee_can_have_the_message_repeated_and_ask_for_a_call_back() -> None:
    state, facts = play(
        REMINDER,
        *(Pressed("#"), Spoken(3.0), Pressed("1", 1.0), Spoken(3.0), Pressed("2", 1.0), Spoken(2.0), Spoken(2.0)),
    )
    assert state == Over(EndedBy.ENGINE)
    assert marks(facts) == ("callback_requested",)
    assert heard_seconds(facts) == 12.0
    assert of_call(facts, state) is Outcome.CONFIRMED


def test_restarts_are_counted() -> None:
    _, facts = play(REMINDER, *ABSENT, Left(6.0, restarts=3))
    assert restarts(facts) == 3


def test_only_a_key_that_leads_straight_to_the_message_confirms() -> None:
    assert confirms(REMINDER, "notice")
    assert not confirms(REMINDER, "more")
    assert not confirms(REMINDER, END)
    languages = Scenario(
        title="two languages",
        start="choose",
        steps={
            "choose": Ask(name="choose", text="?", keys={"#": "hello", "2": "english"}),
            "hello": Say(name="hello", text=".", then="notice"),
            "english": Ask(name="english", text="?", keys={"#": "notice"}),
            "notice": Say(name="notice", text=".", reached=True),
        },
    )
    assert confirms(languages, "hello")
    assert not confirms(languages, "english")


LISTENS = replace(
    REMINDER,
    listens=True,
    steps={**REMINDER.steps, SCREENING: Say(name=SCREENING, text="税務課です。", then="confirm")},
)
BEEP, RINGS = Sounded(Sign.BEEP, 4.0), Sounded(Sign.RINGBACK)
LONG = Opened(3.0, Words.LONG)
RECITED = Opened(6.0, Words.RECITED)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), Opening("confirm")),
        ((Opened(0.9),), Speaking("confirm")),
        ((Opened(),), Speaking("confirm")),
        ((LONG,), Speaking(SCREENING, words=Words.LONG)),
        ((LONG, Spoken(3.0)), Speaking("confirm", words=Words.LONG)),
        ((LONG, Spoken(3.0), Spoken(9.0)), Waiting("confirm", 1, words=Words.LONG)),
        ((LONG, Spoken(3.0), Spoken(9.0), Silence()), Speaking("confirm", 2, words=Words.LONG)),
        ((RECITED, Spoken(3.0), Spoken(9.0), Silence()), Leaving("machine", "confirm", Words.RECITED)),
        ((LONG, BEEP), Leaving("machine", "confirm")),
        ((BEEP,), Leaving("machine", "confirm")),
        ((Opened(0.9), BEEP), Leaving("machine", "confirm")),
        ((Opened(0.9), Spoken(9.0), BEEP), Leaving("machine", "confirm")),
        ((Opened(0.4), TalkedOver(0.6)), Opening("confirm", yielded=True)),
        ((Opened(0.4), TalkedOver(0.6), Opened(1.5)), Speaking("confirm", yielded=True)),
        ((Opened(0.4), TalkedOver(0.6), LONG), Speaking(SCREENING, words=Words.LONG, yielded=True)),
        ((LONG, TalkedOver(0.6), Opened(0.9)), Speaking(SCREENING, words=Words.LONG, yielded=True)),
        ((RINGS,), Holding("confirm")),
        ((Opened(3.0), RINGS), Holding("confirm")),
        ((Opened(3.0), RINGS, Came()), Opening("confirm", again=True)),
        ((Opened(3.0), RINGS, Came(), Opened(0.9)), Speaking("confirm")),
        ((LONG, RINGS, Came(), LONG), Speaking("confirm", words=Words.LONG)),
        ((Opened(), *ASKED, *ASKED, RINGS), Holding("confirm")),
    ],
)
def test_what_the_callees_side_sounds_like_leads_on(events: tuple[Event, ...], state: State) -> None:
    assert play(LISTENS, *events)[0] == state


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((Opened(0.9), BEEP, Left(5.0)), Outcome.VOICEMAIL),
        ((Opened(0.9), BEEP, Pressed("#"), Spoken(3.0), HungUp(0.0)), Outcome.CONFIRMED),
        ((RINGS, HungUp()), Outcome.SCREENED),
        ((RINGS, Nobody()), Outcome.SCREENED),
        ((RINGS, TimeUp()), Outcome.SCREENED),
        ((RINGS, Came(), Opened(0.9), Pressed("#"), Spoken(3.0), HungUp()), Outcome.CONFIRMED),
        ((RINGS, Came(), Opened(0.9), HungUp(2.0)), Outcome.HUNG_UP),
        ((RINGS, Came(), HungUp(spoke=0.8)), Outcome.HUNG_UP),
        ((RINGS, Came(), HungUp(spoke=2.5)), Outcome.SCREENED),
        ((LONG, Spoken(3.0), HungUp(1.0, spoke=2.5)), Outcome.SCREENED),
        ((LONG, Spoken(3.0), HungUp(1.0, spoke=0.4)), Outcome.HUNG_UP),
        ((Opened(0.9), HungUp(1.0, spoke=2.5)), Outcome.HUNG_UP),
        ((Sounded(Sign.FAX),), Outcome.UNCONFIRMED),
        ((Sounded(Sign.SPECIAL),), Outcome.UNKNOWN),
        ((Sounded(Sign.BUSY),), Outcome.HUNG_UP),
        ((Opened(0.9), BEEP, Sounded(Sign.BUSY, 3.0)), Outcome.VOICEMAIL_PARTIAL),
    ],
)
def test_an_outcome_claims_no_more_than_was_heard(events: tuple[Event, ...], expected: Outcome) -> None:
    state, facts = play(LISTENS, *events)
    assert isinstance(state, Over)
    assert of_call(facts, state) is expected


def test_a_closing_sentence_in_the_message_is_a_devices_unless_a_beep_was_a_machines() -> None:
    state, facts = play(LISTENS, RECITED, Spoken(3.0), Spoken(9.0), Silence(), HungUp(4.0, spoke=2.5))
    assert isinstance(state, Over)
    assert of_call(facts, state) is Outcome.SCREENED
    assert of_call(facts, state, (Found(Sign.BEEP, 8.0, 8.4, 1000.0),)) is Outcome.VOICEMAIL_PARTIAL
    state, facts = play(LISTENS, RECITED, Spoken(3.0), Spoken(9.0), Silence(), HungUp(4.0))
    assert isinstance(state, Over)
    assert of_call(facts, state) is Outcome.VOICEMAIL_PARTIAL


def test_an_announcement_that_goes_round_proves_nobody() -> None:
    round_again = (Found(Sign.REPEATED, 8.0, 14.0, 0.0),)
    for events in ((LONG, Spoken(3.0), HungUp(1.0, spoke=2.5)), (Opened(0.9), HungUp(1.0))):
        state, facts = play(LISTENS, *events)
        assert isinstance(state, Over)
        assert of_call(facts, state, round_again) is Outcome.UNKNOWN
    state, facts = play(LISTENS, Opened(), TimeUp())
    assert isinstance(state, Over)
    assert of_call(facts, state, round_again) is Outcome.UNCONFIRMED, "it does not stay on the line"
    state, facts = play(LISTENS, Opened(), Pressed("#"), Spoken(3.0), HungUp())
    assert isinstance(state, Over)
    assert of_call(facts, state, round_again) is Outcome.CONFIRMED


def test_we_stop_for_somebody_once_and_only_as_we_begin() -> None:
    assert yields(LISTENS, Speaking("confirm"))
    assert yields(LISTENS, Speaking(SCREENING, words=Words.LONG))
    for at in (Speaking("confirm", yielded=True), Speaking("confirm", 2), Speaking("notice"), Waiting("confirm", 1)):
        assert not yields(LISTENS, at)
    assert not yields(REMINDER, Speaking("confirm")), "who speaks at once does not listen"


def test_no_sign_turns_a_call_once_a_key_was_pressed() -> None:
    for name in ("notice", "more", "bye"):
        assert live_signs(LISTENS, Speaking(name)) == frozenset()
    assert Sign.BEEP in live_signs(LISTENS, Speaking("confirm"))
    assert Sign.BEEP not in live_signs(LISTENS, Leaving("machine", "confirm")), "it has been heard"
    without = replace(LISTENS, steps={**LISTENS.steps, "confirm": replace(LISTENS.steps["confirm"], silence="bye")})
    assert Sign.BEEP not in live_signs(without, Speaking("confirm")), "there is nothing to leave"
    assert Sign.RINGBACK in live_signs(without, Speaking("confirm"))


def test_an_event_that_the_state_does_not_wait_for_ends_the_call_as_our_fault() -> None:
    state, facts = play(REMINDER, Left(3.0))
    assert isinstance(state, Over)
    assert state.by is EndedBy.FAULT
    assert of_call(facts, state) is Outcome.FAILED


NAMES = ["a", "b", "c", "d"]
SECONDS = st.floats(0, 30)
EVENTS = st.one_of(
    st.builds(Spoken, SECONDS),
    st.builds(Pressed, st.sampled_from(KEYS), SECONDS),
    st.just(Silence()),
    st.builds(Left, SECONDS, st.integers(0, 5)),
    st.builds(NotLeft, SECONDS, st.integers(0, 5)),
    st.builds(HungUp, SECONDS, st.integers(0, 5)),
    st.builds(TimeUp, SECONDS),
    st.builds(Broken, st.just("broken")),
    st.builds(Opened, SECONDS, st.sampled_from(Words)),
    st.builds(Sounded, st.sampled_from(Sign), SECONDS, st.integers(0, 5)),
    st.builds(TalkedOver, SECONDS),
    st.just(Came()),
    st.just(Nobody()),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    target = st.sampled_from([*NAMES, END])

    def step(name: str) -> Say | Ask | Leave:
        match draw(st.sampled_from(["say", "ask", "leave"])):
            case "say":
                return Say(name=name, text="x", then=draw(target), reached=draw(st.booleans()))
            case "ask":
                keys = draw(st.dictionaries(st.sampled_from(KEYS), target, max_size=3))
                return Ask(name=name, text="x", keys=keys, times=draw(st.integers(1, 3)), silence=draw(target))
            case _:
                return Leave(name=name, text="x")

    start, steps = draw(st.sampled_from(NAMES)), {name: step(name) for name in NAMES}
    if draw(st.booleans()):
        steps[SCREENING] = Say(name=SCREENING, text="x", then=start)
    return Scenario(title="any", start=start, steps=steps, listens=draw(st.booleans()))


@given(scenarios(), st.lists(EVENTS, max_size=40))
def test_any_events_on_any_scenario_keep_the_outcome_within_the_evidence(
    scenario: Scenario, events: list[Event]
) -> None:
    state, new = begin(scenario)
    facts = list(new)
    for event in events:
        if isinstance(state, Over):
            break
        assert state.step in scenario.steps
        live_keys(scenario, state)
        if isinstance(event, Sounded) and event.sign not in live_signs(scenario, state):
            continue
        if isinstance(event, TalkedOver) and not yields(scenario, state):
            continue
        state, new = decide(scenario, state, event)
        facts += new
    if not isinstance(state, Over):
        state, new = decide(scenario, state, HungUp())
        facts += new
    assert isinstance(state, Over)
    result = of_call(facts, state)
    if result is Outcome.CONFIRMED:
        assert any(isinstance(fact, KeyPress) and fact.confirms for fact in facts)
        assert any(isinstance(fact, Heard) and fact.whole and fact.reached for fact in facts)
    if result is Outcome.VOICEMAIL:
        assert any(isinstance(event, Left) for event in events)
    if result is Outcome.SCREENED:
        assert NobodyCame() in facts
        assert not any(isinstance(fact, KeyPress) and fact.confirms for fact in facts)


@given(scenarios())
def test_a_scenario_without_flaws_ends_when_nobody_presses_anything(scenario: Scenario) -> None:
    if any("誰もキーを押さない" in flaw.message for flaw in flaws(scenario)):
        return
    state, _ = begin(scenario)
    for _ in range(100):
        match state:
            case Over():
                return
            case Speaking():
                state, _ = decide(scenario, state, Spoken(1.0))
            case Waiting():
                state, _ = decide(scenario, state, Silence())
            case Leaving():
                state, _ = decide(scenario, state, NotLeft(0.0))
            case Opening():
                state, _ = decide(scenario, state, Opened())
            case _:
                pytest.fail(f"{state} without a sign")
    pytest.fail("the call goes round for ever")
