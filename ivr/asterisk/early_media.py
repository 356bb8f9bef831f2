"""What the network plays before anybody answers: a ringing, or a voice that says why nobody will.

A trunk that reports progress (183) without ringing (180) sends the ringing, or an announcement, as audio. It is
listened to as an answered call is, and never starts the clock of one.
"""

from __future__ import annotations

from collections.abc import Callable

from ivr.asterisk.ami_link import AmiMessage
from ivr.asterisk.tap import Tap
from ivr.campaign.ports import EarlyMedia


class EarlyListener:
    """Takes the events of one dial; `open_tap` listens to a channel by its name."""

    def __init__(self, open_tap: Callable[[str], Tap] | None) -> None:
        self._open_tap = open_tap
        self._tap: Tap | None = None
        self._over = False

    def take(self, event: AmiMessage) -> None:
        """Begin at the network's progress; end at the answer."""
        match event.get("Event"):
            case "DialState" if event.get("DialStatus") == "PROGRESS":
                channel = event.get("DestChannel", "")
                if channel and self._open_tap is not None and self._tap is None and not self._over:
                    self._tap = self._open_tap(channel)
            case "Newstate" if event.get("ChannelStateDesc") == "Up":
                self.close()
            case _:
                pass

    def close(self) -> None:
        """Listen no more; harmless when repeated."""
        self._over = True
        if self._tap is not None:
            self._tap.close()

    def heard(self) -> EarlyMedia | None:
        """Return what was played; None where nothing was listened to."""
        if self._tap is None:
            return None
        return EarlyMedia(voice=round(self._tap.sounds.voice, 2), tones=tuple(self._tap.found))
