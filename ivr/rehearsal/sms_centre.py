"""The simulated SMS centre: a real SMPP 3.4 server (smpp34) whose every number is a scripted handset.

    async with SmsCentre({"09012345678": habit("refused")}) as centre:
        ...  # let a client bind to 127.0.0.1:centre.port
        await centre.quiet(within=10)
    for text in centre.taken: ...

It shares no code with our own client, so that an error in the one is not one in the other. As real centres do, it
keeps a receipt while nobody is bound, and repeats one that was not stored.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import secrets
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import smpp34

from ivr.domain.phone import national
from ivr.rehearsal.arrivals import Arrivals
from ivr.rehearsal.handsets import DELIVERED, Habit, Reaction, Stat, Status, Told, reaction
from ivr.rehearsal.ports import HOST, free_port
from ivr.rehearsal.sms_door import Door
from ivr.rehearsal.sms_messages import PAYLOAD, Message, receipt, words
from ivr.rehearsal.taken import TakenText, Texts, e164, part
from ivr.rehearsal.tasks import tasks

AGAIN_SECONDS = 0.5
"""Until a receipt that was not stored is sent again."""

STORE_SECONDS = 10.0
"""For a client to answer a deliver_sm, and for a receipt that comes before the answer to be stored."""

MOST_TOLD = 200
"""Receipts that `lie` remembers."""

NAME = "rehearsal"
_WANTED = 0x03
"""The bits of registered_delivery that ask for a receipt."""

_ISDN = _INTERNATIONAL = 1


@dataclass(frozen=True, slots=True, order=True)
class _Delivery:
    """A message due at a time of the loop; `order` keeps those of the same time in theirs."""

    due: float
    order: int
    message: Message = field(compare=False)
    stored: asyncio.Event | None = field(default=None, compare=False)


class SmsCentre(Arrivals):
    """A centre on loopback; enter it to start it. A port of 0 becomes a free one.

    `handsets` are by national number; every other number is `default`. With `system_id` nobody else binds. Over
    `per_second` submissions in any second are throttled (None: as many as come). `on_taken` is told each
    text once it is whole. Starting raises Busy where `port` is taken, or none is free.
    """

    def __init__(
        self,
        handsets: Mapping[str, Habit] | None = None,
        *,
        default: Habit = DELIVERED,
        host: str = HOST,
        port: int = 0,
        system_id: str = "",
        password: str = "",
        per_second: int | None = None,
        on_taken: Callable[[TakenText], None] | None = None,
    ) -> None:
        super().__init__()
        self.handsets = dict(handsets or {})
        self.default = default
        self.host = host
        self.port = port
        self._account = (system_id, password)
        self._per_second = per_second
        self._on_taken = on_taken or (lambda _text: None)
        self._texts = Texts()
        self._submissions: Counter[str] = Counter()
        self._sessions: dict[str, smpp34.Esme] = {}
        self._unanswered: dict[str, tuple[str, tuple[Message, ...], tuple[Told, ...]]] = {}
        """By message_id: the session, and what follows once the answer has left or can't leave any more."""
        self._later: set[asyncio.Task[None]] = set()
        self._waiting: list[_Delivery] = []
        self._delivering = False
        self._told: deque[Message] = deque(maxlen=MOST_TOLD)
        self._recent: deque[float] = deque()
        self._throttled_until = 0.0
        self._drops = 0
        self._cuts: list[datetime] = []
        self._office = ""
        prefix = secrets.token_hex(4)
        self._names = (f"{prefix}{number:08x}" for number in itertools.count(1))
        self._orders = itertools.count()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.port = self.port or free_port()
            inner = (HOST, free_port())
            group = await stack.enter_async_context(tasks())
            self._group = group
            self._server = smpp34.Server(*inner, system_id=NAME)
            self._door = Door(
                group,
                host=self.host,
                port=self.port,
                inner=inner,
                account=self._account,
                on_answer=self._answered,
            )
            await self._server.start()
            chores = [group.create_task(self._serve()), group.create_task(self._deliver())]
            stack.push_async_callback(self._end, chores)
            await self._door.open()
            self._running = stack.pop_all()
        return self

    async def _end(self, chores: Sequence[asyncio.Task[None]]) -> None:
        await self._door.close()
        await self._server.stop()
        for chore in (*chores, *self._later):
            chore.cancel()

    # What has come

    @property
    def taken(self) -> tuple[TakenText, ...]:
        """Return every text that was taken, whether or not the client was told so, in order."""
        return self._texts.all()

    @property
    def bound(self) -> int:
        """How many clients are bound."""
        return len(self._sessions)

    @property
    def cuts(self) -> tuple[datetime, ...]:
        """When connections were dropped, by a handset or a fault, in order."""
        return tuple(self._cuts)

    async def quiet(self, *, within: float) -> None:
        """Return once every answer and every receipt has been given; TimeoutError after `within` seconds."""
        await self.until(
            lambda: not (self._waiting or self._delivering or self._unanswered or self._later), within=within
        )

    # Faults

    async def stop_serving(self) -> None:
        """Drop every connection, and refuse those that come."""
        self._cuts.append(datetime.now(UTC))
        await self._door.close()

    async def serve_again(self) -> None:
        """Listen again, at the same port."""
        await self._door.open()

    def throttle(self, seconds: float) -> None:
        """Take nothing for so long: each submission is answered by ESME_RTHROTTLED. 0 ends it."""
        self._throttled_until = asyncio.get_running_loop().time() + seconds

    def stall(self, seconds: float) -> None:
        """Read, and take, what comes, but let nothing out for so long. 0 ends it."""
        self._door.hold(seconds)

    def drop_answers(self, count: int) -> None:
        """Take the next `count` submissions, and close their connection instead of answering."""
        self._drops = count

    def lie(self) -> int:
        """Send receipts for ids that were never given, and all former ones again, the last first; return how many."""
        strangers = [
            receipt(
                Told(stat), secrets.token_hex(8), source="819000000000", destination=self._office, at=datetime.now(UTC)
            )
            for stat in (Stat.DELIVRD, Stat.REJECTD, Stat.UNDELIV)
        ]
        lies = (*strangers, *reversed(self._told))
        for message in lies:
            self._send(message)
        return len(lies)

    # Submissions

    async def _serve(self) -> None:
        # `next` is never cancelled but at the end: an event that it had already taken would be lost.
        while True:
            match await self._server.next():
                case smpp34.Esme() as esme:
                    self._sessions[esme.session_id] = esme
                    self._door.bound(esme.session_id)
                case smpp34.SubmitSmEvent() as event:
                    self._submitted(event)
                case smpp34.Unbound() as gone:
                    self._sessions.pop(gone.session_id, None)
                    for name in [name for name, waits in self._unanswered.items() if waits[0] == gone.session_id]:
                        self._answered(name)
            self._stir()

    def _submitted(self, event: smpp34.SubmitSmEvent) -> None:
        if self._too_fast():
            event.reject(Status.THROTTLED)
            return
        number = e164(event.destination_addr, event.dest_addr_ton)
        self._submissions[number] += 1
        habit = self.handsets.get(national(number), self.default)
        comes = reaction(habit, self._submissions[number])
        if comes.taken and self._drops:
            self._drops -= 1
            comes = replace(comes, hangs_up=True)
        if comes.hangs_up:
            self._cuts.append(datetime.now(UTC))
            # Before the event is done with: the server answers one that was never decided on by ESME_RSYSERR.
            self._door.hang_up(event.session_id)
            self._sessions.pop(event.session_id, None)
        if comes.taken:
            self._take(event, number, comes)
        elif not comes.hangs_up:
            event.reject(comes.status)

    def _take(self, event: smpp34.SubmitSmEvent, number: str, comes: Reaction) -> None:
        name, now = next(self._names), datetime.now(UTC)
        payload = next((tlv.value for tlv in event.tlvs if tlv.tag == PAYLOAD), b"")
        octets = event.short_message or payload
        one = part(octets, esm_class=event.esm_class, coding=event.data_coding)
        text = self._texts.add(number, one, name, now)
        self._office = event.source_addr
        handset, wanted = number.removeprefix("+"), event.registered_delivery & _WANTED
        early, receipts = (comes.early, comes.receipts) if wanted else ((), ())
        told = (*early, *receipts)
        messages = tuple(receipt(one, name, source=handset, destination=self._office, at=now) for one in told)
        if text.whole and comes.reply:
            reply = words(comes.reply, source=handset, destination=self._office)
            self._send(reply, comes.answer_after + comes.reply_after)
        self._unanswered[name] = (event.session_id, messages[len(early) :], receipts)
        if event.session_id not in self._sessions:
            for message in messages[: len(early)]:
                self._send(message)
            self._answered(name)
        elif early or comes.answer_after:
            later = self._group.create_task(self._accept_later(event, name, messages[: len(early)], comes.answer_after))
            self._later.add(later)
            later.add_done_callback(self._done)
        else:
            event.accept(name)
        if text.whole:
            self._on_taken(text)

    async def _accept_later(
        self, event: smpp34.SubmitSmEvent, name: str, early: Sequence[Message], seconds: float
    ) -> None:
        await asyncio.sleep(seconds)
        for message in early:
            stored = asyncio.Event()
            self._send(message, stored=stored)
            with suppress(TimeoutError):
                async with asyncio.timeout(STORE_SECONDS):
                    await stored.wait()
        if event.session_id in self._sessions:
            event.accept(name)
        else:
            self._answered(name)

    def _done(self, later: asyncio.Task[None]) -> None:
        self._later.discard(later)
        self._stir()

    def _answered(self, name: str) -> None:
        """Send what follows an answer."""
        _, messages, told = self._unanswered.pop(name, ("", (), ()))
        seconds = 0.0
        for message, one in zip(messages, told, strict=True):
            seconds += one.after
            self._send(message, seconds)
        self._stir()

    def _too_fast(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._throttled_until:
            return True
        if self._per_second is None:
            return False
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
        if len(self._recent) >= self._per_second:
            return True
        self._recent.append(now)
        return False

    # Deliveries

    def _send(self, message: Message, seconds: float = 0.0, *, stored: asyncio.Event | None = None) -> None:
        due = asyncio.get_running_loop().time() + seconds
        heapq.heappush(self._waiting, _Delivery(due, next(self._orders), message, stored))
        self._stir()

    async def _deliver(self) -> None:
        """Deliver what is due to whoever is bound, one after another, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            changed, client = self._changed, self._client()
            due = self._waiting[0].due - clock() if self._waiting and client is not None else None
            if client is None or due is None or due > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(due):
                        await changed.wait()
                continue
            one = heapq.heappop(self._waiting)
            self._delivering = True
            if await _stored(client, one.message):
                if one.message.is_receipt:
                    self._told.append(one.message)
                if one.stored is not None:
                    one.stored.set()
            else:
                heapq.heappush(self._waiting, replace(one, due=clock() + AGAIN_SECONDS))
            self._delivering = False
            self._stir()

    def _client(self) -> smpp34.Esme | None:
        return next((esme for esme in self._sessions.values() if esme.can_receive), None)


async def _stored(client: smpp34.Esme, message: Message) -> bool:
    """Deliver a message and tell whether the client has stored it."""
    with suppress(TimeoutError, smpp34.SmppError):
        async with asyncio.timeout(STORE_SECONDS):
            answer = await client.deliver_sm(
                message.destination,
                message.octets,
                source_addr=message.source,
                source_addr_ton=_INTERNATIONAL,
                source_addr_npi=_ISDN,
                esm_class=message.esm_class,
                data_coding=message.coding,
                tlvs=[smpp34.Tlv(tag, value) for tag, value in message.tlvs],
            )
            return answer.command_status == Status.TAKEN
    return False
