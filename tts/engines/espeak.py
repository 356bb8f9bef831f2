"""eSpeak NG through pyttsx3: a formant voice for the languages that Open JTalk does not speak.

The library and its data come with the package `espeakng-loader`, so that the system needs none. Of pyttsx3 its binding
is used and not its event loop, which returns before the sound is complete and now and then without any. eSpeak's
Japanese cannot be understood over a telephone, and so is not offered.
"""

from __future__ import annotations

import ctypes
import os
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from tts.errors import EngineMissing, NoSuchVoice, RenderFailed
from tts.kana import pronounced, romaji
from tts.reading import Name, Reading, as_text

if TYPE_CHECKING:
    from tts.engines import Sound

_RULES = "1"
"""Raised when this module would make other sound from the same reading."""

_NATIVE = {
    "en": "en-us",
    "zh": "cmn",
    "ko": "ko",
    "pt": "pt-br",
    "vi": "vi",
    "es": "es-419",
    "id": "id",
    "ne": "ne",
    "my": "my",
    "hi": "hi",
    "bn": "bn",
    "si": "si",
    "ur": "ur",
    "fa": "fa",
    "fr": "fr",
    "de": "de",
    "it": "it",
    "ru": "ru",
    "tr": "tr",
}
"""eSpeak's voice for each language."""

_WORDS_PER_MINUTE = 150
_BUFFER = 1000
"""Milliseconds of sound that the library hands over at a time."""


class Espeak:
    """Formant speech in many languages at 22.05 kHz; about 0.01 s of CPU per second of speech."""

    name = "espeak"
    languages = tuple(_NATIVE)
    voices = ("default", "f2", "f3", "f5", "m1", "m3", "m7")
    """`default` is the language's own; the others are eSpeak's variants of it, women's and men's."""

    @property
    def version(self) -> str:
        try:
            return f"{version('espeakng-loader')}-{version('pyttsx3')}-{_RULES}"
        except PackageNotFoundError as error:
            raise EngineMissing("eSpeak NG is not installed: pip install pyttsx3 espeakng-loader") from error

    def render(self, reading: Reading, *, voice: str, language: str, speed: float) -> Sound:
        import numpy as np

        if language not in _NATIVE:
            raise NoSuchVoice(f"espeak is not used for {language!r}")
        if voice not in self.voices:
            raise NoSuchVoice(f"espeak has no voice {voice!r}; there are {', '.join(self.voices)}")
        text = self._text(reading)
        variant = "" if voice == "default" else f"+{voice}"
        espeak, rate = self._library
        if not any(letter.isalnum() for letter in text):
            return np.zeros(0, np.float32), rate
        sound = bytearray()

        def collect(samples: Any, count: int, events: object) -> int:
            if count > 0:
                sound.extend(ctypes.string_at(samples, 2 * count))
            return 0

        espeak.SetSynthCallback(collect)
        failed = (
            espeak.SetVoiceByName(f"{_NATIVE[language]}{variant}".encode())
            or espeak.SetParameter(espeak.RATE, round(_WORDS_PER_MINUTE * speed), 0)
            or espeak.Synth(text.encode(), flags=espeak.CHARS_UTF8)
        )
        if failed:
            raise RenderFailed(f"espeak could not speak {language!r} with the voice {voice!r}")
        return (np.frombuffer(bytes(sound), dtype="<i2") / 32768.0).astype(np.float32), rate

    def unreadable(self, reading: Reading, *, language: str) -> list[str]:
        return []  # it says something for every letter of its languages

    def _text(self, reading: Reading) -> str:
        """Return `reading` as one text; a Japanese name in Latin letters, digits each as a word of its own."""
        spelt = [
            Name(tuple(romaji(pronounced(part)) for part in item.parts)) if isinstance(item, Name) else item
            for item in reading
        ]
        return as_text(spelt, name_space=" ", digit_space=" ", group_space=", ")

    @cached_property
    def _library(self) -> tuple[Any, int]:
        """pyttsx3's binding of eSpeak, and its rate in Hz.

        The packaged library, once loaded, is found by its name without being on any search path.
        """
        import espeakng_loader

        os.environ.setdefault("ESPEAK_DATA_PATH", espeakng_loader.get_data_path())
        ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL)
        from pyttsx3.drivers import _espeak

        rate = _espeak.Initialize(_espeak.AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER)
        if rate <= 0:
            raise RenderFailed("the data of eSpeak NG cannot be loaded")
        return _espeak, int(rate)
