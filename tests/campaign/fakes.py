"""Small real stand-ins for the ports: a scripted leg, a telephone that answers by number, a voice without sound."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ivr.campaign.ports import CallLeg, Clip, Disposition, Talk
from ivr.domain.attempt import Intent
from ivr.domain.call import Came, HungUp, Left, Nobody, NotLeft, Opened, Pressed, Silence, Sounded, Spoken, TalkedOver
from ivr.domain.exclusion import Source
from ivr.domain.outcome import Outcome
from ivr.domain.signs import NO_SIGNS, Found, Signs, Stretch
from ivr.domain.text import TextState
from ivr.errors import PbxUnavailable, SpeechFailed, Unspeakable

Heard = Opened | TalkedOver | Sounded | Came | Nobody | Spoken | Pressed | Silence | Left | NotLeft | HungUp


@dataclass
class SystemClock:
    """The time of this machine, or a fixed time of day that goes on from `start`."""

    start: datetime | None = None
    began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        if self.start is None:
            return datetime.now(UTC)
        return self.start + timedelta(seconds=time.monotonic() - self.began)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScriptedLeg:
    """A leg on which the listed events happen, one for each thing done; exceptions are raised, None waits for ever."""

    def __init__(self, *events: Heard | Exception | None) -> None:
        self.events = list(events)
        self.done: list[tuple[str, str]] = []
        self.hung_up = 0
        self.listens = False

    async def _next(self, what: str, detail: str) -> Heard:
        self.done.append((what, detail))
        event = self.events.pop(0)
        if event is None:
            await asyncio.Event().wait()
        if isinstance(event, Exception):
            raise event
        assert event is not None
        return event

    async def open(self, signs: Signs = NO_SIGNS) -> Opened | Sounded | HungUp:
        event = await self._next("open", " ".join(sorted(signs)))
        assert isinstance(event, Opened | Sounded | HungUp)
        return event

    async def hold(self, signs: Signs = NO_SIGNS) -> Came | Nobody | Sounded | HungUp:
        event = await self._next("hold", " ".join(sorted(signs)))
        assert isinstance(event, Came | Nobody | Sounded | HungUp)
        return event

    async def speak(
        self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS, *, yields: bool = False
    ) -> Spoken | Pressed | Sounded | TalkedOver | HungUp:
        event = await self._next("speak", " ".join(clip.path.name for clip in clips))
        assert isinstance(event, Spoken | Pressed | Sounded | TalkedOver | HungUp)
        return event

    async def wait_key(self, seconds: float, signs: Signs = NO_SIGNS) -> Pressed | Silence | Sounded | HungUp:
        event = await self._next("wait_key", f"{seconds:g}")
        assert isinstance(event, Pressed | Silence | Sounded | HungUp)
        return event

    async def leave(
        self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS
    ) -> Left | NotLeft | Pressed | Sounded | HungUp:
        event = await self._next("leave", " ".join(clip.path.name for clip in clips))
        assert isinstance(event, Left | NotLeft | Pressed | Sounded | HungUp)
        return event

    def listen(self) -> None:
        self.listens = True

    def found(self) -> tuple[Found, ...]:
        return ()

    def sounds(self) -> tuple[Stretch, ...]:
        return ()

    async def hang_up(self) -> None:
        self.hung_up += 1


class SilentVoice:
    """Makes clips of one second without a file; `mute` texts can't be spoken.

    After `stuck_after` texts it speaks no further one before it is `unstuck`.
    """

    def __init__(self, *, mute: str | None = None) -> None:
        self.mute = mute
        self.out_of_order = 0
        self.stuck_after: int | None = None
        self.unstuck = asyncio.Event()
        self.asked: Counter[str] = Counter()

    async def prepare(self, text: str, values: Mapping[str, str], *, language: str, scope: str) -> tuple[Clip, ...]:
        spoken = text.format(**values) if values else text
        self.asked[spoken] += 1
        if self.stuck_after is not None and self.asked.total() > self.stuck_after:
            await self.unstuck.wait()
        if self.out_of_order:
            self.out_of_order -= 1
            raise SpeechFailed("disk full")
        if self.mute is not None and self.mute in spoken:
            raise Unspeakable(f"cannot speak in {language} for {scope}")
        return (Clip(path=Path("/clips") / str(len(spoken)), seconds=1.0),)


Answer = Callable[[Intent, Talk], Awaitable[Disposition]]


class Telephone:
    """Answers each dial as `answers` says for its number, and counts dials and lines in use."""

    def __init__(self, answers: Mapping[str, Answer | Disposition], default: Answer | Disposition) -> None:
        self.answers = answers
        self.default = default
        self.dials: list[Intent] = []
        self.live = 0
        self.most = 0
        self.down = 0
        self.hung_up: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def hang_up(self, attempt: str) -> None:
        self.hung_up[attempt].set()

    async def ready(self) -> None:
        if self.down:
            self.down -= 1
            raise PbxUnavailable("down")

    async def dial(self, intent: Intent, talk: Talk) -> Disposition:
        self.dials.append(intent)
        self.live += 1
        self.most = max(self.most, self.live)
        try:
            await asyncio.sleep(0)
            answer = self.answers.get(intent.number, self.default)
            if isinstance(answer, Disposition):
                return answer
            return await answer(intent, talk)
        finally:
            self.live -= 1


BUSY = Disposition(sip=486, q850=17)


def answered(make: Callable[[], CallLeg]) -> Answer:
    """Return an answer whose leg is made by `make`."""

    async def answer(intent: Intent, talk: Talk) -> Disposition:
        await talk(make())
        return Disposition(sip=200, q850=16, answered_at=intent.at, dialled_at=intent.at)

    return answer


@dataclass
class Watch:
    """Keeps what the dialler told."""

    outcomes: list[Outcome] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    texts: list[TextState] = field(default_factory=list)
    settled_by_text: int = 0
    excluded_by: list[Source] = field(default_factory=list)
    defects: list[Exception] = field(default_factory=list)
    on_end: Callable[[], None] = lambda: None

    def dial_began(self, campaign: str, attempt: str) -> None:
        """Nothing to keep."""

    def answered(self, campaign: str, attempt: str) -> None:
        """Nothing to keep."""

    def dial_ended(self, campaign: str, attempt: str, outcome: Outcome, *, settled: bool) -> None:
        self.outcomes.append(outcome)
        self.on_end()

    def excluded(self, campaign: str, source: Source, *, settled: bool) -> None:
        self.excluded_by.append(source)

    def texted(self, campaign: str, state: TextState, *, settled: bool) -> None:
        self.texts.append(state)
        self.settled_by_text += settled

    def held(self, campaign: str, reason: str, until: datetime | None) -> None:
        self.holds.append(reason)

    def defect(self, campaign: str, attempt: str, error: Exception) -> None:
        self.defects.append(error)
