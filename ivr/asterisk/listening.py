"""What AMI tells of the callee's side of one channel: whether it sounds, and keys that no AGI command took.

Sound comes from `TALK_DETECT` on the channel: ChannelTalkingStart at the first loud frame, ChannelTalkingStop after
the set time of quiet ones. Where the far end sends no frames at all nothing comes, so that a Stop can be missing:
the detector is set anew before each use, and then no Start means silence.

Where the callee's audio itself is tapped, it says more, and sooner; if the tap breaks off, the talk detector goes on.

Asterisk drops a key that is read between two AGI commands, but AMI reports every key. One that AMI reported and AGI
did not return within GRACE was dropped there, and is returned from here.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Self

from ivr.asterisk.ami import Ami
from ivr.asterisk.ami_link import AmiMessage
from ivr.asterisk.tap import Tap
from ivr.domain.line_rules import LeaveRule, after_beep, turns
from ivr.domain.line_sounds import LineSounds
from ivr.domain.signs import NO_SIGNS, Found, Sign, Signs, Stretch
from ivr.errors import PbxUnavailable

KEYS = "0123456789*#"

GRACE = 0.1
"""Seconds within which AGI returns a key after AMI has reported it, if it does; measured: under 0.005."""

FAREWELL = 4.0
"""Seconds between the end of a sound and a hang-up within which the one belongs to the other."""

BARRIER = 2.0
"""Seconds for AMI to answer before the callee's side is no longer taken for silent."""


class Ear:
    """Listens inside its `with` block."""

    def __init__(
        self,
        ami: Ami,
        channel_id: str,
        open_tap: Callable[[], Tap] | None = None,
        *,
        rule: LeaveRule | None = None,
    ) -> None:
        """`rule` says which beeps are a machine's."""
        self._ami = ami
        self._open_tap = open_tap
        self._rule = rule or LeaveRule()
        self._read = 0
        self._signs: Signs = NO_SIGNS
        self._tap: Tap | None = None
        self._loud = False
        self._following: AbstractContextManager[None] = ami.following(channel_id, self._take)
        self._unclaimed: list[str] = []
        self._owed: Counter[str] = Counter()
        self._watch: asyncio.Future[None] | None = None
        self._wanted = ""
        self._until: bool | None = None
        self._before = math.inf
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._following.__enter__()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._following.__exit__(None, None, None)
        if self._tap is not None:
            self._tap.close()

    def tap(self) -> None:
        """Begin to listen to the audio itself, where that is provided for."""
        if self._open_tap is not None and self._tap is None:
            self._tap = self._open_tap()
            self._tap.on_change = self._tell

    @property
    def to_be_tapped(self) -> bool:
        """Tell whether the audio itself was asked for."""
        return self._tap is not None

    @property
    def tapped(self) -> bool:
        """Tell whether the audio itself comes."""
        return self._tap is not None and self._tap.live

    @property
    def began(self) -> float:
        """The loop's time from which those of `found` and `stretches` count."""
        return self._tap.began if self._tap is not None else 0.0

    @property
    def found(self) -> tuple[Found, ...]:
        """The tones that were heard so far."""
        return tuple(self._tap.found) if self._tap is not None else ()

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The sounds that were heard so far."""
        return tuple(self._tap.sounds.stretches) if self._tap is not None else ()

    @property
    def sounds(self) -> LineSounds:
        """What was heard, as of now; only while `tapped`."""
        if self._tap is None:
            raise AssertionError("nothing is tapped")
        return self._tap.catch_up()

    @property
    def beeps(self) -> tuple[float, ...]:
        """When each beep ended, in seconds of the stream."""
        return tuple(one.end for one in self.found if one.sign is Sign.BEEP)

    @property
    def after_beep(self) -> bool:
        """Tell whether a beep was the last that sounded."""
        return self.tapped and after_beep(self.sounds, self.beeps)

    def spoke(self) -> float:
        """Return the seconds of voice of the sounds that ended within FAREWELL."""
        if self._tap is None:
            return 0.0
        sounds = self._tap.catch_up()
        return round(sum(one.voice for one in sounds.stretches if sounds.now - one.end <= FAREWELL), 2)

    def sign(self, wanted: Signs) -> Found | None:
        """Return the next sign of those `wanted`, each once; the others before it are passed over."""
        while self._tap is not None and self._read < len(self._tap.found):
            found = self._tap.found[self._read]
            self._read += 1
            if found.sign in wanted and turns(found.sign, found.voice, self._rule):
                return found
        return None

    @property
    def sounding(self) -> bool:
        """Tell whether anything sounds; also True where that can't be known, because AMI is or was away."""
        if self._tap is not None and self._tap.live:
            return self._tap.catch_up().sounding
        return self._loud or not self._ami.connected

    def listen_anew(self) -> None:
        """Take the callee's side for silent until the next event; to be called when the detector is set."""
        self._loud = False

    async def certain(self) -> bool:
        """Tell whether nothing has sounded until now: AMI answers after the events that came before."""
        try:
            await self._ami.action({"Action": "Ping"}, within=BARRIER)
        except PbxUnavailable:
            return False
        return not self.sounding

    def watch(
        self,
        *,
        keys: str = "",
        sounding: bool | None = None,
        within: float = math.inf,
        signs: Signs = NO_SIGNS,
    ) -> asyncio.Future[None]:
        """Return a future that is done once a key in `keys` was dropped, one of `signs` was found, or `self.sounding`
        is `sounding` and `within` seconds have not passed.

        Only the last one given out is served.
        """
        self._wanted, self._until, self._signs = keys, sounding, signs
        self._before = self._loop.time() + within
        self._watch = self._loop.create_future()
        self._tell()
        return self._watch

    def claim(self, key: str) -> None:
        """Note that AGI has returned `key`."""
        if key in self._unclaimed:
            self._unclaimed.remove(key)
        else:
            self._owed[key] += 1

    def keep(self, keys: str) -> None:
        """Forget the keys that were not wanted: they were heard, and mean nothing."""
        self._unclaimed = [key for key in self._unclaimed if key in keys]

    def dropped(self, keys: str) -> str:
        """Return the first key in `keys` that AGI dropped, and forget all of them; empty where there is none."""
        found = next((key for key in self._unclaimed if key in keys), "")
        self._unclaimed.clear()
        return found

    def _take(self, event: AmiMessage) -> None:
        match event.get("Event"):
            case "ChannelTalkingStart":
                self._loud = True
            case "ChannelTalkingStop":
                self._loud = False
            case "DTMFEnd" if event.get("Direction") == "Received":
                self._note_key(event.get("Digit", ""))
                return
            case "Disconnected" | "Reconnected":
                self._loud = True
                self._unclaimed.clear()
                self._owed.clear()
            case _:
                return
        self._tell()

    def _note_key(self, key: str) -> None:
        if self._owed[key]:
            self._owed[key] -= 1
        elif key in KEYS:
            self._unclaimed.append(key)
            self._loop.call_later(GRACE, self._tell)

    def _tell(self) -> None:
        if self._watch is None or self._watch.done():
            return
        heard = self._until is not None and self._loop.time() < self._before and self.sounding is self._until
        told = heard or self._sign_waits() or any(key in self._wanted for key in self._unclaimed)
        if told and not self._watch.done():  # to ask whether it sounds may have told already
            self._watch.set_result(None)

    def _sign_waits(self) -> bool:
        unread = self._tap.found[self._read :] if self._tap is not None and self._signs else ()
        return any(one.sign in self._signs and turns(one.sign, one.voice, self._rule) for one in unread)
