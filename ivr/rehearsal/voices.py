"""The callees' voices: a port that the application fills, and a murmur for where no speech engine is at hand."""

from __future__ import annotations

import zlib
from typing import Protocol

from ivr.rehearsal.sounds import Samples, babble

_SECONDS_PER_CHARACTER = 0.14


class Voices(Protocol):
    """Speaks for the callees."""

    async def samples(self, text: str, voice: str) -> Samples:
        """Return `text` in `voice` (`mei-low`, `mei-high`, …) as int16 at 8 kHz; raise SpeechFailed."""
        ...


class Murmur:
    """Speaks no words: a murmur as long as the text would take, with a pitch of its own for each voice."""

    async def samples(self, text: str, voice: str) -> Samples:
        """Return the murmur; the same for the same text and voice."""
        seed = zlib.crc32(f"{voice}\0{text}".encode())
        pitch = 110.0 + zlib.crc32(voice.encode()) % 130
        return babble(max(0.4, len(text) * _SECONDS_PER_CHARACTER), pitch=pitch, seed=seed)


class Repertoire:
    """What the callees may say, rendered once and ahead of the calls."""

    def __init__(self, voices: Voices) -> None:
        self._voices = voices
        self._known: dict[tuple[str, str], Samples] = {}

    async def learn(self, text: str, voice: str) -> Samples:
        """Return `text` in `voice`, rendering it if need be."""
        if (text, voice) not in self._known:
            self._known[text, voice] = await self._voices.samples(text, voice)
        return self._known[text, voice]
