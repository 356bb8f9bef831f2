"""What the callee's side sends as audio, and what staff give as a recording."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Hashable
from pathlib import Path

import numpy as np

from ivr import replay
from ivr.domain.line_rules import LineRules
from ivr.domain.line_sounds import SECONDS, LineSounds
from ivr.errors import InputError
from tests.fuzz.target import Run, Target, pieces, refusal

RATE = 8000


def tone(hz: float, seconds: float, level: float = 0.3) -> bytes:
    """Return a tone as 16-bit samples."""
    at = np.arange(int(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * hz * at) * level * 32767).astype("<i2").tobytes()


def noise(seconds: float, level: float = 0.1) -> bytes:
    """Return noise as 16-bit samples, the same each time."""
    return (np.random.default_rng(1).normal(0, level, int(seconds * RATE)) * 32767).astype("<i2").tobytes()


SILENCE = bytes(3200)
BEEP = SILENCE + tone(1000, 0.3) + SILENCE * 3
BUSY = (tone(400, 0.5) + bytes(8000)) * 4
SPECIAL = tone(950, 0.33) + tone(1400, 0.33) + tone(1800, 0.33) + SILENCE * 3
FAX = tone(2100, 2.6)
RINGBACK = b"".join(tone(400, 0.03, 0.1 + 0.3 * (at % 2)) for at in range(34)) + SILENCE * 10
WORDS = b"".join(noise(0.1, 0.02 + 0.1 * (at % 3)) for at in range(24)) + SILENCE * 5


def line() -> Run:
    """The sound detector: audio in pieces of any length, with gaps, and the rules that are asked in between."""

    def run(data: bytes) -> Hashable:
        sounds, again = LineSounds(), LineSounds()
        found = list(sounds.hear(data))
        other = [one for piece in pieces(data) for one in again.hear(piece)] if len(data) < 8000 else found
        assert other == found, "the findings depend on how the audio was cut"
        found += sounds.miss(1.0)
        heard = len(data) // 320 * SECONDS + 1.0
        assert abs(sounds.now - heard) < 1e-6
        last = 0.0
        for one in found:
            assert math.isfinite(one.hz)
            assert -1e-9 <= one.start <= one.end <= sounds.now + 1e-9
        for stretch in sounds.stretches:
            assert last <= stretch.start <= stretch.end <= sounds.now + 1e-9
            last = stretch.end
        assert sounds.voice > -1e-6
        assert 0 <= sounds.silent_for <= sounds.now + 1e-9
        return tuple(one.sign for one in found[:4]), len(sounds.stretches), sounds.sounding, round(sounds.voice)

    return run


def wav(samples: bytes, *, rate: int = RATE, width: int = 2, channels: int = 1) -> bytes:
    """Return a WAV file."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setframerate(rate)
        file.setsampwidth(width)
        file.setnchannels(channels)
        file.writeframes(samples)
    return written.getvalue()


def recording() -> Run:
    """A recorded answer: WAV to samples to what the listening makes of it."""
    file = Path("recording.wav")
    rules = LineRules()

    def run(data: bytes) -> Hashable:
        file.write_bytes(data)
        try:
            samples = replay._samples(file)
        except InputError as error:
            return refusal(error)
        heard = replay.listen(samples, rules)
        return len(heard.spells), heard.words, heard.speaks is None, tuple(one.sign for one in heard.found[:4])

    return run


TARGETS = (
    Target(
        name="sounds",
        start=line,
        samples=(BEEP, BUSY, SPECIAL, FAX, RINGBACK, WORDS, WORDS + BEEP, WORDS * 2),
        tokens=(SILENCE, tone(400, 0.1), tone(1000, 0.1), tone(2100, 0.1), noise(0.1), b"\x00\x80" * 160,
        b"\xff\x7f" * 160),
        longest=100_000,
    ),
    Target(
        name="recording",
        start=recording,
        samples=(
            wav(BEEP), wav(WORDS[:8000]), wav(bytes(3200), rate=16000), wav(bytes(3200), width=1),
            wav(bytes(3200), channels=2), wav(b""),
        ),
        tokens=(
            b"RIFF", b"WAVE", b"fmt ", b"data", b"LIST", b"fact", b"\x10\x00\x00\x00", b"\x01\x00\x01\x00",
            b"\x40\x1f\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x02\x00\x10\x00", b"\xfe\xff",
        ),
    ),
)  # fmt: skip
