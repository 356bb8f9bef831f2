"""Open JTalk through pyopenjtalk-plus: the voice for Japanese.

Names are put into the analysed sentence as words of a dictionary would be, so that a name has its own accent and yet
one melody with its sentence. The analyser sees a placeholder for each, which it knows as a family or a given name.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts import kana
from tts.engines.names import NameDictionary, Said
from tts.errors import EngineMissing, NoSuchVoice, RenderFailed
from tts.reading import Digits, Name, Reading

if TYPE_CHECKING:
    from tts.engines import Sound

_RULES = "1"
"""Raised when this module would make other sound from the same reading."""

_FAMILY, _GIVEN = "\ue000", "\ue001"
_PLACEHOLDERS = (
    f"{_FAMILY},1350,1350,-20000,名詞,固有名詞,人名,姓,*,*,{_FAMILY},ヤマダ,ヤマダ,0/3,*\n"
    f"{_GIVEN},1351,1351,-20000,名詞,固有名詞,人名,名,*,*,{_GIVEN},タロウ,タロー,1/3,*\n"
)
"""In MeCab's CSV: surface, left and right context (1350 family name, 1351 given name), cost, features."""

_SILENT = frozenset(
    "、。，．・：；！？「」『』（）［］【】〈〉《》〔〕“”‘’‐‑–—―−－ー〜～／＝＿＾｀´｜＜＞　"
) | frozenset(",.!?:;()[]<>{}\"'`^_|~/=- %")
"""What a reader passes over."""

_LONGEST = 2000
"""Characters that the analyser's buffer of 8 kB surely holds."""

_KANJI = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class _Style:
    """A voice made of `mei`: pitch in semitones, tempo, and the size of the mouth (1.0 is hers; less is larger)."""

    half_tone: float = 0.0
    tempo: float = 1.0
    formants: float = 1.0


_STYLES = {
    "mei": _Style(),
    "mei-low": _Style(half_tone=-5.0, formants=0.86),
    "mei-high": _Style(half_tone=2.0, formants=1.08),
    "mei-slow": _Style(half_tone=-1.0, tempo=0.8, formants=0.95),
    "mei-quick": _Style(half_tone=0.5, tempo=1.2, formants=1.03),
    "mei-deep": _Style(half_tone=-8.0, tempo=0.93, formants=0.8),
    "mei-bright": _Style(half_tone=4.0, tempo=1.08, formants=1.13),
    "mei-calm": _Style(half_tone=-3.0, tempo=0.87, formants=0.91),
}


