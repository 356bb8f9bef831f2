"""The far end of the trunk, a process of its own: answers every call and notes when what came.

    python -m tests.bench.far_end '{"ring": 0.5, "press": [["#", 1.0]], "keep": true}'

It prints a line of JSON: its SIP port; for each call when the INVITE came; and, once the call is over, everything.
Times are the system's clock in seconds; those of packets are the kernel's, so that they don't depend on how busy this
process is. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import random
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from tests.bench import sip
from tests.bench.hearing import audible
from tests.bench.voices import Utterance, utterance

HOST = "127.0.0.1"
SO_TIMESTAMPNS = 35
RETRANSMIT = (0.5, 1.0, 2.0)
KEY_FRAMES = 5
"""A key is held for 100 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What callees do.

    They ring for `ring` seconds, answer, and hang up after `talk` seconds (None: never). Of each pair in `press` they
    press the key so many seconds after the first sound that follows the answer or the last key. From the answer on
    they sound each of `say`, a kind of sound (tests.bench.voices) and its seconds, then nothing; the calls take turns
    at so many `voices`. With `keep` all that they hear is kept.
    """

    ring: float = 0.0
    talk: float | None = None
    press: tuple[tuple[str, float], ...] = ()
    say: tuple[tuple[str, float], ...] = ()
    voices: int = 1
    keep: bool = False


@dataclass(slots=True)
class Call:
    """One call as it went.

    Of each piece that the callee of this `voice` `said`: its kind, and when it began. `gap` is the longest time between
    two of our packets, 0.02 s where this process kept up.
    """

    number: str
    invited: float
    invites: int = 1
    answered: float | None = None
    first_packet: float | None = None
    first_sound: float | None = None
    ended: float | None = None
    by: str = ""
    keys: list[tuple[str, float, float]] = field(default_factory=list)
    voice: int = 0
    said: list[tuple[str, float]] = field(default_factory=list)
    gap: float = 0.0
    frames: list[tuple[float, str]] = field(default_factory=list)


def _receive(sock: socket.socket) -> tuple[bytes, tuple[str, int], float] | None:
    """Return a datagram, where from, and when the kernel got it; None where there is none."""
    try:
        data, ancillary, _, address = sock.recvmsg(4096, 64)
    except (BlockingIOError, ConnectionRefusedError):
        return None
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value)
            return data, address, seconds + nanoseconds / 1e9
    return data, address, time.time()


def _socket(room: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    sock.bind((HOST, 0))
    sock.setblocking(False)
    return sock


class _Leg:
    """One call's signalling and audio."""

    def __init__(self, far_end: FarEnd, invite: sip.SipMessage, peer: tuple[str, int], at: float) -> None:
        self.call = Call(sip.number_of(invite), at)
        self.call.voice, self._utterance = far_end.next_voice()
        self._spoken = 0
        self.invite = invite
        self._far_end = far_end
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._tag = f"{random.getrandbits(48):012x}"
        self._audio = _socket(1 << 16)
        self._to, self._event = sip.offer(invite.body)
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._ssrc = random.getrandbits(32)
        self._presses = list(far_end.manner.press)
        self._held: tuple[str, int, int, float] | None = None
        self._final = b""
        self._acknowledged = False
        self._timers: list[asyncio.TimerHandle] = []
        self._respond(100, "Trying")
        self._respond(180, "Ringing")
        self._later(far_end.manner.ring, self._answer)

    def _later(self, seconds: float, do: Any) -> None:
        self._timers.append(self._loop.call_later(seconds, do))

    def _respond(self, status: int, reason: str, sdp: str = "") -> bytes:
        contact = self._far_end.contact if status >= 180 else ""
        tag = self._tag if status > 100 else ""
        data = sip.response(self.invite, status, reason, tag=tag, contact=contact, sdp=sdp)
        self._far_end.send(data, self._peer)
        return data

    def _answer(self) -> None:
        port = self._audio.getsockname()[1]
        self.call.answered = time.time()
        self._final = self._respond(200, "OK", sip.answer_sdp(HOST, port, self._event))
        for seconds in RETRANSMIT:
            self._later(seconds, self._answer_again)
        self._far_end.speaking.add(self)
        self._listen()
        if self._far_end.manner.talk is not None:
            self._later(self._far_end.manner.talk, self._hang_up)

    def _answer_again(self) -> None:
        if not self._acknowledged:
            self._far_end.send(self._final, self._peer)

    def _listen(self) -> None:
        self._loop.add_reader(self._audio.fileno(), self._hear)

    def _hear(self) -> None:
        call = self.call
        while (received := _receive(self._audio)) is not None:
            packet, _, at = received
            kind, frame = sip.payload_of(packet)
            if kind != sip.PCMU:
                continue
            call.first_packet = call.first_packet or at
            if self._far_end.manner.keep:
                call.frames.append((at, base64.b64encode(frame).decode()))
            heard_since = call.keys[-1][2] if call.keys else call.answered or at
            if audible(frame) and at > heard_since:
                call.first_sound = call.first_sound or at
                if self._presses and self._held is None:
                    key, seconds = self._presses.pop(0)
                    self._held = (key, 0, 0, 0.0)
                    self._later(max(0.0, at + seconds - time.time()), functools.partial(self._press, key))
                if not self._far_end.manner.keep:
                    # What follows stays in the kernel, at no cost to this process.
                    self._loop.remove_reader(self._audio.fileno())
                    return

    def _press(self, key: str) -> None:
        self._held = (key, 1, self._timestamp, time.time())

    def tick(self, since_last: float) -> None:
        """Send 20 ms: of what the callee says, of silence, or of a key; `since_last` seconds after those before."""
        if self._spoken > 1:
            self.call.gap = max(self.call.gap, since_last)
        if self._held is None or not self._held[1]:
            self._send(sip.rtp(sip.PCMU, self._sequence, self._timestamp, self._ssrc, self._next_frame()))
        else:
            key, frames, since, began = self._held
            held = frames * sip.FRAME_SAMPLES
            last = frames == KEY_FRAMES
            for repeat in range(sip.END_PACKETS if last else 1):
                payload = sip.key_event(key, held, end=last)
                self._send(
                    sip.rtp(self._event, self._sequence + repeat, since, self._ssrc, payload, marker=frames == 1)
                )
            self._sequence += sip.END_PACKETS - 1 if last else 0
            began = time.time() if frames == 1 else began
            self._held = (key, frames + 1, since, began)
            if last:
                self._held = None
                self.call.keys.append((key, began, time.time()))
                self._listen()
        self._sequence += 1
        self._timestamp += sip.FRAME_SAMPLES

    def _next_frame(self) -> bytes:
        utterance, number = self._utterance, self._spoken
        if number > len(utterance.frames):
            return sip.SILENCE
        self._spoken += 1
        if number in utterance.pieces:
            self.call.said.append((utterance.pieces[number], time.time()))
        return utterance.frames[number] if number < len(utterance.frames) else sip.SILENCE

    def _send(self, packet: bytes) -> None:
        try:
            self._audio.sendto(packet, self._to)
        except (BlockingIOError, ConnectionRefusedError):
            return

    def take(self, request: sip.SipMessage, peer: tuple[str, int], at: float) -> None:
        """Take a further request of the same call."""
        match request.method:
            case "INVITE":
                self.call.invites += 1
                if self._final:
                    self._far_end.send(self._final, self._peer)
            case "ACK":
                self._acknowledged = True
            case "BYE":
                self._far_end.send(sip.response(request, 200, "OK"), peer)
                self._over(at, "engine")
            case "CANCEL":
                self._far_end.send(sip.response(request, 200, "OK", tag=self._tag), peer)
                self._final = self._respond(487, "Request Terminated")
                self._over(at, "cancelled")

    def _hang_up(self) -> None:
        data = sip.bye(self.invite, tag=self._tag, contact=self._far_end.contact)
        for seconds in (0.0, *RETRANSMIT):
            self._loop.call_later(seconds, self._bye, data)
        self._over(time.time(), "callee")

    def _bye(self, data: bytes) -> None:
        if self.invite.headers["call-id"] not in self._far_end.gone:
            self._far_end.send(data, self._peer)

    def _over(self, at: float, by: str) -> None:
        if self.call.ended is not None:
            return
        self.call.ended, self.call.by = at, by
        self._far_end.speaking.discard(self)
        for timer in self._timers:
            timer.cancel()
        self._loop.remove_reader(self._audio.fileno())
        self._audio.close()
        self._far_end.tell("over", self.call)


