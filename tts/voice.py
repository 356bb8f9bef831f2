"""The voice: a template and its values in, telephone audio out, rendered once and kept."""

from __future__ import annotations

import asyncio
import base64
import os
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from tts import g711, telephone
from tts.cache import Cache
from tts.engines import engine as engine_named
from tts.engines import for_language
from tts.errors import CacheFailed, NoSuchVoice, RenderTimeout
from tts.job import Job
from tts.phrases import Phrase, phrases
from tts.pool import Pool
from tts.reading import Variable, read
from tts.scripts import foreign

LOOK_AGAIN = 1.0
"""Seconds between two looks at the files of a clip that everybody's call needs."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Telephone audio of one phrase.

    `path` is absolute and without an extension: `.ulaw` and `.alaw` lie there, headerless, 8 kHz. `seconds` includes
    the pause at the end.
    """

    path: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A phrase for somebody: its job, the job's name in the cache, and whose it is; `scope` None: everybody's."""

    job: Job
    key: str
    scope: str | None


class Voice:
    """Renders in processes of its own, and remembers on disk. Belongs to one event loop."""

    def __init__(
        self,
        *,
        cache_dir: Path,
        engine: str = "openjtalk",
        voice: str | None = None,
        speed: float = 1.0,
        workers: int | None = None,
        on_render: Callable[[float], None] = lambda seconds: None,
        on_hit: Callable[[], None] = lambda: None,
    ) -> None:
        """Without `voice`, the engine's first; `speed` 0.5 to 2.0; without `workers`, one a CPU, up to four.

        `on_render` is called with the seconds a phrase took, `on_hit` when one was there already. Languages that
        `engine` does not speak are left to espeak. Raises NoSuchVoice and EngineMissing; starts no process yet.
        """
        self._engine = engine_named(engine)
        self._voice = voice or self._engine.voices[0]
        if self._voice not in self._engine.voices:
            raise NoSuchVoice(f"{engine} has no voice {voice!r}; there are {', '.join(self._engine.voices)}")
        if not 0.5 <= speed <= 2.0:
            raise NoSuchVoice(f"the speed {speed:g} is not from 0.5 to 2.0")
        self._speed = speed
        self._versions = {self._engine.name: self._engine.version}
        self._cache_dir = cache_dir.absolute()
        self._cache = Cache(self._cache_dir)
        self._pool = Pool(workers or min(4, len(os.sched_getaffinity(0))))
        self._rendering: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._fixed: dict[tuple[str, str], _Wanted] = {}
        self._shared: dict[str, tuple[float, Clip]] = {}
        self._on_render = on_render
        self._on_hit = on_hit

    async def clips(
        self,
        template: str,
        values: Mapping[str, str],
        *,
        scope: str,
        language: str = "ja",
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> tuple[Clip, ...]:
        """Return the clips that say `template` with `values`, in order, rendering what is not there.

        Clips of phrases with variables belong to `scope` and are erased with it; the others are shared. Raises
        TemplateError, MissingValue, NoSuchVoice, EngineMissing, RenderFailed, CacheFailed, WorkerLost, VoiceClosed, and
        RenderTimeout after `timeout` seconds.
        """
        wanted = [self._wanted(phrase, values, language, scope) for phrase in phrases(template)]
        there = [self._found(one) for one in wanted]
        if None not in there:
            return tuple(clip for clip in there if clip is not None)
        async with _within(timeout):
            return tuple([clip or await self._rendered(one) for one, clip in zip(wanted, there, strict=True)])

    async def render_wav(
        self,
        template: str,
        values: Mapping[str, str],
        out: Path,
        *,
        language: str = "ja",
        wideband: bool = False,
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> float:
        """Write `template` as a WAV file and return its seconds; nothing is kept in the cache.

        8 kHz through the telephone's codec, as a callee hears it; `wideband` 16 kHz without. Raises as `clips`, and
        OSError.
        """
        rate = telephone.WIDEBAND_RATE if wideband else telephone.RATE
        sound = b""
        async with _within(timeout):
            for phrase in phrases(template):
                job = self._job(phrase, values, language)
                answer = await self._pool.ask({"do": "samples", "job": job.to_json(), "rate": rate})
                sound += base64.b64decode(answer)
        if not wideband:
            heard = g711.from_ulaw(g711.ulaw(np.frombuffer(sound, dtype="<i2")))
            sound = heard.astype("<i2").tobytes()
        with out.open("wb") as opened, wave.open(opened, "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", "not compressed"))
            file.writeframes(sound)
        return len(sound) / 2 / rate

    async def unreadable(self, template: str, *, language: str = "ja") -> list[str]:
        """Return the words and characters of `template` that the voice would skip or guess, in order, each once."""
        engine = for_language(language, self._engine)
        found: list[str] = []
        for text in _fixed_text(template, language):
            job = Job(engine.name, engine.voices[0], language, 1.0, read((text,), {}, language), 0.0)
            found += _merged(foreign(text, language), await self._pool.ask({"do": "unreadable", "job": job.to_json()}))
        return list(dict.fromkeys(found))

    async def warm_up(self, timeout: float = 60.0) -> None:  # noqa: ASYNC109
        """Start every worker and load the engine in it. Raises as `clips`."""
        job = Job(self._engine.name, self._voice, self._engine.languages[0], self._speed, (), 0.0)
        async with _within(timeout):
            await self._pool.warm_up({"do": "warm up", "job": job.to_json()})

    def erase(self, scope: str) -> int:
        """Remove what was said to the persons of `scope` and return how many clips it was. Raises OSError."""
        return self._cache.erase(scope)

    def worker_ids(self) -> tuple[int, ...]:
        """Return the process ids of the living workers."""
        return self._pool.process_ids()

    async def close(self) -> None:
        """End the workers. Requests under way raise VoiceClosed, and so does every later one that has to render."""
        await self._pool.close()

    def _job(self, phrase: Phrase, values: Mapping[str, str], language: str) -> Job:
        engine = for_language(language, self._engine)
        voice = self._voice if engine is self._engine else engine.voices[0]
        reading = read(phrase.parts, values, language)
        return Job(engine.name, voice, language, self._speed, reading, phrase.pause)

    async def _rendered(self, wanted: _Wanted) -> Clip:
        key, scope = wanted.key, wanted.scope
        # One request renders; those that want the same wait here and then find it.
        async with self._rendering.setdefault(f"{scope}/{key}", asyncio.Lock()):
            if (found := self._found(wanted)) is not None:
                return found
            request: dict[str, Any] = {"do": "store", "job": wanted.job.to_json(), "key": key, "scope": scope}
            started = time.perf_counter()
            await self._pool.ask({**request, "cache": str(self._cache_dir)})
            self._on_render(time.perf_counter() - started)
            stored = self._cache.find(key, scope)
            if stored is None:
                raise CacheFailed("the cache lost a clip as it was written")
            return Clip(stored.path, stored.seconds)

    def _found(self, wanted: _Wanted) -> Clip | None:
        key, scope = wanted.key, wanted.scope
        clip = self._on_disk(key, scope) if scope is not None else self._shared_clip(key)
        if clip is not None:
            self._on_hit()
        return clip

    def _shared_clip(self, key: str) -> Clip | None:
        """Return a clip that all persons share; its files are looked at once in LOOK_AGAIN seconds."""
        until, clip = self._shared.get(key, (0.0, None))
        if clip is None or time.monotonic() > until:
            clip = self._on_disk(key, None)
            if clip is not None:
                self._shared[key] = time.monotonic() + LOOK_AGAIN, clip
        return clip

    def _on_disk(self, key: str, scope: str | None) -> Clip | None:
        entry = self._cache.find(key, scope)
        return Clip(entry.path, entry.seconds) if entry is not None else None

    def _wanted(self, phrase: Phrase, values: Mapping[str, str], language: str, scope: str) -> _Wanted:
        """Return `phrase` as `values` make it; one without variables is worked out once."""
        known = self._fixed.get((phrase.source, language))
        if known is not None:
            return known
        job = self._job(phrase, values, language)
        if job.engine not in self._versions:
            self._versions[job.engine] = engine_named(job.engine).version
        personal = bool(phrase.variables)
        wanted = _Wanted(job, job.key(self._versions[job.engine], telephone.FORMAT), scope if personal else None)
        if not personal:
            self._fixed[phrase.source, language] = wanted
        return wanted


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Bound what is inside, the wait for a free worker included. Raises RenderTimeout."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except RenderTimeout:
        raise
    except TimeoutError:
        raise RenderTimeout(f"no audio within {seconds:g} s") from None


def samples(clip: Clip) -> g711.Linear:
    """Return the 16-bit samples of `clip` at 8 kHz, as a PCMU line delivers them. Raises OSError."""
    return g711.from_ulaw(clip.path.with_suffix(".ulaw").read_bytes())


def unreadable(template: str, *, language: str = "ja", engine: str = "openjtalk") -> list[str]:
    """Return the words and characters of `template` that the voice would skip or guess, in order, each once.

    Loads the engine into this process, where `Voice.unreadable` asks a worker. Raises TemplateError, NoSuchVoice,
    EngineMissing, and RenderFailed for a sentence without end.
    """
    speaker = for_language(language, engine_named(engine))
    found: list[str] = []
    for text in _fixed_text(template, language):
        unknown = speaker.unreadable(read((text,), {}, language), language=language)
        found += _merged(foreign(text, language), unknown)
    return list(dict.fromkeys(found))


def _merged(runs: list[str], words: list[str]) -> list[str]:
    """Return `runs` of characters, and the `words` that are not in one of them."""
    return runs + [word for word in words if not any(word in run for run in runs)]


def _fixed_text(template: str, language: str) -> Iterator[str]:
    """Yield what each sentence of `template` says to everyone, with a common name in the place of variables."""
    name = "ヤマダ" if language == "ja" else "Yamada"
    for phrase in phrases(template):
        yield "".join(name if isinstance(part, Variable) else part for part in phrase.parts)
