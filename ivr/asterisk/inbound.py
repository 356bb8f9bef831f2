"""Calls that come in: whoever rings the office's number hears one neutral message, the same for every caller.

    from-trunk --AGI /inbound--> answer, message, key 1? --> thanks --> hang up --> who rang, and whether they pressed 1

What is spoken depends on nothing that is stored. So many calls at once, for so long; one more hears the busy tone.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ivr.asterisk.agi import AgiSession, CommandRefused
from ivr.asterisk.agi_wire import command
from ivr.campaign.ports import Clip
from ivr.errors import CallLost

SCRIPT = "inbound"
"""What the dialplan asks for, in the place of an outbound call's script."""

WANTED = "1"
"""The key that asks to be called back."""

ORDER = 10.0
"""Seconds for the PBX to carry out what waits for nobody."""

_URI = re.compile(r"sips?:([+0-9][0-9]*)@", re.IGNORECASE)

RangBack = Callable[[str | None, bool], Awaitable[None]]
"""Told after each call: the caller's number as the trunk writes it (None: withheld), and whether 1 was pressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What is said: the message, and what answers the key; `wait` are the seconds for it after the message."""

    message: Sequence[Clip]
    thanks: Sequence[Clip]
    wait: float


class InboundCalls:
    """Handles the AGI sessions of calls that come in."""

    def __init__(self, rang_back: RangBack, *, lines: int, on_call: Callable[[str], None] = lambda how: None) -> None:
        """Answer `lines` calls at once, once there is a greeting; `on_call` is told `answered`, `wanted` or `busy`."""
        self.greeting: Greeting | None = None
        self._rang_back = rang_back
        self._lines = lines
        self._on_call = on_call
        self._under_way = 0

    async def handle(self, session: AgiSession) -> None:
        """Live through a call; where none can be answered, the dialplan goes on to the busy tone."""
        greeting = self.greeting
        if greeting is None or self._under_way >= self._lines:
            self._on_call("busy")
            session.close()
            return
        self._under_way += 1
        wanted = False
        try:
            await session.execute(command("ANSWER"), ORDER)
            wanted = await self._asks(session, greeting)
            if wanted:
                await self._thank(session, greeting)
            await session.execute(command("HANGUP"), ORDER)
        except CallLost:
            pass
        finally:
            self._under_way -= 1
            session.close()
        self._on_call("wanted" if wanted else "answered")
        await self._rang_back(caller(session.argument(1)), wanted)

    async def _asks(self, session: AgiSession, greeting: Greeting) -> bool:
        """Say the message; tell whether the caller asks to be called back."""
        for clip in greeting.message:
            if await self._key(session, "STREAM FILE", str(clip.path), WANTED, within=clip.seconds):
                return True
        return await self._key(session, "WAIT FOR DIGIT", round(greeting.wait * 1000), within=greeting.wait)

    async def _thank(self, session: AgiSession, greeting: Greeting) -> None:
        """Answer the key; the wish holds, whatever becomes of this."""
        with suppress(CallLost, CommandRefused):
            for clip in greeting.thanks:
                await self._key(session, "STREAM FILE", str(clip.path), "", within=clip.seconds)

    async def _key(self, session: AgiSession, verb: str, *arguments: str | int, within: float) -> bool:
        """Run a command that a key ends; tell whether it was WANTED, also where the caller hung up right after it."""
        result = await session.execute(command(verb, *arguments), within + ORDER)
        if result.number == ord(WANTED):
            return True
        if result.number < 0 or session.ended:
            raise CallLost("発信者が切りました。")
        return False


def caller(uri: str) -> str | None:
    """Return the number in a caller's SIP URI, None where it is none: withheld, or no telephone."""
    found = _URI.search(uri)
    return found[1] if found else None
