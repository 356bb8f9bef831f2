"""What comes to be known of texts (SMS) that are out: by the network, by people who write back, after a crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import assert_never

from ivr.campaign.ports import Clock
from ivr.campaign.reconcile import LEASE
from ivr.campaign.text_records import Orphan, OutstandingPart, Texts
from ivr.campaign.texting import LONGEST_EXCHANGE, Accepted, NotNow, NotTaken, Receipt, TextGateway
from ivr.domain import phone
from ivr.domain.text import TextState
from ivr.domain.texting_rules import is_opt_out
from ivr.errors import InputError

OPT_OUT = "opt_out"
"""Why a number is barred whose owner wrote back that they want no texts."""

BY_STAFF = "staff"
"""Why a number is barred that staff have named."""

STOPPED = "送っている途中でエンジンが止まりました。届いているかもしれません。"

STILL_OUT = timedelta(days=3)
"""How long after a text was sent the network is asked what has become of it."""

MOST_ASKED = 500
"""Parts that the network is asked about in one round."""


class TextNews:
    """Stores what is told of texts; tells `on_state` what state a text has come to, `on_opt_out` that somebody left."""

    def __init__(
        self,
        texts: Texts,
        clock: Clock,
        *,
        opt_out: Collection[str],
        on_state: Callable[[TextState], None],
        on_opt_out: Callable[[], Awaitable[None]],
    ) -> None:
        self._texts = texts
        self._clock = clock
        self._opt_out = opt_out
        self._on_state = on_state
        self._on_opt_out = on_opt_out
        self._began = clock.now()
        self._asked_last: OutstandingPart | None = None

    async def receipt(self, receipt: Receipt) -> None:
        """Store what the network tells; StoreFailed, so that it tells it again."""
        state = await self._texts.receipt(receipt, self._clock.now())
        if state is not None:
            self._on_state(state)

    async def message(self, number: str, body: str) -> None:
        """Send no more to who asks for that; what else people write is not kept."""
        if not is_opt_out(body, self._opt_out):
            return
        try:
            e164 = phone.parse(number).e164
        except InputError:
            return
        await self._texts.bar(e164, OPT_OUT, self._clock.now())
        await self._on_opt_out()

    async def outstanding(self) -> tuple[str, ...]:
        """Return the network's names of what it is to be asked about in this round.

        Of some nothing is ever told: each round goes on behind the one before, so that they keep no others from it.
        """
        since = self._clock.now() - STILL_OUT
        found = await self._texts.outstanding(since, MOST_ASKED, after=self._asked_last)
        if not found and self._asked_last is not None:
            found = await self._texts.outstanding(since, MOST_ASKED)
        self._asked_last = found[-1] if len(found) == MOST_ASKED else None
        return tuple(part.reference for part in found)

    async def recover(self, gateway: TextGateway | None) -> tuple[TextState, ...]:
        """End what engines left half handed over, by what the network knows; return what each came to.

        What nobody can tell is unknown, and is not sent again. Raises StoreFailed.
        """
        found = []
        for text in await self._texts.orphans(LEASE):
            answer = await gateway.became(text.id) if gateway is not None else None
            match answer:
                case Accepted():
                    await self._texts.taken(text.id, answer.references, self._clock.now())
                    found.append(TextState.SENT)
                case NotTaken() if self._will_not_come(text):
                    await self._texts.withdraw(text.id)
                case NotTaken() | NotNow():
                    pass
                case None:
                    if await self._texts.ended(text.id, TextState.UNKNOWN, self._clock.now(), why=STOPPED):
                        found.append(TextState.UNKNOWN)
                case _:
                    assert_never(answer)
        for state in found:
            self._on_state(state)
        return tuple(found)

    def _will_not_come(self, text: Orphan) -> bool:
        """Tell whether a text that the network never had can't be handed over any more.

        An engine that only stood still goes on, and may be about to; a process of ours that ended can't.
        """
        ended = text.ours and text.at < self._began
        return ended or self._clock.now() - text.at > LEASE + LONGEST_EXCHANGE
