"""What is known of one dial, from AMI's events and the AGI session."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime

from ivr.asterisk.ami_link import AmiMessage
from ivr.campaign.ports import Clock, Disposition

CAUSE = re.compile(r"[0-9]{1,3}")
"""Of Q.850; it has 7 bits there, and what is longer would find no room in the results."""

RING_TIMEOUT = 19
"""Q.850: alerting, no answer."""

TIMED_OUT = "3"
"""OriginateResponse's reason when our own limit ended the ringing. The status 480 that then stands in the Hangup event
was never sent by the network."""


REASON_WITHIN = 1.0
"""Seconds between a Hangup event without an answer and the OriginateResponse that says why: either may come first."""


class DialState:
    """Takes events as they come; `gone` once the channel is, or never was.

    `in_doubt` while events may have been missed. `answered` and `talked` are the loop's times of the answer and of
    the end of the talk. `by_us` once we have ordered the hang-up.
    """

    def __init__(self, clock: Clock) -> None:
        self.gone = False
        self.in_doubt = False
        self.by_us = False
        self.answered: float | None = None
        self.talked: float | None = None
        self._clock = clock
        self._dialled_at: datetime | None = None
        self._answered_at: datetime | None = None
        self._sip: int | None = None
        self._q850: int | None = None
        self._rang = False
        self._progressed = False
        self._made = False
        self._talking = False
        self._missed = False
        self._hung_up = False
        self._by_callee = False
        self._failed = False
        self._timed_out = False
        self._refused: str | None = None
        self._change = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def rings(self) -> bool:
        """Tell whether the network has said that it rings, and nobody has answered yet."""
        return self._rang and self.answered is None and not self._hung_up

    @property
    def never_talked(self) -> bool:
        """Tell whether the callee answered, did not hang up, and yet no AGI session came."""
        watched = not self._missed and not self.by_us and not self._by_callee
        return self.answered is not None and not self._talking and watched

    def note_order(self) -> None:
        """The Originate is about to be sent."""
        self._dialled_at = self._clock.now()

    def note_refusal(self, reason: str) -> None:
        """Nothing was dialled, and why."""
        self._refused = reason
        self._dialled_at = None
        self.note_gone()

    def note_gone(self) -> None:
        """The channel does not live any more, whatever the events said."""
        self.gone = True
        self._change.set()

    def note_talk(self) -> float:
        """The AGI session has come; return the loop's time of the answer."""
        self._talking = True
        return self._note_answer()

    def note_talked(self) -> None:
        """The AGI session has ended."""
        self.talked = self._loop.time()
        self._change.set()

    async def changed(self, within: float) -> None:
        """Return once the call was answered, its talk is over, it is gone or in doubt; `within` seconds at most."""
        timer = self._loop.call_later(within, self._change.set)
        try:
            await self._change.wait()
        finally:
            timer.cancel()
        self._change.clear()

    def take(self, event: AmiMessage) -> None:
        """Take an event about the channel, or about the connection to AMI."""
        match event.get("Event"):
            case "Newchannel":
                self._made = True
            case "Newstate" if event.get("ChannelStateDesc") == "Ringing":
                self._rang = True
            case "DialState" if event.get("DialStatus") == "PROGRESS":
                self._progressed = True
            case "Newstate" if event.get("ChannelStateDesc") == "Up":
                self._note_answer()
            case "HangupRequest":
                self._by_callee = True
                self._note_cause(event)
            case "OriginateResponse" if event.get("Response") == "Failure":
                self._note_failure(event)
                if self._hung_up:
                    self.note_gone()
            case "Hangup":
                self._hung_up = True
                self._note_cause(event)
                if self.answered is None and not self._failed and not self._missed:
                    self._loop.call_later(REASON_WITHIN, self.note_gone)
                else:
                    self.note_gone()
            case "Disconnected" | "Reconnected":
                self.in_doubt = self._missed = True
                self._change.set()
            case _:
                pass

    def disposition(self) -> Disposition:
        """Return how the dial ended; `lost` where nothing tells."""
        return Disposition(
            sip=None if self._timed_out else self._sip,
            q850=RING_TIMEOUT if self._timed_out else self._q850,
            rang=self._rang,
            progressed=self._progressed,
            dialled_at=self._dialled_at,
            answered_at=self._answered_at,
            lost=not self._hung_up and self._refused is None and self.answered is None,
            refused=self._refused,
        )

    def _note_answer(self) -> float:
        if self.answered is None:
            self.answered = self._loop.time()
            self._answered_at = self._clock.now()
            self._change.set()
        return self.answered

    def _note_failure(self, event: AmiMessage) -> None:
        self._failed = True
        if not self._made and not self._missed:
            self.note_refusal("PBX が発信できませんでした。トランクの設定と状態を確認してください。")
        self._timed_out = event.get("Reason") == TIMED_OUT

    def _note_cause(self, event: AmiMessage) -> None:
        if CAUSE.fullmatch(cause := event.get("Cause", "")) and int(cause):
            self._q850 = int(cause)
        if found := re.search(r"\b[1-6][0-9]{2}\b", event.get("TechCause", "")):
            self._sip = int(found[0])
