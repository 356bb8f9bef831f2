"""What a callee's side sends, cut into frames of 20 ms as the clock asks for them."""

from __future__ import annotations

from random import Random

import numpy as np

from ivr.asterisk.audiosocket_wire import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS
from ivr.rehearsal.backdrops import FULL_SCALE, beneath, clipped
from ivr.rehearsal.callees import Background
from ivr.rehearsal.sounds import Samples

_SILENCE = bytes(FRAME_BYTES)
_KEEP_ALIVE_FRAMES = round(1.0 / FRAME_SECONDS)


class Mouth:
    """A queue of audio over a `background`, of which the share `loss` is never sent; `seed` decides which frames.

    With `sparse` only every fiftieth frame of a silence is sent. That one is needed, and so never lost: Asterisk ends
    an AudioSocket on which nothing passes for two seconds. Over a background there is no silence to leave out.
    """

    def __init__(
        self, *, sparse: bool = False, loss: float = 0.0, background: Background | None = None, seed: int = 0
    ) -> None:
        self._sparse = sparse and background is None
        self._loss = loss
        self._losing = Random(seed)
        self._beneath = _Beneath(background, seed) if background is not None else None
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
        frame = self._next()
        if self._sparse and frame is None:
            return None if self._quiet % _KEEP_ALIVE_FRAMES else _SILENCE
        frame = frame or _SILENCE
        if self._beneath is not None:
            frame = self._beneath.under(frame)
        return None if self._loss and self._losing.random() < self._loss else frame

    def _next(self) -> bytes | None:
        if not self.speaking:
            self._quiet += 1
            return None
        self._quiet = 0
        frame = self._audio[self._at : self._at + FRAME_BYTES]
        self._at += FRAME_BYTES
        return frame.ljust(FRAME_BYTES, b"\0")


class _Beneath:
    """A background, from some place in its loop on."""

    def __init__(self, background: Background, seed: int) -> None:
        self._loop = beneath(background.noise)
        self._gain = FULL_SCALE * 10 ** (background.level / 20)
        self._at = seed % (self._loop.size // FRAME_SAMPLES) * FRAME_SAMPLES

    def under(self, frame: bytes) -> bytes:
        """Return `frame` with the next 20 ms of the background."""
        noise = self._loop[self._at : self._at + FRAME_SAMPLES] * self._gain
        self._at = (self._at + FRAME_SAMPLES) % self._loop.size
        return clipped(np.frombuffer(frame, dtype="<i2") + noise).astype("<i2").tobytes()
