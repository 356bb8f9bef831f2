"""What the use cases need of the world, as Protocols; each room below `app` provides one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from ivr.campaign.records import CampaignRow, Counts, Due, NewCampaign, OpenAttempt, RecipientRecord
from ivr.domain.attempt import AttemptState, Ending, Intent, Past
from ivr.domain.call import Came, HungUp, Left, Nobody, NotLeft, Opened, Pressed, Silence, Sounded, Spoken, TalkedOver
from ivr.domain.calling_rules import Ceiling
from ivr.domain.exclusion import Exclusion, Exclusions
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.domain.signs import NO_SIGNS, Found, Signs, Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A piece of telephone audio: `path` as the PBX wants it (absolute, no extension) and its length in seconds."""

    path: Path
    seconds: float


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """Return the time of day, with its zone."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Speech(Protocol):
    """Turns texts into clips, ahead of the call."""

    async def prepare(self, text: str, values: Mapping[str, str], *, language: str, scope: str) -> tuple[Clip, ...]:
        """Return the clips that speak `text`, in order. `scope` owns what names a person.

        Raises Unspeakable where the text is to blame, else SpeechFailed.
        """
        ...


class CallLeg(Protocol):
    """An answered call. Every method returns within a bounded time; CallLost is raised when the PBX is gone."""

    async def open(self, signs: Signs = NO_SIGNS) -> Opened | Sounded | HungUp:
        """Await the callee's first words, or that there are none; stop at one of `signs`, here and below."""
        ...

    async def hold(self, signs: Signs = NO_SIGNS) -> Came | Nobody | Sounded | HungUp:
        """Await somebody while a device rings them."""
        ...

    async def speak(
        self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS, *, yields: bool = False
    ) -> Spoken | Pressed | Sounded | TalkedOver | HungUp:
        """Play `clips`; stop at a key in `keys` and, where it `yields`, for a callee who goes on as we begin."""
        ...

    async def wait_key(self, seconds: float, signs: Signs = NO_SIGNS) -> Pressed | Silence | Sounded | HungUp:
        """Wait for a key."""
        ...

    async def leave(
        self, clips: Sequence[Clip], keys: str, signs: Signs = NO_SIGNS
    ) -> Left | NotLeft | Pressed | Sounded | HungUp:
        """Speak `clips` from start to end over a silent line, anew whenever the callee's side sounds."""
        ...

    def listen(self) -> None:
        """Begin to listen to what the callee's side sounds like, as `open`, `hold`, `leave` and signs need it."""
        ...

    def found(self) -> tuple[Found, ...]:
        """Return the tones that the callee's side has sounded so far, in seconds since the answer."""
        ...

    def sounds(self) -> tuple[Stretch, ...]:
        """Return what the callee's side has sounded so far, in seconds since the answer."""
        ...

    async def hang_up(self) -> None:
        """End the call; harmless where it has ended."""
        ...


NO_HOUSEHOLDS: Mapping[str, Sequence[Recipient]] = MappingProxyType({})

