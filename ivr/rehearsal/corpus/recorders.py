"""Recording machines of the corpus. Each records from the end of its beep on, or, without one, of its greeting."""

from __future__ import annotations

from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import Background, BackgroundNoise, Music, Record, Step, Tone, Wait
from ivr.rehearsal.corpus.draw import LEFT, Draw, Made, Variation

MOST = 180.0
"""Seconds that a carrier's recorder takes."""


def _plain(draw: Draw) -> Made:
    return _made(_greets(draw) + _beeps(draw) + _records(draw))


def _pauses(draw: Draw) -> Made:
    return _made(_greets(draw, pause="long_pause_s") + _beeps(draw) + _records(draw))


def _several_beeps(draw: Draw) -> Made:
    """ピッピッピー: two short ones and a longer one of the same pitch."""
    steps = [*_greets(draw), Wait(draw.number("beep_after_s"))]
    hertz, level = draw.number("beep_hz"), draw.number("beep_level")
    for _ in range(2):
        steps += [Tone((hertz,), draw.number("short_beep_s"), level), Wait(draw.number("beep_gap_s"))]
    return _made([*steps, Tone((hertz,), draw.number("beep_s"), level), *_records(draw)])


def _no_beep(draw: Draw) -> Made:
    return _made(_greets(draw, "beepless_greeting") + _records(draw))


def _late_beep(draw: Draw) -> Made:
    return _made(_greets(draw) + _beeps(draw, after="late_beep_s") + _records(draw))


def _short_beep(draw: Draw) -> Made:
    return _made(_greets(draw) + _beeps(draw, seconds="short_beep_s") + _records(draw))


def _long_beep(draw: Draw) -> Made:
    return _made(_greets(draw) + _beeps(draw, seconds="long_beep_s") + _records(draw))


def _music(draw: Draw) -> Made:
    """Music opens the greeting and goes on beneath it."""
    level = draw.number("music_level")
    greeting = [Music(2.0, level + 8.0, draw.random.randrange(1, 1000)), *draw.says("greeting", music=level)]
    return _made([Wait(draw.number("answer_s")), *greeting, *_beeps(draw), *_records(draw)])


def _line_noise(draw: Draw) -> Made:
    noise = draw.random.choice((BackgroundNoise.WHITE, BackgroundNoise.PINK))
    draw.note("noise", noise.value)
    background = Background(noise, draw.number("line_noise"))
    return _made(_greets(draw) + _beeps(draw) + _records(draw), background=background)


def _lossy(draw: Draw) -> Made:
    return _made(_greets(draw) + _beeps(draw) + _records(draw), loss=draw.number("loss"))


def _sparse(draw: Draw) -> Made:
    draw.note("sparse", True)
    return _made(_greets(draw) + _beeps(draw) + _records(draw), sparse=True)


def _cuts(draw: Draw) -> Made:
    """A recorder that takes little and then hangs up, spoken to or not."""
    return _made([*_greets(draw), *_beeps(draw), Record(draw.number("cut_s"))], ends_early=True)


def _memo(draw: Draw) -> Made:
    """The recorder of a telephone set."""
    greeting = _greets(draw, "memo_greeting")
    return _made([*greeting, *_beeps(draw), Record(draw.number("memo_s"), draw.number("gives_up_s"))], ends_early=True)


def _answers_late(draw: Draw) -> Made:
    """Connected first, greeting later: our question is already being asked."""
    greeting = [Wait(draw.number("late_s")), *draw.says("greeting")]
    return _made(greeting + _beeps(draw) + _records(draw))


def _long(draw: Draw) -> Made:
    return _made(_greets(draw, "long_greeting") + _beeps(draw) + _records(draw))


def _short(draw: Draw) -> Made:
    return _made(_greets(draw, "short_greeting") + _beeps(draw) + _records(draw))


def _quiet(draw: Draw) -> Made:
    return _made(_greets(draw) + _beeps(draw) + _records(draw), level=draw.number("level_quiet"))


def _loud(draw: Draw) -> Made:
    return _made(_greets(draw) + _beeps(draw) + _records(draw), level=draw.number("level_loud"))


def _bilingual(draw: Draw) -> Made:
    return _made(_greets(draw, "bilingual_greeting") + _beeps(draw) + _records(draw))


def _greets(draw: Draw, words: str = "greeting", *, pause: str = "pause_s") -> list[Step]:
    return [Wait(draw.number("answer_s")), *draw.says(words, pause=pause)]


def _beeps(draw: Draw, *, seconds: str = "beep_s", after: str = "beep_after_s") -> list[Step]:
    wait = Wait(draw.number(after))
    return [wait, Tone((draw.number("beep_hz"),), draw.number(seconds), draw.number("beep_level"))]


def _records(draw: Draw) -> list[Step]:
    return [Record(MOST, draw.number("gives_up_s"))]


def _made(
    steps: list[Step],
    *,
    ends_early: bool = False,
    level: float | None = None,
    loss: float = 0.0,
    sparse: bool = False,
    background: Background | None = None,
) -> Made:
    """Return a recorder. Of one that `ends_early` by itself it is true that it hung up on us."""
    return Made(
        steps=tuple(steps),
        expect=Outcome.VOICEMAIL,
        allowed=LEFT | {Outcome.HUNG_UP} if ends_early else LEFT,
        level=level,
        loss=loss,
        sparse=sparse,
        background=background,
    )


RECORDERS = (
    Variation("plain", "応答メッセージ、発信音、録音", 4, 3, _plain),
    Variation("long_pauses", "応答メッセージの途中で、長く黙る", 4, 3, _pauses),
    Variation("several_beeps", "発信音が「ピッピッピー」と鳴る", 3, 2, _several_beeps),
    Variation("no_beep", "発信音がなく、応答メッセージの直後に録音が始まる", 3, 2, _no_beep),
    Variation("late_beep", "応答メッセージから発信音まで、間がある", 3, 2, _late_beep),
    Variation("short_beep", "発信音が短い", 2, 1, _short_beep),
    Variation("long_beep", "発信音が長い", 1, 1, _long_beep),
    Variation("music", "音楽を流しながら応答する", 2, 1, _music),
    Variation("line_noise", "回線に雑音がある", 2, 1, _line_noise),
    Variation("lossy", "音声のパケットが失われる", 2, 1, _lossy),
    Variation("sparse", "黙っている間は RTP を送らない", 2, 2, _sparse),
    Variation("cuts", "発信音の二十数秒後に切る", 1, 1, _cuts),
    Variation("memo", "三十秒までの、電話機の留守番録音", 2, 1, _memo),
    Variation("answers_late", "こちらの質問の途中で応答メッセージが始まる", 3, 2, _answers_late),
    Variation("long_greeting", "応答メッセージが長い", 2, 1, _long),
    Variation("short_greeting", "応答メッセージが短い", 1, 1, _short),
    Variation("quiet", "声が小さい", 1, 1, _quiet),
    Variation("loud", "声が大きい", 1, 1, _loud),
    Variation("bilingual", "日本語と英語で応答する", 1, 1, _bilingual),
)
