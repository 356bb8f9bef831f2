"""What the use cases need of whoever sends texts (SMS), and what they are told of them.

What names a person, a number or a body, is not in the `repr` of anything here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from ivr.domain.text import TextState

LONGEST_EXCHANGE = timedelta(seconds=30)
"""Of a provider that can be asked what became of a text: from the first byte to its answer, or to none."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text as it is to go out: `id` is ours, `number` E.164 (`+8190…`), `body` whole, however long.

    `valid_for` is how long from now the network may go on trying to deliver it; None: as long as it does by itself.
    A gateway that can be asked what became of it looks at `late` right before the first byte: once that is True, none
    goes out.
    """

    id: str
    number: str = field(repr=False)
    body: str = field(repr=False)
    valid_for: timedelta | None = None
    late: Callable[[], bool] = field(default=_never, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The network has taken the text; `references` are its names of the parts, in order, one at least."""

    references: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The network has certainly not taken the text, and would not take it another time; `reason` is for staff."""

    state: TextState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNow:
    """The network has certainly not taken the text, and may later; `reason` is for staff.

    `unpaid`: it takes none of anybody's, since the office's credit, or what it may send, is used up.
    """

    reason: str
    unpaid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """The network, asked by our id, has certainly never had the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the network says has become of one part: it comes late, repeatedly and out of order.

    `reference` is one of `Accepted.references`, or of a text that we do not know; `err` the network's own code, empty
    where it gave none.
    """

    reference: str
    state: TextState
    err: str = ""


class TextGateway(Protocol):
    """Sends texts."""

    @property
    def connected(self) -> bool:
        """Tell whether texts are taken now."""
        ...

    async def ready(self, within: float) -> bool:
        """Return True once texts are taken, False where they are not after `within` seconds."""
        ...

    async def submit(self, text: Text) -> Accepted | Refused | NotNow:
        """Hand a text over, once; bounded in time.

        TextUncertain where the network may have taken it, or a part of it.
        """
        ...

    async def became(self, text: str) -> Accepted | NotTaken | NotNow | None:
        """Return what became of a text whose answer was lost, by our `Text.id`; bounded in time.

        NotNow where that can't be told now, None where this way has no means to ask.
        """
        ...