class OpenJTalk:
    """Japanese by HTS; about 0.04 s of CPU per second of speech at 48 kHz."""

    name = "openjtalk"
    languages = ("ja",)
    voices = tuple(_STYLES)

    @cached_property
    def version(self) -> str:
        voice = self._package / "htsvoice" / "mei_normal.htsvoice"
        try:
            digest = hashlib.sha256(voice.read_bytes()).hexdigest()
            return f"{version('pyopenjtalk-plus')}-{digest[:12]}-{_RULES}"
        except (PackageNotFoundError, OSError) as error:
            raise EngineMissing("the Japanese voice is not installed: pip install pyopenjtalk-plus") from error

    def render(self, reading: Reading, *, voice: str, language: str, speed: float) -> Sound:
        import numpy as np

        if voice not in _STYLES:
            raise NoSuchVoice(f"openjtalk has no voice {voice!r}; there are {', '.join(_STYLES)}")
        style = _STYLES[voice]
        labels = self._open_jtalk.make_label(self._features(reading), jtalk=self._analyser)
        samples, rate = self._open_jtalk.synthesize(labels, speed * style.tempo / style.formants, style.half_tone)
        return (samples / 32768.0).astype(np.float32), round(rate * style.formants)

    def pronunciation(self, reading: Reading) -> str:
        """Return what is said, in katakana with its pauses, as a person would check it."""
        return "".join(
            (feature["string"] if feature["pos"] == "記号" and feature["pron"] == "、" else feature["pron"])
            for feature in self._features(reading)
        ).replace("’", "")

    def labels(self, reading: Reading) -> list[str]:
        """Return the HTS full-context labels, one a phoneme: sounds, accents and pauses."""
        return list(self._open_jtalk.make_label(self._features(reading), jtalk=self._analyser))

    def unreadable(self, reading: Reading, *, language: str) -> list[str]:
        """Return the words that are skipped, and the kanji that are read by guessing."""
        text = "、".join(item for item in reading if isinstance(item, str))
        text = self._with_common_kanji(text)
        morphs = self._open_jtalk.run_mecab_detailed(text, jtalk=self._analyser)[1]
        words = dict.fromkeys(morph["surface"] for morph in morphs if morph["is_unknown"])
        return [word for word in words if _KANJI.search(word) or not self._said(word)]

    def _said(self, word: str) -> bool:
        if set(word) <= _SILENT:
            return True
        features = self._open_jtalk.run_frontend(word, predict_nani=False, jtalk=self._analyser)
        return any(feature["pron"] != "、" for feature in features)

    def _features(self, reading: Reading) -> list[Any]:
        """Return the analysed words of `reading`, with accents and phrase boundaries."""
        text, names = self._with_placeholders(reading)
        text = self._with_common_kanji(text)
        words = self._open_jtalk.run_mecab(text, jtalk=self._analyser)
        spoken = iter(names)
        words = [_word(next(spoken)) if word[0] in {_FAMILY, _GIVEN} else word for word in words]
        features = self._open_jtalk.run_njd_from_mecab(
            words, restore_unknown_katakana=True, modify_numeral_reading=True, jtalk=self._analyser
        )
        for name in names:
            text = text.replace(_FAMILY if name.kind == "姓" else _GIVEN, name.kana, 1)
        # Telling ナニ from ナン by a model would take onnxruntime, for one word.
        return list(self._open_jtalk.apply_postprocessing(text, features, predict_nani=False, jtalk=self._analyser))

    def _with_common_kanji(self, text: str) -> str:
        """Return `text` with the variants of kanji that the dictionary lacks (`髙`) as those that it has."""
        if len(text) > _LONGEST:
            raise RenderFailed(f"a sentence is longer than {_LONGEST:,} characters")
        return str(self._open_jtalk.utils.normalize_unknown_itaiji(text, inference_jtalk=self._analyser))

    def _with_placeholders(self, reading: Reading) -> tuple[str, list[Said]]:
        text = ""
        names: list[Said] = []
        for item in reading:
            match item:
                case str():
                    text += item
                case Digits(groups):
                    text += ("、" if text[-1:].isdigit() else "") + "−".join(groups)
                case Name(parts):
                    said = self._names.say(parts)
                    names += said
                    text += "・".join(_FAMILY if name.kind == "姓" else _GIVEN for name in said)
        return text.replace(f"{_FAMILY}・{_GIVEN}", f"{_FAMILY}{_GIVEN}"), names

    @property
    def _package(self) -> Path:
        spec = find_spec("pyopenjtalk")
        if spec is None or spec.origin is None:
            raise EngineMissing("the Japanese voice is not installed: pip install pyopenjtalk-plus")
        return Path(spec.origin).parent

    @cached_property
    def _open_jtalk(self) -> Any:
        # Imported without onnxruntime, the module prints that it does without.
        with contextlib.redirect_stdout(io.StringIO()):
            import pyopenjtalk
        return pyopenjtalk

    @cached_property
    def _names(self) -> NameDictionary:
        return NameDictionary(Path(os.fsdecode(self._open_jtalk.OPEN_JTALK_DICT_DIR)) / "sys.dic")

    @cached_property
    def _analyser(self) -> Any:
        """Open JTalk with its own dictionary and the placeholders."""
        from pyopenjtalk.openjtalk import OpenJTalk as Analyser

        with tempfile.TemporaryDirectory(prefix="tts-") as folder:
            words, compiled = Path(folder, "names.csv"), Path(folder, "names.dic")
            words.write_text(_PLACEHOLDERS, encoding="utf-8")
            with _quiet():
                self._open_jtalk.mecab_dict_index(str(words), str(compiled))
            return Analyser(dn_mecab=self._open_jtalk.OPEN_JTALK_DICT_DIR, userdic=os.fsencode(compiled))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what a C library prints from the standard output, which may be carrying a program's result."""
    libc = ctypes.CDLL(None)
    libc.fflush(None)
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        libc.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _word(name: Said) -> str:
    """Return a name as MeCab would give a word of its dictionary."""
    accent = f"{name.accent}/{kana.morae(name.pronunciation)}"
    return f"{name.kana},名詞,固有名詞,人名,{name.kind},*,*,{name.kana},{name.kana},{name.pronunciation},{accent},*"
