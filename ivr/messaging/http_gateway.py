"""The supervised gateway over HTTPS: hands texts over, asks what has become of them, for as long as it runs.

    gateway = HttpGateway(account, shape, on_receipt=..., outstanding=...)
    group.create_task(gateway.run())
    outcome = await gateway.submit(text)

What can't be told is never guessed: once a byte of a text was written and no answer came that the shape describes, it
is TextUncertain.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from ivr.campaign.texting import Accepted, NotNow, NotTaken, Receipt, Refused, Text
from ivr.domain.sms import LONGEST, units
from ivr.domain.text import TextState
from ivr.errors import TextUncertain
from ivr.messaging import http_wire as wire
from ivr.messaging.http_exchange import Exchanger, HttpTiming, NotWritten, TooLate, Unanswered
from ivr.messaging.http_shape import Call, Shape
from ivr.messaging.http_wire import Account, Answer, Request, Untold
from ivr.messaging.presence import Presence

log = logging.getLogger(__name__)

PAUSING = frozenset({401, 403, 429, 503})
"""HTTP statuses that say of us, not of the one text, that it is to come later."""

_CLOSED = "SMS の事業者との接続を閉じました。"


async def nothing_outstanding() -> Sequence[str]:
    """Return no texts to ask about."""
    return ()


class HttpGateway:
    """The way to a provider that speaks HTTP; a `TextGateway`. Nobody's answers come back over it.

    `on_receipt` stores what the provider tells, and may be told anything twice. `outstanding` returns the references
    whose end is not known: they are asked about where the shape has a `status`. `on_state` is told True and False as
    the provider can be reached or not, or asks us to wait; `state` says in Japanese why no texts are taken, and is
    empty while they are. `beside` runs as long as `run` does: the server of the provider's callbacks.
    ValueError where the account's URL or secret can't be used.
    """

    def __init__(
        self,
        account: Account,
        shape: Shape,
        *,
        on_receipt: Callable[[Receipt], Awaitable[None]],
        outstanding: Callable[[], Awaitable[Sequence[str]]] = nothing_outstanding,
        on_state: Callable[[bool], None] | None = None,
        tls: ssl.SSLContext | None = None,
        window: int = 10,
        timing: HttpTiming | None = None,
        beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self._account = account
        self._shape = shape
        self._timing = timing or HttpTiming()
        wire.credentials(shape.auth, account.user, account.secret)
        self._exchanger = Exchanger(account.url, tls=tls, window=window, timing=self._timing)
        self._on_receipt = on_receipt
        self._outstanding = outstanding
        self._presence = Presence(
            "SMS の事業者にまだ接続していません。", name="SMS provider", at_rest=_CLOSED, log=log, on_change=on_state
        )
        self._beside = beside
        self._window = asyncio.Semaphore(window)
        self._again_at = float("-inf")
        """When, by the loop's clock, it is tried again whether texts are taken."""
        self._pause = self._timing.backoff_first
        self._unpaid = False
        self._known: dict[str, TextState] = {}
        """What was told last of the texts that are asked about."""
        self._began = float("inf")
        """When, by the loop's clock, we began to run: what was handed over before that was so by then."""
        self._lost: dict[str, float] = {}
        """When the last texts were left uncertain, as long as the provider may still come to them."""

    @property
    def connected(self) -> bool:
        """Tell whether texts are taken now."""
        return self._presence.there

    @property
    def state(self) -> str:
        """Return why texts are not taken, for staff; empty while they are."""
        return self._presence.why

    @property
    def unpaid(self) -> bool:
        """Tell whether the provider said last that the office's credit is used up."""
        return self._unpaid

    async def ready(self, within: float) -> bool:
        """Return True once texts are taken, False where they are not after `within` seconds; `state` says why."""
        return await self._presence.within(within)

    async def run(self) -> None:
        """See whether the provider is there, and ask what has become of texts, for ever; cancel to end it.

        What breaks `beside` is raised as it is.
        """
        self._began = asyncio.get_running_loop().time()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep())
                if self._shape.status is not None:
                    group.create_task(self._poll())
                if self._beside is not None:
                    group.create_task(self._beside())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        finally:
            self._presence.say(_CLOSED)
            await self._exchanger.close()

    async def submit(self, text: Text) -> Accepted | Refused | NotNow:
        """Hand a text over, whole; see TextGateway. While the provider wants us to wait, nothing is sent."""
        to = wire.number_as(self._shape.number, text.number)
        if to is None:
            return Refused(state=TextState.NO_NUMBER, reason="宛先が、事業者の受け付ける形の電話番号ではありません。")
        try:
            request = wire.to_send(self._shape, self._account, text, to)
        except ValueError:
            request = None
        if request is None or units(text.body) > LONGEST:
            return Refused(state=TextState.FAILED, reason="本文が長すぎるか、送れない文字があります。")
        try:
            answer = await self._asked(request, text.late)
        except NotWritten as error:
            return NotNow(reason=str(error))
        except Unanswered as error:
            self._lose(text.id)
            raise TextUncertain(str(error)) from None
        try:
            outcome = wire.answer_to_send(self._shape, text.id, answer)
        except Untold as error:
            self._lose(text.id)
            raise TextUncertain(f"SMS の事業者の答えが分かりません: {error}") from None
        self._unpaid = isinstance(outcome, NotNow) and outcome.unpaid
        self._heed(answer, later=outcome if isinstance(outcome, NotNow) else None)
        return outcome

    async def became(self, text: str) -> Accepted | NotTaken | NotNow | None:
        """Return what became of a text; see TextGateway. None where the shape has no `ask`.

        NotNow until it is sure that the provider will not come to it yet.
        """
        if self._shape.ask is None:
            return None
        try:
            answer = await self._asked(wire.to_ask(self._shape, self._account, self._shape.ask.call, text))
            outcome = wire.answer_to_ask(self._shape, text, answer)
        except (NotWritten, Unanswered) as error:
            return NotNow(reason=str(error))
        except Untold as error:
            return NotNow(reason=f"SMS の事業者の答えが分かりません: {error}")
        self._heed(answer, later=outcome if isinstance(outcome, NotNow) else None)
        since = max(self._began, self._lost.get(text, float("-inf")))
        if isinstance(outcome, NotTaken) and asyncio.get_running_loop().time() - since < self._shape.ask.after:
            return NotNow(reason="SMS の事業者は、まだ受け付けていません。これから受け付けるかもしれません。")
        return outcome

    def _lose(self, text: str) -> None:
        """Note that a text is uncertain since now."""
        now = asyncio.get_running_loop().time()
        if self._shape.ask is not None:
            after = self._shape.ask.after
            self._lost = {one: when for one, when in self._lost.items() if now - when < after} | {text: now}

    async def _asked(self, request: Request, late: Callable[[], bool] = lambda: False) -> Answer:
        """Return the answer to a request; NotWritten, TooLate, Unanswered."""
        async with self._window:
            if not self.connected:
                raise NotWritten(self.state)
            try:
                return await self._exchanger.exchange(request, late)
            except TooLate:
                raise
            except NotWritten as error:
                self._wait(str(error))
                raise

    async def _keep(self) -> None:
        """Whenever texts are not taken, wait for as long as asked, and see whether the provider is there."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._presence.lost()
            if (rest := self._again_at - clock()) > 0:
                await asyncio.sleep(rest)
            elif why := await self._exchanger.reach():
                self._wait(why, again=True)
            elif self._again_at <= clock():
                self._presence.say("")

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._timing.poll_every)
            if self.connected:
                await self._poll_once()

    async def _poll_once(self) -> None:
        """Ask about every text whose end is not known, as long as the provider answers."""
        status = self._shape.status
        if status is None:
            return
        try:
            async with asyncio.timeout(self._timing.store):
                references = [*dict.fromkeys(await self._outstanding())]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked again in a while
            log.error("Which texts are outstanding could not be read: %s", type(error).__name__)
            return
        self._known = {reference: self._known[reference] for reference in references if reference in self._known}
        for start in range(0, len(references), status.most):
            if not await self._polled(status.call, references[start : start + status.most]):
                return

    async def _polled(self, call: Call, references: Sequence[str]) -> bool:
        """Ask about some texts and have what is new of them stored; tell whether to go on."""
        try:
            answer = await self._asked(wire.to_poll(self._shape, self._account, call, references))
            told = wire.answer_to_poll(self._shape, references, answer)
        except (NotWritten, Unanswered) as error:
            log.warning("The provider does not say what has become of texts: %s", error)
            return False
        except (Untold, ValueError) as error:
            log.warning("What the provider says has become of texts can't be told: %s", error)
            return True
        if isinstance(told, NotNow):
            self._heed(answer, later=told)
            return self.connected
        self._heed(answer, later=None)
        for receipt in told:
            if self._known.get(receipt.reference) != receipt.state and await self._stored(receipt):
                self._known[receipt.reference] = receipt.state
        return True

    async def _stored(self, receipt: Receipt) -> bool:
        try:
            async with asyncio.timeout(self._timing.store):
                await self._on_receipt(receipt)
        except Exception as error:  # noqa: BLE001 - whatever it is, the provider is asked again
            log.error("What became of a text was not stored: %s", type(error).__name__)
            return False
        return True

    def _heed(self, answer: Answer, *, later: NotNow | None) -> None:
        """Wait where an answer asks for that; an answer of another sort ends the doubling of the waits."""
        if later is not None and later.unpaid:
            # Somebody has to pay: there is no use in asking every second.
            self._wait(later.reason, answer.wait or self._timing.backoff_most)
        elif later is not None and (answer.status in PAUSING or answer.wait is not None):
            self._wait(later.reason, answer.wait)
        elif later is None:
            self._pause = self._timing.backoff_first

    def _wait(self, why: str, seconds: float | None = None, *, again: bool = False) -> None:
        """Take no texts for a while, as the provider says or longer each time; of a window of complaints, the first."""
        timing = self._timing
        if seconds is None and (self.connected or again):
            seconds = self._pause
            self._pause = min(self._pause * 2, timing.backoff_most)
        if seconds is not None:
            rest = min(max(seconds, timing.backoff_first), timing.wait_most)
            self._again_at = max(self._again_at, asyncio.get_running_loop().time() + rest)
        self._presence.say(why)
