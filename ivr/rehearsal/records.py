"""What happened in each call, from the callee's side, and what the callee heard.

A logbook keeps every record in memory and writes each, once its call is over, into a directory: a line in
`calls.jsonl` and, where there was audio, a WAV file. These files hold numbers; they belong to the rehearsal.
"""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from ivr.rehearsal.callees import Dtmf
from ivr.rehearsal.hearing import Heard
from ivr.rehearsal.sounds import RATE, Samples


class EndedBy(StrEnum):
    """Which side ended a call; `limit` is the network's own bound on every call."""

    CALLEE = "callee"
    CALLER = "caller"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class SentKey:
    """The callee pressed `key`: from `at` to `until`, in seconds since the INVITE."""

    key: str
    by: Dtmf
    at: float
    until: float


@dataclass(slots=True, kw_only=True, eq=False)
class CallRecord:
    """One call as the callee's side saw it. Times are seconds since the INVITE; None: it never came to that.

    `answered` is when the callee took the call: the 200 OK leaves a few milliseconds later.
    `first_audio` is the first RTP of the engine after the answer, `first_sound` the first of it that was not silence.
    `heard` begins at the answer: the index of a sample is its time since then. `recorded` are (from, to) in seconds
    since the answer, as a recording machine kept them, `spoken` those of each text that the callee said, as it was
    sent, from its first sound to its last. `call` counts the calls of this number from 1.
    """

    number: str
    call: int
    kind: str
    invited_at: datetime
    ringing: float | None = None
    answered: float | None = None
    first_audio: float | None = None
    first_sound: float | None = None
    keys: list[SentKey] = field(default_factory=list)
    keys_heard: list[str] = field(default_factory=list)
    recorded: list[tuple[float, float]] = field(default_factory=list)
    spoken: list[tuple[float, float]] = field(default_factory=list)
    ended: float | None = None
    ended_by: EndedBy | None = None
    sip: int | None = None
    q850: int | None = None
    heard: Heard = field(default_factory=Heard.nothing)
    wav: Path | None = None
    fault: str | None = None

    @property
    def talked(self) -> float:
        """Seconds from the answer to the end."""
        return 0.0 if self.answered is None or self.ended is None else self.ended - self.answered

    def recording(self, index: int = 0) -> Heard:
        """Return what a recording machine kept; its time begins with the recording."""
        return self.heard.between(*self.recorded[index])

    def as_json(self) -> Mapping[str, object]:
        """Return the record without its audio; each time as seconds and, in `at`, as ISO 8601 with its offset."""
        times = {name: getattr(self, name) for name in ("ringing", "answered", "first_audio", "first_sound", "ended")}
        known = {"invited": 0.0, **{name: seconds for name, seconds in times.items() if seconds is not None}}
        return {
            "number": self.number,
            "call": self.call,
            "kind": self.kind,
            **{name: seconds if seconds is None else round(seconds, 3) for name, seconds in times.items()},
            "at": {name: self._iso(seconds) for name, seconds in known.items()},
            "keys": [
                {"key": key.key, "by": key.by, "at": round(key.at, 3), "until": round(key.until, 3)}
                for key in self.keys
            ],
            "keys_heard": self.keys_heard,
            "recorded": [[round(start, 3), round(end, 3)] for start, end in self.recorded],
            "spoken": [[round(start, 3), round(end, 3)] for start, end in self.spoken],
            "ended_by": self.ended_by,
            "sip": self.sip,
            "q850": self.q850,
            "heard_s": round(self.heard.seconds, 2),
            "heard": self.heard.runs_as_json(),
            "wav": self.wav.name if self.wav is not None else None,
            "fault": self.fault,
        }

    def _iso(self, seconds: float) -> str:
        return (self.invited_at + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


class Logbook:
    """The records of a network, in the order of the calls."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.records: list[CallRecord] = []
        self.peak = 0
        self._by_number: dict[str, list[CallRecord]] = {}
        self._running: list[CallRecord] = []
        self._closed = asyncio.Condition()

    def open(self, record: CallRecord) -> None:
        """Take the record of a call that begins."""
        self.records.append(record)
        self._by_number.setdefault(record.number, []).append(record)
        self._running.append(record)
        self.peak = max(self.peak, len(self._running))

    def of(self, number: str) -> Sequence[CallRecord]:
        """Return the calls of a national number in order, those still running included."""
        return tuple(self._by_number.get(number, ()))

    def dials(self, number: str) -> int:
        """Return how many calls came for a national number, those still running included."""
        return len(self._by_number.get(number, ()))

    async def close(self, record: CallRecord) -> None:
        """Write a call that is over."""
        try:
            await asyncio.to_thread(self._write, record)
        finally:
            async with self._closed:
                self._running.remove(record)
                self._closed.notify_all()

    async def until(self, true: Callable[[], bool], within: float) -> None:
        """Return once `true()`, looked at whenever a call ends; TimeoutError after `within` seconds."""
        async with asyncio.timeout(within), self._closed:
            await self._closed.wait_for(true)

    def running(self, record: CallRecord | None = None) -> bool:
        """Tell whether a call, or any at all, is not over yet."""
        return bool(self._running) if record is None else record in self._running

    def _write(self, record: CallRecord) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if record.heard.size:
            record.wav = self.directory / f"{record.number}-{record.call}.wav"
            write_wav(record.wav, record.heard.samples)
        with (self.directory / "calls.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record.as_json(), ensure_ascii=False) + "\n")


def write_wav(path: Path, samples: Samples) -> None:
    """Write 8 kHz mono samples as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
