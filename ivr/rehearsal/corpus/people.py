"""People of the corpus, timed by what they hear: the question may begin at any moment, and more than once."""

from __future__ import annotations

from collections.abc import Callable

from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import (
    Background,
    BackgroundNoise,
    HangUp,
    HearOut,
    Press,
    Stay,
    Step,
    Wait,
    WaitSpeech,
)
from ivr.rehearsal.corpus.draw import SILENT, Draw, Made, Variation

SETTLES = 0.5
"""Seconds after a person's words in which what we say breaks off; such a fragment is not taken for the question."""

ASKED_AGAIN = 3.0
"""Seconds of silence after which what is said next is another asking, or the message; less than the wait for a key."""


def hears_and_presses(draw: Draw) -> list[Step]:
    """Return the steps of who hears the question out, presses `#` and listens to the end."""
    return [Wait(SETTLES), HearOut(draw.number("reaction_s")), Press("#"), Stay()]


def _hello(draw: Draw) -> Made:
    return _confirms(_answers(draw) + hears_and_presses(draw))


def _named(draw: Draw) -> Made:
    return _confirms(_answers(draw, "name") + hears_and_presses(draw))


def _long_answer(draw: Draw) -> Made:
    return _confirms(_answers(draw, "long_answer") + hears_and_presses(draw))


def _silent_first(draw: Draw) -> Made:
    first: list[Step] = [Wait(draw.number("silent_first_s")), *draw.says("hello")]
    return _confirms(first + hears_and_presses(draw))


def _in(noise: BackgroundNoise) -> Callable[[Draw], Made]:
    def make(draw: Draw) -> Made:
        draw.note("noise", noise.value)
        background = Background(noise, draw.number("room_noise"))
        return _confirms(_answers(draw) + hears_and_presses(draw), background=background)

    return make


def _lossy(draw: Draw) -> Made:
    return _confirms(_answers(draw, "name") + hears_and_presses(draw), loss=draw.number("loss"))


def _sparse(draw: Draw) -> Made:
    draw.note("sparse", True)
    return _confirms(_answers(draw) + hears_and_presses(draw), sparse=True)


def _quiet(draw: Draw) -> Made:
    return _confirms(_answers(draw) + hears_and_presses(draw), level=draw.number("level_quiet"))


def _loud(draw: Draw) -> Made:
    return _confirms(_answers(draw, "name") + hears_and_presses(draw), level=draw.number("level_loud"))


def _presses_in_question(draw: Draw) -> Made:
    steps: list[Step] = [Wait(SETTLES), WaitSpeech(), Wait(draw.number("into_s")), Press("#"), Stay()]
    return _confirms(_answers(draw) + steps)


def _presses_at_second_asking(draw: Draw) -> Made:
    second: list[Step] = [WaitSpeech(ASKED_AGAIN), HearOut(draw.number("reaction_s")), Press("#"), Stay()]
    return _confirms([*_answers(draw), Wait(SETTLES), HearOut(1.0), *second])


def _presses_during_message(draw: Draw) -> Made:
    """Nobody is at the telephone until the message is being left; then somebody takes it up and presses."""
    asked: list[Step] = [HearOut(1.0), WaitSpeech(ASKED_AGAIN)]
    return _confirms([*asked, *asked, Wait(1.0), Press("#"), Stay()])


def _hangs_up_in_question(draw: Draw) -> Made:
    return _leaves([*_answers(draw), Wait(SETTLES), WaitSpeech(), Wait(draw.number("into_s")), HangUp()])


def _hangs_up_after_question(draw: Draw) -> Made:
    return _leaves([*_answers(draw, "name"), Wait(SETTLES), HearOut(draw.number("reaction_s")), HangUp()])


def _greets_and_is_silent(draw: Draw) -> Made:
    return Made(steps=(*_answers(draw), Stay()), expect=Outcome.VOICEMAIL, allowed=SILENT)


def _is_silent(draw: Draw) -> Made:
    draw.note("says", False)
    return Made(steps=(Stay(),), expect=Outcome.VOICEMAIL, allowed=SILENT)


def _answers(draw: Draw, words: str = "hello") -> list[Step]:
    return [Wait(draw.number("pick_up_s")), *draw.says(words, pause="breath_s")]


def _confirms(
    steps: list[Step],
    *,
    level: float | None = None,
    loss: float = 0.0,
    sparse: bool = False,
    background: Background | None = None,
) -> Made:
    return Made(
        steps=tuple(steps),
        expect=Outcome.CONFIRMED,
        allowed=frozenset({Outcome.CONFIRMED}),
        level=level,
        loss=loss,
        sparse=sparse,
        background=background,
    )


def _leaves(steps: list[Step]) -> Made:
    return Made(steps=tuple(steps), expect=Outcome.HUNG_UP, allowed=frozenset({Outcome.HUNG_UP}))


PEOPLE = (
    Variation("hello", "もしもしと言い、質問の後で「#」を押す", 2, 1, _hello),
    Variation("named", "名乗り、質問の後で「#」を押す", 1, 1, _named),
    Variation("long_answer", "長く話してから質問を聞き、「#」を押す", 2, 2, _long_answer),
    Variation("silent_first", "しばらく黙ってから応える", 2, 1, _silent_first),
    Variation("in_white_noise", "雑音の中", 1, 1, _in(BackgroundNoise.WHITE)),
    Variation("in_pink_noise", "乗り物や換気扇のような雑音の中", 1, 1, _in(BackgroundNoise.PINK)),
    Variation("in_babble", "周りで何人もが話している", 1, 1, _in(BackgroundNoise.BABBLE)),
    Variation("in_music", "テレビの音楽が流れている", 1, 1, _in(BackgroundNoise.MUSIC)),
    Variation("lossy", "音声のパケットが失われる", 1, 1, _lossy),
    Variation("sparse", "黙っている間は RTP を送らない", 1, 1, _sparse),
    Variation("quiet", "声が小さい", 1, 1, _quiet),
    Variation("loud", "声が大きい", 1, 1, _loud),
    Variation("presses_in_question", "質問の途中で「#」を押す", 2, 1, _presses_in_question),
    Variation("presses_at_second_asking", "二度目の質問の後で「#」を押す", 2, 1, _presses_at_second_asking),
    Variation("presses_during_message", "伝言の途中で出て「#」を押す", 1, 1, _presses_during_message),
    Variation("hangs_up_in_question", "質問の途中で切る", 1, 1, _hangs_up_in_question),
    Variation("hangs_up_after_question", "質問を聞き終えて切る", 1, 1, _hangs_up_after_question),
    Variation("greets_and_is_silent", "応えた後、ずっと黙っている", 1, 1, _greets_and_is_silent),
    Variation("is_silent", "出るが、ずっと黙っている", 1, 1, _is_silent),
)