class FarEnd:
    """Every number of the network."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.speaking: set[_Leg] = set()
        self.gone: set[str] = set()
        self._legs: dict[str, _Leg] = {}
        self._voices = [utterance(manner.say, voice) for voice in range(manner.voices)]
        self._taken = 0
        self._signalling = _socket(1 << 22)
        self.contact = f"{HOST}:{self._signalling.getsockname()[1]}"
        self._next = self._ticked = 0.0

    async def run(self) -> None:
        """Answer calls until standard input ends."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._signalling.fileno(), self._take)
        self._next = loop.time()
        self._tick()
        print(json.dumps({"port": self._signalling.getsockname()[1]}), flush=True)
        await loop.run_in_executor(None, sys.stdin.read)

    def next_voice(self) -> tuple[int, Utterance]:
        """Return the number of the next call's voice, and what it says."""
        voice = self._taken % len(self._voices)
        self._taken += 1
        return voice, self._voices[voice]

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send a SIP message."""
        self._signalling.sendto(data, to)

    def tell(self, event: str, call: Call) -> None:
        """Print what has become of a call."""
        told: dict[str, Any] = {"event": event, "number": call.number, "invited": call.invited}
        if event == "over":
            told |= {name: getattr(call, name) for name in Call.__slots__}
        print(json.dumps(told), flush=True)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for leg in list(self.speaking):
            leg.tick(now - self._ticked)
        self._ticked = now
        self._next = max(self._next + sip.FRAME_SECONDS, loop.time())
        loop.call_at(self._next, self._tick)

    def _take(self) -> None:
        while (received := _receive(self._signalling)) is not None:
            data, peer, at = received
            try:
                message = sip.parse(data)
                call_id = message.headers["call-id"]
            except (ValueError, KeyError):
                continue  # RTCP, whose port is the one after that of the RTP
            if message.status:
                if message.status >= 200:
                    self.gone.add(call_id)
                continue
            leg = self._legs.get(call_id)
            if leg is not None:
                leg.take(message, peer, at)
            elif message.method == "INVITE":
                leg = self._legs[call_id] = _Leg(self, message, peer, at)
                self.tell("invited", leg.call)
            elif message.method != "ACK":
                self.send(sip.response(message, 481, "Call/Transaction Does Not Exist"), peer)


if __name__ == "__main__":
    asyncio.run(FarEnd(Manner(**json.loads(sys.argv[1]))).run())
