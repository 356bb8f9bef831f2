"""The voice behind the port `Speech`: the only module of ivr that knows the package `tts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import tts
from ivr.campaign.ports import Clip
from ivr.errors import SpeechFailed, Unspeakable, reason
from tts.cache import Cache

THE_TEXT = (tts.TemplateError, tts.MissingValue, tts.RenderFailed)
"""Errors of the voice that are the text's fault."""


class TelephoneVoice:
    """`ivr.campaign.ports.Speech`, and what the desk needs of the voice. Belongs to one event loop; close it."""

    def __init__(
        self,
        cache_dir: Path,
        *,
        engine: str,
        voice: str | None,
        speed: float,
        workers: int | None = None,
        on_render: Callable[[float], None] = lambda seconds: None,
        on_hit: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; no process is started yet. Raises SpeechFailed for an engine or voice that is not there."""
        try:
            self._voice = tts.Voice(
                cache_dir=cache_dir,
                engine=engine,
                voice=voice,
                speed=speed,
                workers=workers,
                on_render=on_render,
                on_hit=on_hit,
            )
        except tts.VoiceError as error:
            raise SpeechFailed(f"音声を準備できません。{error}") from error

    async def prepare(self, text: str, values: Mapping[str, str], *, language: str, scope: str) -> tuple[Clip, ...]:
        """Return the clips that speak `text`; raise Unspeakable, or SpeechFailed where the voice is out of order."""
        try:
            clips = await self._voice.clips(text, values, scope=scope, language=language)
        except THE_TEXT as error:
            raise Unspeakable(f"この文章は音声にできません。{error}") from error
        except tts.VoiceError as error:
            raise SpeechFailed(f"音声を作れません。{error}") from error
        return tuple(Clip(path=clip.path, seconds=clip.seconds) for clip in clips)

    async def warm_up(self) -> None:
        """Load the voice, so that the first text takes no longer than the others; raise SpeechFailed."""
        try:
            await self._voice.warm_up()
        except tts.VoiceError as error:
            raise SpeechFailed(f"音声を準備できません。{error}") from error

    async def write_wav(self, text: str, values: Mapping[str, str], out: Path, *, language: str) -> float:
        """Write what a callee hears of `text` as a WAV file; return its seconds.

        Raises SpeechFailed, and OSError where `out` can't be written.
        """
        try:
            return await self._voice.render_wav(text, values, out, language=language)
        except tts.VoiceError as error:
            raise SpeechFailed(f"音声を作れません。{error}") from error

    async def close(self) -> None:
        """End the voice's processes."""
        await self._voice.close()


def personal_voice(cache_dir: Path, scope: str) -> tuple[Path, ...]:
    """Return the files of audio that name the people of `scope`."""
    return Cache(cache_dir).files(scope)


def erase_voice(cache_dir: Path, scope: str) -> None:
    """Remove the audio that names the people of `scope`; raise SpeechFailed where the disk refuses."""
    try:
        Cache(cache_dir).erase(scope)
    except OSError as error:
        raise SpeechFailed(f"音声のファイルを消せません：{reason(error)}") from None


def unreadable(text: str, language: str, *, engine: str) -> Sequence[str]:
    """Return the words of `text` that the voice would skip or guess; raise SpeechFailed."""
    try:
        return tts.unreadable(text, language=language, engine=engine)
    except tts.TemplateError:
        return ()
    except tts.VoiceError as error:
        raise SpeechFailed(f"音声を準備できません。{error}") from error


def samples(clips: Sequence[Clip]) -> NDArray[np.int16]:
    """Return what a callee hears of `clips`, one after the other, as 16-bit samples at 8 kHz."""
    heard = [np.asarray(tts.samples(tts.Clip(clip.path, clip.seconds)), dtype=np.int16) for clip in clips]
    return np.concatenate(heard) if heard else np.zeros(0, dtype=np.int16)
