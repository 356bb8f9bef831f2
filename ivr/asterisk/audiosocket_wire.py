"""Bytes to messages and back for Asterisk's AudioSocket, without a socket.

A message is one byte of kind, two of length (big-endian), and the payload. Asterisk first sends the UUID that the
dialplan gave, then the callee's ear: 20 ms of 8 kHz signed linear (little-endian) a message. We send the mouth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

FRAME_SAMPLES = 160
FRAME_BYTES = 2 * FRAME_SAMPLES
FRAME_SECONDS = 0.02

_HANG_UP, _UUID, _DTMF, _AUDIO, _ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF
_KINDS = frozenset((_HANG_UP, _UUID, _DTMF, _AUDIO, _ERROR))

HANG_UP = bytes((_HANG_UP, 0, 0))
"""The message that ends the AudioSocket, and with it the call."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The connection belongs to the call that the dialplan named `uuid`."""

    uuid: UUID


@dataclass(frozen=True, slots=True)
class Audio:
    """Samples that the callee hears, signed 16-bit little-endian at 8 kHz."""

    samples: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """The engine sent a key towards the callee."""

    key: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Asterisk ends the stream."""


@dataclass(frozen=True, slots=True)
class Violation:
    """The peer does not speak AudioSocket."""


Message = Hello | Audio | Key | Ended | Violation


def audio(samples: bytes) -> bytes:
    """Return the message that says `samples` (at most 65535 bytes) to the engine."""
    return bytes((_AUDIO,)) + len(samples).to_bytes(2) + samples


class AudioSocketWire:
    """The server's reading end. Messages don't depend on how the bytes were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._broken = False

    def receive(self, data: bytes) -> Iterator[Message]:
        """Take bytes as they came and yield the messages that they complete; nothing follows a Violation."""
        if self._broken:
            return
        self._buffer += data
        while not self._broken and len(self._buffer) >= 3:
            kind, end = self._buffer[0], 3 + int.from_bytes(self._buffer[1:3])
            if kind not in _KINDS:
                end = len(self._buffer)
            elif len(self._buffer) < end:
                return
            payload = bytes(self._buffer[3:end])
            del self._buffer[:end]
            message = _message(kind, payload)
            if isinstance(message, Violation):
                self._broken = True
                self._buffer.clear()
            yield message


def _message(kind: int, payload: bytes) -> Message:
    if kind == _AUDIO and len(payload) % 2 == 0:
        return Audio(payload)
    if kind == _UUID and len(payload) == 16:
        return Hello(UUID(bytes=payload))
    if kind == _DTMF and len(payload) == 1:
        return Key(payload.decode("latin-1"))
    if kind in (_HANG_UP, _ERROR):
        return Ended()
    return Violation()
