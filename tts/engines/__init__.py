"""The engines that turn a reading into sound, behind one Protocol.

To add one: a module here with a class of this shape, and its line in `_ENGINES`. Constructing an engine must be cheap;
what is heavy waits for the first `render`, which only ever happens in a worker process.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from tts.errors import NoSuchVoice

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tts.reading import Reading

    Sound = tuple[npt.NDArray[np.float32], int]
    """Mono samples, ±1.0 at full scale, and their rate in Hz."""


class Engine(Protocol):
    """A speech synthesizer. Engines are known by name, so that a process can name one to another."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    @property
    def version(self) -> str:
        """What its sound depends on: library, voice data, our own rules. Raises EngineMissing if not installed."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it is fit to speak on the telephone, as primary BCP 47 tags."""
        ...

    @property
    def voices(self) -> tuple[str, ...]:
        """Its voices, the default first."""
        ...

    def render(self, reading: Reading, *, voice: str, language: str, speed: float) -> Sound:
        """Return `reading` spoken; `speed` 1.0 is the voice's own. A reading with nothing to say gives no samples."""
        ...

    def unreadable(self, reading: Reading, *, language: str) -> list[str]:
        """Return the words of `reading` that would be skipped or guessed, in order, each once."""
        ...


_ENGINES = {
    "openjtalk": "tts.engines.openjtalk:OpenJTalk",
    "espeak": "tts.engines.espeak:Espeak",
    "kokoro": "tts.engines.kokoro:Kokoro",
}


def engine_names() -> tuple[str, ...]:
    """Return the names of all engines, installed or not."""
    return tuple(_ENGINES)


@cache
def engine(name: str) -> Engine:
    """Return the engine called `name`; the same one every time. Raises NoSuchVoice."""
    if name not in _ENGINES:
        raise NoSuchVoice(f"no engine {name!r}; there are {', '.join(_ENGINES)}")
    module, _, kind = _ENGINES[name].partition(":")
    return cast("Engine", getattr(importlib.import_module(module), kind)())


def for_language(language: str, preferred: Engine) -> Engine:
    """Return `preferred` if it speaks `language`, else espeak if that does. Raises NoSuchVoice."""
    fallback = engine("espeak")
    for candidate in (preferred, fallback):
        if language in candidate.languages:
            return candidate
    raise NoSuchVoice(f"no voice speaks {language!r}")
