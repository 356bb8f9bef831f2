"""One connection to AMI: panoramisk, with its hazards mended.

What panoramisk 1.4 does by itself, and what this module makes of it:

- It sends unanswered actions again after a reconnection, which would dial a person twice: a link lives once.
- Its futures stay open for ever when the connection goes: every answer is awaited together with the loss.
- Unanswered actions stay in its table: each is taken out when its time is over.
- It reconnects by itself every two seconds, whatever the reason: here `Ami` makes the next link.
- It merges `OriginateResponse` and list events into the answer, and waits for more after an error: an answer is one
  message here, and what follows are events.
- It pings without waiting for the answer: `Ami` pings.
- A callback's exception, or a malformed message, kills its connection half-way: both are caught.
- It keeps an unfinished message without limit: MAX_MESSAGE.
- It logs whole actions, with numbers and the secret: its log goes nowhere.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager
from panoramisk.message import Message

from ivr.errors import PbxUnavailable

log = logging.getLogger(__name__)

MAX_MESSAGE = 1 << 20
"""Bytes of one AMI message; more is no AMI."""

END = b"\r\n\r\n"

NEVER = 1 << 30
"""Seconds after which panoramisk's own ping would start."""

AmiMessage = Mapping[str, str]
"""An event or response; the names are Asterisk's (`Uniqueid`)."""

Fields = Mapping[str, str | Sequence[str]]

_UNSENDABLE = re.compile("[\x00-\x1f\ud800-\udfff]")

_UNHEARD = logging.getLogger("panoramisk.unheard")
_UNHEARD.setLevel(logging.CRITICAL + 1)


class NotSent(PbxUnavailable):
    """The action was not written to the connection: the PBX can't have acted on it."""


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    def __init__(self, link: AmiLink) -> None:
        super().__init__()
        self._link = link
        self._unread = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.factory = self._link
        self.log = _UNHEARD

    def data_received(self, data: bytes) -> None:
        """Read events and plain answers here, and leave the rest to panoramisk, which takes five times as long."""
        *messages, self._unread = (self._unread + data).split(END)
        try:
            for message in messages:
                fields = _fields(message)
                if fields is None:
                    super().data_received(message + END)
                elif "Event" in fields:
                    self._link.tell_event(fields)
                else:
                    self._link.take_answer(fields)
        except Exception as error:  # noqa: BLE001 - whatever a malformed message breaks in the parser
            log.error("The AMI parser failed with %s", type(error).__name__)
            self.transport.abort()
        if len(self._unread) > MAX_MESSAGE:
            log.error("An AMI message does not end")
            self.transport.abort()


class AmiLink(Manager):  # type: ignore[misc]  # panoramisk has no types
    """A connection from `open` until `lost`; it is not used again.

    `on_event` gets every event as it comes.
    """

    def __init__(self, host: str, port: int, on_event: Callable[[AmiMessage], None]) -> None:
        super().__init__(
            host=host,
            port=port,
            loop=asyncio.get_running_loop(),
            log=_UNHEARD,
            encoding="utf-8",
            ping_delay=NEVER,
            protocol_factory=lambda: _Protocol(self),
        )
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._asked: dict[str, asyncio.Future[Message | AmiMessage]] = {}
        self.lost: asyncio.Future[None] = self._loop.create_future()

    async def open(self, within: float) -> None:
        """Connect; OSError or TimeoutError where that fails."""
        async with asyncio.timeout(within):
            await self.connect()

    async def ask(self, fields: Fields, within: float) -> dict[str, str]:
        """Send an action and return the response to it; see Ami.action."""
        action = Action(_checked(fields))
        if self.lost.done() or self.protocol is None or self.protocol.transport.is_closing():
            raise NotSent("AMI の接続が切れています。")
        protocol, number = self.protocol, action.id
        answer = self._asked[number] = self.send_action(action, as_list=False)
        limit = self._loop.call_later(within, _fail, answer, "AMI が時間内に応答しませんでした。")
        try:
            return plain(await answer)
        finally:
            limit.cancel()
            del self._asked[number]
            protocol.responses.pop(number, None)

    def tell(self, fields: Fields) -> None:
        """Send an action and forget it."""
        action = Action(_checked(fields))
        if not self.lost.done() and self.protocol is not None:
            self.send_action(action, as_list=False)
            self.protocol.responses.pop(action.id, None)

    def abort(self) -> None:
        """Drop the connection, without waiting for what is unsent."""
        if self.protocol is not None:
            self.protocol.transport.abort()
        self._lose()

    def connection_made(self, f: asyncio.Task[object]) -> None:
        """Take the connection; a failure is raised by `open`."""
        if f.cancelled() or f.exception() is not None:
            return
        super().connection_made(f)
        self.protocol.log = _UNHEARD
        self.pinger.cancel()

    def connection_lost(self, _exc: object) -> None:
        """Note the end; nothing reconnects here."""
        self._lose()

    def dispatch(self, event: Message) -> None:
        """Pass an event on that panoramisk has read."""
        self.tell_event(plain(event))

    def tell_event(self, event: AmiMessage) -> None:
        """Pass an event on."""
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - one subscriber must not cost the others the connection
            log.error("A subscriber to AMI events failed with %s", type(error).__name__)

    def take_answer(self, answer: AmiMessage) -> None:
        """Pass an answer on to who waits for it."""
        asked = self._asked.get(answer.get("ActionID", ""))
        if asked is not None and not asked.done():
            asked.set_result(answer)

    def _lose(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        for answer in self._asked.values():
            _fail(answer, "AMI の接続が、答えを待つ間に切れました。")


def _fail(answer: asyncio.Future[Message | AmiMessage], reason: str) -> None:
    if not answer.done():
        answer.set_exception(PbxUnavailable(reason))


_PLAIN = (b"Event: ", b"Response: Success", b"Response: Error")


def _fields(message: bytes) -> dict[str, str] | None:
    """Return an event or a plain answer as `plain` does; None for what panoramisk wants to see: the greeting, other
    answers, and the last event."""
    message = message.strip()
    if not message.startswith(_PLAIN) or message.startswith(b"Event: Shutdown"):
        return None
    lines = [line.split(": ", 1) for line in message.decode("utf-8", "ignore").split("\r\n") if ": " in line]
    fields: dict[str, str] = dict(lines)
    if len(fields) < len(lines):
        fields = {name: "\n".join(value for other, value in lines if other == name) for name in fields}
    return fields


def plain(message: Message | AmiMessage) -> dict[str, str]:
    """Return a message as a dict; the lines of a repeated header are joined."""
    return {
        name: value if isinstance(value, str) else "\n".join(value)
        for name, value in message.items()
        if name != "content"
    }


def _checked(fields: Fields) -> dict[str, str | Sequence[str]]:
    """Refuse what could end a line and so become a header or an action of its own."""
    for name, value in fields.items():
        for text in (name, value) if isinstance(value, str) else (name, *value):
            if _UNSENDABLE.search(text):
                raise ValueError("an AMI field holds a control character")
    return dict(fields)
