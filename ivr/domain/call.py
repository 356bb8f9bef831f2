"""The words of a call: what is being done (states), what happens (events), what that proves (facts).

    Opening    await the first words       ->  Opened
    Speaking   play the step's text        ->  Spoken, Pressed (questions only), TalkedOver (where it yields)
    Waiting    wait for a key              ->  Pressed, Silence
    Leaving    speak over a silent line    ->  Left, NotLeft, Pressed
    Holding    it rings: await somebody    ->  Came, Nobody
    Over       hang up                     ->  (nothing)

HungUp, TimeUp and Broken may come in any state but Over, and Sounded wherever `callflow.live_signs` names its sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ivr.domain.signs import Sign


class Words(IntEnum):
    """What the callee's first words can be, by their length."""

    PLAIN = 0
    """A person's answer, or silence."""
    LONG = 1
    """An assistant's question, a device's announcement, or a person who says more."""
    RECITED = 2
    """Nothing that a person says without a pause."""


class EndedBy(StrEnum):
    """Who or what ended a call. `lost`: we lost sight of it, and it may have gone on without us."""

    ENGINE = "engine"
    CALLEE = "callee"
    TIME = "time"
    FAULT = "fault"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Opening:
    """Await the callee's first words, or that there are none, before `step`.

    `again` once a call was handed over, `yielded` once we have stopped for somebody who had not finished; `words` are
    the longest so far.
    """

    step: str
    again: bool = False
    yielded: bool = False
    words: Words = Words.PLAIN


@dataclass(frozen=True, slots=True)
class Speaking:
    """Play the text of `step`; for a question, the `asked`-th time (from 1), any key interrupts.

    `words` are those that the callee answered with: after RECITED ones a question is put once, since a machine may be
    recording it.
    """

    step: str
    asked: int = 1
    wrong: int = 0
    words: Words = Words.PLAIN
    yielded: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Wait for a key after the `asked`-th asking of `step`."""

    step: str
    asked: int
    wrong: int = 0
    words: Words = Words.PLAIN


@dataclass(frozen=True, slots=True)
class Leaving:
    """Speak `step` over a silent line; the keys of the step `question` stay live meanwhile.

    `words` are those that the callee answered with.
    """

    step: str
    question: str | None = None
    words: Words = Words.PLAIN


@dataclass(frozen=True, slots=True)
class Holding:
    """A device has answered and rings a person; when somebody comes, it goes on with `step`."""

    step: str


@dataclass(frozen=True, slots=True)
class Over:
    """Hang up; nothing follows."""

    by: EndedBy
    reason: str = ""


Live = Opening | Speaking | Waiting | Leaving | Holding
State = Live | Over


@dataclass(frozen=True, slots=True)
class Opened:
    """The callee's first words took `seconds` (0: there were none)."""

    seconds: float = 0.0
    words: Words = Words.PLAIN


@dataclass(frozen=True, slots=True)
class Sounded:
    """`sign` was heard after `seconds` of the text that was being played, at the `restarts`-th new start."""

    sign: Sign
    seconds: float = 0.0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class TalkedOver:
    """The callee went on as we began to speak, and has heard `seconds` of it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Came:
    """The ringing is over: somebody speaks, or is there in silence."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """It rang for as long as we wait."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """The text was played to its end, which took `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Pressed:
    """The callee pressed `key` after `seconds` of the text (0 where none was being played)."""

    key: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """The time for a key ran out."""


@dataclass(frozen=True, slots=True)
class Left:
    """The message was spoken from start to end over a silent line, at the `restarts`-th new start (from 0)."""

    seconds: float
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class NotLeft:
    """The line never stayed silent for long enough; `seconds` of the message is the longest piece spoken."""

    seconds: float
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class HungUp:
    """The callee hung up after `seconds` of the text that was being played, at the `restarts`-th new start.

    `spoke` are the seconds of voice on the callee's side shortly before.
    """

    seconds: float = 0.0
    restarts: int = 0
    spoke: float = 0.0


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The call reached its limit after `seconds` of the text that was being played."""

    seconds: float = 0.0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """We could not go on; `reason` names no person. `lost` where the call may go on without us."""

    reason: str
    seconds: float = 0.0
    lost: bool = False


Event = (
    Opened
    | TalkedOver
    | Sounded
    | Came
    | Nobody
    | Spoken
    | Pressed
    | Silence
    | Left
    | NotLeft
    | HungUp
    | TimeUp
    | Broken
)


@dataclass(frozen=True, slots=True)
class KeyPress:
    """`key` was pressed at `step`; `confirms` when it led to what the campaign is for."""

    step: str
    key: str
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """`seconds` of the text of `step` were played to the callee; `whole` when to its end."""

    step: str
    seconds: float
    whole: bool
    reached: bool = False


@dataclass(frozen=True, slots=True)
class MessageLeft:
    """`seconds` of a `leave` step were spoken over a silent line; `whole` when all of it."""

    step: str
    seconds: float
    whole: bool
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A step with `mark: tag` was come to."""

    tag: str


@dataclass(frozen=True, slots=True)
class Heeded:
    """The call took another way because the callee's side sounded `sign`."""

    sign: Sign


@dataclass(frozen=True, slots=True)
class NobodyCame:
    """A device or an assistant took the call, and it ended before anybody was there."""


Fact = KeyPress | Heard | MessageLeft | Mark | Heeded | NobodyCame
