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


class _Protocol(AMIProtocol):  # type: ignore[misc]
    def __init__(self, link: AmiLink) -> None:
        super().__init__()
        self._link = link
        self._unread = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.factory = self._link
        self.log = _UNHEARD

    def data_received(self, data: bytes) -> None:
        """Read events here, nine in ten messages, and leave answers to panoramisk, which takes five times as long."""
        *messages, self._unread = (self._unread + data).split(END)
        try:
            for message in messages:
                event = _event(message)
                if event is None:
                    super().data_received(message + END)
                else:
                    self._link.tell_event(event)
        except Exception as error:  # noqa: BLE001 - whatever a malformed message breaks in the parser
            log.error("The AMI parser failed with %s", type(error).__name__)
            self.transport.abort()
        if len(self._unread) > MAX_MESSAGE:
            log.error("An AMI message does not end")
            self.transport.abort()


class AmiLink(Manager):  # type: ignore[misc]
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
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self, within: float) -> None:
        """Connect; OSError or TimeoutError where that fails."""
        async with asyncio.timeout(within):
            await self.connect()

    async def ask(self, fields: Fields, within: float) -> dict[str, str]:
        """Send an action and return the response to it; see Ami.action."""
        action = Action(_checked(fields))
        if self.lost.done() or self.protocol is None or self.protocol.transport.is_closing():
            raise NotSent("AMI の接続が切れています。")
        protocol = self.protocol
        answer: asyncio.Future[Message] = self.send_action(action, as_list=False)
        try:
            await asyncio.wait({answer, self.lost}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            protocol.responses.pop(action.id, None)
        if answer.done():
            return plain(answer.result())
        answer.cancel()
        if self.lost.done():
            raise PbxUnavailable("AMI の接続が、答えを待つ間に切れました。")
        raise PbxUnavailable("AMI が時間内に応答しませんでした。")

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

    def _lose(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


def _event(message: bytes) -> dict[str, str] | None:
    """Return an event as `plain` does; None for an answer, and for the last event, which panoramisk wants to see."""
    message = message.strip()
    if not message.startswith(b"Event: ") or message.startswith(b"Event: Shutdown"):
        return None
    fields = [line.split(": ", 1) for line in message.decode("utf-8", "ignore").split("\r\n") if ": " in line]
    event: dict[str, str] = dict(fields)
    if len(event) < len(fields):
        event = {name: "\n".join(value for other, value in fields if other == name) for name in event}
    return event


def plain(message: Message) -> dict[str, str]:
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
