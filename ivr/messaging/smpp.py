"""The supervised SMPP gateway: binds, submits, passes receipts on, binds again, for as long as it runs.

    gateway = SmppGateway(account, on_receipt=..., on_message=...)
    group.create_task(gateway.run())
    outcome = await gateway.submit(text)

What can't be told is never guessed: once a byte of a text was written and no answer came, it is TextUncertain.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from ivr.campaign.texting import Accepted, NotNow, Receipt, Refused, Text
from ivr.domain.sms import parts
from ivr.domain.text import TextState
from ivr.errors import TextUncertain, reason
from ivr.messaging import smpp_wire as wire
from ivr.messaging.presence import Presence
from ivr.messaging.smpp_link import NotWritten, SmppLink, SmppTiming, Unanswered
from ivr.messaging.smpp_pace import Pace
from ivr.messaging.smpp_receipts import (
    INTERNATIONAL,
    UCS2,
    UDH,
    ReceiptIds,
    is_receipt,
    receipt,
    reference,
    sender,
    words,
)
from ivr.messaging.smpp_status import LATER, Status, describe
from ivr.messaging.smpp_wire import Address, Bind, Command, Named, Pdu, ShortMessage, Tag, WireError

log = logging.getLogger(__name__)

ISDN = 1
"""NPI of an E.164 number."""

MOST_PARTS = 255

_E164 = re.compile(r"\+([1-9][0-9]{6,14})", re.ASCII)
_CLOSED = "SMS センターとの接続を閉じました。"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppAccount:
    """Where the centre is, who we are to it, and its habits.

    `source` is the sender as the centre knows it, of type `source_ton` and plan `source_npi`. `window` is how many
    submissions may be unanswered. `long` says how a text goes that is no single message: in parts with a header, or
    whole in message_payload. With `expires` the centre is told how long a text may go on being delivered. `errs` says
    more exactly why a text failed, by the centre's own codes.
    """

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    source: str = ""
    source_ton: int = INTERNATIONAL
    source_npi: int = ISDN
    tls: ssl.SSLContext | None = None
    window: int = 10
    long: Literal["udh", "payload"] = "udh"
    receipt_ids: ReceiptIds = "same"
    expires: bool = True
    errs: Mapping[str, TextState] = field(default_factory=dict)


class SmppGateway:
    """The connection to an SMS centre; a `TextGateway`.

    `on_receipt` and `on_message` store what the centre tells, which is repeated until they have: they may be told
    anything twice. A long message comes in its parts. `on_state` is told True and False as the bind comes and goes;
    `state` says in Japanese why there is none, and is empty while there is one.
    ValueError where a field of the account does not fit into SMPP.
    """

    def __init__(
        self,
        account: SmppAccount,
        *,
        on_receipt: Callable[[Receipt], Awaitable[None]],
        on_message: Callable[[str, str], Awaitable[None]],
        on_state: Callable[[bool], None] | None = None,
        timing: SmppTiming | None = None,
    ) -> None:
        self._account = account
        self._who = Bind(system_id=account.system_id, password=account.password, system_type=account.system_type)
        self._source = Address(number=account.source, ton=account.source_ton, npi=account.source_npi)
        for content in (self._who, ShortMessage(source=self._source)):
            wire.encode(Pdu(command=Command.SUBMIT_SM, sequence=0, content=content))
        self._on_receipt = on_receipt
        self._on_message = on_message
        self._presence = Presence(
            "SMS センターにまだ接続していません。", name="SMS centre", at_rest=_CLOSED, log=log, on_change=on_state
        )
        self._timing = timing or SmppTiming()
        self._window = asyncio.Semaphore(account.window)
        self._pace = Pace(first=self._timing.throttle_first, most=self._timing.throttle_most)
        self._link: SmppLink | None = None
        self._joint = random.randrange(256)
        """What the parts of the last long text have in common, so that a phone can join them."""

    @property
    def connected(self) -> bool:
        """Tell whether we are bound."""
        return self._presence.there

    @property
    def state(self) -> str:
        """Return why texts are not taken, for staff; empty while they are."""
        return self._presence.why

    @property
    def unpaid(self) -> bool:
        """Tell that nothing is known of credit: SMPP 3.4 has no status for that."""
        return False

    async def ready(self, within: float) -> bool:
        """Return True once bound, False where we are not after `within` seconds; `state` says why."""
        return await self._presence.within(within)

    async def run(self) -> None:
        """Keep a bind, for ever; cancel to end it, which unbinds."""
        clock = asyncio.get_running_loop().time
        pause = self._timing.backoff_first
        while True:
            began = clock()
            self._presence.say(await self._live())
            if clock() - began > self._timing.settled:
                pause = self._timing.backoff_first
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._timing.backoff_most)

    async def submit(self, text: Text) -> Accepted | Refused | NotNow:
        """Hand a text over in one message or in parts; see TextGateway.

        A part that the centre puts off is sent again, since the text has begun; another answer to it than that it is
        taken leaves the text uncertain.
        """
        number = _E164.fullmatch(text.number)
        if number is None:
            return Refused(state=TextState.NO_NUMBER, reason="宛先が国際形式の電話番号ではありません。")
        try:
            messages = self._messages(number[1], text)
        except ValueError:
            return Refused(state=TextState.FAILED, reason="本文が長すぎるか、送れない文字があります。")
        taken: list[str] = []
        for message in messages:
            try:
                answer = await self._sent(message, tries=self._timing.part_tries if taken else 1)
            except NotWritten as error:
                if not taken:
                    return NotNow(reason=str(error))
                raise TextUncertain(str(error), taken) from None
            except Unanswered as error:
                raise TextUncertain(str(error), taken) from None
            if answer.status != Status.ROK and taken:
                raise TextUncertain(f"SMS の途中の部分が断られました: {describe(answer.status)}", taken)
            if answer.status != Status.ROK:
                return _turned_down(answer.status)
            name = reference(answer.content.name) if isinstance(answer.content, Named) else ""
            if not name:
                raise TextUncertain("SMS センターの答えに受付番号がありません。", taken)
            taken.append(name)
        return Accepted(references=tuple(taken))

    async def became(self, text: str) -> None:
        """Return None: SMPP 3.4 asks (query_sm) by the centre's name of a message, which is what was lost."""

    async def _sent(self, message: ShortMessage, tries: int) -> Pdu:
        """Return the answer to one message; of an answer to wait, that of the last of `tries`."""
        while True:
            if not self.connected:
                raise NotWritten(self.state)
            async with self._window:
                await self._pace.wait()
                if self._link is None:
                    raise NotWritten(self.state)
                answer = await self._link.ask(Command.SUBMIT_SM, message, self._timing.answer)
            tries -= 1
            if answer.status in LATER:
                self._pace.slower()
            elif answer.status == Status.ROK:
                self._pace.faster()
            if answer.status not in LATER or not tries:
                return answer

    def _messages(self, digits: str, text: Text) -> tuple[ShortMessage, ...]:
        """Return a text as it goes out; ValueError where it can't."""
        make = partial(
            ShortMessage,
            source=self._source,
            destination=Address(number=digits, ton=INTERNATIONAL, npi=ISDN),
            registered_delivery=1,
            validity=wire.period(text.valid_for) if text.valid_for is not None and self._account.expires else "",
            data_coding=UCS2,
        )
        cut = [part.encode("utf-16-be") for part in parts(text.body)]
        if len(cut) == 1:
            return (make(short_message=cut[0]),)
        if len(cut) > MOST_PARTS:
            raise ValueError("too long")
        if self._account.long == "payload":
            return (make(tlvs=((Tag.MESSAGE_PAYLOAD, b"".join(cut)),)),)
        self._joint = (self._joint + 1) % 256
        headers = (bytes((5, 0, 3, self._joint, len(cut), place)) for place in range(1, len(cut) + 1))
        return tuple(
            make(esm_class=UDH, short_message=header + part) for header, part in zip(headers, cut, strict=True)
        )

    async def _live(self) -> str:
        """Have one link until it is lost; return why there is none (any more)."""
        account = self._account
        try:
            async with asyncio.timeout(self._timing.connect):
                reader, writer = await asyncio.open_connection(account.host, account.port, ssl=account.tls)
        except (OSError, UnicodeError) as error:
            match error:
                case TimeoutError():
                    why = "時間切れです"
                case OSError():
                    why = reason(error)
                case _:
                    why = "ホスト名ではありません"
            return f"SMS センター（{account.host}:{account.port}）に接続できません（{why}）。"
        link = SmppLink(reader, writer, self._received, self._timing)
        try:
            async with asyncio.TaskGroup() as group:
                chores = [group.create_task(link.read()), group.create_task(link.deliver())]
                try:
                    return await self._hold(link)
                finally:
                    self._link = None
                    self._presence.say(link.lost.result() if link.lost.done() else _CLOSED)
                    await link.leave()
                    for chore in chores:
                        chore.cancel()
        finally:
            await link.closed()

    async def _hold(self, link: SmppLink) -> str:
        why = await link.bind(self._who)
        if why:
            return why
        self._link = link
        self._presence.say("")
        return await link.keep()

    async def _received(self, message: ShortMessage) -> Status:
        """Pass on what the centre delivers; return what is answered once that is stored."""
        if not is_receipt(message):
            await self._on_message(sender(message), words(message))
            return Status.ROK
        try:
            told = receipt(message, ids=self._account.receipt_ids, errs=self._account.errs)
        except WireError as error:
            log.warning("The SMS centre sent a receipt that does not say of which text")
            return error.status
        await self._on_receipt(told)
        return Status.ROK


def _turned_down(status: int) -> Refused | NotNow:
    """Return what an answer means for a text of which nothing was taken."""
    if status in LATER:
        return NotNow(reason=f"SMS センターがあとにするよう求めました: {describe(status)}")
    state = TextState.NO_NUMBER if status == Status.RINVDSTADR else TextState.FAILED
    return Refused(state=state, reason=f"SMS センターが断りました: {describe(status)}")