Talk = Callable[[CallLeg], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyMedia:
    """What the network played before an answer: seconds of voice, and tones in seconds of its own beginning."""

    voice: float = 0.0
    tones: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """How a dial ended for the PBX.

    `rang` tells that the far end rang (180), `progressed` that the network was at work on the call (183), `early` what
    it played then.
    `lost` means that we lost sight of the channel: whether and how it ended is not known. `refused` is why the PBX
    did not take the order at all, in which case nothing was dialled.
    """

    sip: int | None = None
    q850: int | None = None
    rang: bool = False
    progressed: bool = False
    early: EarlyMedia | None = None
    dialled_at: datetime | None = None
    answered_at: datetime | None = None
    lost: bool = False
    refused: str | None = None


class Originator(Protocol):
    """Dials."""

    async def dial(self, intent: Intent, talk: Talk) -> Disposition:
        """Originate `intent`, run `talk` on the answered leg, and return when the channel is gone.

        Never raises for anything that the network or the PBX does. Bounded by the ring and call limits.
        """
        ...

    def hang_up(self, attempt: str) -> None:
        """Order the end of a call, answered or not; its `dial` returns once the channel is gone."""
        ...

    async def ready(self) -> None:
        """Return once the PBX takes orders; raise PbxUnavailable after a while."""
        ...


class Registers(Protocol):
    """What says of people and numbers that they are not to be called."""

    async def known(self) -> Exclusions:
        """Return what is known now; raise ExclusionsUnknown where that can't be told."""
        ...


class Enquiry(Protocol):
    """Somebody who knows of each person whether they are still to be called, and is asked just before each dial."""

    async def excluded(self, recipient: Recipient) -> Exclusion | None:
        """Return why a person is not called, None where nothing is against it; raise ExclusionsUnknown, soon."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What the PBX's own record tells of a channel; None: not recorded.

    `q850` is the cause with which the far end ended it; None where it was not the far end that did.
    """

    began: datetime | None = None
    answered: datetime | None = None
    ended: datetime | None = None
    q850: int | None = None


class ChannelRecord(Protocol):
    """The PBX's channels of an earlier run, by the ids of their attempts."""

    async def ended(self, ids: Collection[str]) -> Mapping[str, Trace]:
        """Hang up those of `ids` that live, and return what is recorded of each, once none lives.

        PbxUnavailable where that can't be told now.
        """
        ...

    async def forget(self) -> None:
        """Every channel recorded so far is accounted for."""
        ...


class Results(Protocol):
    """The results store. Each method is one transaction; StoreFailed where the database refuses."""

    async def create_campaign(
        self,
        campaign: NewCampaign,
        recipients: Sequence[Recipient],
        households: Mapping[str, Sequence[Recipient]] = NO_HOUSEHOLDS,
    ) -> CampaignRow:
        """Store a campaign in state `created` with its people, in the order in which they are called.

        Of each of the `households`, by number, the first is called; another, where that one ends as `cancelled`.
        InputError if the name is taken.
        """
        ...

    async def campaign(self, name: str) -> CampaignRow:
        """Return a campaign by name; NotFound."""
        ...

    async def campaigns(self, *, state: str | None = None) -> tuple[CampaignRow, ...]:
        """Return the campaigns, oldest first."""
        ...

    async def move_campaign(self, campaign_id: str, *, expected: Sequence[str], state: str) -> bool:
        """Change the state of a campaign if it is one of `expected`; tell whether it was."""
        ...

    async def approve(self, campaign_id: str, who: str) -> bool:
        """Note who has approved a campaign that is `created`; False where somebody has before, or it is not."""
        ...

    async def due(
        self, campaign_id: str, now: datetime, limit: int, *, after: int = 0, counted: datetime | None = None
    ) -> tuple[Due, ...]:
        """Return waiting people due by `now` in their order, from the first rank after `after` on.

        With the dials elsewhere since `counted`; without it, none.
        """
        ...

    async def intend(self, intent: Intent, ceilings: Sequence[Ceiling] = ()) -> bool:
        """Store the intent and move the person `waiting` -> `calling`.

        False, and nothing stored, if they do not wait, or one of `ceilings` is reached.
        """
        ...

    async def advance(self, attempt_id: str, *, expected: AttemptState, state: AttemptState, at: datetime) -> bool:
        """Move an attempt that has not ended; tell whether it was in `expected`."""
        ...

    async def end(self, attempt_id: str, ending: Ending, *, settled: Outcome | None, due_at: datetime | None) -> bool:
        """Store the ending once, and settle the person (`settled`) or let them wait until `due_at`.

        False, and nothing stored, where the attempt has ended before.
        """
        ...

    async def postpone(self, campaign_id: str, recipient_id: str, due_at: datetime) -> None:
        """Let a waiting person wait until `due_at`."""
        ...

    async def settle(
        self,
        campaign_id: str,
        recipient_id: str,
        outcome: Outcome,
        *,
        excluded: Exclusion | None = None,
        at: datetime | None = None,
    ) -> None:
        """Settle a waiting person without a further attempt, `at` or now, and store why they are `excluded`."""
        ...

    async def exclude(
        self, campaign_id: str, recipient_id: str, exclusion: Exclusion, *, at: datetime | None = None
    ) -> str:
        """Call a person no more, from now on; return the state in which they were. NotFound.

        Who was waiting is settled. A call under way goes on to its end, and is the last.
        """
        ...

    async def rang_back(self, number: str, *, since: datetime, wanted: bool, wait_until: datetime) -> bool:
        """Mark the last call to `number` since `since` as called back; who waits there waits until `wait_until`.

        False where there was no such call.
        """
        ...

    async def add_caller(self, campaign_id: str, person: Recipient) -> None:
        """Keep somebody who is not dialled by itself, once."""
        ...

    async def open_attempts(self) -> tuple[OpenAttempt, ...]:
        """Return every attempt that has not ended, oldest first."""
        ...

    async def join(self, engine: str, host: str, *, most: int = 0) -> None:
        """Dial from now on as `engine`, in a new life of it; what an earlier one still intends finds no place."""
        ...

    async def renew(self) -> bool:
        """Say that this engine lives; False where another has buried it."""
        ...

    async def left_open(self) -> tuple[OpenAttempt, ...]:
        """Return the attempts that earlier lives of this engine have not ended; those of no engine are anybody's."""
        ...

    async def bury(self, lease: timedelta) -> tuple[OpenAttempt, ...]:
        """Fence off every engine that has fallen silent for `lease`, and return what it has left open."""
        ...

    async def past(self, campaign_id: str, recipient_id: str) -> tuple[Past, ...]:
        """Return the ended attempts of a person, oldest first."""
        ...

    async def counts(self, campaign_id: str) -> Counts:
        """Return the campaign in numbers."""
        ...

    async def records(self, campaign_id: str) -> tuple[RecipientRecord, ...]:
        """Return every person and attempt, in the order of the list."""
        ...
