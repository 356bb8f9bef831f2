"""What counts as sound on the line, and where in it a clip begins."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.sip import FRAME_SAMPLES, FRAME_SECONDS

AUDIBLE = 200
"""Peak of 16-bit samples from which a frame is sound: -44 dBFS, 30 dB under the speech of the voice."""


def _linear(code: int) -> int:
    """Return the magnitude of a PCMU byte (ITU-T G.711)."""
    code = ~code & 0x7F
    return (((code & 0x0F) << 3) + 0x84 << (code >> 4)) - 0x84


_LOUD = bytes(1 if _linear(code) >= AUDIBLE else 0 for code in range(256))


def audible(frame: bytes) -> bool:
    """Tell whether a PCMU frame is sound."""
    return 1 in frame.translate(_LOUD)


def first_audible(clip: bytes) -> int:
    """Return the number of the first frame of a PCMU file that is sound."""
    for number in range(-(-len(clip) // FRAME_SAMPLES)):
        if audible(clip[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]):
            return number
    raise ValueError("a silent clip")


def began(frames: Sequence[tuple[float, bytes]], clip: bytes, after: float) -> float | None:
    """Return when, `after` a moment, the first audible frame of `clip` arrived; None where it did not.

    The PBX sends a PCMU file as it is, frame by frame from its first byte, so that the bytes themselves tell.
    """
    number = first_audible(clip)
    wanted = clip[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]
    return next((at for at, frame in frames if at >= after and frame == wanted), None)


def lead(clip: bytes) -> float:
    """Return the seconds of a clip before its first audible frame."""
    return first_audible(clip) * FRAME_SECONDS
