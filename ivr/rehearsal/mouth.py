"""What a callee says, cut into frames of 20 ms as the clock asks for them."""

from __future__ import annotations

from ivr.asterisk.audiosocket_wire import FRAME_BYTES, FRAME_SECONDS
from ivr.rehearsal.sounds import Samples

_SILENCE = bytes(FRAME_BYTES)
_KEEP_ALIVE_FRAMES = round(1.0 / FRAME_SECONDS)


class Mouth:
    """A queue of audio. With `sparse` only every fiftieth frame of a silence is sent.

    That one is needed: Asterisk ends an AudioSocket on which nothing passes for two seconds.
    """

    def __init__(self, *, sparse: bool = False) -> None:
        self._sparse = sparse
        self._audio = b""
        self._at = 0
        self._quiet = 0

    @property
    def speaking(self) -> bool:
        """Tell whether there is something left to say."""
        return self._at < len(self._audio)

    def say(self, samples: Samples) -> None:
        """Say `samples` after what is still to be said."""
        self._audio = self._audio[self._at :] + samples.astype("<i2").tobytes()
        self._at = 0

    def hush(self) -> None:
        """Drop what is left to say."""
        self._audio, self._at = b"", 0

    def frame(self) -> bytes | None:
        """Return the next 20 ms, None where nothing is to be sent."""
        if not self.speaking:
            self._quiet += 1
            return None if self._sparse and self._quiet % _KEEP_ALIVE_FRAMES else _SILENCE
        self._quiet = 0
        frame = self._audio[self._at : self._at + FRAME_BYTES]
        self._at += FRAME_BYTES
        return frame.ljust(FRAME_BYTES, b"\0")
